"""The loan of a calculator's test: its periods, what changes them, and the rows that our accrual makes of it.

Where nothing changes the loan, the rows are our plan. A pause of interest and a moved due date leave the instalment as
it was, as that calculator does it, and the last row takes what is left; the interest is ours: factors of parts of
periods (rules.accrual), added unrounded, rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from cli.conformance.report import day, money
from rules.accrual import factor, to_tiyn
from rules.calendar import add_months
from rules.day_count import DayCount, Period, PeriodUnit, periods
from rules.plan import Row, rows_in_tiyn
from rules.terms import LoanTerms, Method, Rounding

_GRACE_PERIODS = 2


@dataclass(frozen=True)
class Part:
    """A part of a period: its factor in 1e-18, and whether interest stands still."""

    factor: int
    paused: bool


@dataclass(frozen=True)
class Loan:
    """Rows, the parts of each period, the balance before each row (tiyn), and the period whose due date moved."""

    rows: list[Row]
    parts: list[list[Part]]
    opening: list[int]
    moved: frozenset[int]


def loan_of(case: dict[str, Any]) -> Loan:
    """The loan after all steps.

    Raises:
        BusinessError: terms that give no plan.
    """
    terms = terms_of(case)
    rows = rows_in_tiyn(terms)
    spans, moved = list(terms.repayment_periods()), set()
    pauses = []
    for step, argument in case["sequence"]:
        if step == "changeDueDate":
            old, new = map(day, argument.split(", ")[2:])
            moved.add(_move(spans, old, new))
        if step == "applyInterestPause":
            first, last = map(day, argument.split(", ")[1:])
            pauses.append((first - timedelta(days=1), last))
    parts = [_parts(terms, span, pauses) for span in spans]
    if pauses or moved:
        rows = _again(terms.principal.tiyn, rows, parts)
    return Loan(rows, parts, [terms.principal.tiyn, *(row[3] for row in rows)], frozenset(moved))


def terms_of(case: dict[str, Any]) -> LoanTerms:
    """The terms; what stands in the test's name only is read from there."""
    made = next(argument for step, argument in case["sequence"] if step == "addDisbursement")
    _, disbursed, amount = made.split(", ")
    interest_only = _GRACE_PERIODS if "principalGrace" in case["test"] else 0
    unit, start, due = PeriodUnit(case["frequency"].lower()), *map(day, case["periods"][0])
    return LoanTerms(
        principal=money(Decimal(amount)),
        rate_percent_per_year=Decimal(case["rate_percent"]),
        periods=len(case["periods"]),
        method=Method.OWN if interest_only else Method.ANNUITY,
        disbursed=day(disbursed),
        first_due=due,
        day_count=_count(case),
        rounding=Rounding.SPREAD,
        interest_only_months=interest_only,
        unit=unit,
        every=_months(start, due) if unit is PeriodUnit.MONTHS else int(case["repay_every"]),
    )


def _months(start: date, due: date) -> int:
    return (due.year - start.year) * 12 + due.month - start.month


def _count(case: dict[str, Any]) -> DayCount:
    year, month = case["days_in_year"], case["days_in_month"]
    if year == "DAYS_360":
        return DayCount.THIRTY_360 if month == "DAYS_30" else DayCount.ACT_360
    if year == "DAYS_365":
        return DayCount.ACT_365
    name = case["test"].lower()
    if "leap_year_only_actual" in name or "feb29" in name:
        return DayCount.ACT_ACT_FEB29
    if "interestrecognitionfromdisbursementdate" in name and not name.endswith("_false"):
        return DayCount.ACT_ACT
    return DayCount.ACT_ACT_31DEC


def _move(spans: list[Period], old: date, new: date) -> int:
    """Move a due date; the later ones move along, month by month. Returns the number of the longer period."""
    index = next(index for index, span in enumerate(spans) if span.due == old)
    spans[index] = periods(spans[index].start, new, 1)[0]
    for k in range(index + 1, len(spans)):
        spans[k] = Period(spans[k - 1].due, add_months(new, k - index), 1)
    return index


def _parts(terms: LoanTerms, span: Period, pauses: list[tuple[date, date]]) -> list[Part]:
    edges = {span.start, span.due} | {edge for pause in pauses for edge in pause if span.start < edge < span.due}
    days = sorted(edges)
    return [
        Part(
            factor(terms.rate_percent_per_year, span, terms.day_count, since, to),
            any(first <= since and to <= last for first, last in pauses),
        )
        for since, to in pairwise(days)
    ]


def _again(balance: int, rows: list[Row], parts: list[list[Part]]) -> list[Row]:
    made: list[Row] = []
    for planned, period in zip(rows, parts, strict=True):
        interest = to_tiyn(sum(balance * part.factor for part in period if not part.paused))
        principal = balance if planned is rows[-1] else rows[0][2] - interest
        balance -= principal
        made.append((interest, principal, interest + principal, balance))
    return made
