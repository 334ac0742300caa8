"""Whether a certificate still stands: the question to the OCSP responder, and what its answer is worth.

RFC 6960. The national responder never says "unknown" of a serial it did not issue: it says revoked, on hold,
since 1970, which that RFC reserves for certificates that were never issued.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import core, ocsp

from activities.integrations.signature.asn1 import BasicResponse, Unreadable, instant, reading
from activities.integrations.signature.authorities import issued_by
from activities.integrations.signature.certificate import Certificate, parse
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureGround

MEDIA_TYPES = "application/ocsp-request", "application/ocsp-response"
_OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_NONCE_BYTES = 8  # what the national responder is seen to echo
_PASSING = {"internal_error", "try_later"}
_SKEW = timedelta(minutes=5)
_FRESH = timedelta(minutes=10)


@dataclass(frozen=True)
class Question:
    """Which certificate is asked about; nonce makes an old answer useless."""

    serial: int
    issuer: Certificate
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(_NONCE_BYTES))

    def encode(self) -> bytes:
        """The OCSP request, DER."""
        return bytes(
            ocsp.OCSPRequest(
                {
                    "tbs_request": {
                        "request_list": [{"req_cert": self._identity()}],
                        "request_extensions": [{"extn_id": "nonce", "extn_value": core.OctetString(self.nonce)}],
                    }
                }
            ).dump()
        )

    def _identity(self) -> dict[str, Any]:
        return {
            "hash_algorithm": {"algorithm": "sha256", "parameters": core.Null()},
            "issuer_name_hash": hashlib.sha256(self.issuer.subject).digest(),
            "issuer_key_hash": hashlib.sha256(self.issuer.key_bits).digest(),
            "serial_number": self.serial,
        }

    def is_about(self, found: Any) -> bool:
        """Whether an answer's CertID names the certificate asked about."""
        asked = self._identity()
        return bool(
            found["hash_algorithm"]["algorithm"].native == "sha256"
            and found["issuer_name_hash"].native == asked["issuer_name_hash"]
            and found["issuer_key_hash"].native == asked["issuer_key_hash"]
            and found["serial_number"].native == self.serial
        )


def judge(answer: bytes, question: Question, now: datetime) -> SignatureGround | None:
    """None where the answer is to be trusted and says good.

    Raises:
        Unavailable: the responder asks to try later.
        BrokenContract: the answer is not an OCSP response.
    """
    try:
        with reading("OCSP answer"):
            response = ocsp.OCSPResponse.load(answer, strict=True)
            outcome = response["response_status"].native
            ground: SignatureGround | None = SignatureGround.STATUS_UNTRUSTED
            if outcome == "successful":
                ground = _judge(BasicResponse.load(_basic(response), strict=True), question, now)
    except Unreadable as error:
        raise BrokenContract("the status responder's answer is unreadable") from error
    if outcome in _PASSING:
        raise Unavailable("the status responder asks to try later")
    return ground


def _basic(response: Any) -> bytes:
    return bytes(response["response_bytes"]["response"].contents)


def _judge(basic: BasicResponse, question: Question, now: datetime) -> SignatureGround | None:
    data = basic["tbs"]
    produced = instant(data["produced_at"].native)
    about = [one for one in data["responses"] if question.is_about(one["cert_id"])]
    trusted = (
        len(about) == 1
        and now - _FRESH <= produced <= now + _SKEW
        and _echoes(data, question.nonce)
        and _current(about[0], now)
        and _by_responder(basic, question.issuer, produced)
    )
    return _meaning(about[0]["cert_status"]) if trusted else SignatureGround.STATUS_UNTRUSTED


def _echoes(data: Any, nonce: bytes) -> bool:
    wanted = core.OctetString(nonce).dump()
    found = [item["extn_value"].contents for item in data["response_extensions"] if item["extn_id"].dotted == _NONCE]
    return found == [wanted]


def _current(single: Any, now: datetime) -> bool:
    following = single["next_update"].native
    return instant(single["this_update"].native) <= now + _SKEW and (following is None or instant(following) >= now)


def _by_responder(basic: BasicResponse, issuer: Certificate, produced: datetime) -> bool:
    """Signed by a certificate for that purpose which the same authority issued."""
    for item in basic["certificates"]:
        responder = parse(item.dump())
        if (
            _OCSP_SIGNING in responder.extended
            and not responder.strange
            and responder.valid_at(produced)
            and responder.key is not None
            and issued_by(responder, issuer)
            and responder.key.verify(basic["algorithm"]["oid"].dotted, basic["tbs"].dump(), basic["signature"].native)
        ):
            return True
    return False


def _meaning(status: Any) -> SignatureGround | None:
    if status.name == "good":
        return None
    if status.name != "revoked":
        return SignatureGround.STATUS_UNTRUSTED
    since, reason = instant(status.chosen["revocation_time"].native), status.chosen["revocation_reason"].native
    # a hold may be lifted, but a signature made during it is refused all the same
    return (
        SignatureGround.NEVER_ISSUED
        if (since.timestamp(), reason) == (0, "certificate_hold")
        else SignatureGround.REVOKED
    )
