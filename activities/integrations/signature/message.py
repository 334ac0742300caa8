"""A signed message (CMS), read once into plain values. It says what is written, not whether it is true."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from asn1crypto import pem

from activities.integrations.signature.asn1 import (
    FIRST,
    INTEGER,
    OCTETS,
    OID,
    PIECES,
    SECOND,
    SEQUENCE,
    SET,
    Row,
    Unreadable,
    Value,
    bounded,
    explicit,
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
from activities.integrations.signature.certificate import Certificate, parse

DATA = "1.2.840.113549.1.7.1"
TIMESTAMP = "1.2.840.113549.1.9.16.1.4"
_SIGNED = "1.2.840.113549.1.7.2"
_CONTENT_TYPE, _DIGEST, _TIME = (f"1.2.840.113549.1.9.{n}" for n in (3, 4, 5))
_CERTIFICATE_V1, _CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_STAMP = "1.2.840.113549.1.9.16.2.14"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_KEY_ID = 0x80
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
        with Row(only(bounded(_der(raw)))) as info:
            if oid(info.take(OID)) != _SIGNED:
                raise Unreadable("not signed data")
            data = explicit(info.take(FIRST))
        with Row(data) as row:
            version, digests, encapsulated = row.take(INTEGER), row.take(SET), row.take(SEQUENCE)
            found = row.maybe(FIRST)
            row.maybe(SECOND)  # lists of revoked certificates, which we get ourselves
            signatures = members(row.take(SET), SET)
        if not 1 <= len(signatures) <= _MOST_SIGNERS:
            raise Unreadable("number of signers")
        certificates = _certificates(members(found, FIRST) if found else [])
        content_type, content = _content(encapsulated)
        signers = [_signer(one, certificates) for one in signatures]
        announced = {named(one) for one in members(digests, SET)}
        if number(version) not in _VERSIONS or not announced >= {one.digest_oid for one in signers}:
            raise Unreadable("version or digests of the message")
        return Message(content_type, content, signers)


def _content(encapsulated: Value) -> tuple[str, bytes | None]:
    with Row(encapsulated) as row:
        kind, inside = oid(row.take(OID)), row.maybe(FIRST)
    if inside is None:
        return kind, None
    content = explicit(inside)
    if content.tag not in (OCTETS, PIECES):
        raise Unreadable("content of another kind")
    return kind, octets(content)


def _der(raw: bytes) -> bytes:
    if raw[:1] == b"\x30":
        return raw
    if pem.detect(raw):
        return bytes(pem.unarmor(raw)[2])
    return base64.b64decode(b"".join(raw.split()), validate=True)


def _certificates(found: list[Value]) -> list[Certificate]:
    """Those we can read: a message may bring others' certificates of any kind."""
    if len(found) > _MOST_CERTIFICATES:
        raise Unreadable("number of certificates")
    known = []
    for item in found:
        try:
            known.append(parse(item.whole))
        except Unreadable:
            continue
    return known


def _signer(info: Value, certificates: list[Certificate]) -> Signer:
    with Row(info) as row:
        version, whose, digest = row.take(INTEGER), row.take(SEQUENCE, _KEY_ID), row.take(SEQUENCE)
        signed = row.maybe(FIRST)
        algorithm, signature = row.take(SEQUENCE), row.take(OCTETS, PIECES)
        unsigned = row.maybe(SECOND)
    if number(version) not in _SIGNER_VERSIONS:
        raise Unreadable("version of a signature")
    certificate = _certificate_of(whose, certificates)
    attributes = _attributes(signed, FIRST)
    time = _single(attributes, _TIME)
    return Signer(
        certificate=certificate,
        digest_oid=named(digest),
        message_digest=_of_kind(_required(attributes, _DIGEST), OCTETS).contents,
        content_type=oid(_required(attributes, _CONTENT_TYPE)),
        signing_time=None if time is None else moment(time),
        # inside the message the attributes carry the tag [0]; what is signed is a SET
        signed_part=_as_set(signed.contents if signed else b""),
        signature_oid=named(algorithm),
        signature=octets(signature),
        names_certificate=_names(attributes, certificate),
        stamps=_stamps(unsigned),
    )


def _stamps(unsigned: Value | None) -> tuple[bytes, ...]:
    found = tuple(one.whole for one in _attributes(unsigned, SECOND).get(_STAMP, ()))
    if len(found) > _MOST_STAMPS:
        raise Unreadable("number of time stamps")
    return found


def _as_set(contents: bytes) -> bytes:
    size = len(contents)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return b"\x31" + (bytes([size]) if size < 128 else bytes([0x80 | len(length)]) + length) + contents


def _certificate_of(whose: Value, certificates: list[Certificate]) -> Certificate:
    if whose.tag == _KEY_ID:
        chosen = [one for one in certificates if one.subject_key_id == whose.contents]
    else:
        issuer, serial = members(whose)
        wanted = issuer.whole, number(serial)
        chosen = [one for one in certificates if (one.issuer, one.serial) == wanted]
    if not chosen:
        raise Unreadable("no certificate of the signer")
    return chosen[0]


def _attributes(found: Value | None, tag: int) -> dict[str, list[Value]]:
    attributes: dict[str, list[Value]] = {}
    for item in members(found, tag) if found else ():
        with Row(item) as row:
            name, values = oid(row.take(OID)), row.take(SET)
        if name in attributes:
            raise Unreadable("an attribute twice")
        attributes[name] = members(values, SET)
    return attributes


def _single(attributes: dict[str, list[Value]], name: str) -> Value | None:
    values = attributes.get(name)
    if values is not None and len(values) != 1:
        raise Unreadable("an attribute of several values")
    return values[0] if values else None


def _required(attributes: dict[str, list[Value]], name: str) -> Value:
    value = _single(attributes, name)
    if value is None:
        raise Unreadable("a required attribute is missing")
    return value


def _of_kind(value: Value, tag: int) -> Value:
    if value.tag != tag:
        raise Unreadable("an attribute of another kind")
    return value


def _names(attributes: dict[str, list[Value]], certificate: Certificate) -> bool | None:
    """By the first certificate that the attribute names: RFC 5035, 3 and 4."""
    first, second = _single(attributes, _CERTIFICATE_V1), _single(attributes, _CERTIFICATE_V2)
    attribute = second or first
    if attribute is None:
        return None
    row = Row(members(Row(attribute).take(SEQUENCE))[0])
    algorithm = row.maybe(SEQUENCE) if second else None
    if algorithm and hash_of(algorithm) != _SHA256:
        return False
    sha1 = hashlib.sha1(certificate.der, usedforsecurity=False)
    right = hashlib.sha256(certificate.der) if second else sha1
    return row.take(OCTETS).contents == right.digest()
