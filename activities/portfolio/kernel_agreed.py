"""The rarer facts of a loan, compiled: rules.loan_facts and rules.loan_suspension.

A detail is a row of numbers that goes with the fact; what they mean stands with each function.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from activities.portfolio import PART
from activities.portfolio.kernel_interest import charge, count_penalty, penalty_due, restop, split
from activities.portfolio.kernel_money import drop_bills, end, settle
from activities.portfolio.kernel_names import (
    BILL_DUE,
    BILL_SHIFT,
    BILLED_INTEREST,
    DUE_MOVED,
    NEVER,
    PENALTY_RULE,
    RESTRUCTURED,
    RESUMED,
    SCALE,
    SUSPENDED,
    V_AGAIN,
    V_BILLS,
    V_CAP,
    V_CARRIED,
    V_CLOSED,
    V_COUNT,
    V_DAILY,
    V_DAILY_DAYS,
    V_FORGIVEN,
    V_FREE,
    V_GONE,
    V_HELD,
    V_HELD_REST,
    V_LATER,
    V_LENT,
    V_METHOD,
    V_ODD,
    V_OLDEST,
    V_OVERPAID,
    V_PAID,
    V_PAID_I,
    V_PENALTY_AT,
    V_PRINCIPAL,
    V_RATE,
    V_REFUNDED,
    V_REJOIN,
    V_REJOIN_REST,
    V_REJOIN_RUNNING,
    V_REJOIN_SINCE,
    V_REST,
    V_RUNNING,
    V_SINCE,
    V_STOP,
    V_SUSPENDED,
    WRITTEN_OFF,
)
from activities.portfolio.kernel_plan import make_plan, move

Ints = NDArray[np.int64]


@njit(**PART)
def agree(
    rules: Ints, table: Ints, first: Ints, v: Ints, rows: Ints, by: Ints, bills: Ints, day: int, kind: int, detail: Ints
) -> None:
    """Take in a fact that is no payment."""
    if kind == DUE_MOVED:
        move(v, rows, detail[0], max(detail[1], day), detail[2])
    elif kind == PENALTY_RULE:
        charge_otherwise(first, v, bills, day, detail)
    elif kind == SUSPENDED:
        suspend(rules, table, first, v, bills, day)
    elif kind == RESUMED:
        resume(rules, table, first, v, bills, day, detail[0])
    elif kind == RESTRUCTURED:
        restructure(rules, table, first, v, rows, by, bills, day, detail)
    elif kind == WRITTEN_OFF:
        write_off(table, first, v, bills, day, detail[0])
    else:
        v[V_ODD] = 1


@njit(**PART)
def charge_otherwise(first: Ints, v: Ints, bills: Ints, day: int, detail: Ints) -> None:
    """Other penalty. detail: first rate, its days, later rate, cap of a year."""
    count_penalty(first, v, bills, day - 1)
    v[V_DAILY], v[V_DAILY_DAYS], v[V_LATER], v[V_CAP] = detail[0], detail[1], detail[2], v[V_LENT] * detail[3]


@njit(**PART)
def suspend(rules: Ints, table: Ints, first: Ints, v: Ints, bills: Ints, day: int) -> None:
    """Interest and penalty stand still."""
    if v[V_CLOSED]:
        return
    if v[V_SUSPENDED] != NEVER:
        v[V_AGAIN] = day
        return
    stand_still(rules, table, first, v, bills, day - 1)


@njit(**PART)
def stand_still(rules: Ints, table: Ints, first: Ints, v: Ints, bills: Ints, at: int) -> None:
    """The last night that counts is `at`; remember the period as it was, to join its parts again."""
    count_penalty(first, v, bills, at)
    v[V_REJOIN_SINCE], v[V_REJOIN_RUNNING], v[V_REJOIN_REST] = v[V_SINCE], v[V_RUNNING], v[V_REST]
    runs = at <= v[V_STOP]
    split(table, v, at)
    v[V_REJOIN] = v[V_SINCE] if runs else NEVER
    v[V_SUSPENDED] = at
    v[V_HELD] = v[V_HELD_REST] = 0
    restop(rules, v, bills)


@njit(**PART)
def resume(rules: Ints, table: Ints, first: Ints, v: Ints, bills: Ints, day: int, charge_later: int) -> None:
    """Interest and penalty run again."""
    was, at = v[V_SUSPENDED], day - 1
    if was == NEVER:
        return
    if (charge_later or at == was) and v[V_REJOIN] == v[V_SINCE]:
        v[V_SINCE], v[V_RUNNING], v[V_REST] = v[V_REJOIN_SINCE], v[V_REJOIN_RUNNING], v[V_REJOIN_REST]
    else:
        split(table, v, at)
        if charge_later:
            v[V_RUNNING] += v[V_HELD]
            v[V_REST] += v[V_HELD_REST]
            if v[V_REST] >= SCALE:
                v[V_RUNNING], v[V_REST] = v[V_RUNNING] + 1, v[V_REST] - SCALE
    v[V_SUSPENDED] = v[V_REJOIN] = NEVER
    v[V_PENALTY_AT] = max(v[V_PENALTY_AT], at)
    for one in range(v[V_OLDEST], v[V_BILLS]):
        bills[BILL_SHIFT, one] += max(at - max(was, bills[BILL_DUE, one]), 0)
    restop(rules, v, bills)
    if v[V_AGAIN] == day:
        stand_still(rules, table, first, v, bills, at)


@njit(**PART)
def restructure(
    rules: Ints, table: Ints, first: Ints, v: Ints, rows: Ints, by: Ints, bills: Ints, day: int, detail: Ints
) -> None:
    """Another plan. detail: rate, rows, method, rows of interest alone, first due date, whether penalty is forgiven."""
    if v[V_CLOSED]:
        return
    count_penalty(first, v, bills, day)
    v[V_CARRIED] += charge(table, v, day) + bills[BILLED_INTEREST, v[V_BILLS]] - v[V_PAID_I]
    drop_bills(v, bills)
    if detail[5]:
        forgiven = penalty_due(v)
        v[V_GONE] += forgiven
        v[V_FORGIVEN] += forgiven
    v[V_RATE], v[V_COUNT], v[V_METHOD], v[V_FREE] = detail[0], detail[1], detail[2], detail[3]
    make_plan(table, first, v, rows, by, day, detail[4])
    if v[V_ODD] == 0:
        restop(rules, v, bills)
        settle(rules, table, v, bills, day)


@njit(**PART)
def write_off(table: Ints, first: Ints, v: Ints, bills: Ints, day: int, return_paid: int) -> None:
    """Nothing is owed any more; all that was paid may be owed back."""
    if v[V_CLOSED] == 0:
        count_penalty(first, v, bills, day)
        charge(table, v, day)
        v[V_GONE] += penalty_due(v)
        v[V_PRINCIPAL] = 0
        end(v, bills)
    if return_paid:
        v[V_OVERPAID] = v[V_PAID] - v[V_REFUNDED]
