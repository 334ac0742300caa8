"""The list of revoked certificates (CRL, RFC 5280), made anew for each reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from infra.counterparties.pki import der
from infra.counterparties.pki.ocsp import REASONS
from infra.counterparties.pki.registry import Issued, Registry

_DAYS_TO_NEXT = 1


def build(registry: Registry, alg: str) -> bytes:
    """The list of one algorithm's issuing certificate, DER."""
    issuer, now = registry.own(alg, "ca"), datetime.now(UTC)
    entries = [_entry(one) for one in registry.revoked(alg)]
    signed = der.sequence(
        der.integer(1),
        issuer.key.signature_algorithm,
        issuer.subject,
        der.utc_time(now),
        der.utc_time(now + timedelta(days=_DAYS_TO_NEXT)),
        der.sequence(*entries) if entries else b"",
    )
    return der.sequence(signed, issuer.key.signature_algorithm, der.bits(issuer.key.sign(signed)))


def _entry(one: Issued) -> bytes:
    reason = "certificateHold" if one.status == "HOLD" else one.reason or "unspecified"
    coded = der.extension("2.5.29.21", der.integer(REASONS[reason], 0x0A))
    return der.sequence(
        der.integer(int(one.serial, 16)), der.utc_time(one.at or datetime.now(UTC)), der.sequence(coded)
    )
