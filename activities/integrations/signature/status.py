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

from asn1crypto import core, crl, ocsp

from activities.integrations.signature.asn1 import (
    BITS,
    ENUMERATED,
    FIRST,
    INTEGER,
    OCTETS,
    OID,
    SECOND,
    SEQUENCE,
    TIME,
    Row,
    Unreadable,
    Value,
    bounded,
    explicit,
    extensions,
    hash_of,
    members,
    moment,
    named,
    number,
    octets,
    oid,
    only,
    reading,
)
from activities.integrations.signature.authorities import issued_by
from activities.integrations.signature.certificate import Certificate, parse
from activities.integrations.signature.standing import GOOD, UNKNOWN, Standing, revoked
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureGround

MEDIA_TYPES = "application/ocsp-request", "application/ocsp-response"
_OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_NONCE_BYTES = 8  # what the national responder is seen to echo
_BASIC = "1.3.6.1.5.5.7.48.1.1"
_HASHES = {"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256"}
_OUTCOMES = {
    0: "successful",
    1: "malformed_request",
    2: "internal_error",
    3: "try_later",
    5: "sign_required",
    6: "unauthorized",
}
_PASSING = {"internal_error", "try_later"}
_BY_KEY = 0xA2  # a responder named by its key; by its name: SECOND
_GOOD, _REVOKED, _UNKNOWN = 0x80, SECOND, 0x82
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

    def is_about(self, found: Value) -> bool:
        """Whether an answer's CertID names the certificate asked about, by the hash we asked with."""
        with Row(found) as row:
            algorithm = _HASHES.get(hash_of(row.take(SEQUENCE)))
            name, key, serial = row.take(OCTETS), row.take(OCTETS), row.take(INTEGER)
        if algorithm is None or (algorithm == "sha1" and self.nonce is not None):  # others' answers may use SHA-1
            return False
        asked = self._identity(algorithm)
        return (
            name.contents == asked["issuer_name_hash"]
            and key.contents == asked["issuer_key_hash"]
            and number(serial) == self.serial
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
        outcome, basic = _outcome(answer)
        return (None if basic is None else _genuine(basic, question)), outcome


def is_answer(raw: bytes) -> bool:
    """Whether the bytes are an OCSP response at all."""
    try:
        with reading("OCSP answer"):
            return _outcome(raw)[1] is not None
    except Unreadable:
        return False


def _outcome(raw: bytes) -> tuple[str, Value | None]:
    """The outcome, and where it is a success the answer itself."""
    with Row(only(bounded(raw))) as response:
        outcome, inside = _OUTCOMES[number(response.take(ENUMERATED), ENUMERATED)], response.maybe(FIRST)
    if outcome != "successful":
        return outcome, None
    if inside is None:
        raise Unreadable("no answer")
    with Row(explicit(inside)) as answer:
        kind, basic = oid(answer.take(OID)), answer.take(OCTETS)
    if kind != _BASIC:
        raise Unreadable("an answer of another kind")
    return outcome, only(basic.contents)


def _genuine(basic: Value, question: Question) -> Answer | None:
    with Row(basic) as row:
        data, algorithm, signature = row.take(SEQUENCE), row.take(SEQUENCE), row.take(BITS)
        brought = row.maybe(FIRST)
    with Row(data) as row:
        row.maybe(FIRST)  # the version
        row.take(SECOND, _BY_KEY)
        produced, answers, found = moment(row.take(TIME)), members(row.take(SEQUENCE)), row.maybe(SECOND)
    about = [one for one in answers if question.is_about(members(one)[0])]
    if len(about) != 1 or not _echoes(found, question.nonce):
        return None
    certificates = members(explicit(brought)) if brought else []
    if not any(
        _may_answer(one, question.issuer, produced) and _signed_by(one, data, algorithm, signature)
        for one in (parse(each.whole) for each in certificates)
    ):
        return None
    with Row(about[0]) as row:
        row.take(SEQUENCE)
        status, since, following = row.take(_GOOD, _REVOKED, _UNKNOWN), row.take(TIME), row.maybe(FIRST)
        row.maybe(SECOND)
    return Answer(
        standing=_meaning(status, produced),
        produced=produced,
        this_update=moment(since),
        next_update=None if following is None else moment(explicit(following)),
    )


def _echoes(found: Value | None, nonce: bytes | None) -> bool:
    if nonce is None:
        return True
    echoed = extensions(explicit(found)).get(_NONCE) if found else None
    return echoed is not None and echoed[1] == core.OctetString(nonce).dump()


def _may_answer(responder: Certificate, issuer: Certificate, at: datetime) -> bool:
    """Whether the same authority issued it for that purpose."""
    return (
        _OCSP_SIGNING in responder.extended
        and not responder.strange
        and responder.valid_at(at)
        and issued_by(responder, issuer)
    )


def _signed_by(responder: Certificate, data: Value, algorithm: Value, signature: Value) -> bool:
    key = responder.key
    return key is not None and key.verify(named(algorithm), data.whole, octets(signature))


def _meaning(status: Value, produced: datetime) -> Standing:
    if status.tag == _GOOD:
        return Standing(GOOD, None, produced)
    if status.tag == _UNKNOWN:
        return Standing(UNKNOWN, None, produced)
    with Row(status, _REVOKED) as row:
        since, why = row.take(TIME), row.maybe(FIRST)
    reason = "unspecified" if why is None else str(crl.CRLReason.load(explicit(why).whole, strict=True).native)
    # a hold may be lifted, but a signature made during it is refused all the same
    return revoked(reason, moment(since), produced)
