"""The OCSP responder (RFC 6960), answering as the national one does: a serial it never issued is "revoked".

Faults: other_nonce, no_nonce, other_serial, responder_without_ocsp_signing, wrong_signature, old_produced_at.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import ocsp

from infra.counterparties.pki import der
from infra.counterparties.pki.layout import Issuer
from infra.counterparties.pki.registry import Issued, Registry

FAULTS = frozenset(
    {
        "other_nonce",
        "no_nonce",
        "other_serial",
        "responder_without_ocsp_signing",
        "wrong_signature",
        "old_produced_at",
    }
)
REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 9,
}
_MALFORMED, _TRY_LATER, _UNAUTHORIZED = 1, 3, 6
_NONCE, _EXTENDED_REVOKED = "1.3.6.1.5.5.7.48.1.2", "1.3.6.1.5.5.7.48.1.9"
_OLD = timedelta(days=2)


class Asked:
    """A request, read. serial: of the first certificate asked about, hex.

    Raises:
        ValueError, TypeError, KeyError: not a request.
    """

    def __init__(self, body: bytes) -> None:
        request = ocsp.OCSPRequest.load(body, strict=True)["tbs_request"]
        self.identities = [one["req_cert"] for one in request["request_list"]]
        extensions = request["request_extensions"]
        found = [one["extn_value"].contents for one in extensions if one["extn_id"].dotted == _NONCE]
        self.nonce: bytes | None = found[0] if found else None
        self.serial = f"{self.identities[0]['serial_number'].native:040x}"


def failure(status: int) -> bytes:
    """An answer without content."""
    return der.sequence(der.integer(status, 0x0A))


def malformed() -> bytes:
    """The answer to what is not a request."""
    return failure(_MALFORMED)


def answer(registry: Registry, asked: Asked, fault: str | None) -> bytes:
    """The response, DER."""
    alg = _issuer_alg(registry, asked.identities[0])
    if alg is None:
        return failure(_UNAUTHORIZED)
    known = registry.find(asked.serial)
    if known and known.status in ("TRY_LATER", "UNAUTHORIZED"):
        return failure(_TRY_LATER if known.status == "TRY_LATER" else _UNAUTHORIZED)
    produced = datetime.now(UTC) - (_OLD if fault == "old_produced_at" else timedelta())
    singles = [_single(registry, one, alg, produced, other_serial=fault == "other_serial") for one in asked.identities]
    responder = registry.own(alg, "plain" if fault == "responder_without_ocsp_signing" else "ocsp")
    data = der.sequence(
        der.explicit(1, responder.subject),
        der.generalized_time(produced),
        der.sequence(*singles),
        der.explicit(1, der.sequence(*_extensions(asked.nonce, fault))),
    )
    return _signed(responder, data, spoiled=fault == "wrong_signature")


def _signed(responder: Issuer, data: bytes, *, spoiled: bool) -> bytes:
    signature = bytearray(responder.key.sign(data))
    signature[-1] ^= spoiled
    basic = der.sequence(
        data,
        responder.key.signature_algorithm,
        der.bits(bytes(signature)),
        der.explicit(0, der.sequence(responder.certificate)),
    )
    content = der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1"), der.octets(basic))
    return der.sequence(der.integer(0, 0x0A), der.explicit(0, content))


def _issuer_alg(registry: Registry, identity: Any) -> str | None:
    """Which of our two issuing certificates is meant; None for another authority's."""
    name = identity["hash_algorithm"]["algorithm"].native
    if name not in ("sha1", "sha256"):
        return None
    for alg in ("RSA", "GOST2015"):
        issuer = registry.own(alg, "ca")
        hashes = [hashlib.new(name, one, usedforsecurity=False).digest() for one in (issuer.subject, issuer.key_bits)]
        if hashes == [identity["issuer_name_hash"].native, identity["issuer_key_hash"].native]:
            return alg
    return None


def _single(registry: Registry, identity: Any, alg: str, at: datetime, *, other_serial: bool) -> bytes:
    number = identity["serial_number"].native
    named = der.sequence(
        identity["hash_algorithm"].dump(),
        identity["issuer_name_hash"].dump(),
        identity["issuer_key_hash"].dump(),
        der.integer(number + 1 if other_serial else number),
    )
    known = registry.find(f"{number:040x}")
    return der.sequence(named, _status(known if known and known.alg == alg else None), der.generalized_time(at))


def _status(known: Issued | None) -> bytes:
    if known is None or known.status == "NEVER_ISSUED":
        return _revoked(datetime.fromtimestamp(0, UTC), REASONS["certificateHold"])
    if known.status == "GOOD":
        return der.wrap(0x80)
    if known.status == "UNKNOWN":
        return der.wrap(0x82)
    reason = "certificateHold" if known.status == "HOLD" else known.reason or "unspecified"
    return _revoked(known.at or datetime.now(UTC), REASONS[reason])


def _revoked(at: datetime, reason: int) -> bytes:
    return der.explicit(1, der.generalized_time(at), der.explicit(0, der.integer(reason, 0x0A)))


def _extensions(nonce: bytes | None, fault: str | None) -> list[bytes]:
    if fault == "no_nonce":
        nonce = None
    elif fault == "other_nonce":
        nonce = der.octets(secrets.token_bytes(8))
    echoed = [der.extension(_NONCE, nonce)] if nonce is not None else []
    return [*echoed, der.extension(_EXTENDED_REVOKED, der.NULL)]
