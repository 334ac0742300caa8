"""The clock of interest and penalty of one loan, compiled: rules.loan_state and rules.loan_penalty.

The row of a set of rules comes as `rules`. Sums of bills run on: within principal and within interest the oldest is
always paid first, so what is unpaid follows from what was billed and paid, and V_OLDEST is the first bill not paid in
full.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from activities.portfolio import PART
from activities.portfolio.kernel_names import (
    BILL_DUE,
    BILL_SHIFT,
    BILLED_INTEREST,
    BILLED_PRINCIPAL,
    LENT_ON,
    NEVER,
    PENALTY_UNIT,
    R_CAP,
    R_DAILY,
    R_DAILY_DAYS,
    R_LATER,
    R_STOP,
    SCALE,
    V_BILLS,
    V_CAP,
    V_CHARGED,
    V_DAILY,
    V_DAILY_DAYS,
    V_GONE,
    V_HELD,
    V_HELD_REST,
    V_LATER,
    V_LENT,
    V_LENT_ON,
    V_OLDEST,
    V_PAID_I,
    V_PAID_P,
    V_PENALTY,
    V_PENALTY_AT,
    V_PRINCIPAL,
    V_REJOIN,
    V_REST,
    V_RUNNING,
    V_SINCE,
    V_STOP,
    V_SUSPENDED,
    V_YEAR,
    V_YEAR_END,
    V_YEAR_PENALTY,
)
from activities.portfolio.kernel_plan import factor, half_even, interest_of, month_day, month_of, nearest

Ints = NDArray[np.int64]


@njit(**PART)
def start(first: Ints, rules: Ints, v: Ints, terms: Ints) -> None:
    """The end of the day on which the money left."""
    v[V_LENT] = v[V_PRINCIPAL]
    v[V_LENT_ON] = v[V_SINCE] = v[V_PENALTY_AT] = terms[LENT_ON]
    v[V_STOP] = v[V_SUSPENDED] = v[V_REJOIN] = NEVER
    v[V_DAILY], v[V_DAILY_DAYS], v[V_LATER] = rules[R_DAILY], rules[R_DAILY_DAYS], rules[R_LATER]
    v[V_CAP] = v[V_LENT] * rules[R_CAP]
    v[V_YEAR_END] = year_end(first, terms[LENT_ON], 0)


@njit(**PART)
def year_end(first: Ints, lent_on: int, year: int) -> int:
    """The last day of a contract year; year 0 is the first."""
    month = month_of(first, lent_on)
    return month_day(first, month + 12 * (year + 1), lent_on - first[month] + 1)


@njit(**PART)
def more(v: Ints, table: Ints, to: int, whole: int, rest: int) -> tuple[int, int]:
    """An exact amount and the interest of the open part up to the end of a day, without nights behind the stop."""
    days = min(to, v[V_STOP]) - v[V_SINCE]
    if days <= 0:
        return whole, rest
    tiyn, parts = interest_of(v[V_PRINCIPAL], factor(table, v, days))
    tiyn, parts = tiyn + whole, parts + rest
    if parts >= SCALE:
        return tiyn + 1, parts - SCALE
    return tiyn, parts


@njit(**PART)
def running_at(table: Ints, v: Ints, to: int) -> tuple[int, int]:
    """Exact interest of the running period up to the end of a day."""
    if v[V_SUSPENDED] != NEVER:
        return v[V_RUNNING], v[V_REST]
    return more(v, table, to, v[V_RUNNING], v[V_REST])


@njit(**PART)
def accrued_at(table: Ints, v: Ints, to: int) -> int:
    """The same to the nearest tiyn."""
    whole, rest = running_at(table, v, to)
    return nearest(whole, rest)


@njit(**PART)
def split(table: Ints, v: Ints, to: int) -> None:
    """Close the open part of the running period."""
    if to <= v[V_SINCE]:
        return
    if v[V_SUSPENDED] == NEVER:
        v[V_RUNNING], v[V_REST] = more(v, table, to, v[V_RUNNING], v[V_REST])
    else:
        v[V_HELD], v[V_HELD_REST] = more(v, table, to, v[V_HELD], v[V_HELD_REST])
    v[V_SINCE] = to


@njit(**PART)
def charge(table: Ints, v: Ints, day: int) -> int:
    """Charge the interest of the running period, rounded once; the period starts anew."""
    split(table, v, day)
    interest = nearest(v[V_RUNNING], v[V_REST])
    v[V_RUNNING] = v[V_REST] = 0
    v[V_REJOIN] = NEVER
    v[V_CHARGED] += interest
    return interest


@njit(**PART)
def days_late(v: Ints, bills: Ints, day: int) -> int:
    """Overdue days of the oldest bill at the end of a day; suspended days do not count."""
    at = v[V_OLDEST]
    if at == v[V_BILLS]:
        return 0
    return max(min(day, v[V_SUSPENDED]) - bills[BILL_DUE, at] - bills[BILL_SHIFT, at], 0)


@njit(**PART)
def restop(rules: Ints, v: Ints, bills: Ints) -> None:
    """Set the last night that bears interest; wherever the oldest bill or suspension changes."""
    at = v[V_OLDEST]
    if at == v[V_BILLS] or rules[R_STOP] == NEVER:
        v[V_STOP] = NEVER
    elif v[V_SUSPENDED] == NEVER:
        v[V_STOP] = bills[BILL_DUE, at] + bills[BILL_SHIFT, at] + rules[R_STOP]
    else:
        v[V_STOP] = NEVER if days_late(v, bills, v[V_SUSPENDED]) <= rules[R_STOP] else -1


@njit(**PART)
def penalty_due(v: Ints) -> int:
    """Penalty charged and not paid."""
    return half_even(v[V_PENALTY], PENALTY_UNIT) - v[V_GONE]


@njit(**PART)
def count_penalty(first: Ints, v: Ints, bills: Ints, to: int) -> None:
    """Count the nights up to the end of a day on what was overdue through all of them."""
    at = v[V_PENALTY_AT]
    if to <= at:
        return
    v[V_PENALTY_AT] = to
    oldest, n = v[V_OLDEST], v[V_BILLS]
    if oldest == n or v[V_SUSPENDED] != NEVER:
        return
    at = max(at, bills[BILL_DUE, oldest])
    first_rate_ends = bills[BILL_DUE, oldest] + bills[BILL_SHIFT, oldest] + v[V_DAILY_DAYS]
    base = bills[BILLED_PRINCIPAL, n] - v[V_PAID_P] + bills[BILLED_INTEREST, n] - v[V_PAID_I]
    while at < to:
        while at >= v[V_YEAR_END]:
            v[V_YEAR] += 1
            v[V_YEAR_END] = year_end(first, v[V_LENT_ON], v[V_YEAR])
            v[V_YEAR_PENALTY] = 0
        end = min(to, v[V_YEAR_END])
        early = min(max(first_rate_ends - at, 0), end - at)
        wanted = base * (early * v[V_DAILY] + (end - at - early) * v[V_LATER])
        units = min(wanted, max(v[V_CAP] - v[V_YEAR_PENALTY], 0))
        v[V_PENALTY] += units
        v[V_YEAR_PENALTY] += units
        at = end
