"""When a signature existed: the question to the time-stamping authority, and what its token is worth.

RFC 3161. The stamp is over the signature's value, as CAdES-T wants it. One that the message brings along is checked and
used; else we obtain one, and archive it beside the message.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import core, tsp

from activities.integrations.signature.asn1 import (
    BOOLEAN,
    FIRST,
    INTEGER,
    OCTETS,
    OID,
    SECOND,
    SEQUENCE,
    TIME,
    Row,
    Unreadable,
    bounded,
    hash_of,
    moment,
    number,
    oid,
    only,
    reading,
)
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.certificate import Certificate
from activities.integrations.signature.keys import DIGESTS, Algorithm
from activities.integrations.signature.message import TIMESTAMP, Message, Signer, read
from rules.errors import BrokenContract, Unavailable

MEDIA_TYPES = "application/timestamp-query", "application/timestamp-reply"
_PURPOSE = frozenset({"1.3.6.1.5.5.7.3.8"})
_PASSING = {"time_not_available", "system_failure"}
_SKEW = timedelta(minutes=5)
# what others may have stamped with; SHA-1 proves nothing any more
_IMPRINTS = DIGESTS | {
    "2.16.840.1.101.3.4.2.2": lambda data: hashlib.sha384(data).digest(),
    "2.16.840.1.101.3.4.2.3": lambda data: hashlib.sha512(data).digest(),
}


class _Reply(core.Sequence):  # type: ignore[misc]
    """The library's own class cannot read a refusal, which has no token."""

    _fields = [("status", tsp.PKIStatusInfo), ("token", core.Any, {"optional": True})]


@dataclass(frozen=True)
class Stamp:
    """A token worth its word. at: the moment it states; token: DER; chain: of its maker; both for the archive."""

    at: datetime
    token: bytes
    chain: tuple[Certificate, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is to be stamped. algorithm: whose digest the imprint uses. nonce: None where it is not known any more."""

    signature: bytes
    algorithm: Algorithm
    policy: str
    nonce: int | None = field(default_factory=lambda: secrets.randbits(63) | 1)

    @property
    def imprint(self) -> bytes:
        """The digest that is stamped."""
        return self.algorithm.digest(self.signature)

    def encode(self) -> bytes:
        """The query, DER."""
        return bytes(
            tsp.TimeStampReq(
                {
                    "version": "v1",
                    "message_imprint": {
                        "hash_algorithm": {"algorithm": self.algorithm.digest_oid},
                        "hashed_message": self.imprint,
                    },
                    "req_policy": self.policy,
                    "nonce": self.nonce,
                    "cert_req": True,
                }
            ).dump()
        )


def token_of(answer: bytes) -> bytes:
    """The token of a reply.

    Raises:
        Unavailable: the authority has no time now.
        BrokenContract: it refuses our query, or the reply is unreadable.
    """
    try:
        with reading("time-stamp reply"):
            reply = _Reply.load(bounded(answer), strict=True)
            state = reply["status"]["status"].native
            reasons = set(reply["status"]["fail_info"].native or ())
            token = reply["token"].dump() if state in ("granted", "granted_with_mods") else b""
    except Unreadable as error:
        raise BrokenContract("the time-stamping authority's reply is unreadable") from error
    if token:
        return bytes(token)
    if reasons & _PASSING:
        raise Unavailable("the time-stamping authority has no time now")
    raise BrokenContract("the time-stamping authority refuses our query")


@dataclass(frozen=True)
class _Token:
    """What a token says, whoever made it."""

    message: Message
    at: datetime
    digest_oid: str
    imprint: bytes
    nonce: int | None
    policy: str


def _read(token: bytes) -> _Token:
    with reading("time-stamp token"):
        message = read(token)
        with Row(only(message.content or b"")) as info:
            info.take(INTEGER)  # the version
            policy, imprint = oid(info.take(OID)), Row(info.take(SEQUENCE))
            info.take(INTEGER)  # the token's own number
            at = moment(info.take(TIME))
            info.maybe(SEQUENCE)  # how exact the clock is
            info.maybe(BOOLEAN)
            nonce = info.maybe(INTEGER)
            info.maybe(FIRST)
            info.maybe(SECOND)
        with imprint:
            algorithm, digest = imprint.take(SEQUENCE), imprint.take(OCTETS)
        return _Token(
            message=message,
            at=at,
            digest_oid=hash_of(algorithm),
            imprint=digest.contents,
            nonce=None if nonce is None else number(nonce),
            policy=policy,
        )


def judge(
    token: bytes,
    question: Question,
    authorities: Authorities,
    policies: Collection[str],
    now: datetime,
    skew: timedelta = _SKEW,
) -> Stamp | None:
    """The stamp that answers our question, None where the token proves nothing.

    Raises:
        BrokenContract: the token is not a signed message.
    """
    try:
        found = _read(token)
    except Unreadable as error:
        raise BrokenContract("the time-stamp token is unreadable") from error
    answers = (
        found.digest_oid == question.algorithm.digest_oid
        and found.imprint == question.imprint
        and question.nonce in (found.nonce, None)
        and found.policy in policies
        and abs(found.at - now) <= skew
    )
    return _stamp(found, token, authorities) if answers else None


def embedded(
    signer: Signer, authorities: Authorities, policies: Collection[str], now: datetime, skew: timedelta = _SKEW
) -> Stamp | None:
    """The earliest of the stamps that a message brings along, None where one of them proves nothing.

    Anybody can put an attribute there that is not signed, so a bad one spoils the rest.
    """
    found = [_embedded(token, signer, authorities, policies, now + skew) for token in signer.stamps]
    good = [one for one in found if one is not None]
    return min(good, key=lambda one: one.at) if good and len(good) == len(found) else None


def _embedded(
    token: bytes, signer: Signer, authorities: Authorities, policies: Collection[str], latest: datetime
) -> Stamp | None:
    try:
        found = _read(token)
    except Unreadable:
        return None
    digest = _IMPRINTS.get(found.digest_oid)
    good = (
        digest is not None
        and found.imprint == digest(signer.signature)
        and found.policy in policies
        and found.at <= latest
    )
    return _stamp(found, token, authorities) if good else None


def _stamp(found: _Token, token: bytes, authorities: Authorities) -> Stamp | None:
    if not signed_by_authority(found.message, authorities, found.at):
        return None
    return Stamp(found.at, token, tuple(authorities.chain(found.message.signers[0].certificate)))


def signed_by_authority(message: Message, authorities: Authorities, at: datetime) -> bool:
    """Whether the token's one signature is right and by a time-stamping certificate of a pinned authority."""
    if len(message.signers) != 1 or message.content_type != TIMESTAMP or message.content is None:
        return False
    signer = message.signers[0]
    return _right(signer, message.content) and _entitled(signer, authorities, at)


def _right(signer: Signer, content: bytes) -> bool:
    key, digest = signer.certificate.key, DIGESTS.get(signer.digest_oid)
    return bool(
        key is not None
        and digest is not None
        and signer.digest_oid == key.algorithm.digest_oid
        and signer.content_type == TIMESTAMP
        and signer.names_certificate  # RFC 3161 demands the attribute
        and signer.message_digest == digest(content)
        and key.verify(signer.signature_oid, signer.signed_part, signer.signature)
    )


def _entitled(signer: Signer, authorities: Authorities, at: datetime) -> bool:
    certificate: Any = signer.certificate
    chain = authorities.chain(certificate)
    return (
        certificate.extended == _PURPOSE
        and certificate.extended_critical
        and not certificate.strange
        and bool(chain)
        and all(one.valid_at(at) for one in [certificate, *chain])
    )
