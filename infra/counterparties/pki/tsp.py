"""The time-stamping authority (RFC 3161). A query with a GOST imprint is stamped by GOST, any other by RSA.

Faults: other_imprint, other_nonce, other_policy, gen_time_off (params.hours, 5 by default), wrong_signature,
without_time_stamping, rejection (params.reason: a name of REASONS, system_failure by default).
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import tsp

from infra.counterparties.pki import der
from infra.counterparties.pki.registry import Registry
from infra.counterparties.pki.signed import TIMESTAMP, signed_message

FAULTS = frozenset(
    {
        "other_imprint",
        "other_nonce",
        "other_policy",
        "gen_time_off",
        "wrong_signature",
        "without_time_stamping",
        "rejection",
    }
)
POLICY = "1.2.398.3.3.2.6.1"
REASONS = {
    "bad_alg": 0,
    "bad_request": 2,
    "bad_data_format": 5,
    "time_not_available": 14,
    "unaccepted_policy": 15,
    "system_failure": 25,
}
_SIZES = {
    "1.2.398.3.10.1.3.1": 32,
    "1.2.398.3.10.1.3.2": 32,
    "1.2.398.3.10.1.3.3": 64,
    "1.3.14.3.2.26": 20,
    "2.16.840.1.101.3.4.2.1": 32,
    "2.16.840.1.101.3.4.2.3": 64,
}


def rejected(reason: str) -> bytes:
    """A reply without token."""
    return der.sequence(der.sequence(der.integer(2), der.named_bits(REASONS[reason])))


def answer(registry: Registry, body: bytes, fault: str | None, params: dict[str, Any]) -> bytes:
    """The reply, DER."""
    try:
        query = tsp.TimeStampReq.load(body, strict=True)
        imprint = query["message_imprint"]
        kind, digest = imprint["hash_algorithm"]["algorithm"].dotted, imprint["hashed_message"].native
        policy = query["req_policy"].native and query["req_policy"].dotted
        nonce = query["nonce"].native
    except (ValueError, TypeError, KeyError):
        return rejected("bad_data_format")
    if fault == "rejection":
        return rejected(str(params.get("reason", "system_failure")))
    if _SIZES.get(kind) != len(digest):
        return rejected("bad_alg" if kind not in _SIZES else "bad_data_format")
    if policy not in (None, POLICY):
        return rejected("unaccepted_policy")
    return _granted(registry, kind, imprint.dump(), nonce, fault, float(params.get("hours", 5)))


def _granted(
    registry: Registry, kind: str, imprint: bytes, nonce: int | None, fault: str | None, hours: float
) -> bytes:
    now = datetime.now(UTC)
    if fault == "other_imprint":
        imprint = imprint[:-1] + bytes([imprint[-1] ^ 1])
    if fault == "other_nonce":
        nonce = (nonce or 0) + 1
    at = now - timedelta(hours=hours) if fault == "gen_time_off" else now
    info = der.sequence(
        der.integer(1),
        der.oid(f"{POLICY}.9" if fault == "other_policy" else POLICY),
        imprint,
        der.integer(secrets.randbits(159)),
        der.generalized_time(at),
        b"" if nonce is None else der.integer(nonce),
    )
    alg = "GOST2015" if kind.startswith("1.2.398.") else "RSA"
    stamper = registry.own(alg, "plain" if fault == "without_time_stamping" else "tsa")
    token = signed_message(
        stamper.key,
        stamper.certificate,
        info,
        detached=False,
        content_type=TIMESTAMP,
        at=now,
        names_certificate=True,
    )
    if fault == "wrong_signature":  # the signature's value ends the message
        token = token[:-1] + bytes([token[-1] ^ 1])
    return der.sequence(der.sequence(der.integer(0)), token)
