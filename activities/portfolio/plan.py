"""Repayment plans as columns: due dates, and the part of the principal in each row, as rules.plan makes them.

Covered: monthly rows, original day kept and clamped, no day moved off a day off, the last row takes the difference,
instalments exact to the tiyn; annuity, differentiated, bullet, and the own method with interest alone at first. A plan
that needs more than that (a row whose interest reaches the instalment, a rounding too close to a half) is flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from activities.portfolio.numbers import Factors, Flags, Ints, nearest, product

ANNUITY, DIFFERENTIATED, BULLET, OWN = range(4)
NEVER = 10**9
_FIRST_MONTH, _LAST_MONTH = 12 * 1990, 12 * 2100
_STARTS: Ints = np.array(  # the first day of each month
    [date(month // 12, month % 12 + 1, 1).toordinal() for month in range(_FIRST_MONTH, _LAST_MONTH)], np.int64
)
_FIRST_DAY = int(_STARTS[0])
_MONTH_OF: Ints = np.repeat(np.arange(_FIRST_MONTH, _LAST_MONTH - 1), np.diff(_STARTS))
_TOO_CLOSE = 1e-12  # relative: far above the error of the float sums, as rules.plan takes it


@dataclass(frozen=True)
class Terms:
    """Columns, one element a loan. Days are proleptic ordinals, money is tiyn, rate is a number in `Factors`.

    disbursed: what the contract's plan counts from. lent_on: when the money really left.
    """

    lent: Ints
    rate: Ints
    periods: Ints
    method: Ints
    interest_only: Ints
    disbursed: Ints
    first_due: Ints
    lent_on: Ints

    def take(self, chosen: Ints) -> Terms:
        """The same of some of the loans."""
        return Terms(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def dues(terms: Terms) -> Ints:
    """Due dates, a row for each instalment, a column for each loan; NEVER behind the last one.

    Counted from the disbursement where the first due date is a whole number of months after it, else from the first
    due date itself: rules.day_count.periods.
    """
    count = int(terms.periods.max(initial=0))
    months, days = split_days(terms.disbursed)
    first_months, _ = split_days(terms.first_due)
    skipped = first_months - months
    skipped -= joined_days(months + skipped, days) > terms.first_due
    whole = joined_days(months + skipped, days) == terms.first_due
    anchor_months = np.where(whole, months + skipped, first_months)
    anchor_days = np.where(whole, days, split_days(terms.first_due)[1])
    table = np.full((count, len(terms.lent)), NEVER, dtype=np.int64)
    for k in range(count):
        due = terms.first_due if k == 0 else joined_days(anchor_months + k, anchor_days)
        table[k] = np.where(terms.periods > k, due, NEVER)
    return table


def split_days(ordinals: Ints) -> tuple[Ints, Ints]:
    """Months (12 x year + month - 1), and the day of the month."""
    months = _MONTH_OF[ordinals - _FIRST_DAY]
    return months, ordinals - _STARTS[months - _FIRST_MONTH] + 1


def joined_days(months: Ints, days: Ints) -> Ints:
    """The day of a month, clamped to the month's end."""
    at = months - _FIRST_MONTH
    joined: Ints = np.minimum(_STARTS[at] + days - 1, _STARTS[at + 1] - 1)
    return joined


@dataclass(frozen=True)
class Layout:
    """How balances are divided: a column each. count: rows to come, first: rows of interest alone among them."""

    method: Ints
    count: Ints
    first: Ints


def factors_of(terms: Terms, due: Ints, factors: Factors) -> Ints:
    """The factors of whole periods, zero behind the last row."""
    before = np.vstack([terms.disbursed[None, :], due[:-1]])
    days = np.where(due < NEVER, due - before, 0)
    return factors.of(np.broadcast_to(terms.rate, due.shape), days)


def divided(balance: Ints, by: Ints, layout: Layout) -> tuple[Ints, Ints, Flags]:
    """The part of the principal and the payment in each row, and which plans are not covered (rules.plan.plan_rows)."""
    level, odd = _instalments(balance, by, layout)
    even = np.round(balance / layout.count).astype(np.int64)  # halves to the even tiyn, as the plan does
    part, pay = np.zeros_like(by), np.zeros_like(by)
    for k in range(len(by)):
        interest = nearest(*product(balance, by[k]))
        levelled = (layout.method == ANNUITY) | ((layout.method == OWN) & (k >= layout.first))
        here = np.where(layout.method == DIFFERENTIATED, even, np.where(levelled, level - interest, 0))
        inside = layout.count > k + 1
        odd |= inside & ((here < 0) | (here >= balance) | (levelled & (here <= 0)) | (here + interest <= 0))
        here = np.where(layout.count == k + 1, balance, np.where(inside, np.clip(here, 0, balance), 0))
        part[k], pay[k] = here, np.where(layout.count > k, here + interest, 0)
        balance = balance - here
    return part, pay, odd


def _instalments(balance: Ints, by: Ints, layout: Layout) -> tuple[Ints, Flags]:
    """Level instalments over the rows that are not interest alone; flagged where floats cannot tell the rounding."""
    discount, sum_of = np.ones(len(balance)), np.zeros(len(balance))
    free = np.where(layout.method == OWN, layout.first, 0)
    for k in range(len(by)):
        counts = (k >= free) & (k < layout.count)
        discount = np.where(counts, discount / (1 + by[k] * 1e-18), discount)
        sum_of += np.where(counts, discount, 0.0)
    tried = balance / np.maximum(sum_of, 1e-9)
    below = np.floor(tried)
    close = np.abs(tried - below - 0.5) <= _TOO_CLOSE * np.maximum(tried, 1)
    return (below + (tried - below > 0.5)).astype(np.int64), close & (layout.method % OWN == ANNUITY)


def shortened(balance: Ints, by: Ints, layout: Layout, old_part: Ints, old_pay: Ints) -> tuple[Ints, Ints, Ints]:
    """Parts, payments and the new count where instalments keep their sum and the last ones fall away."""
    part, pay = np.zeros_like(by), np.zeros_like(by)
    count = layout.count.copy()
    stays = (layout.method == DIFFERENTIATED) | (layout.method == BULLET)
    for k in range(len(by)):
        open_ = balance > 0
        interest = nearest(*product(balance, by[k]))
        here = np.where(stays | (old_part[k] == 0), old_part[k], np.maximum(old_pay[k] - interest, 0))
        here = np.where(layout.count == k + 1, balance, np.minimum(here, balance))
        here = np.where(open_ & (layout.count > k), here, 0)
        part[k], pay[k] = here, np.where(open_, here + interest, 0)
        balance = balance - here
        count = np.where(open_ & (balance == 0), k + 1, count)
    return part, pay, count
