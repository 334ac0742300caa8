"""The borrower's electronic signature: a key from the simulated authority, and messages signed with it."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import httpx

from infra.counterparties.pki.keys import Alg, Key, load
from infra.counterparties.pki.layout import Kind, Usage
from infra.counterparties.pki.signed import signed_message

_PATH = "/_control/pki/certificates"


class Holder(Protocol):
    """Whose certificate it is; a Persona fits."""

    @property
    def iin(self) -> str: ...

    @property
    def surname(self) -> str: ...

    @property
    def given_name(self) -> str: ...

    @property
    def patronymic(self) -> str | None: ...


@dataclass(frozen=True)
class SigningKey:
    """A certificate with its private key. serial: 40 hex digits."""

    serial: str
    certificate: bytes
    key: Key = field(repr=False)

    @classmethod
    async def obtain(
        cls,
        client: httpx.AsyncClient,
        holder: Holder,
        *,
        alg: Alg = "RSA",
        usage: Usage = "SIGN",
        kind: Kind = "INDIVIDUAL",
        bin: str | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> SigningKey:
        """A new certificate from the simulated authority.

        Args:
            client: its base URL is the counterparties'.
            usage: AUTH gives one for logging in, which must be refused under a document.

        Raises:
            httpx.HTTPError: no answer, or a refusal.
        """
        wanted: dict[str, Any] = {
            "iin": holder.iin,
            "bin": bin,
            "surname": holder.surname,
            "given": holder.given_name,
            "patronymic": holder.patronymic,
            "kind": kind,
            "usage": usage,
            "alg": alg,
            "not_before": not_before and not_before.isoformat(),
            "not_after": not_after and not_after.isoformat(),
        }
        answer = await client.post(_PATH, json=wanted)
        answer.raise_for_status()
        given = answer.json()
        return cls(given["serial"], b64decode(given["certificate"]), load(alg, b64decode(given["pkcs8"])))

    def sign(self, content: bytes, *, detached: bool = True, at: datetime | None = None) -> bytes:
        """A CMS over the content, DER. at: the signing time it states, now by default."""
        return signed_message(self.key, self.certificate, content, detached=detached, at=at)

    def sign_badly(self, content: bytes) -> bytes:
        """The same with one bit of the signature's value turned."""
        cms = self.sign(content)
        return cms[:-1] + bytes([cms[-1] ^ 1])  # the value ends the message

    async def set_status(self, client: httpx.AsyncClient, status: str, reason: str | None = None) -> None:
        """Let the authority say something else of the certificate: REVOKED, HOLD, NEVER_ISSUED, GOOD ..."""
        answer = await client.patch(f"{_PATH}/{self.serial}", json={"status": status, "reason": reason})
        answer.raise_for_status()
