"""Searching bytes for many values at once, in the forms in which they could have slipped through.

A value is looked for as UTF-8, as UTF-16 of both byte orders, in base64 (both alphabets, wherever it may begin in
what was encoded) and in hexadecimal (PostgreSQL dumps bytes so). Finding costs the same for ten values and for a
million: the first eight bytes of each form go into a table that numpy looks up for every place of a chunk at once.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_HEAD = 8  # bytes; a form that is shorter cannot be looked for
_TABLE_BITS = 23
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
_ALIGNMENTS = 3
_WORD = re.compile(rb"[0-9A-Za-z]")


@dataclass(frozen=True)
class Needle:
    """One form of one value. alone: only where no letter or digit stands beside it (short numbers)."""

    form: bytes
    kind: str
    alone: bool = False


def spellings(kind: str, value: str) -> set[str]:
    """How a value may be written.

    >>> sorted(spellings("phone", "+77071234567"))[0]
    '+7 (707) 123-45-67'
    """
    if kind == "phone":
        national = value[2:]
        a, b, c, d = national[:3], national[3:6], national[6:8], national[8:]
        return {f"7{national}", f"8{national}", f"+7 ({a}) {b}-{c}-{d}", f"{a} {b} {c} {d}", f"{a} {b}-{c}-{d}"}
    if kind == "iban":
        return {value, value.lower(), " ".join(value[at : at + 4] for at in range(0, len(value), 4))}
    if kind == "name":
        return _names(value)
    return {value}


def _names(value: str) -> set[str]:
    surname, _, given = value.partition(" ")
    if not surname or not given:
        return {value.strip()}
    written = set()
    for case in (str, str.upper, str.lower, str.title):
        one, two = case(surname), case(given)
        plain = {f"{one} {two}", f"{two} {one}", f'{one}","given_name":"{two}', f'{one}", "given_name": "{two}'}
        written |= plain | {json.dumps(text)[1:-1].replace('\\"', '"') for text in plain}
    return written


def forms(kind: str, value: str) -> Iterator[Needle]:
    """Every form of every spelling of a value that is long enough to be looked for."""
    for text in spellings(kind, value):
        plain = text.encode()
        yield Needle(plain, kind, alone=kind == "document")
        yield from (Needle(text.encode(order), kind) for order in ("utf-16-le", "utf-16-be"))
        yield from (Needle(form, kind) for form in _base64(plain))
        yield from (Needle(form, kind) for form in {plain.hex().encode(), plain.hex().upper().encode()})


def _base64(plain: bytes) -> set[bytes]:
    """The characters that do not depend on what stands before and after."""
    found = set()
    for shift in range(_ALIGNMENTS):
        encoded = base64.b64encode(bytes(shift) + plain)
        first, last = -(-shift * 8 // 6), (shift + len(plain)) * 8 // 6
        found |= {encoded[first:last], encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))}
    return found


@dataclass
class Haystack:
    """Looks for needles in chunks of bytes."""

    needles: Iterable[Needle]
    longest: int = field(default=_HEAD, init=False)

    def __post_init__(self) -> None:
        self._by_head: dict[int, list[Needle]] = {}
        for needle in self.needles:
            if len(needle.form) >= _HEAD:
                self._by_head.setdefault(int.from_bytes(needle.form[:_HEAD], "little"), []).append(needle)
                self.longest = max(self.longest, len(needle.form))
        self._heads = np.array(sorted(self._by_head), dtype=np.uint64)
        self._table = np.zeros(1 << _TABLE_BITS, dtype=bool)
        self._table[_places(self._heads)] = True

    def find(self, chunk: bytes) -> Iterator[tuple[int, str]]:
        """(offset, kind) of each needle in these bytes."""
        for shift in range(min(_HEAD, max(0, len(chunk) - _HEAD + 1))):
            heads = np.frombuffer(chunk, dtype="<u8", count=(len(chunk) - shift) // _HEAD, offset=shift)
            likely = np.flatnonzero(self._table[_places(heads)])
            for index in likely[self._known(heads[likely])]:
                at = int(index) * _HEAD + shift
                for needle in self._by_head[int(heads[index])]:
                    if chunk.startswith(needle.form, at) and not (needle.alone and _inside(chunk, at, needle)):
                        yield at, needle.kind

    def _known(self, heads: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if not len(self._heads):
            return np.zeros(len(heads), dtype=bool)
        nearest = np.minimum(np.searchsorted(self._heads, heads), len(self._heads) - 1)
        same: np.ndarray[Any, Any] = self._heads[nearest] == heads
        return same

    def search(self, chunks: Iterable[bytes]) -> Iterator[tuple[int, str]]:
        """(offset, kind) in a stream, once each; a needle may lie across chunks."""
        kept, start, done = b"", 0, 0  # offsets in the stream: of the first kept byte, and up to where all is told
        reach = self.longest + 1  # and the byte beside it
        for chunk in chunks:
            data = kept + chunk
            cut = max(done, start + len(data) - reach)
            yield from ((start + at, kind) for at, kind in self.find(data) if done <= start + at < cut)
            keep = max(0, cut - start - 1)
            kept, start, done = data[keep:], start + keep, cut
        yield from ((start + at, kind) for at, kind in self.find(kept) if start + at >= done)


def _places(heads: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(over="ignore"):
        return (heads * _SPREAD) >> np.uint64(64 - _TABLE_BITS)


def _inside(chunk: bytes, at: int, needle: Needle) -> bool:
    """Whether the needle is a part of a longer word or number (a digest, a fraction of a second)."""
    before, after = chunk[max(0, at - 1) : at], chunk[at + len(needle.form) : at + len(needle.form) + 1]
    return bool(_WORD.match(before) or before == b"." or _WORD.match(after))
