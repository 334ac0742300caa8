"""A server for signatures in the shape of NCANode, with another verifier than the lender's behind it.

Like the real one it judges the message, its certificates and their status; it knows nothing of whose signature it
should be and under which document it was asked for: a message that brings its own content is judged over that.
"""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from typing import Any, Literal

from cryptography import x509
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from infra.counterparties.pki.registry import Registry
from infra.counterparties.pki.verdicts import Seen, look
from infra.counterparties.world import World

_FAULTS = frozenset({"says_valid", "says_invalid", "other_certificate"})
_OWNER = "1.2.398.3.3.4.1"
_USERS = {
    f"{_OWNER}.1": "INDIVIDUAL",
    f"{_OWNER}.2": "ORGANIZATION",
    f"{_OWNER}.2.1": "CEO",
    f"{_OWNER}.2.2": "CAN_SIGN",
    f"{_OWNER}.2.5": "EMPLOYEE",
}
_NAMES = {"2.5.4.3": "commonName", "2.5.4.4": "surName", "2.5.4.42": "lastName", "2.5.4.10": "organization"}


class Wanted(BaseModel):
    """cms, data: base64."""

    cms: str
    data: str | None = None
    revocationCheck: list[Literal["OCSP", "CRL"]] = []


def router(world: World, registry: Registry) -> APIRouter:
    """Mounted under /ncanode."""
    routes = APIRouter(prefix="/ncanode", tags=["ncanode"])

    @routes.get("/actuator/health")
    async def health() -> dict[str, str]:
        return {"status": "UP"}

    @routes.post("/cms/verify")
    async def verify(wanted: Wanted) -> JSONResponse:
        try:
            content = None if wanted.data is None else b64decode(wanted.data, validate=True)
            found = look(registry, b64decode(wanted.cms, validate=True), content)
        except ValueError:
            return JSONResponse({"status": 400, "message": "the signature cannot be read"}, 400)
        told = [_told(one, wanted.revocationCheck) for one in found]
        valid = all(one.holds for one in found) and all(one["valid"] for one in told)
        fault = world.faults.take("ncanode", "verify", keys=[one.issued.serial for one in found], kinds=_FAULTS)
        if fault and fault.fault == "other_certificate":
            told = [one | {"serialNumber": "7f" * 20} for one in told]
        elif fault:
            valid = fault.fault == "says_valid"
        signers = [{"certificates": [one], "tsp": None} for one in told]
        return JSONResponse({"status": 200, "message": "OK", "valid": valid, "signers": signers})

    return routes


def _told(seen: Seen, revocation: list[Literal["OCSP", "CRL"]]) -> dict[str, Any]:
    taken_back = seen.issued.status != "GOOD"
    extended = seen.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    oids = [one.dotted_string for one in extended]
    return {
        "valid": seen.in_life and not (taken_back and revocation),
        "revocations": [
            {
                "revoked": taken_back,
                "by": by,
                "revocationTime": _instant(seen.issued.at) if taken_back else None,
                "reason": seen.issued.reason,
            }
            for by in revocation
        ],
        "notBefore": _instant(seen.certificate.not_valid_before_utc),
        "notAfter": _instant(seen.certificate.not_valid_after_utc),
        "keyUsage": "SIGN" if "1.3.6.1.5.5.7.3.4" in oids else "AUTH",
        "serialNumber": seen.issued.serial,
        "signAlg": "SHA256WITHRSA" if seen.issued.alg == "RSA" else "ECGOST3410-2015-512",
        "keyUser": [_USERS[oid] for oid in oids if oid in _USERS],
        "subject": _subject(seen.certificate),
    }


def _subject(certificate: x509.Certificate) -> dict[str, str]:
    pairs = [(pair.oid.dotted_string, str(pair.value)) for pair in certificate.subject]
    subject = {_NAMES[oid]: value for oid, value in pairs if oid in _NAMES}
    for _, value in pairs:
        for prefix, name in (("IIN", "iin"), ("BIN", "bin")):
            if value.startswith(prefix):
                subject[name] = value.removeprefix(prefix)
    return subject | {"country": "KZ", "dn": certificate.subject.rfc4514_string()}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")
