"""Forms of a report: named rows and columns over the facts of a snapshot, and nothing else.

A fact is one line of a snapshot: a loan, a refusal, a clock. Which facts stand behind a cell follows from the same data
that counts them, so a figure and its drill-down cannot differ. A cell is named ROW/COLUMN.

Amounts are whole tiyn. A form shows them in tenge, or in thousand tenge: less than 500 tenge become nothing, 500 and
more a thousand, each line by itself; a total is the sum of the lines as they are shown, so that a form adds up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rules.errors import NotFound

TOTAL = "total"
LANGUAGES = ("kk", "ru", "en")
_THOUSAND = 100_000  # tiyn
_IN_ALL = {"kk": "Барлығы", "ru": "Итого", "en": "Total"}

Fact = Mapping[str, Any]
Words = Mapping[str, str]


def words(kk: str, ru: str, en: str) -> Words:
    """One name, a language each."""
    return {"kk": kk, "ru": ru, "en": en}


class Unit(StrEnum):
    """What a column shows."""

    COUNT = "count"
    TENGE = "tenge"
    THOUSAND = "thousand-tenge"
    TEXT = "text"


@dataclass(frozen=True)
class Row:
    """One line of a form."""

    code: str
    names: Words


@dataclass(frozen=True)
class Column:
    """What is told of each line.

    of: the field of a fact that is added up (tiyn), or shown (text); None: facts are counted. where: a fact belongs
    here when each of these fields has one of these values. parts: instead of facts, the sum of other columns.
    """

    code: str
    names: Words
    unit: Unit = Unit.COUNT
    of: str | None = None
    where: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    parts: tuple[str, ...] = ()

    def holds(self, fact: Fact) -> bool:
        """Whether a fact belongs into this column."""
        return all(fact[name] in values for name, values in self.where.items())


@dataclass(frozen=True)
class Figure:
    """One cell. exact: a count, or tiyn before rounding. shown: as the form has it, in the column's unit."""

    exact: int
    shown: int | str


Lines = dict[str, dict[str, Figure]]


@dataclass(frozen=True)
class Form:
    """One form.

    facts: the kind of facts it is made of. by: the field of a fact that names its line. labels: the snapshot's names
    of lines that come besides `rows`. several: that field is a list and a fact stands in several lines; the total
    counts it once. total: whether there is a line of totals.
    """

    code: str
    names: Words
    facts: str
    by: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    labels: str | None = None
    several: bool = False
    total: bool = True

    def column(self, code: str) -> Column:
        """A column by its code; an unknown one is an error of the program."""
        return next(one for one in self.columns if one.code == code)

    def lines_of(self, fact: Fact) -> Sequence[str]:
        """The lines in which a fact stands."""
        named = fact[self.by]
        return named if self.several else (named,)

    def behind(self, row: str, column: str, fact: Fact) -> bool:
        """Whether a fact is behind a cell."""
        one = self.column(column)
        leaves = [self.column(part) for part in one.parts] or [one]
        return (row == TOTAL or row in self.lines_of(fact)) and any(leaf.holds(fact) for leaf in leaves)

    def named_rows(self, labels: Mapping[str, Mapping[str, Words]]) -> tuple[Row, ...]:
        """The lines that stand in the form whatever the facts are."""
        more = labels.get(self.labels, {}) if self.labels else {}
        return (*self.rows, *(Row(code, names) for code, names in sorted(more.items())))


def shown(exact: int, unit: Unit) -> int:
    """A sum in the unit of its column: tiyn stay tiyn in tenge, and are rounded to thousand tenge.

    >>> shown(49_999, Unit.THOUSAND), shown(50_000, Unit.THOUSAND), shown(-50_000, Unit.THOUSAND)
    (0, 1, -1)
    """
    if unit is not Unit.THOUSAND:
        return exact
    thousands = (abs(exact) + _THOUSAND // 2) // _THOUSAND
    return thousands if exact >= 0 else -thousands


def text_of(figure: Figure, unit: Unit) -> str:
    """A cell as text: tenge with two decimals, everything else as it is.

    >>> text_of(Figure(-105, -105), Unit.TENGE), text_of(Figure(7, 7), Unit.COUNT)
    ('-1.05', '7')
    """
    if unit is not Unit.TENGE:
        return str(figure.shown)
    sign, tiyn = "-" if figure.exact < 0 else "", abs(figure.exact)
    return f"{sign}{tiyn // 100}.{tiyn % 100:02d}"


class Tally:
    """Adds up the facts of one form."""

    def __init__(self, form: Form, labels: Mapping[str, Mapping[str, Words]]) -> None:
        self.form = form
        self._leaves = [one for one in form.columns if not one.parts]
        self._names = sorted({name for one in self._leaves for name in one.where})
        self._hits: dict[tuple[object, ...], list[int]] = {}
        self._rows = {row.code: row for row in form.named_rows(labels)}
        self._sums: dict[str, list[int]] = {code: [0] * len(self._leaves) for code in self._rows}
        self._texts: dict[tuple[str, int], str] = {}
        self._all = [0] * len(self._leaves)

    def add(self, fact: Fact) -> None:
        """Take in one fact; a line that nobody named is added at the end."""
        key = tuple(fact[name] for name in self._names)
        hits = self._hits.get(key)
        if hits is None:
            hits = self._hits[key] = [at for at, one in enumerate(self._leaves) if one.holds(fact)]
        for code in self.form.lines_of(fact):
            sums = self._sums.setdefault(code, [0] * len(self._leaves))
            for at in hits:
                self._count(sums, code, at, fact)
        for at in hits:
            self._count(self._all, TOTAL, at, fact)

    def _count(self, sums: list[int], code: str, at: int, fact: Fact) -> None:
        column = self._leaves[at]
        if column.unit is Unit.TEXT:
            self._texts[code, at] = str(fact[column.of or ""])
        else:
            sums[at] += 1 if column.of is None else fact[column.of]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The lines in their order, the total last."""
        unnamed = sorted(set(self._sums) - set(self._rows))
        named = (*self._rows.values(), *(Row(code, words(code, code, code)) for code in unnamed))
        return (*named, Row(TOTAL, _IN_ALL)) if self.form.total else named

    def lines(self) -> Lines:
        """The figures, line by line."""
        found = {row.code: self._line(row.code) for row in self.rows if row.code != TOTAL}
        if self.form.total:
            found[TOTAL] = self._total(found)
        return {code: self._with_parts(line) for code, line in found.items()}

    def _line(self, code: str) -> dict[str, Figure]:
        line = {}
        for at, column in enumerate(self._leaves):
            exact = self._sums[code][at]
            text = self._texts.get((code, at), "")
            line[column.code] = Figure(exact, text if column.unit is Unit.TEXT else shown(exact, column.unit))
        return line

    def _total(self, found: Lines) -> dict[str, Figure]:
        line = {}
        for at, column in enumerate(self._leaves):
            if column.unit is Unit.TEXT:
                continue
            exact = self._all[at]
            lines = [int(one[column.code].shown) for one in found.values()]
            line[column.code] = Figure(exact, shown(exact, column.unit) if self.form.several else sum(lines))
        return line

    def _with_parts(self, line: dict[str, Figure]) -> dict[str, Figure]:
        """The line with its sums of columns, in the order of the form."""
        for column in self.form.columns:
            if column.parts:
                parts = [line[part] for part in column.parts]
                line[column.code] = Figure(sum(one.exact for one in parts), sum(int(one.shown) for one in parts))
        return {column.code: line[column.code] for column in self.form.columns if column.code in line}


def cell_of(forms: Iterable[Form], cell: str) -> tuple[Form, str, str]:
    """A cell by its name ROW/COLUMN; no two forms of a report have a column of the same code.

    Raises:
        NotFound: `report-cell-unknown`.
    """
    row, _, column = cell.rpartition("/")
    for form in forms:
        if row and any(one.code == column for one in form.columns):
            return form, row, column
    raise NotFound("report-cell-unknown", field="/cell")


def behind(form: Form, row: str, column: str, facts: Iterable[Fact]) -> Iterator[Fact]:
    """The facts behind a cell."""
    return (fact for fact in facts if form.behind(row, column, fact))
