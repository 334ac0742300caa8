"""A signed message (CMS), read once into plain values. It says what is written, not whether it is true."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, pem, tsp

from activities.integrations.signature.asn1 import (
    AlgorithmId,
    ContentInfo,
    SignerInfo,
    Unreadable,
    bounded,
    instant,
    named,
    reading,
)
from activities.integrations.signature.certificate import Certificate, parse

DATA = "1.2.840.113549.1.7.1"
TIMESTAMP = "1.2.840.113549.1.9.16.1.4"
_SIGNED = "1.2.840.113549.1.7.2"
_CONTENT_TYPE, _DIGEST, _TIME = (f"1.2.840.113549.1.9.{n}" for n in (3, 4, 5))
_CERTIFICATE_V1, _CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_STAMP = "1.2.840.113549.1.9.16.2.14"
_VERSIONS, _SIGNER_VERSIONS = (1, 3, 4, 5), (1, 3)
# a message with more than these is no borrower's: it would only cost us time
_LARGEST, _MOST_CERTIFICATES, _MOST_SIGNERS, _MOST_STAMPS = 16 * 1024 * 1024, 16, 4, 2


@dataclass(frozen=True)
class Signer:
    """One signature of a message.

    signed_part: the bytes the signature covers. names_certificate: whether a signing-certificate attribute
    points at this certificate, None where there is no such attribute. stamps: time-stamp tokens the message brings
    for this signature (CAdES-T).
    """

    certificate: Certificate
    digest_oid: str
    message_digest: bytes
    content_type: str
    signing_time: datetime | None
    signed_part: bytes = field(repr=False)
    signature_oid: str
    signature: bytes = field(repr=False)
    names_certificate: bool | None
    stamps: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Message:
    """content: None in a detached signature."""

    content_type: str
    content: bytes | None
    signers: list[Signer]


def read(raw: bytes) -> Message:
    """Read a CMS: DER, BER, PEM, or base64 of it.

    Raises:
        Unreadable: it is not a signed message with signed attributes and its signers' certificates.
    """
    with reading("signed message"):
        if len(raw) > _LARGEST:
            raise Unreadable("too large")
        info = ContentInfo.load(bounded(_der(raw)), strict=True)
        if info["type"].dotted != _SIGNED:
            raise Unreadable("not signed data")
        data = info["content"]
        certificates = _certificates(data["certificates"])
        if not 1 <= len(data["signers"]) <= _MOST_SIGNERS:
            raise Unreadable("number of signers")
        content = _content(data["encapsulated"])
        signers = [_signer(one, certificates) for one in data["signers"]]
        announced = {named(AlgorithmId.load(one.dump(), strict=True)) for one in data["digests"]}
        if data["version"].native not in _VERSIONS or not announced >= {one.digest_oid for one in signers}:
            raise Unreadable("version or digests of the message")
        return Message(
            content_type=data["encapsulated"]["type"].dotted,
            content=content,
            signers=signers,
        )


def _content(encapsulated: Any) -> bytes | None:
    content = encapsulated["content"].native
    if content is None and len(encapsulated.contents) > len(encapsulated["type"].dump()) + len(b"\0\0"):
        raise Unreadable("content of another kind")
    return None if content is None else bytes(content)


def _der(raw: bytes) -> bytes:
    if raw[:1] == b"\x30":
        return raw
    if pem.detect(raw):
        return bytes(pem.unarmor(raw)[2])
    return base64.b64decode(b"".join(raw.split()), validate=True)


def _certificates(found: Any) -> list[Certificate]:
    """Those we can read: a message may bring others' certificates of any kind."""
    if len(found) > _MOST_CERTIFICATES:
        raise Unreadable("number of certificates")
    known = []
    for item in found:
        try:
            known.append(parse(item.dump()))
        except Unreadable:
            continue
    return known


def _signer(info: SignerInfo, certificates: list[Certificate]) -> Signer:
    if info["version"].native not in _SIGNER_VERSIONS:
        raise Unreadable("version of a signature")
    certificate = _certificate_of(info["signer"], certificates)
    attributes = _attributes(info["signed"])
    time = _single(attributes, _TIME)
    return Signer(
        certificate=certificate,
        digest_oid=named(info["digest"]),
        message_digest=core.OctetString.load(_required(attributes, _DIGEST), strict=True).native,
        content_type=core.ObjectIdentifier.load(_required(attributes, _CONTENT_TYPE), strict=True).dotted,
        signing_time=None if time is None else instant(cms.Time.load(time, strict=True).native),
        # inside the message the attributes carry the tag [0]; what is signed is a SET
        signed_part=_as_set(info["signed"].contents or b""),
        signature_oid=named(info["algorithm"]),
        signature=info["signature"].native,
        names_certificate=_names(attributes, certificate),
        stamps=_stamps(info["unsigned"]),
    )


def _stamps(unsigned: Any) -> tuple[bytes, ...]:
    found = tuple(_attributes(unsigned).get(_STAMP, ()))
    if len(found) > _MOST_STAMPS:
        raise Unreadable("number of time stamps")
    return found


def _as_set(contents: bytes) -> bytes:
    size = len(contents)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return b"\x31" + (bytes([size]) if size < 128 else bytes([0x80 | len(length)]) + length) + contents


def _certificate_of(signer: Any, certificates: list[Certificate]) -> Certificate:
    chosen = signer.chosen
    for certificate in certificates:
        if signer.name == "by_key":
            same = certificate.subject_key_id == chosen.native
        else:
            same = (certificate.issuer, certificate.serial) == (chosen["issuer"].dump(), chosen["serial"].native)
        if same:
            return certificate
    raise Unreadable("no certificate of the signer")


def _attributes(found: Any) -> dict[str, list[bytes]]:
    attributes: dict[str, list[bytes]] = {}
    for item in found:
        oid = item["oid"].dotted
        if oid in attributes:
            raise Unreadable("an attribute twice")
        attributes[oid] = [value.dump() for value in item["values"]]
    return attributes


def _single(attributes: dict[str, list[bytes]], oid: str) -> bytes | None:
    values = attributes.get(oid)
    if values is not None and len(values) != 1:
        raise Unreadable("an attribute of several values")
    return values[0] if values else None


def _required(attributes: dict[str, list[bytes]], oid: str) -> bytes:
    value = _single(attributes, oid)
    if value is None:
        raise Unreadable("a required attribute is missing")
    return value


def _names(attributes: dict[str, list[bytes]], certificate: Certificate) -> bool | None:
    first, second = _single(attributes, _CERTIFICATE_V1), _single(attributes, _CERTIFICATE_V2)
    if second is not None:
        named = tsp.SigningCertificateV2.load(second)["certs"][0]
        algorithm = named["hash_algorithm"]["algorithm"].native
        if algorithm != "sha256":
            return False
        return bool(named["cert_hash"].native == hashlib.sha256(certificate.der).digest())
    if first is not None:
        sha1 = hashlib.sha1(certificate.der, usedforsecurity=False).digest()
        return bool(tsp.SigningCertificate.load(first)["certs"][0]["cert_hash"].native == sha1)
    return None
