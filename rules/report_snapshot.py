"""A snapshot of what a report is made of: canonical lines of JSON, and the figures as a pure function of them.

The first line is the head, then comes a line a fact (its kind and its values), the last one says how many there were.
Equal facts give equal bytes. No personal data: ids, numbers of contracts, amounts, days.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from rules.errors import Conflict
from rules.evidence import Frozen
from rules.report_checks import Fault
from rules.report_facts import derived
from rules.report_forms import Fact, Lines, Row, Tally
from rules.reports import Report, report, span

FORMAT = 1
_COMPRESSION = 6
_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class Head(Frozen):
    """What is common to all facts of a snapshot.

    taken_at: when it was read, UTC. labels: names of lines that stand in forms whatever the facts are. books: totals
    that were counted another way, in tiyn. columns: names of the values of each kind of facts.
    """

    format: int = FORMAT
    report: str
    layout: int
    period: str
    taken_at: datetime
    lender_bin: str
    lender: dict[str, str]
    policy: str
    labels: dict[str, dict[str, dict[str, str]]] = Field(default_factory=dict)
    books: dict[str, int] = Field(default_factory=dict)
    columns: dict[str, list[str]]


def canonical(value: Any) -> bytes:
    """One spelling of a value: sorted names, no spaces, UTF-8, and a line feed.

    >>> canonical({"b": 1, "a": "қ"}).decode()
    '{"a":"қ","b":1}\\n'
    """
    return _JSON.encode(value).encode() + b"\n"


class Writer:
    """Writes a snapshot line by line; what is held in memory is compressed."""

    def __init__(self, head: Head) -> None:
        self._head, self._packed = head, io.BytesIO()
        self._press, self._hash, self.facts = zlib.compressobj(_COMPRESSION), hashlib.sha256(), 0
        self._put(head.model_dump(mode="json"))

    def add(self, kind: str, values: Sequence[Any]) -> None:
        """One fact; its values in the order of the head's columns."""
        if len(values) != len(self._head.columns[kind]):
            raise ValueError(f"a {kind} has other columns")
        self.facts += 1
        self._put([kind, *values])

    def _put(self, value: Any) -> None:
        line = canonical(value)
        self._hash.update(line)
        self._packed.write(self._press.compress(line))

    def end(self) -> Snapshot:
        """The whole of it."""
        self._put({"facts": self.facts})
        self._packed.write(self._press.flush())
        return Snapshot(self._packed.getvalue(), self._hash.hexdigest())


@dataclass(frozen=True)
class Snapshot:
    """packed: the canonical lines, compressed. sha256: of the lines themselves."""

    packed: bytes
    sha256: str

    @classmethod
    def of_lines(cls, lines: bytes) -> Snapshot:
        """From the lines as they are."""
        press = zlib.compressobj(_COMPRESSION)
        return cls(press.compress(lines) + press.flush(), hashlib.sha256(lines).hexdigest())

    def lines(self) -> bytes:
        """The canonical lines."""
        return zlib.decompress(self.packed)

    @property
    def head(self) -> Head:
        """Its first line."""
        return Head.model_validate(next(self._read()))

    @property
    def definition(self) -> Report:
        """The report it was taken for.

        Raises:
            Conflict: `report-layout-other`: its forms are others today.
        """
        head = self.head
        found = report(head.report)
        if (head.format, head.layout) != (FORMAT, found.layout):
            raise Conflict("report-layout-other")
        return found

    def facts(self, kinds: Iterable[str] | None = None) -> Iterator[tuple[str, Fact]]:
        """Each fact with its kind, and what rules add to it.

        Raises:
            Conflict: `report-snapshot-damaged`: it has another number of facts than its last line says.
        """
        lines = self._read()
        head = Head.model_validate(next(lines))
        window = span(report(head.report).every, head.period).window
        wanted = None if kinds is None else frozenset(kinds)
        for number, line in enumerate(lines):
            if isinstance(line, dict):
                if line != {"facts": number}:
                    break
                return
            kind, *values = line
            if wanted is None or kind in wanted:
                yield kind, derived(kind, dict(zip(head.columns[kind], values, strict=True)), window)
        raise Conflict("report-snapshot-damaged")

    def _read(self) -> Iterator[Any]:
        unpack, rest = zlib.decompressobj(), b""
        for start in range(0, len(self.packed), 65_536):
            *whole, rest = (rest + unpack.decompress(self.packed[start : start + 65_536])).split(b"\n")
            yield from map(json.loads, whole)
        *whole, rest = (rest + unpack.flush()).split(b"\n")
        yield from map(json.loads, whole)


class CheckResult(Frozen):
    """One control check and whether it held."""

    rule: str
    formula: str
    ok: bool


@dataclass(frozen=True)
class Built:
    """A report computed. figures: by form, line and column. rows: the lines of each form, in their order."""

    head: Head
    report: Report
    figures: Mapping[str, Lines]
    rows: Mapping[str, tuple[Row, ...]]
    checks: tuple[CheckResult, ...]
    faults: tuple[Fault, ...]
    facts: int


def build(snapshot: Snapshot) -> Built:
    """Figures and control checks, a pure function of the snapshot.

    Raises:
        Conflict: `report-layout-other`, `report-snapshot-damaged`.
    """
    definition, head = snapshot.definition, snapshot.head
    tallies = [Tally(form, head.labels) for form in definition.forms]
    by_kind: dict[str, list[Tally]] = {}
    for tally in tallies:
        by_kind.setdefault(tally.form.facts, []).append(tally)
    count = 0
    for kind, fact in snapshot.facts():
        count += 1
        for tally in by_kind.get(kind, ()):
            tally.add(fact)
    figures = {tally.form.code: tally.lines() for tally in tallies}
    results, faults = [], list[Fault]()
    for check in definition.checks:
        found = list(check.faults(definition.form_codes, figures, head.books))
        faults += found
        results.append(CheckResult(rule=check.rule, formula=check.formula, ok=not found))
    rows = {tally.form.code: tally.rows for tally in tallies}
    return Built(head, definition, figures, rows, tuple(results), tuple(faults), count)
