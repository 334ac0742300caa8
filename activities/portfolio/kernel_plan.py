"""Factors, due dates and plans, compiled: what rules.accrual, rules.day_count, rules.plan and rules.loan_plan do.

Covered: monthly rows, original day kept and clamped, no day moved off a day off, the last row takes the difference,
instalments exact to the tiyn; annuity, differentiated, bullet, and the own method with interest alone at first.
A plan is a column for each row: its due date, part of the principal, payment, number.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from activities.portfolio import PART, WHOLE
from activities.portfolio.kernel_names import (
    ANNUITY,
    BULLET,
    DIFFERENTIATED,
    DISBURSED,
    FIRST_DUE,
    HALF,
    INTEREST_ONLY,
    LARGEST_BALANCE,
    LENT,
    LIMB,
    METHOD,
    MOST_DAYS,
    MOST_ROWS,
    OWN,
    PERIODS,
    RATE,
    ROW_DUE,
    ROW_NUMBER,
    ROW_PART,
    ROW_PAY,
    SCALE,
    TOO_CLOSE,
    V_COUNT,
    V_FREE,
    V_METHOD,
    V_ODD,
    V_PASSED,
    V_PRINCIPAL,
    V_RATE,
    VARIABLES,
)

Ints = NDArray[np.int64]


@njit(**PART)
def interest_of(balance: int, by: int) -> tuple[int, int]:
    """balance x factor: whole tiyn and the rest."""
    high = by // LIMB
    low = by - high * LIMB
    top = balance * high
    whole = top // LIMB
    more = (top - whole * LIMB) * LIMB + balance * low
    carried = more // SCALE
    return whole + carried, more - carried * SCALE


@njit(**PART)
def nearest(whole: int, rest: int) -> int:
    """To the nearest tiyn, half-even."""
    if rest > HALF or (rest == HALF and whole & 1):
        return whole + 1
    return whole


@njit(**PART)
def factor(table: Ints, v: Ints, days: int) -> int:
    """Interest of one tiyn over some days, in 1e-18; one as large as a whole is the scalar fold's to count."""
    if days >= MOST_DAYS:
        v[V_ODD] = 1
        return 0
    by = table[v[V_RATE] * MOST_DAYS + days]
    if by >= SCALE:
        v[V_ODD] = 1
    return by


@njit(**PART)
def month_day(first: Ints, month: int, day: int) -> int:
    """The ordinal of a day of a month, clamped to the month's end; months count from the table's first."""
    return min(first[month] + day - 1, first[month + 1] - 1)


@njit(**PART)
def month_of(first: Ints, ordinal: int) -> int:
    """The month that an ordinal lies in."""
    return np.searchsorted(first, ordinal, side="right") - 1


@njit(**PART)
def due_dates(first: Ints, disbursed: int, first_due: int, count: int, rows: Ints) -> None:
    """Counted from the disbursement where the first due date is whole months after it, else from that date."""
    month, to = month_of(first, disbursed), month_of(first, first_due)
    day = disbursed - first[month] + 1
    if month_day(first, to, day) > first_due:
        to -= 1
    if month_day(first, to, day) != first_due:
        to = month_of(first, first_due)
        day = first_due - first[to] + 1
    rows[ROW_DUE, 0] = first_due
    for k in range(1, count):
        rows[ROW_DUE, k] = month_day(first, to + k, day)


@njit(**PART)
def divide(v: Ints, balance: int, at: int, by: Ints, rows: Ints) -> None:
    """The part of the principal and the payment of each row from `at` on; by[0] is the factor of the first of them."""
    count = v[V_COUNT] - at
    method = v[V_METHOD]
    free = max(v[V_FREE] - at, 0) if method == OWN else 0
    level = 0
    if method in (ANNUITY, OWN):
        level = instalment(v, balance, by, free, count)
    even = half_even(balance, count)
    for k in range(count):
        whole, rest = interest_of(balance, by[k])
        interest = nearest(whole, rest)
        here = 0
        if method == DIFFERENTIATED:
            here = even
        elif method == ANNUITY or (method == OWN and k >= free):
            here = level - interest
            if k < count - 1 and here <= 0:
                v[V_ODD] = 1
        if k == count - 1:
            here = balance
        elif here < 0 or here >= balance or here + interest <= 0:
            v[V_ODD] = 1
            here = min(max(here, 0), balance)
        rows[ROW_PART, at + k], rows[ROW_PAY, at + k] = here, here + interest
        balance -= here


@njit(**PART)
def instalment(v: Ints, balance: int, by: Ints, free: int, count: int) -> int:
    """The level instalment; flagged where floats cannot tell the rounding."""
    discount, sum_of = 1.0, 0.0
    for k in range(free, count):
        discount /= 1.0 + by[k] * 1e-18
        sum_of += discount
    tried = balance / sum_of
    below = np.floor(tried)
    if abs(tried - below - 0.5) <= TOO_CLOSE * max(tried, 1.0):
        v[V_ODD] = 1
    return int(below) + (1 if tried - below > 0.5 else 0)


@njit(**PART)
def half_even(over: int, under: int) -> int:
    """A quotient to the nearest whole number."""
    whole = over // under
    twice = 2 * (over - whole * under)
    if twice > under or (twice == under and whole & 1):
        return whole + 1
    return whole


@njit(**PART)
def shorten(v: Ints, balance: int, at: int, by: Ints, rows: Ints) -> None:
    """Instalments keep their sum (or their part of the principal), and the last ones fall away."""
    count = v[V_COUNT] - at
    stays = v[V_METHOD] == DIFFERENTIATED or v[V_METHOD] == BULLET
    for k in range(count):
        whole, rest = interest_of(balance, by[k])
        interest = nearest(whole, rest)
        here = rows[ROW_PART, at + k]
        if not stays and here > 0:
            here = max(rows[ROW_PAY, at + k] - interest, 0)
        here = balance if k == count - 1 else min(here, balance)
        rows[ROW_PART, at + k], rows[ROW_PAY, at + k] = here, here + interest
        balance -= here
        if balance == 0:
            v[V_COUNT] = at + k + 1
            return


@njit(**PART)
def move(v: Ints, rows: Ints, due: int, to: int, later_too: int) -> None:
    """One due date to come becomes another, or with it all later ones by as many days; in order again."""
    at, count = v[V_PASSED], v[V_COUNT]
    while at < count and rows[ROW_DUE, at] != due:
        at += 1
    for k in range(at, count if later_too else min(at + 1, count)):
        rows[ROW_DUE, k] += to - due
    for k in range(v[V_PASSED] + 1, count):
        here = k
        while here > v[V_PASSED] and (
            rows[ROW_DUE, here - 1] > rows[ROW_DUE, here]
            or (rows[ROW_DUE, here - 1] == rows[ROW_DUE, here] and rows[ROW_NUMBER, here - 1] > rows[ROW_NUMBER, here])
        ):
            for name in range(len(rows)):
                rows[name, here - 1], rows[name, here] = rows[name, here], rows[name, here - 1]
            here -= 1


@njit(**PART)
def make_plan(table: Ints, first: Ints, v: Ints, rows: Ints, by: Ints, disbursed: int, first_due: int) -> None:
    """The plan of a contract, or of a restructuring: V_RATE, V_METHOD, V_FREE, V_COUNT and V_PRINCIPAL say the rest."""
    v[V_PASSED] = 0
    count = v[V_COUNT]
    if count < 1 or count > MOST_ROWS or first_due <= disbursed or v[V_PRINCIPAL] <= 0:
        v[V_ODD] = 1
        return
    due_dates(first, disbursed, first_due, count, rows)
    before = disbursed
    for k in range(count):
        by[k] = factor(table, v, rows[ROW_DUE, k] - before)
        before = rows[ROW_DUE, k]
        rows[ROW_NUMBER, k] = k
    divide(v, v[V_PRINCIPAL], 0, by, rows)


@njit(**PART)
def contract_plan(terms: Ints, table: Ints, first: Ints, v: Ints, rows: Ints, by: Ints) -> None:
    """The plan of a loan's terms."""
    v[V_PRINCIPAL], v[V_RATE], v[V_METHOD], v[V_FREE] = terms[LENT], terms[RATE], terms[METHOD], terms[INTEREST_ONLY]
    v[V_COUNT] = terms[PERIODS]
    if terms[LENT] >= LARGEST_BALANCE:
        v[V_ODD] = 1
        return
    make_plan(table, first, v, rows, by, terms[DISBURSED], terms[FIRST_DUE])


@njit(**WHOLE)
def plans(terms: Ints, table: Ints, first: Ints, due: Ints, part: Ints, pay: Ints) -> None:
    """The plans of many loans, a column each; rows behind the last one stay as they are."""
    v, by, rows = np.zeros(VARIABLES, np.int64), np.zeros(MOST_ROWS, np.int64), np.zeros((4, MOST_ROWS), np.int64)
    for i in range(terms.shape[1]):
        v[:] = 0
        contract_plan(terms[:, i], table, first, v, rows, by)
        for k in range(terms[PERIODS, i]):
            due[k, i], part[k, i], pay[k, i] = rows[ROW_DUE, k], rows[ROW_PART, k], rows[ROW_PAY, k]
