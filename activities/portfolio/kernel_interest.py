"""The clock of interest and penalty of one loan, compiled: rules.loan_state and rules.loan_penalty."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from activities.portfolio import CACHED
from activities.portfolio.kernel_names import (
    PENALTY_UNIT,
    R_DAYS,
    R_FIRST,
    R_LATER,
    SCALE,
    V_BILLS,
    V_CAP,
    V_CHARGED,
    V_GONE,
    V_LENT_ON,
    V_OLDEST,
    V_PAID_I,
    V_PAID_P,
    V_PENALTY,
    V_PENALTY_AT,
    V_PRINCIPAL,
    V_REST,
    V_RUNNING,
    V_SINCE,
    V_STOP,
    V_YEAR,
    V_YEAR_END,
    V_YEAR_PENALTY,
)
from activities.portfolio.kernel_plan import factor, half_even, interest_of, nearest, year_end

Ints = NDArray[np.int64]


@njit(cache=CACHED)
def running_at(table: Ints, v: Ints, to: int) -> tuple[int, int]:
    """Exact interest of the running period up to the end of a day, without nights behind the stop."""
    days = min(to, v[V_STOP]) - v[V_SINCE]
    if days <= 0:
        return v[V_RUNNING], v[V_REST]
    whole, rest = interest_of(v[V_PRINCIPAL], factor(table, v, days))
    whole, rest = whole + v[V_RUNNING], rest + v[V_REST]
    if rest >= SCALE:
        return whole + 1, rest - SCALE
    return whole, rest


@njit(cache=CACHED)
def split(table: Ints, v: Ints, to: int) -> None:
    """Close the open part of the running period."""
    if to > v[V_SINCE]:
        v[V_RUNNING], v[V_REST] = running_at(table, v, to)
        v[V_SINCE] = to


@njit(cache=CACHED)
def charge(table: Ints, v: Ints, day: int) -> int:
    """Charge the interest of the running period, rounded once; the period starts anew."""
    split(table, v, day)
    interest = nearest(v[V_RUNNING], v[V_REST])
    v[V_RUNNING] = v[V_REST] = 0
    v[V_CHARGED] += interest
    return interest


@njit(cache=CACHED)
def penalty_due(v: Ints) -> int:
    """Penalty charged and not paid."""
    return half_even(v[V_PENALTY], PENALTY_UNIT) - v[V_GONE]


@njit(cache=CACHED)
def count_penalty(rules: Ints, first: Ints, v: Ints, bills: Ints, to: int) -> None:
    """Count the nights up to the end of a day on what was overdue through all of them."""
    at = v[V_PENALTY_AT]
    if to <= at:
        return
    v[V_PENALTY_AT] = to
    if v[V_OLDEST] == v[V_BILLS]:
        return
    origin = bills[0, v[V_OLDEST]]
    at = max(at, origin)
    base = bills[1, v[V_BILLS]] - v[V_PAID_P] + bills[2, v[V_BILLS]] - v[V_PAID_I]
    while at < to:
        while at >= v[V_YEAR_END]:
            v[V_YEAR] += 1
            v[V_YEAR_END] = year_end(first, v[V_LENT_ON], v[V_YEAR])
            v[V_YEAR_PENALTY] = 0
        end = min(to, v[V_YEAR_END])
        early = min(max(origin + rules[R_DAYS] - at, 0), end - at)
        wanted = base * (early * rules[R_FIRST] + (end - at - early) * rules[R_LATER])
        units = min(wanted, max(v[V_CAP] - v[V_YEAR_PENALTY], 0))
        v[V_PENALTY] += units
        v[V_YEAR_PENALTY] += units
        at = end
