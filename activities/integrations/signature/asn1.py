"""Shapes of CMS, certificates and OCSP answers, and the way of reading them without surprises.

asn1crypto's own certificate classes raise KeyError on Kazakhstan's key algorithms, hence classes of our own
for everything that holds a key, a certificate or an attribute. Shapes: RFC 5280, 5652, 6960.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache

from asn1crypto import core, ocsp, tsp, x509

# what is smaller cannot hold enough to hurt, so the usual message is not walked through twice
_NULL = b"\x05\x00"
_SMALL, _MOST_VALUES, _DEEPEST = 8 * 1024, 20_000, 64


class Unreadable(Exception):
    """Bytes that are not what they should be. Stays inside this folder."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns whatever the parser raises into Unreadable.

    The parser reads lazily, and on broken bytes raises ValueError, TypeError, KeyError, IndexError,
    OverflowError, RecursionError: anything but a clean refusal. So all of a value is read inside one block.
    """
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(what) from error


def bounded(raw: bytes) -> bytes:
    """The same bytes, where they hold no more values and no deeper ones than a person's message may.

    The parser makes an object of each value: without a limit a few megabytes of tiny ones cost gigabytes.

    Raises:
        Unreadable: too many, too deep, or a length that reaches beyond the end.
    """
    if len(raw) <= _SMALL:
        return raw
    ends, at, count = [len(raw)], 0, 0
    while ends:
        if at == ends[-1]:
            ends.pop()
            continue
        start, end = header(raw, at)
        count += 1
        if count > _MOST_VALUES or len(ends) > _DEEPEST:
            raise Unreadable("too many values")
        if end is None:  # its end is a mark, so it may not reach beyond what it lies in
            ends.append(-1)
            at = start
        elif ends[-1] == -1 and raw[at : at + 2] == b"\0\0":
            ends.pop()
            at = start
        elif end > next(one for one in reversed(ends) if one >= 0):
            raise Unreadable("a length beyond the end")
        elif raw[at] & 0x20:
            ends.append(end)
            at = start
        else:
            at = end
    return raw


def header(raw: bytes, at: int) -> tuple[int, int | None]:
    """Where the contents of the value at `at` begin and end; its end is None where a mark will tell.

    Raises:
        Unreadable: cut off, a tag of several bytes, or a length of more than four.
    """
    if at + 2 > len(raw) or raw[at] & 0x1F == 0x1F:
        raise Unreadable("a value cut off")
    size, start = raw[at + 1], at + 2
    if size == 0x80:
        return start, None
    if size > 0x80:
        wide = size & 0x7F
        if wide > 4 or start + wide > len(raw):
            raise Unreadable("a length cut off")
        size, start = int.from_bytes(raw[start : start + wide], "big"), start + wide
    return start, start + size


def members(contents: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, contents and whole bytes of each value in a row, DER. The parser does it too, ten times slower.

    Raises:
        Unreadable: a value is cut off or has no length.
    """
    at = 0
    while at < len(contents):
        start, end = header(contents, at)
        if end is None or end > len(contents):
            raise Unreadable("a value cut off")
        yield contents[at], contents[start:end], contents[at:end]
        at = end


@lru_cache(maxsize=1024)
def dotted(oid: bytes) -> str:
    """An encoded OBJECT IDENTIFIER in numbers.

    Raises:
        ValueError, TypeError: it is none.
    """
    return str(core.ObjectIdentifier.load(oid, strict=True).dotted)


def octets(bits: core.OctetBitString) -> bytes:
    """A BIT STRING that holds whole bytes, which the parser would not insist on.

    Raises:
        Unreadable: it says that some bits at its end do not count, or lies in pieces.
    """
    contents = bits.contents or b""
    if bits.method or contents[:1] != b"\0":
        raise Unreadable("a bit string of broken bytes")
    return bytes(contents[1:])


def instant(value: datetime) -> datetime:
    """An instant with its offset; a time without one cannot be compared.

    Raises:
        Unreadable: no offset.
    """
    if value.tzinfo is None:
        raise Unreadable("time without offset")
    return value


class AlgorithmId(core.Sequence):  # type: ignore[misc]
    _fields = [("oid", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


def named(algorithm: AlgorithmId) -> str:
    """The algorithm, where it has no parameters, as all of ours.

    Raises:
        Unreadable: it has some.
    """
    if algorithm["parameters"].dump() not in (b"", _NULL):
        raise Unreadable("parameters of an algorithm")
    return str(algorithm["oid"].dotted)


class PublicKeyInfo(core.Sequence):  # type: ignore[misc]
    _fields = [("algorithm", AlgorithmId), ("key", core.OctetBitString)]


class Oids(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.ObjectIdentifier


class Extension(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("oid", core.ObjectIdentifier),
        ("critical", core.Boolean, {"default": False}),
        ("value", core.OctetString),
    ]


class Extensions(core.SequenceOf):  # type: ignore[misc]
    _child_spec = Extension


class ToBeSigned(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("version", core.Integer, {"explicit": 0, "default": 0}),
        ("serial", core.Integer),
        ("algorithm", AlgorithmId),
        ("issuer", x509.Name),
        ("validity", x509.Validity),
        ("subject", x509.Name),
        ("key", PublicKeyInfo),
        ("issuer_id", core.OctetBitString, {"implicit": 1, "optional": True}),
        ("subject_id", core.OctetBitString, {"implicit": 2, "optional": True}),
        ("extensions", Extensions, {"explicit": 3, "optional": True}),
    ]


class CertificateShape(core.Sequence):  # type: ignore[misc]
    _fields = [("tbs", ToBeSigned), ("algorithm", AlgorithmId), ("signature", core.OctetBitString)]


class AnySet(core.SetOf):  # type: ignore[misc]
    _child_spec = core.Any


class AnySequence(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.Any


class Attribute(core.Sequence):  # type: ignore[misc]
    _fields = [("oid", core.ObjectIdentifier), ("values", AnySet)]


class Attributes(core.SetOf):  # type: ignore[misc]
    _child_spec = Attribute


class IssuerAndSerial(core.Sequence):  # type: ignore[misc]
    _fields = [("issuer", x509.Name), ("serial", core.Integer)]


class SignerId(core.Choice):  # type: ignore[misc]
    _alternatives = [("by_issuer", IssuerAndSerial), ("by_key", core.OctetString, {"implicit": 0})]


class SignerInfo(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("version", core.Integer),
        ("signer", SignerId),
        ("digest", AlgorithmId),
        ("signed", Attributes, {"implicit": 0, "optional": True}),
        ("algorithm", AlgorithmId),
        ("signature", core.OctetString),
        ("unsigned", Attributes, {"implicit": 1, "optional": True}),
    ]


class SignerInfos(core.SetOf):  # type: ignore[misc]
    _child_spec = SignerInfo


class Encapsulated(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("type", core.ObjectIdentifier),
        ("content", core.OctetString, {"explicit": 0, "optional": True}),
    ]


class SignedData(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("version", core.Integer),
        ("digests", AnySet),
        ("encapsulated", Encapsulated),
        ("certificates", AnySet, {"implicit": 0, "optional": True}),
        ("revocation", AnySet, {"implicit": 1, "optional": True}),
        ("signers", SignerInfos),
    ]


class ContentInfo(core.Sequence):  # type: ignore[misc]
    _fields = [("type", core.ObjectIdentifier), ("content", SignedData, {"explicit": 0})]


class ListToBeSigned(core.Sequence):  # type: ignore[misc]
    """Of a revocation list; its entries are kept as bytes, there may be a hundred thousand."""

    _fields = [
        ("version", core.Integer, {"optional": True}),
        ("algorithm", AlgorithmId),
        ("issuer", x509.Name),
        ("this_update", x509.Time),
        ("next_update", x509.Time, {"optional": True}),
        ("entries", AnySequence, {"optional": True}),
        ("extensions", Extensions, {"explicit": 0, "optional": True}),
    ]


class ListShape(core.Sequence):  # type: ignore[misc]
    _fields = [("tbs", ListToBeSigned), ("algorithm", AlgorithmId), ("signature", core.OctetBitString)]


class ListEntry(core.Sequence):  # type: ignore[misc]
    _fields = [("serial", core.Integer), ("at", x509.Time), ("extensions", Extensions, {"optional": True})]


class BasicResponse(core.Sequence):  # type: ignore[misc]
    """An OCSP answer whose certificates are kept as bytes."""

    _fields = [
        ("tbs", ocsp.ResponseData),
        ("algorithm", AlgorithmId),
        ("signature", core.OctetBitString),
        ("certificates", AnySequence, {"explicit": 0, "optional": True}),
    ]


class TimeStampReply(core.Sequence):  # type: ignore[misc]
    """A time-stamping authority's reply; the library's own class cannot read a refusal, which has no token."""

    _fields = [("status", tsp.PKIStatusInfo), ("token", core.Any, {"optional": True})]
