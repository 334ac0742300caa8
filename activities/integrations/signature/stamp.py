"""When a signature existed: the question to the time-stamping authority, and what its token is worth.

RFC 3161. The stamp is over the signature's value, as CAdES-T wants it, and is archived beside the message.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import tsp

from activities.integrations.signature.asn1 import TimeStampReply, Unreadable, instant, reading
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.keys import DIGESTS, Algorithm
from activities.integrations.signature.message import TIMESTAMP, Message, Signer, read
from rules.errors import BrokenContract, Unavailable

MEDIA_TYPES = "application/timestamp-query", "application/timestamp-reply"
_PURPOSE = frozenset({"1.3.6.1.5.5.7.3.8"})
_PASSING = {"time_not_available", "system_failure"}
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Stamp:
    """A token worth its word. at: the moment it states; token: DER, for the archive."""

    at: datetime
    token: bytes


@dataclass(frozen=True)
class Question:
    """What is to be stamped. algorithm: whose digest the imprint uses."""

    signature: bytes
    algorithm: Algorithm
    policy: str
    nonce: int = field(default_factory=lambda: secrets.randbits(63) | 1)

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
            reply = TimeStampReply.load(answer, strict=True)
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


def judge(
    token: bytes, question: Question, authorities: Authorities, policies: Collection[str], now: datetime
) -> Stamp | None:
    """The stamp, None where the token proves nothing.

    Raises:
        BrokenContract: the token is not a signed message.
    """
    try:
        message = read(token)
        with reading("time-stamp token"):
            info = tsp.TSTInfo.load(message.content or b"", strict=True)
            at = instant(info["gen_time"].native)
            answers = (
                info["message_imprint"]["hash_algorithm"]["algorithm"].dotted == question.algorithm.digest_oid
                and info["message_imprint"]["hashed_message"].native == question.imprint
                and info["nonce"].native == question.nonce
                and info["policy"].dotted in policies
                and abs(at - now) <= _SKEW
            )
    except Unreadable as error:
        raise BrokenContract("the time-stamp token is unreadable") from error
    return Stamp(at, token) if answers and signed_by_authority(message, authorities, at) else None


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
