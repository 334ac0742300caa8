"""What a message itself shows: every check that needs no network, in the order they are asked.

Rules: para 9; para 35.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from activities.integrations.signature.certificate import Certificate
from activities.integrations.signature.keys import DIGESTS
from activities.integrations.signature.message import DATA, Message, Signer
from rules.evidence import SignatureGround, SignerCapacity

_EMAIL, _CLIENT_LOGIN = "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.2"
_OWNERS = "1.2.398.3.3.4.1"
_INDIVIDUAL, _ORGANISATION = f"{_OWNERS}.1", f"{_OWNERS}.2"
_MAY_BIND = {f"{_ORGANISATION}.1", f"{_ORGANISATION}.2"}  # the head; who has the right to sign
_CAPACITIES = {
    f"{_ORGANISATION}.1": SignerCapacity.HEAD,
    f"{_ORGANISATION}.2": SignerCapacity.RIGHT_TO_SIGN,
    _INDIVIDUAL: SignerCapacity.PERSON,
}


@dataclass(frozen=True)
class Case:
    """One signature, what it must be over and by whom, and the pinned chain of its certificate (may be empty)."""

    message: Message
    signer: Signer
    content: bytes
    iin: str
    bin: str | None
    chain: list[Certificate]
    now: datetime


def capacity_of(certificate: Certificate) -> SignerCapacity | None:
    """For whom a certificate signs; None where it is none of those that a client may sign with."""
    return next((one for oid, one in _CAPACITIES.items() if oid in certificate.extended), None)


def first_ground(case: Case) -> SignatureGround | None:
    """The first reason to refuse, None where all is well so far."""
    return next((ground for ground, holds in _CHECKS if not holds(case)), None)


def crypto_valid(case: Case) -> bool:
    """Digest and signature are right, whoever made them."""
    return _same_content(case) and _digest_fits(case) and _signature_right(case)


def _same_content(case: Case) -> bool:
    """The bytes inside, if any, and the bytes the digest stands for, are the bytes we keep."""
    if case.message.content is not None and case.message.content != case.content:
        return False
    digest = DIGESTS.get(case.signer.digest_oid)  # an unknown one is the next check's business
    return digest is None or digest(case.content) == case.signer.message_digest


def _digest_fits(case: Case) -> bool:
    """The certificate's key is of a kind we know and the digest is the one of that kind."""
    key = case.signer.certificate.key
    return (
        key is not None
        and case.signer.digest_oid == key.algorithm.digest_oid
        and case.signer.signature_oid in key.algorithm.signatures
    )


def _signature_right(case: Case) -> bool:
    signer, key = case.signer, case.signer.certificate.key
    return (
        signer.content_type == case.message.content_type == DATA
        and signer.names_certificate is not False
        and key is not None
        and key.verify(signer.signature_oid, signer.signed_part, signer.signature)
    )


def _issued_by_ours(case: Case) -> bool:
    return bool(case.chain)


def _for_signing(case: Case) -> bool:
    """A signing certificate, not one for logging in; of a person, or of one who may bind the organisation."""
    certificate = case.signer.certificate
    general = (
        {"digital_signature", "non_repudiation"} <= certificate.usage
        and _EMAIL in certificate.extended
        and _CLIENT_LOGIN not in certificate.extended
        and not certificate.authority
        and not certificate.strange
    )
    if case.bin is None:
        return general and _INDIVIDUAL in certificate.extended
    return general and _ORGANISATION in certificate.extended and bool(_MAY_BIND & certificate.extended)


def _same_person(case: Case) -> bool:
    certificate = case.signer.certificate
    return certificate.iin == case.iin and certificate.bin == case.bin


def in_validity(case: Case) -> bool:
    """At the time the signer states and now: an OCSP responder says good of an expired certificate too."""
    moments = {case.now, case.signer.signing_time or case.now}
    return all(one.valid_at(moment) for one in [case.signer.certificate, *case.chain] for moment in moments)


_CHECKS: tuple[tuple[SignatureGround, Callable[[Case], bool]], ...] = (
    (SignatureGround.OTHER_CONTENT, _same_content),
    (SignatureGround.WRONG_DIGEST, _digest_fits),
    (SignatureGround.WRONG, _signature_right),
    (SignatureGround.NOT_OUR_CA, _issued_by_ours),
    (SignatureGround.NOT_SIGNING, _for_signing),
    (SignatureGround.OTHER_PERSON, _same_person),
    (SignatureGround.EXPIRED, in_validity),
)
