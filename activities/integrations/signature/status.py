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

from activities.integrations.signature.asn1 import BasicResponse, Unreadable, bounded, instant, named, octets, reading
from activities.integrations.signature.authorities import issued_by
from activities.integrations.signature.certificate import Certificate, parse
from activities.integrations.signature.standing import GOOD, UNKNOWN, Standing, revoked
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
    """Which certificate is asked about; nonce makes an old answer useless, None where it is not known any more."""

    serial: int
    issuer: Certificate
    nonce: bytes | None = field(default_factory=lambda: secrets.token_bytes(_NONCE_BYTES))

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

    def _identity(self, algorithm: str = "sha256") -> dict[str, Any]:
        return {
            "hash_algorithm": {"algorithm": algorithm, "parameters": core.Null()},
            "issuer_name_hash": hashlib.new(algorithm, self.issuer.subject, usedforsecurity=False).digest(),
            "issuer_key_hash": hashlib.new(algorithm, self.issuer.key_bits, usedforsecurity=False).digest(),
            "serial_number": self.serial,
        }

    def is_about(self, found: Any) -> bool:
        """Whether an answer's CertID names the certificate asked about, by the hash we asked with."""
        algorithm = found["hash_algorithm"]["algorithm"].native
        if algorithm != "sha256" and (self.nonce is not None or algorithm != "sha1"):  # others' answers may use SHA-1
            return False
        asked = self._identity(algorithm)
        return bool(
            found["issuer_name_hash"].native == asked["issuer_name_hash"]
            and found["issuer_key_hash"].native == asked["issuer_key_hash"]
            and found["serial_number"].native == self.serial
        )


@dataclass(frozen=True)
class Answer:
    """A responder's word that is genuine; whether it is fresh is the reader's question."""

    standing: Standing
    produced: datetime
    this_update: datetime
    next_update: datetime | None

    def fresh(self, now: datetime, oldest: timedelta = _FRESH, skew: timedelta = _SKEW) -> bool:
        """Whether it was said just now."""
        return (
            now - oldest <= self.produced <= now + skew
            and self.this_update <= now + skew
            and (self.next_update is None or self.next_update >= now)
        )


def judge(
    answer: bytes, question: Question, now: datetime, oldest: timedelta = _FRESH, skew: timedelta = _SKEW
) -> SignatureGround | None:
    """None where the answer is to be trusted, fresh, and says good.

    Raises:
        Unavailable: the responder asks to try later.
        BrokenContract: the answer is not an OCSP response.
    """
    try:
        found, outcome = genuine(answer, question)
    except Unreadable as error:
        raise BrokenContract("the status responder's answer is unreadable") from error
    if outcome in _PASSING:
        raise Unavailable("the status responder asks to try later")
    believed = found is not None and found.fresh(now, oldest, skew)
    return found.standing.ground if found and believed else SignatureGround.STATUS_UNTRUSTED


def genuine(answer: bytes, question: Question) -> tuple[Answer | None, str]:
    """The answer where it is about our certificate, echoes our nonce and is by a responder of the issuer; its outcome.

    Raises:
        Unreadable: it is not an OCSP response.
    """
    with reading("OCSP answer"):
        response = ocsp.OCSPResponse.load(bounded(answer), strict=True)
        outcome = str(response["response_status"].native)
        if outcome != "successful":
            return None, outcome
        return _genuine(BasicResponse.load(_basic(response), strict=True), question), outcome


def is_answer(raw: bytes) -> bool:
    """Whether the bytes are an OCSP response at all."""
    try:
        with reading("OCSP answer"):
            response = ocsp.OCSPResponse.load(bounded(raw), strict=True)
            return response["response_status"].native == "successful" and bool(_basic(response))
    except Unreadable:
        return False


def _basic(response: Any) -> bytes:
    return bytes(response["response_bytes"]["response"].contents)


def _genuine(basic: BasicResponse, question: Question) -> Answer | None:
    data = basic["tbs"]
    produced = instant(data["produced_at"].native)
    about = [one for one in data["responses"] if question.is_about(one["cert_id"])]
    if len(about) != 1 or not _echoes(data, question.nonce) or not _by_responder(basic, question.issuer, produced):
        return None
    following = about[0]["next_update"].native
    return Answer(
        standing=_meaning(about[0]["cert_status"], produced),
        produced=produced,
        this_update=instant(about[0]["this_update"].native),
        next_update=None if following is None else instant(following),
    )


def _echoes(data: Any, nonce: bytes | None) -> bool:
    if nonce is None:
        return True
    wanted = core.OctetString(nonce).dump()
    found = [item["extn_value"].contents for item in data["response_extensions"] if item["extn_id"].dotted == _NONCE]
    return found == [wanted]


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
            and responder.key.verify(named(basic["algorithm"]), basic["tbs"].dump(), octets(basic["signature"]))
        ):
            return True
    return False


def _meaning(status: Any, produced: datetime) -> Standing:
    if status.name == "good":
        return Standing(GOOD, None, produced)
    if status.name != "revoked":
        return Standing(UNKNOWN, None, produced)
    said = status.chosen
    # a hold may be lifted, but a signature made during it is refused all the same
    return revoked(said["revocation_reason"].native or "unspecified", instant(said["revocation_time"].native), produced)
