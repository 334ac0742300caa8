"""What money is spent on, compiled: rules.loan_dues and rules.loan_allocation."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from activities.portfolio import PART
from activities.portfolio.kernel_interest import accrued_at, charge, count_penalty, penalty_due, restop, split
from activities.portfolio.kernel_names import (
    BILL_DUE,
    BILL_SHIFT,
    BILLED_INTEREST,
    BILLED_PRINCIPAL,
    MOST_BILLS,
    NEVER,
    PAID,
    PAY_INTEREST,
    PAY_LATE_INTEREST,
    PAY_LATE_PRINCIPAL,
    PAY_PENALTY,
    PAY_PRINCIPAL,
    R_END,
    R_ORDER,
    ROW_DUE,
    ROW_PART,
    SHORTER_TERM,
    V_ADVANCE,
    V_BILLS,
    V_CARRIED,
    V_CHARGED,
    V_CLOSED,
    V_COUNT,
    V_GONE,
    V_HELD,
    V_HELD_REST,
    V_ODD,
    V_OLDEST,
    V_OVERPAID,
    V_PAID,
    V_PAID_I,
    V_PAID_P,
    V_PASSED,
    V_PENALTY,
    V_PRINCIPAL,
    V_REJOIN,
    V_REST,
    V_RUNNING,
    V_STOP,
    V_SUSPENDED,
)
from activities.portfolio.kernel_plan import divide, factor, shorten

Ints = NDArray[np.int64]


@njit(**PART)
def bill(rules: Ints, v: Ints, bills: Ints, day: int, principal: int, interest: int) -> None:
    """A due date asks for its instalment."""
    if principal == 0 and interest == 0:
        return
    at = v[V_BILLS]
    if at + 1 >= MOST_BILLS:
        v[V_ODD] = 1
        return
    bills[BILL_DUE, at], bills[BILL_SHIFT, at] = day, 0
    bills[BILLED_PRINCIPAL, at + 1] = bills[BILLED_PRINCIPAL, at] + principal
    bills[BILLED_INTEREST, at + 1] = bills[BILLED_INTEREST, at] + interest
    v[V_BILLS] = at + 1
    if v[V_OLDEST] == at:
        restop(rules, v, bills)


@njit(**PART)
def drop_bills(v: Ints, bills: Ints) -> None:
    """No bill is left: paid, given up, or taken into another plan."""
    v[V_OLDEST] = v[V_BILLS]
    v[V_PAID_P], v[V_PAID_I] = bills[BILLED_PRINCIPAL, v[V_BILLS]], bills[BILLED_INTEREST, v[V_BILLS]]


@njit(**PART)
def due_on(v: Ints, bills: Ints, day: int) -> tuple[int, int, int, int]:
    """Principal and interest that are due and unpaid, and of it what fell due on this very day."""
    n = v[V_BILLS]
    at = n
    while at > v[V_OLDEST] and bills[BILL_DUE, at - 1] == day:
        at -= 1
    principal, interest = bills[BILLED_PRINCIPAL, n] - v[V_PAID_P], bills[BILLED_INTEREST, n] - v[V_PAID_I]
    return (
        principal,
        interest,
        min(principal, bills[BILLED_PRINCIPAL, n] - bills[BILLED_PRINCIPAL, at]),
        min(interest, bills[BILLED_INTEREST, n] - bills[BILLED_INTEREST, at]),
    )


@njit(**PART)
def spend(rules: Ints, table: Ints, v: Ints, bills: Ints, day: int) -> None:
    """What waits goes to what is owed, by the waterfall."""
    if v[V_ADVANCE] == 0 or (v[V_OLDEST] == v[V_BILLS] and v[V_PENALTY] == 0):
        return
    principal, interest, today_p, today_i = due_on(v, bills, day)
    left, paid_p, paid_i = v[V_ADVANCE], 0, 0
    for at in range(R_ORDER, R_END):
        name, owed = rules[at], 0
        if name == PAY_PENALTY:
            owed = penalty_due(v)
        elif name == PAY_LATE_PRINCIPAL:
            owed = principal - today_p
        elif name == PAY_LATE_INTEREST:
            owed = interest - today_i
        elif name == PAY_PRINCIPAL:
            owed = today_p
        elif name == PAY_INTEREST:
            owed = today_i
        taken = min(left, owed)
        left -= taken
        if name == PAY_PENALTY:
            v[V_GONE] += taken
        elif name in (PAY_LATE_PRINCIPAL, PAY_PRINCIPAL):
            paid_p += taken
        else:
            paid_i += taken
    if paid_p > 0:
        split(table, v, day)
        v[V_PRINCIPAL] -= paid_p
    v[V_PAID_P] += paid_p
    v[V_PAID_I] += paid_i
    v[V_ADVANCE] = left
    drop_paid(rules, table, v, bills, day)


@njit(**PART)
def drop_paid(rules: Ints, table: Ints, v: Ints, bills: Ints, day: int) -> None:
    """Move past bills that are paid; where the oldest goes, interest may run again from this day on."""
    at = v[V_OLDEST]
    while (
        at < v[V_BILLS]
        and bills[BILLED_PRINCIPAL, at + 1] <= v[V_PAID_P]
        and bills[BILLED_INTEREST, at + 1] <= v[V_PAID_I]
    ):
        at += 1
    if at == v[V_OLDEST]:
        return
    if day > v[V_STOP]:
        split(table, v, day)
    v[V_OLDEST] = at
    restop(rules, v, bills)


@njit(**PART)
def settle(rules: Ints, table: Ints, v: Ints, bills: Ints, day: int) -> None:
    """Spend what waits; behind the last due date interest falls due with the money; close what is paid."""
    spend(rules, table, v, bills, day)
    if v[V_OLDEST] < v[V_BILLS]:
        return
    if v[V_PASSED] == v[V_COUNT] and accrued_at(table, v, day) > 0:
        bill(rules, v, bills, day, 0, charge(table, v, day))
        spend(rules, table, v, bills, day)
        if v[V_OLDEST] < v[V_BILLS]:
            return
    owed = v[V_PRINCIPAL] + v[V_CARRIED]
    if v[V_ADVANCE] < owed or penalty_due(v) != 0 or v[V_ADVANCE] < owed + accrued_at(table, v, day):
        return
    v[V_ADVANCE] -= owed + charge(table, v, day)
    end(v, bills)


@njit(**PART)
def end(v: Ints, bills: Ints) -> None:
    """Nothing is owed any more; money that waits is owed to the client."""
    drop_bills(v, bills)
    v[V_PRINCIPAL] = v[V_CARRIED] = v[V_RUNNING] = v[V_REST] = v[V_HELD] = v[V_HELD_REST] = 0
    v[V_PASSED] = v[V_COUNT]
    v[V_CLOSED] = 1
    v[V_STOP] = v[V_SUSPENDED] = v[V_REJOIN] = NEVER
    v[V_OVERPAID] += v[V_ADVANCE]
    v[V_ADVANCE] = 0


@njit(**PART)
def repay_early(table: Ints, v: Ints, rows: Ints, by: Ints, day: int, money: int, kind: int) -> None:
    """Repay interest up to the day, then principal, with the rest of a payment; then make the plan anew."""
    v[V_ADVANCE] -= money
    carried = min(v[V_CARRIED], money)
    v[V_CARRIED] -= carried
    money -= carried
    accrued = accrued_at(table, v, day)
    if accrued > money:
        v[V_RUNNING] -= money
        v[V_CHARGED] += money
        v[V_REJOIN] = NEVER
        return
    if accrued > 0:
        money -= charge(table, v, day)
    if money == 0:
        return
    split(table, v, day)
    v[V_RUNNING] = v[V_REST] = 0
    v[V_PRINCIPAL] -= money
    at, before = v[V_PASSED], day
    for k in range(at, v[V_COUNT]):
        by[k - at] = factor(table, v, rows[ROW_DUE, k] - before)
        before = rows[ROW_DUE, k]
    if kind == SHORTER_TERM:
        shorten(v, v[V_PRINCIPAL], at, by, rows)
    else:
        divide(v, v[V_PRINCIPAL], at, by, rows)


@njit(**PART)
def fall_due(rules: Ints, table: Ints, first: Ints, v: Ints, rows: Ints, bills: Ints) -> None:
    """The next row becomes a bill."""
    row = v[V_PASSED]
    day = rows[ROW_DUE, row]
    if v[V_OLDEST] < v[V_BILLS]:
        count_penalty(first, v, bills, day)
    interest = charge(table, v, day) + v[V_CARRIED]
    v[V_CARRIED] = 0
    v[V_PASSED] = row + 1
    left = v[V_PRINCIPAL] - (bills[BILLED_PRINCIPAL, v[V_BILLS]] - v[V_PAID_P])
    bill(rules, v, bills, day, left if row + 1 == v[V_COUNT] else min(rows[ROW_PART, row], left), interest)
    settle(rules, table, v, bills, day)


@njit(**PART)
def pay(
    rules: Ints, table: Ints, first: Ints, v: Ints, rows: Ints, by: Ints, bills: Ints, day: int, amount: int, kind: int
) -> None:
    """A payment: it waits, is spent on what is owed, and repays early where its payer chose so."""
    v[V_PAID] += amount
    if v[V_CLOSED]:
        v[V_OVERPAID] += amount
        return
    count_penalty(first, v, bills, day)
    v[V_ADVANCE] += amount
    settle(rules, table, v, bills, day)
    rest = min(v[V_ADVANCE], amount)
    if kind != PAID and v[V_CLOSED] == 0 and rest > 0 and v[V_PASSED] < v[V_COUNT]:
        repay_early(table, v, rows, by, day, rest, kind)
