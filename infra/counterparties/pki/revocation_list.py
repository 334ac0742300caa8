"""Lists of revoked certificates (CRL, RFC 5280): the full one made anew for each reader, and any other for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.counterparties.pki import der
from infra.counterparties.pki.layout import Issuer
from infra.counterparties.pki.ocsp import REASONS
from infra.counterparties.pki.registry import Registry

_DAYS_TO_NEXT = 1
_LIFTED = 8  # removeFromCRL: only in deltas


@dataclass(frozen=True)
class Entry:
    """One certificate. reason: a name of REASONS, or removeFromCRL."""

    serial: int
    at: datetime
    reason: str = "unspecified"

    def encode(self) -> bytes:
        """As it stands in the list."""
        number = _LIFTED if self.reason == "removeFromCRL" else REASONS[self.reason]
        coded = der.extension("2.5.29.21", der.integer(number, 0x0A))
        return der.sequence(der.integer(self.serial), der.utc_time(self.at), der.sequence(coded))


def build(registry: Registry, alg: str) -> bytes:
    """The list of one algorithm's issuing certificate, DER."""
    now = datetime.now(UTC)
    entries = [
        Entry(
            int(one.serial, 16),
            one.at or now,
            "certificateHold" if one.status == "HOLD" else one.reason or "unspecified",
        )
        for one in registry.revoked(alg)
    ]
    return assemble(registry.own(alg, "ca"), entries, now, number=int(now.timestamp()))


def assemble(
    issuer: Issuer,
    entries: Sequence[Entry],
    at: datetime,
    *,
    number: int,
    base: int | None = None,
    lives: timedelta = timedelta(days=_DAYS_TO_NEXT),
    extensions: Sequence[bytes] = (),
) -> bytes:
    """Any list, DER. base: the number of the full list that this delta completes."""
    delta = [] if base is None else [der.extension("2.5.29.27", der.integer(base), critical=True)]
    signed = der.sequence(
        der.integer(1),
        issuer.key.signature_algorithm,
        issuer.subject,
        der.utc_time(at),
        der.utc_time(at + lives),
        der.sequence(*(one.encode() for one in entries)) if entries else b"",
        der.explicit(0, der.sequence(der.extension("2.5.29.20", der.integer(number)), *delta, *extensions)),
    )
    return der.sequence(signed, issuer.key.signature_algorithm, der.bits(issuer.key.sign(signed)))
