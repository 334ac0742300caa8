"""Writing DER by hand: the simulated authority shares no encoder with the code that checks it."""

from __future__ import annotations

from datetime import datetime

NULL = b"\x05\x00"
TRUE = b"\x01\x01\xff"


def wrap(tag: int, *parts: bytes) -> bytes:
    """Tag, length, contents.

    >>> wrap(0x04, b"ab").hex()
    '04026162'
    """
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE."""
    return wrap(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    """SET OF, its members in DER order."""
    return wrap(0x31, *sorted(parts))


def explicit(number: int, *parts: bytes) -> bytes:
    """[number] EXPLICIT, or IMPLICIT of something constructed."""
    return wrap(0xA0 | number, *parts)


def integer(value: int, tag: int = 0x02) -> bytes:
    """INTEGER, not negative.

    >>> integer(128).hex()
    '02020080'
    """
    return wrap(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER.

    >>> oid("1.2.840.113549").hex()
    '06062a864886f70d'
    """
    first, second, *rest = (int(part) for part in dotted.split("."))
    out = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 127]
        while arc := arc >> 7:
            groups.append(128 | arc & 127)
        out += bytes(reversed(groups))
    return wrap(0x06, bytes(out))


def octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return wrap(0x04, value)


def bits(value: bytes, unused: int = 0) -> bytes:
    """BIT STRING."""
    return wrap(0x03, bytes([unused]), value)


def named_bits(*numbers: int) -> bytes:
    """BIT STRING of named bits (key usage, failure reasons), without trailing zeros.

    >>> named_bits(0, 1).hex()
    '030206c0'
    """
    last = max(numbers)
    value = sum(1 << (last - number) for number in numbers)
    unused = 7 - last % 8
    return bits((value << unused).to_bytes(last // 8 + 1, "big"), unused)


def text(value: str) -> bytes:
    """UTF8String."""
    return wrap(0x0C, value.encode())


def printable(value: str) -> bytes:
    """PrintableString."""
    return wrap(0x13, value.encode("ascii"))


def utc_time(at: datetime) -> bytes:
    """UTCTime; at is UTC."""
    return wrap(0x17, at.strftime("%y%m%d%H%M%SZ").encode())


def generalized_time(at: datetime) -> bytes:
    """GeneralizedTime to the second; at is UTC."""
    return wrap(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())


def name(*pairs: tuple[str, bytes]) -> bytes:
    """A distinguished name of (attribute, encoded value) in the given order."""
    return sequence(*(wrap(0x31, sequence(oid(kind), value)) for kind, value in pairs))


def extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    """A certificate's or a request's extension."""
    return sequence(oid(kind), TRUE if critical else b"", octets(value))
