"""Factors, due dates and plans, compiled: what rules.accrual, rules.day_count and rules.plan do.

Covered: monthly rows, original day kept and clamped, no day moved off a day off, the last row takes the difference,
instalments exact to the tiyn; annuity, differentiated, bullet, and the own method with interest alone at first.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from activities.portfolio import CACHED
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
    LENT_ON,
    LIMB,
    METHOD,
    MOST_DAYS,
    MOST_ROWS,
    NEVER,
    OWN,
    PERIODS,
    R_CAP,
    RATE,
    SCALE,
    TOO_CLOSE,
    V_CAP,
    V_COUNT,
    V_FREE,
    V_LENT_ON,
    V_METHOD,
    V_ODD,
    V_PENALTY_AT,
    V_PRINCIPAL,
    V_RATE,
    V_SINCE,
    V_STOP,
    V_YEAR_END,
    VARIABLES,
)

Ints = NDArray[np.int64]


@njit(cache=CACHED)
def interest_of(balance: int, by: int) -> tuple[int, int]:
    """balance x factor: whole tiyn and the rest."""
    high = by // LIMB
    low = by - high * LIMB
    top = balance * high
    whole = top // LIMB
    more = (top - whole * LIMB) * LIMB + balance * low
    carried = more // SCALE
    return whole + carried, more - carried * SCALE


@njit(cache=CACHED)
def nearest(whole: int, rest: int) -> int:
    """To the nearest tiyn, half-even."""
    if rest > HALF or (rest == HALF and whole & 1):
        return whole + 1
    return whole


@njit(cache=CACHED)
def factor(table: Ints, v: Ints, days: int) -> int:
    """Interest of one tiyn over some days, in 1e-18; one as large as a whole is the scalar fold's to count."""
    if days >= MOST_DAYS:
        v[V_ODD] = 1
        return 0
    by = table[v[V_RATE] * MOST_DAYS + days]
    if by >= SCALE:
        v[V_ODD] = 1
    return by


@njit(cache=CACHED)
def month_day(first: Ints, month: int, day: int) -> int:
    """The ordinal of a day of a month, clamped to the month's end; months count from the table's first."""
    return min(first[month] + day - 1, first[month + 1] - 1)


@njit(cache=CACHED)
def month_of(first: Ints, ordinal: int) -> int:
    """The month that an ordinal lies in."""
    return np.searchsorted(first, ordinal, side="right") - 1


@njit(cache=CACHED)
def due_dates(first: Ints, disbursed: int, first_due: int, count: int, due: Ints) -> None:
    """Counted from the disbursement where the first due date is whole months after it, else from that date."""
    month, to = month_of(first, disbursed), month_of(first, first_due)
    day = disbursed - first[month] + 1
    if month_day(first, to, day) > first_due:
        to -= 1
    if month_day(first, to, day) != first_due:
        to = month_of(first, first_due)
        day = first_due - first[to] + 1
    due[0] = first_due
    for k in range(1, count):
        due[k] = month_day(first, to + k, day)


@njit(cache=CACHED)
def divide(v: Ints, balance: int, at: int, by: Ints, part: Ints, pay: Ints) -> None:
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
        part[at + k], pay[at + k] = here, here + interest
        balance -= here


@njit(cache=CACHED)
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


@njit(cache=CACHED)
def half_even(over: int, under: int) -> int:
    """A quotient to the nearest whole number."""
    whole = over // under
    twice = 2 * (over - whole * under)
    if twice > under or (twice == under and whole & 1):
        return whole + 1
    return whole


@njit(cache=CACHED)
def shorten(v: Ints, balance: int, at: int, by: Ints, part: Ints, pay: Ints) -> None:
    """Instalments keep their sum (or their part of the principal), and the last ones fall away."""
    count = v[V_COUNT] - at
    stays = v[V_METHOD] == DIFFERENTIATED or v[V_METHOD] == BULLET
    for k in range(count):
        whole, rest = interest_of(balance, by[k])
        interest = nearest(whole, rest)
        here = part[at + k] if stays or part[at + k] == 0 else max(pay[at + k] - interest, 0)
        here = balance if k == count - 1 else min(here, balance)
        part[at + k], pay[at + k] = here, here + interest
        balance -= here
        if balance == 0:
            v[V_COUNT] = at + k + 1
            return


@njit(cache=CACHED)
def year_end(first: Ints, lent_on: int, year: int) -> int:
    """The last day of a contract year; year 0 is the first."""
    month = month_of(first, lent_on)
    return month_day(first, month + 12 * (year + 1), lent_on - first[month] + 1)


@njit(cache=CACHED)
def begin(
    terms: Ints, table: Ints, first: Ints, rules: Ints, v: Ints, due: Ints, part: Ints, pay: Ints, by: Ints
) -> None:
    """A loan at the end of the day its money left, with its plan."""
    v[V_PRINCIPAL], v[V_RATE], v[V_METHOD], v[V_FREE] = terms[LENT], terms[RATE], terms[METHOD], terms[INTEREST_ONLY]
    v[V_LENT_ON] = v[V_SINCE] = v[V_PENALTY_AT] = terms[LENT_ON]
    v[V_STOP], v[V_CAP], v[V_COUNT] = NEVER, terms[LENT] * rules[R_CAP], terms[PERIODS]
    v[V_YEAR_END] = year_end(first, terms[LENT_ON], 0)
    if terms[PERIODS] > MOST_ROWS or terms[LENT] >= LARGEST_BALANCE:
        v[V_ODD] = 1
        return
    due_dates(first, terms[DISBURSED], terms[FIRST_DUE], terms[PERIODS], due)
    before = terms[DISBURSED]
    for k in range(terms[PERIODS]):
        by[k] = factor(table, v, due[k] - before)
        before = due[k]
    divide(v, terms[LENT], 0, by, part, pay)


@njit(cache=CACHED)
def plans(terms: Ints, table: Ints, first: Ints, rules: Ints, due: Ints, part: Ints, pay: Ints) -> None:
    """The plans of many loans, a column each; rows behind the last one stay as they are."""
    v, by, none = np.zeros(VARIABLES, np.int64), np.zeros(MOST_ROWS, np.int64), np.zeros(MOST_ROWS, np.int64)
    dues, parts, pays = none.copy(), none.copy(), none.copy()
    for i in range(terms.shape[1]):
        v[:] = 0
        begin(terms[:, i], table, first, rules, v, dues, parts, pays, by)
        for k in range(terms[PERIODS, i]):
            due[k, i], part[k, i], pay[k, i] = dues[k], parts[k], pays[k]
