"""The plan of a loan as its fold walks along it: due dates, parts of principal, factors; and how a plan is changed.

A row asks for its part of the principal and for the interest that has run since the row before it. The parts are fixed
when the plan is made (rules.plan); interest is what really ran. So a loan that is paid on time repeats its schedule.

A plan is never changed in place. Days are proleptic ordinals (`date.toordinal`), money is tiyn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from rules import plan as plans
from rules.accrual import factor, factors_of, to_tiyn
from rules.calendar import OffDays
from rules.day_count import DayCount, Period, Periods, periods
from rules.days_off import next_working_day
from rules.errors import InvalidInput
from rules.loan_events import Restructured, Use
from rules.money import Money
from rules.plan import Shape
from rules.terms import LoanTerms, Method

_BY_DAYS = frozenset({DayCount.ACT_365, DayCount.ACT_360})
_PARTS_STAY = frozenset({Method.DIFFERENTIATED, Method.BULLET})


class Row(NamedTuple):
    """One instalment. due: interest runs up to it. pay_by: the last day to pay, later where `due` is a day off.

    part: of the principal. payment: with the interest that was planned. defers: its interest falls due with a later
    row (a grace of the lender's own method).
    """

    n: int
    due: int
    pay_by: int
    part: int
    payment: int
    defers: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows with their periods and the factors of whole periods; equally many of each."""

    terms: LoanTerms
    shape: Shape
    rows: tuple[Row, ...]
    periods: tuple[Period, ...]
    factors: tuple[int, ...]
    starts: tuple[int, ...]
    by_days: bool  # a day is always the same share of a year

    @property
    def rate(self) -> Decimal:
        """Per cent a year."""
        return self.terms.rate_percent_per_year

    @property
    def count(self) -> DayCount:
        """How days become a share of a year."""
        return self.terms.day_count

    def factor(self, index: int, since: int, to: int) -> int:
        """Interest of one tiyn over days inside a period, in 1e-18; behind the last period days go on being counted.

        There each part is a period of its own: no whole months, all its days left over.
        """
        rows, terms = self.rows, self.terms
        inside = index < len(rows)
        if inside and since == self.starts[index] and to == rows[index].due:
            return self.factors[index]
        if self.by_days:
            return _by_days(terms.rate_percent_per_year, terms.day_count, to - since)
        start, end = date.fromordinal(since), date.fromordinal(to)
        period = self.periods[index] if inside else Period(start, end, 0, to - since)
        return factor(terms.rate_percent_per_year, period, terms.day_count, start, end)


@lru_cache(maxsize=65536)
def _by_days(rate: Decimal, count: DayCount, days: int) -> int:
    start = date.fromordinal(1)
    return factor(rate, Period(start, date.fromordinal(1 + days), 0, days), count)


def _plan(terms: LoanTerms, shape: Shape, rows: Sequence[Row], spans: Sequence[Period]) -> Plan:
    days = spans if isinstance(spans, Periods) else Periods(spans)
    factors = factors_of(terms.rate_percent_per_year, days, terms.day_count) if spans else []
    starts = [span.start.toordinal() for span in spans[:1]] + [row.due for row in rows[:-1]]
    return Plan(terms, shape, tuple(rows), tuple(spans), tuple(factors), tuple(starts), terms.day_count in _BY_DAYS)


@lru_cache(maxsize=4096)
def plan_of(terms: LoanTerms) -> Plan:
    """The plan of the contract.

    Raises:
        InvalidInput: terms that give no sound schedule.
    """
    spans, shape = terms.repayment_periods(), plans.shape_of(terms)
    return _plan(terms, shape, _rows(terms, spans, shape, plans.rows_in_tiyn(terms)), spans)


def _rows(terms: LoanTerms, spans: Sequence[Period], shape: Shape, made: Sequence[plans.Row]) -> list[Row]:
    rows, moves = [], terms.off_days is not OffDays.KEEP
    for n, (span, row) in enumerate(zip(spans, made, strict=True), 1):
        due = span.due.toordinal()
        rows.append(Row(n, due, pay_by(terms, due) if moves else due, row[1], row[2], n <= shape.grace))
    return rows


def pay_by(terms: LoanTerms, due: int) -> int:
    """The last day to pay what falls due on a day."""
    if terms.off_days is OffDays.KEEP:
        return due
    return next_working_day(date.fromordinal(due)).toordinal()


def restructured(terms: LoanTerms, fact: Restructured, left: int) -> Plan:
    """A new plan over the principal left, from the day of the fact on. left: tiyn, may be zero.

    Raises:
        InvalidInput: terms that give no sound schedule of any sum.
    """
    new = terms.model_copy(
        update={
            "principal": Money.of_tiyn(max(left, 1)),
            "rate_percent_per_year": fact.rate_percent_per_year,
            "periods": fact.periods,
            "method": _method(fact.method),
            "disbursed": fact.value_date,
            "first_due": fact.first_due,
            "interest_only_months": fact.interest_only_months,
            "grace_periods": 0,
            "step_percent": Decimal(0),
        }
    )
    new.check()
    spans, shape = new.repayment_periods(), plans.shape_of(new)
    factors = factors_of(new.rate_percent_per_year, spans, new.day_count)
    return _plan(new, shape, _rows(new, spans, shape, _divided(left, factors, shape)), spans)


def _method(name: str) -> Method:
    try:
        return Method(name)
    except ValueError:
        raise InvalidInput("method-unknown", "no such method of repayment", field="/method") from None


def _divided(left: int, factors: Sequence[int], shape: Shape) -> list[plans.Row]:
    """Rows over these periods. Where the debt is too small for so many sound rows, the last one takes what is left.

    A fact that stands must never make the loan unreadable, so rows that ask for nothing are kept then.
    """
    try:
        return plans.plan_rows(left, factors, shape)
    except InvalidInput:
        part = 0 if shape.method is Method.BULLET else left // len(factors)
    rows: list[plans.Row] = []
    for by in factors[:-1]:
        interest = to_tiyn(left * by)
        left -= part
        rows.append((interest, part, interest + part, left))
    interest = to_tiyn(left * factors[-1])
    return [*rows, (interest, left, interest + left, 0)]


def repaid_early(plan: Plan, passed: int, day: int, left: int, use: Use) -> Plan:
    """The plan after a part of the principal was repaid early on a day.

    The first period to come keeps its dates; its factor counts from the day. smaller_instalment: the rest is divided
    anew over the same dates. shorter_term: level instalments keep their sum, parts of differentiated and bullet loans
    (and rows of interest alone) theirs, and the plan ends with the row that repays the rest.

    Args:
        passed: rows behind us. left: principal left, tiyn, more than zero.
    """
    rows, spans = plan.rows[passed:], plan.periods[passed:]
    factors = [plan.factor(passed, day, rows[0].due), *plan.factors[passed + 1 :]]
    shape = _later(plan.shape, passed)
    if use is Use.SMALLER_INSTALMENT:
        made = _divided(left, factors, shape)
    else:
        made = _shortened(rows, factors, left, shape.method)
    again = [
        row._replace(part=new[1], payment=new[2], defers=index < shape.grace)
        for index, (row, new) in enumerate(zip(rows, made, strict=False))
    ]
    return _plan(plan.terms, shape, again, spans[: len(again)])


def _later(shape: Shape, passed: int) -> Shape:
    """The layout of what is left of a plan."""
    if not (shape.interest_only or shape.grace):
        return shape
    return Shape(
        shape.method,
        shape.rounding,
        shape.multiple,
        max(shape.interest_only - passed, 0),
        max(shape.grace - passed, 0),
        shape.step_percent,
        shape.step_every,
    )


def _shortened(rows: Sequence[Row], factors: Sequence[int], left: int, method: Method) -> list[plans.Row]:
    made: list[plans.Row] = []
    waiting = 0  # exact interest of rows that defer theirs
    for row, by in zip(rows, factors, strict=True):
        waiting += left * by
        interest = 0 if row.defers else to_tiyn(waiting)
        waiting = waiting if row.defers else 0
        part = row.part if row.part == 0 or method in _PARTS_STAY else max(row.payment - interest, 0)
        part = left if row is rows[-1] else min(part, left)
        left -= part
        made.append((interest, part, interest + part, left))
        if not left:
            break
    return made


def moved(plan: Plan, passed: int, due: int, to: int, *, later_too: bool) -> Plan | None:
    """The plan to come with one due date moved; None where no instalment to come is due on that day.

    later_too: the later ones move by as many days. The rows are put in order again; each keeps its part of the
    principal, the last one takes what is left.
    """
    rows = plan.rows[passed:]
    index = next((index for index, row in enumerate(rows) if row.due == due), None)
    if index is None:
        return None
    again = list(rows)
    for at in range(index, len(rows) if later_too else index + 1):
        new = rows[at].due + to - due
        again[at] = rows[at]._replace(due=new, pay_by=pay_by(plan.terms, new))
    again.sort(key=lambda row: (row.due, row.n))
    old = {(span.start, span.due): span for span in plan.periods[passed:]}
    dues = [plan.periods[passed].start, *(date.fromordinal(row.due) for row in again)]
    spans = [old.get((start, end)) or _span(plan.terms, start, end) for start, end in pairwise(dues)]
    return _plan(plan.terms, _later(plan.shape, passed), again, spans)


def _span(terms: LoanTerms, start: date, due: date) -> Period:
    return periods(start, due, 1, terms.unit, terms.every, terms.month_end)[0]
