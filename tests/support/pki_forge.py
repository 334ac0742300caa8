"""An authority of the test's own, with any clock: keys, certificates, revocation lists and time stamps of any day."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import pem

from activities.integrations.signature.authorities import Authorities
from infra.borrower.signing import SigningKey
from infra.counterparties.pki import der, layout, revocation_list
from infra.counterparties.pki.keys import Alg, Key, generate
from infra.counterparties.pki.layout import Issuer, Kind, Usage
from infra.counterparties.pki.revocation_list import Entry
from infra.counterparties.pki.signed import TIMESTAMP, signed_message
from infra.counterparties.pki.tsp import POLICY

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
IIN = "880412401006"
_STREEBOG = "1.2.398.3.10.1.3.3"


@dataclass(frozen=True)
class Forge:
    """Root, issuing certificate and time-stamper of one algorithm."""

    root: Issuer
    ca: Issuer
    tsa: Issuer
    alg: Alg

    @classmethod
    def make(cls, alg: Alg = "GOST2015", born: datetime = NOW - YEAR, lives: timedelta = 8 * YEAR) -> Forge:
        """New keys; all three certificates live from `born` on."""
        made: dict[layout.Role, Issuer] = {}
        above: dict[layout.Role, layout.Role | None] = {"root": None, "ca": "root", "tsa": "ca"}
        for role, over in above.items():
            key = generate(alg)
            made[role] = Issuer(
                key,
                layout.certificate(
                    key,
                    layout.service_name(role, alg),
                    layout.service_extensions(role),
                    made[over] if over else None,
                    serial=layout.new_serial(),
                    not_before=born,
                    not_after=born + lives,
                ),
            )
        return cls(made["root"], made["ca"], made["tsa"], alg)

    @property
    def trust(self) -> bytes:
        """The PEM of root and issuing certificate."""
        return b"".join(pem.armor("CERTIFICATE", one.certificate) for one in (self.root, self.ca))

    @property
    def authorities(self) -> Authorities:
        """The same, as the verifier holds it."""
        return Authorities.load(self.trust)

    def issue(
        self,
        alg: Alg | None = None,
        *,
        kind: Kind = "INDIVIDUAL",
        usage: Usage = "SIGN",
        iin: str = IIN,
        bin: str | None = None,
        not_before: datetime = NOW - timedelta(days=30),
        not_after: datetime = NOW + YEAR,
        extensions: Sequence[bytes] | None = None,
        key: Key | None = None,
    ) -> SigningKey:
        """A person's certificate with its key."""
        key, serial = key or generate(alg or self.alg), layout.new_serial()
        certificate = layout.certificate(
            key,
            layout.person_name(iin, "СЫНАҚОВА", "СЫНАҚ", None, bin, "ТОО" if bin else None),
            layout.holder_extensions(kind, usage) if extensions is None else list(extensions),
            self.ca,
            serial=serial,
            not_before=not_before,
            not_after=not_after,
        )
        return SigningKey(f"{serial:040x}", certificate, key)

    def list(self, entries: Sequence[Entry] = (), at: datetime = NOW, number: int = 1, **more: object) -> bytes:
        """A revocation list, or a delta (base=...)."""
        return revocation_list.assemble(self.ca, entries, at, number=number, **more)  # type: ignore[arg-type]

    def token(
        self, signature: bytes, at: datetime, policy: str = POLICY, by: Issuer | None = None, digest: str = _STREEBOG
    ) -> bytes:
        """A time stamp over a signature's value."""
        stamper = by or self.tsa
        imprint = generate("GOST2015").digest(signature)
        info = der.sequence(
            der.integer(1),
            der.oid(policy),
            der.sequence(der.sequence(der.oid(digest), der.NULL), der.octets(imprint)),
            der.integer(secrets.randbits(159)),
            der.generalized_time(at),
        )
        return signed_message(
            stamper.key,
            stamper.certificate,
            info,
            detached=False,
            content_type=TIMESTAMP,
            at=at,
            names_certificate=True,
        )


def stamped(key: SigningKey, content: bytes, at: datetime, tokens: Sequence[bytes]) -> bytes:
    """A CAdES-T: the message of the key at a time, with tokens that were made over its signature's value."""
    return signed_message(key.key, key.certificate, content, at=at, stamps=tokens)
