"""From columns of facts to columns of debt: walks due dates and facts in the order of rules.loan_history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from activities.portfolio.columns import Columns, start
from activities.portfolio.fold import REFUNDED, Fold, Rules
from activities.portfolio.numbers import Factors, Flags, Ints, nearest
from activities.portfolio.plan import NEVER, Terms
from rules.loan import Figures


@dataclass(frozen=True)
class Facts:
    """Facts after the disbursement, loan by loan and day by day. first: where each loan's facts begin, and their end.

    day: proleptic ordinal. kind: as loan_event.code, payments of a day before its refunds. amount: tiyn.
    """

    first: Ints
    day: Ints
    kind: Ints
    amount: Ints

    def take(self, chosen: Ints) -> Facts:
        """The facts of some of the loans."""
        if len(chosen) + 1 == len(self.first):
            return self
        sizes = self.first[chosen + 1] - self.first[chosen]
        first = np.append(0, np.cumsum(sizes))
        at = np.arange(first[-1]) + np.repeat(self.first[chosen] - first[:-1], sizes)
        return Facts(first, self.day[at], self.kind[at], self.amount[at])


@dataclass(frozen=True)
class Debts:
    """The figures of rules.loan_position, a column each; tiyn and days. next_due: NEVER where nothing is to come.

    odd: loans that only the scalar fold can count: out of `value` their figures mean nothing.
    """

    principal: Ints
    principal_due: Ints
    interest_due: Ints
    interest_accrued: Ints
    penalty: Ints
    advance: Ints
    overdue_days: Ints
    overdue_principal: Ints
    overdue_interest: Ints
    next_due: Ints
    next_payment: Ints
    total_to_close: Ints
    overpaid: Ints
    interest_charged: Ints
    penalty_charged: Ints
    paid: Ints
    refunded: Ints
    closed: Flags
    odd: Flags

    def place(self, chosen: Ints, some: Debts) -> None:
        """Write the debts of some loans."""
        for name in self.__dataclass_fields__:
            getattr(self, name)[chosen] = getattr(some, name)

    def put(self, index: int, figures: Figures) -> None:
        """Write the debt of one loan, counted by the scalar fold."""
        told = figures._asdict() | {"odd": True}
        told["next_due"] = figures.next_due.toordinal() if figures.next_due else NEVER
        told["next_payment"] = figures.next_payment or 0
        for name in self.__dataclass_fields__:
            getattr(self, name)[index] = told[name]


def nothing(size: int) -> Debts:
    """Columns to be filled."""
    columns: dict[str, Any] = {name: np.zeros(size, np.int64) for name in Debts.__dataclass_fields__}
    return Debts(**columns | {name: np.ones(size, np.bool_) for name in ("closed", "odd")})


def value(terms: Terms, facts: Facts, factors: Factors, rules: Rules, on: int) -> Debts:
    """The debt of each loan at the end of a day; facts after it are left out."""
    columns = start(terms, factors)
    walk = Fold(columns, factors, rules)
    _walk(walk, columns, facts, on)
    everybody = np.arange(len(terms.lent))
    walk.count_penalty(everybody, np.full(len(everybody), on))
    return _debts(walk, columns, everybody, on)


def _walk(walk: Fold, columns: Columns, facts: Facts, on: int) -> None:
    at, end = facts.first[:-1].copy(), facts.first[1:]
    active = np.arange(len(at))
    height = len(columns.due)
    padded_day = np.append(facts.day, NEVER)
    while len(active):
        passed = columns.passed[active]
        due = np.where(passed < height, columns.due[np.minimum(passed, height - 1), active], NEVER)
        more = at[active] < end[active]
        fact = np.where(more, padded_day[np.where(more, at[active], len(facts.day))], NEVER)
        dues = (due <= fact) & (due <= on)
        acts = ~dues & (fact <= on)
        walk.fall_due(active[dues])
        acting = active[acts]
        which = at[acting]
        pays = facts.kind[which] < REFUNDED
        paid = which[pays]
        walk.receive(acting[pays], facts.day[paid], facts.amount[paid], facts.kind[paid])
        walk.give_back(acting[~pays], facts.amount[which[~pays]])
        at[acting] += 1
        active = active[dues | acts]


def _debts(walk: Fold, c: Columns, i: Ints, on: int) -> Debts:
    days = np.full(len(i), on)
    principal_due, interest_due = c.unpaid_principal(i), c.unpaid_interest(i)
    last = np.maximum(c.bills - 1, 0)
    today = (c.bills > 0) & (c.bill_due[last, i] == on)
    of_today = np.where(today, c.sum_principal[last + 1, i] - c.sum_principal[last, i], 0)
    late_principal = principal_due - np.minimum(principal_due, of_today)
    of_today = np.where(today, c.sum_interest[last + 1, i] - c.sum_interest[last, i], 0)
    late_interest = interest_due - np.minimum(interest_due, of_today)
    accrued = np.where(c.closed, 0, nearest(*walk.running_at(i, days)))
    penalty = walk.penalty_due(i)
    open_ = c.oldest < c.bills
    oldest = c.bill_due[np.minimum(c.oldest, len(c.bill_due) - 1), i]
    coming = c.passed < c.periods
    row = np.minimum(c.passed, len(c.due) - 1)
    next_due = np.where(coming, c.due[row, i], NEVER)
    owed = c.principal + interest_due + accrued + penalty - c.advance
    return Debts(
        principal=c.principal,
        principal_due=principal_due,
        interest_due=interest_due,
        interest_accrued=accrued,
        penalty=penalty,
        advance=c.advance,
        overdue_days=np.where(open_, np.maximum(on - oldest, 0), 0),
        overdue_principal=late_principal,
        overdue_interest=late_interest,
        next_due=next_due,
        next_payment=_coming(walk, c, i, coming, principal_due),
        total_to_close=np.where(c.closed, 0, owed),
        overpaid=c.overpaid,
        interest_charged=c.interest_charged,
        penalty_charged=penalty + c.penalty_gone,
        paid=c.paid,
        refunded=c.refunded,
        closed=c.closed,
        odd=c.odd,
    )


def _coming(walk: Fold, c: Columns, i: Ints, coming: Flags, billed: Ints) -> Ints:
    answer = np.zeros(len(i), np.int64)
    i = i[coming]
    row = c.passed[i]
    left = c.principal[i] - billed[i]
    part = np.where(row + 1 == c.periods[i], left, np.minimum(c.part[row, i], left))
    payment = part + nearest(*walk.running_at(i, c.due[row, i])) - c.advance[i]
    answer[i] = np.maximum(payment, 0)
    return answer
