"""Control checks of a report, as data: within a form, between its forms, and against the books.

What a check finds is named by form, cell and rule, with a reason; one finding is enough to refuse the whole report.
A check that compares what is shown looks at rounded figures, as the reader of the form does; the others are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from rules.evidence import Frozen
from rules.report_forms import TOTAL, Figure, Form, Lines, Unit

All = Mapping[str, Lines]
Books = Mapping[str, int]


class Fault(Frozen):
    """What a check refused. cell: ROW/COLUMN. reason: both sides of what does not agree; no personal data."""

    form: str
    cell: str
    rule: str
    reason: str


class Check(Protocol):
    """One rule over the figures of all forms of a report."""

    @property
    def rule(self) -> str:
        """Its name."""

    @property
    def formula(self) -> str:
        """What must hold, in signs that every language reads."""

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """What does not hold."""


@dataclass(frozen=True)
class RowsAddUp:
    """The line of totals is the sum of the lines.

    several: a fact may stand in several lines and counts once in the total, between the greatest line and the sum.
    """

    rule: str
    form: str
    several: bool = False

    @property
    def formula(self) -> str:
        """See Check."""
        return f"{self.form}: max ≤ {TOTAL} ≤ Σ" if self.several else f"{self.form}: {TOTAL} = Σ"

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """See Check."""
        form, lines = forms[self.form], figures[self.form]
        for column in form.columns:
            if column.unit is Unit.TEXT:
                continue
            total = lines[TOTAL][column.code]
            others = [line[column.code] for code, line in lines.items() if code != TOTAL]
            if self.several:
                exact = [one.exact for one in others]
                fits = max(exact, default=0) <= total.exact <= sum(exact)
            else:
                fits = total.shown == sum(int(one.shown) for one in others)
            if not fits:
                reason = f"{total.shown} ≠ Σ {sum(int(one.shown) for one in others)}"
                yield Fault(form=self.form, cell=f"{TOTAL}/{column.code}", rule=self.rule, reason=reason)


@dataclass(frozen=True)
class Balance:
    """In each line: closing = opening + what came - what went, to the tiyn."""

    rule: str
    form: str
    closing: str
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """See Check."""
        return f"{self.closing} = {' + '.join(self.plus)}" + "".join(f" − {name}" for name in self.minus)

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """See Check."""
        for row, line in figures[self.form].items():
            side = sum(line[name].exact for name in self.plus) - sum(line[name].exact for name in self.minus)
            if line[self.closing].exact != side:
                reason = f"{_exact(self, forms, line[self.closing].exact)} ≠ {_exact(self, forms, side)}"
                yield Fault(form=self.form, cell=f"{row}/{self.closing}", rule=self.rule, reason=reason)


@dataclass(frozen=True)
class NotNegative:
    """No cell of these columns is below zero."""

    rule: str
    form: str
    columns: tuple[str, ...]

    @property
    def formula(self) -> str:
        """See Check."""
        return f"{', '.join(self.columns)} ≥ 0"

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """See Check."""
        for row, line in figures[self.form].items():
            for name in self.columns:
                if line[name].exact < 0:
                    reason = f"{_text(line[name])} < 0"
                    yield Fault(form=self.form, cell=f"{row}/{name}", rule=self.rule, reason=reason)


@dataclass(frozen=True)
class Nothing:
    """These cells are empty. row: None for every line. why: what an entry would mean."""

    rule: str
    form: str
    column: str
    row: str | None = None
    why: str = ""

    @property
    def formula(self) -> str:
        """See Check."""
        return f"{self.row or '*'}/{self.column} = 0"

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """See Check."""
        rows = figures[self.form] if self.row is None else {self.row}
        for row in rows:
            line = figures[self.form].get(row)
            if line is not None and line[self.column].exact and (row != TOTAL or self.row == TOTAL):
                reason = f"{_text(line[self.column])} ≠ 0: {self.why}"
                yield Fault(form=self.form, cell=f"{row}/{self.column}", rule=self.rule, reason=reason)


@dataclass(frozen=True)
class NotAbove:
    """In each line a cell is not above a cell of the same line, in this form or another."""

    rule: str
    form: str
    column: str
    other_form: str
    other: str

    @property
    def formula(self) -> str:
        """See Check."""
        return f"{self.form}:{self.column} ≤ {self.other_form}:{self.other}"

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """See Check."""
        for row, line in figures[self.form].items():
            other = figures[self.other_form].get(row, {}).get(self.other, Figure(0, 0))
            if line[self.column].exact > other.exact:
                reason = f"{_text(line[self.column])} > {self.other_form}:{row}/{self.other} {_text(other)}"
                yield Fault(form=self.form, cell=f"{row}/{self.column}", rule=self.rule, reason=reason)


@dataclass(frozen=True)
class SumNeedsCount:
    """Where a line has a sum, it has something that the sum is of."""

    rule: str
    form: str
    amount: str
    count_form: str
    count: str

    @property
    def formula(self) -> str:
        """See Check."""
        return f"{self.form}:{self.amount} ≠ 0 → {self.count_form}:{self.count} ≠ 0"

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """See Check."""
        for row, line in figures[self.form].items():
            count = figures[self.count_form].get(row, {}).get(self.count, Figure(0, 0))
            if line[self.amount].exact and not count.exact:
                reason = f"{_text(line[self.amount])}, {self.count_form}:{row}/{self.count} 0"
                yield Fault(form=self.form, cell=f"{row}/{self.amount}", rule=self.rule, reason=reason)


@dataclass(frozen=True)
class Equals:
    """The sum of some cells of one form is the sum of some cells of another."""

    rule: str
    form: str
    cells: tuple[tuple[str, str], ...]
    other_form: str
    others: tuple[tuple[str, str], ...]

    @property
    def formula(self) -> str:
        """See Check."""
        return f"{self.form}:{_named(self.cells)} = {self.other_form}:{_named(self.others)}"

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """See Check."""
        ours = sum(figures[self.form][row][column].exact for row, column in self.cells)
        theirs = sum(figures[self.other_form][row][column].exact for row, column in self.others)
        if ours != theirs:
            reason = f"{ours} ≠ {self.other_form}:{_named(self.others)} {theirs}"
            yield Fault(form=self.form, cell="/".join(self.cells[0]), rule=self.rule, reason=reason)


@dataclass(frozen=True)
class InBooks:
    """A cell is what the snapshot's books say, counted another way, to the tiyn."""

    rule: str
    form: str
    row: str
    column: str
    book: str

    @property
    def formula(self) -> str:
        """See Check."""
        return f"{self.row}/{self.column} = {self.book}"

    def faults(self, forms: Mapping[str, Form], figures: All, books: Books) -> Iterator[Fault]:
        """See Check."""
        ours, theirs = figures[self.form][self.row][self.column].exact, books[self.book]
        if ours != theirs:
            reason = f"{_exact(self, forms, ours)} ≠ {self.book} {_exact(self, forms, theirs)}"
            yield Fault(form=self.form, cell=f"{self.row}/{self.column}", rule=self.rule, reason=reason)


def _named(cells: tuple[tuple[str, str], ...]) -> str:
    return "+".join(f"{row}/{column}" for row, column in cells)


def _text(figure: Figure) -> str:
    return str(figure.shown if figure.shown or not figure.exact else figure.exact)


def _exact(check: Balance | InBooks, forms: Mapping[str, Form], exact: int) -> str:
    """An exact side: amounts in tenge with their tiyn, counts as they are."""
    name = check.closing if isinstance(check, Balance) else check.column
    if forms[check.form].column(name).unit is Unit.COUNT:
        return str(exact)
    sign = "-" if exact < 0 else ""
    return f"{sign}{abs(exact) // 100}.{abs(exact) % 100:02d}"
