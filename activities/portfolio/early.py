"""Partial early repayment over columns: rules.loan_allocation.repay_early and rules.loan_plan.repaid_early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from activities.portfolio.numbers import Flags, Ints, nearest
from activities.portfolio.plan import NEVER, Layout, divided, shortened

if TYPE_CHECKING:
    from activities.portfolio.fold import Fold

_SHORTER_TERM = 2


def repay_early(fold: Fold, i: Ints, day: Ints, money: Ints, kind: Ints) -> None:
    """Repay interest up to the day, then principal, with the rest of a payment; then make the plan anew.

    i: each loan once, open, with rows to come. money: of this payment's rest, more than zero.
    """
    c = fold.c
    accrued = nearest(*fold.running_at(i, day))
    short = accrued > money
    c.running[i[short]] -= money[short]
    c.interest_charged[i[short]] += money[short]
    c.advance[i[short]] -= money[short]
    i, day, money, accrued, kind = i[~short], day[~short], money[~short], accrued[~short], kind[~short]
    some = accrued > 0
    fold.charge(i[some], day[some])
    c.advance[i] -= money
    left = money - accrued
    pays = left > 0
    i, day, left, kind = i[pays], day[pays], left[pays], kind[pays]
    fold.split(i, day)
    c.running[i] = c.rest[i] = 0
    c.principal[i] -= left
    for shorter in (True, False):
        chosen = (kind == _SHORTER_TERM) == shorter
        if chosen.any():
            _plan_anew(fold, i[chosen], day[chosen], shorter=shorter)


def _plan_anew(fold: Fold, i: Ints, day: Ints, *, shorter: bool) -> None:
    c = fold.c
    passed = c.passed[i]
    layout = Layout(c.terms.method[i], c.periods[i] - passed, np.maximum(c.terms.interest_only[i] - passed, 0))
    rows = passed + np.arange(int(layout.count.max()))[:, None]
    inside = rows < c.periods[i]
    rows = np.minimum(rows, len(c.due) - 1)
    due = np.where(inside, c.due[rows, i], NEVER)
    before = np.vstack([day[None, :], due[:-1]])
    days = np.where(inside, due - before, 0)
    by = fold.factors.of(np.broadcast_to(c.terms.rate[i], due.shape), days)
    if shorter:
        part, pay, count = shortened(c.principal[i], by, layout, _old(c.part, rows, i), _old(c.pay, rows, i))
        c.periods[i] = passed + count
    else:
        part, pay, odd = divided(c.principal[i], by, layout)
        c.odd[i] |= odd
    _write(c.part, part, rows, i, inside)
    _write(c.pay, pay, rows, i, inside)
    if shorter:
        table = c.due[:, i]
        table[np.arange(len(table))[:, None] >= c.periods[i]] = NEVER
        c.due[:, i] = table


def _old(table: Ints, rows: Ints, i: Ints) -> Ints:
    old: Ints = table[rows, i]
    return old


def _write(table: Ints, new: Ints, rows: Ints, i: Ints, inside: Flags) -> None:
    columns = np.broadcast_to(i, rows.shape)
    table[rows[inside], columns[inside]] = new[inside]
