"""How CMS, certificates and answers of the authority are read without surprises: RFC 5280, 5652, 6960.

asn1crypto makes an object of each value and raises KeyError on Kazakhstan's key algorithms. What every message needs is
therefore read by hand here, value by value, each with the tag it must have; the library keeps the rare forms.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from asn1crypto import core, x509

BOOLEAN, INTEGER, BITS, OCTETS, OID, ENUMERATED = 0x01, 0x02, 0x03, 0x04, 0x06, 0x0A
UTC_TIME, TIME, SEQUENCE, SET, PIECES = 0x17, 0x18, 0x30, 0x31, 0x24
FIRST, SECOND = 0xA0, 0xA1  # [0] and [1] that hold values
_NULL = b"\x05\x00"
# what is smaller cannot hold enough to hurt, so the usual message is not walked through twice
_SMALL, _MOST_VALUES, _DEEPEST, _LONGEST_NAME = 8 * 1024, 20_000, 64, 64
_MOST_IN_A_ROW = 1000


class Unreadable(Exception):
    """Bytes that are not what they should be. Stays inside this folder."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns whatever reading raises into Unreadable.

    On broken bytes the library raises ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError:
    anything but a clean refusal. So all of a value is read inside one block.
    """
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(what) from error


def bounded(raw: bytes) -> bytes:
    """The same bytes, where they hold no more values and no deeper ones than a person's message may.

    Without a limit a few megabytes of tiny values cost gigabytes of objects.

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
    if size < 0x80:
        return start, start + size
    if size == 0x80:
        return start, None
    wide = size & 0x7F
    if wide > 4 or start + wide > len(raw):
        raise Unreadable("a length cut off")
    begins = start + wide
    return begins, begins + int.from_bytes(raw[start:begins], "big")


class Value(NamedTuple):
    """One value where it lies in the bytes it was read from: nothing is copied before it is asked for."""

    tag: int
    raw: bytes
    at: int
    start: int
    end: int
    after: int

    @property
    def contents(self) -> bytes:
        """Without tag and length."""
        return self.raw[self.start : self.end]

    @property
    def whole(self) -> bytes:
        """With tag and length."""
        return self.raw[self.at : self.after]


def _value(raw: bytes, at: int, limit: int) -> Value:
    start, end = header(raw, at)
    after = end
    if end is None:
        if not raw[at] & 0x20:
            raise Unreadable("a value without end and without members")
        end = start
        while raw[end : end + 2] != b"\0\0":
            end = _value(raw, end, limit).after
        after = end + 2
    if after is None or after > limit:
        raise Unreadable("a value cut off")
    return Value(raw[at], raw, at, start, end, after)


def only(raw: bytes) -> Value:
    """The one value that the bytes hold. Unreadable where it is cut off, or something follows."""
    found = _value(raw, 0, len(raw))
    if found.after != len(raw):
        raise Unreadable("something follows")
    return found


def members(value: Value, tag: int = SEQUENCE) -> list[Value]:
    """The values inside one of this tag.

    Raises:
        Unreadable: another tag, too many, or one is cut off.
    """
    if value.tag != tag:
        raise Unreadable("another kind of value")
    found, raw, at, end = [], value.raw, value.start, value.end
    while at < end:
        one = _value(raw, at, end)
        found.append(one)
        at = one.after
        if len(found) > _MOST_IN_A_ROW:
            raise Unreadable("too many values")
    return found


class Row:
    """The members of a value, taken in their order; `with` demands that none is left. Raises as `members`."""

    def __init__(self, value: Value, tag: int = SEQUENCE) -> None:
        self._left = members(value, tag)[::-1]

    def __enter__(self) -> Row:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self._left:
            raise Unreadable("something follows")

    def maybe(self, *tags: int) -> Value | None:
        """The next one if it has one of these tags."""
        return self._left.pop() if self._left and self._left[-1].tag in tags else None

    def take(self, *tags: int) -> Value:
        """The next one.

        Raises:
            Unreadable: there is none, or it has another tag.
        """
        found = self.maybe(*tags)
        if found is None:
            raise Unreadable("a value is missing")
        return found


def explicit(value: Value) -> Value:
    """The one value that a numbered one holds. Unreadable where it holds none, or several."""
    found = members(value, value.tag)
    if len(found) != 1:
        raise Unreadable("not one value")
    return found[0]


def oid(value: Value) -> str:
    """An OBJECT IDENTIFIER in numbers.

    Raises:
        Unreadable, ValueError, TypeError: it is none.
    """
    if value.tag != OID or value.end - value.start > _LONGEST_NAME:
        raise Unreadable("not an identifier")
    return _dotted(value.whole)


@lru_cache(maxsize=1024)
def _dotted(encoded: bytes) -> str:
    return str(core.ObjectIdentifier.load(encoded, strict=True).dotted)


def number(value: Value, tag: int = INTEGER) -> int:
    """An INTEGER, or an ENUMERATED where that is the tag.

    Raises:
        Unreadable: it is none.
    """
    if value.tag != tag or value.start == value.end:
        raise Unreadable("not a number")
    return int.from_bytes(value.contents, "big", signed=True)


def octets(value: Value) -> bytes:
    """Of an OCTET STRING, which software that streams sends in pieces, or of a BIT STRING that holds whole bytes.

    Raises:
        Unreadable, ValueError, TypeError: it is neither, or says that some bits at its end do not count.
    """
    if value.tag == OCTETS:
        return value.contents
    if value.tag == PIECES:
        return bytes(core.OctetString.load(value.whole, strict=True).native)
    if value.tag != BITS or value.contents[:1] != b"\0":
        raise Unreadable("a bit string of broken bytes")
    return value.contents[1:]


def moment(value: Value) -> datetime:
    """UTCTime or GeneralizedTime, with its offset.

    Raises:
        Unreadable, ValueError, TypeError: it is none, or has no offset and so cannot be compared.
    """
    text = value.contents
    if text[:-1].isdigit() and text[-1:] == b"Z" and (value.tag, len(text)) in ((UTC_TIME, 13), (TIME, 15)):
        century = b"" if value.tag == TIME else b"20" if text < b"50" else b"19"  # RFC 5280, 4.1.2.5.1
        digits = (century + text[:-1]).decode()
        return datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}").replace(tzinfo=UTC)
    found: datetime = x509.Time.load(value.whole, strict=True).native
    if found.tzinfo is None:
        raise Unreadable("time without offset")
    return found


def named(algorithm: Value) -> str:
    """An AlgorithmIdentifier, where it has no parameters, as all of ours.

    Raises:
        Unreadable: it has some.
    """
    with Row(algorithm) as row:
        name = oid(row.take(OID))
        if (parameters := row.maybe(_NULL[0])) and parameters.whole != _NULL:
            raise Unreadable("parameters of an algorithm")
    return name


def hash_of(algorithm: Value) -> str:
    """An AlgorithmIdentifier of a digest in others' answers, whatever its parameters."""
    return oid(Row(algorithm).take(OID))


def extensions(value: Value) -> dict[str, tuple[bool, bytes]]:
    """Whether critical, and the value, by identifier.

    Raises:
        Unreadable: they are broken, or one stands twice.
    """
    found: dict[str, tuple[bool, bytes]] = {}
    for one in members(value):
        with Row(one) as row:
            name, critical, inside = oid(row.take(OID)), row.maybe(BOOLEAN), row.take(OCTETS)
        if name in found:
            raise Unreadable("an extension twice")
        found[name] = critical is not None and critical.contents != b"\0", inside.contents
    return found
