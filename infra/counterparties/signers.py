"""Keys of the planted people, for the programs that sign in their name: made when they are first needed."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime

from infra.counterparties.errors import Refusal
from infra.counterparties.personas import Persona
from infra.counterparties.pki.keys import Alg, Key, generate
from infra.counterparties.pki.layout import Kind, Usage
from infra.counterparties.pki.registry import Registry
from infra.counterparties.pki.routes import Wanted, issue
from infra.counterparties.pki.signed import signed_message
from infra.counterparties.world import World


@dataclass(frozen=True)
class Signer:
    """A certificate with its key. serial: 40 hex digits."""

    serial: str
    certificate: bytes
    key: Key = field(repr=False)

    def sign(self, content: bytes, *, detached: bool) -> bytes:
        """A CMS, DER."""
        return signed_message(self.key, self.certificate, content, detached=detached)


class Signers:
    """Who signs; the same wish gives the same certificate while the process lives."""

    def __init__(self, world: World, registry: Registry) -> None:
        self._world, self.registry = world, registry
        self._kept: dict[str, Signer] = {}

    def persona(self, iin: str) -> Persona:
        """Raises Refusal 404 for a stranger."""
        found = self._world.persona(iin)
        if found is None:
            raise Refusal(404, "NOT_FOUND", "no such person")
        return found

    async def of(
        self,
        person: Persona,
        *,
        alg: Alg | None = None,
        usage: Usage = "SIGN",
        kind: Kind = "INDIVIDUAL",
        bin_: str | None = None,
        life: tuple[datetime, datetime] | None = None,
        fresh: bool = False,
    ) -> Signer:
        """A certificate of a person.

        Args:
            alg: where none is asked for, the IIN decides, so that both kinds are met.
            life: not before, not after.
            fresh: a certificate of its own, for one use.
        """
        wanted = Wanted(
            iin=person.iin,
            bin=bin_,
            surname=person.surname,
            given=person.given_name,
            patronymic=person.patronymic,
            kind=kind,
            usage=usage,
            alg=alg or ("RSA" if int(person.iin) % 2 else "GOST2015"),
            not_before=life[0] if life else None,
            not_after=life[1] if life else None,
        )
        name = wanted.model_dump_json()
        if not fresh and name in self._kept:
            return self._kept[name]
        key = await asyncio.to_thread(generate, wanted.alg)
        issued = issue(self.registry, wanted, key)
        signer = Signer(issued.serial, b64decode(issued.certificate), key)
        if not fresh:
            self._kept[name] = signer
        return signer
