"""The fold of rules.loan over many loans, compiled: whole numbers in, whole numbers out, one loan after the other.

The definition is the scalar fold (rules.loan_state names the variables); this repeats its steps for the facts that
nearly all loans have (disbursed, paid with every use, refunded) and flags the rest. An exact amount is whole tiyn and
a rest in 1e-18 tiyn. Bills are running sums: within principal and within interest the oldest is always paid first, so
what is unpaid follows from the sum paid so far, and `oldest` is the first bill that is not paid in full.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from activities.portfolio import CACHED
from activities.portfolio.kernel_interest import charge, count_penalty, penalty_due, running_at, split
from activities.portfolio.kernel_names import (
    ADVANCE,
    CLOSED,
    INTEREST_ACCRUED,
    INTEREST_CHARGED,
    INTEREST_DUE,
    MOST_BILLS,
    MOST_ROWS,
    NEVER,
    NEXT_DUE,
    NEXT_PAYMENT,
    ODD,
    OVERDUE_DAYS,
    OVERDUE_INTEREST,
    OVERDUE_PRINCIPAL,
    OVERPAID,
    PAID,
    PENALTY,
    PENALTY_CHARGED,
    PRINCIPAL,
    PRINCIPAL_DUE,
    R_STOP,
    REFUND,
    REFUNDED,
    SHORTER_TERM,
    TOTAL_TO_CLOSE,
    V_ADVANCE,
    V_BILLS,
    V_CHARGED,
    V_CLOSED,
    V_COUNT,
    V_GONE,
    V_ODD,
    V_OLDEST,
    V_OVERPAID,
    V_PAID,
    V_PAID_I,
    V_PAID_P,
    V_PASSED,
    V_PENALTY,
    V_PRINCIPAL,
    V_REFUNDED,
    V_REST,
    V_RUNNING,
    V_STOP,
    VARIABLES,
)
from activities.portfolio.kernel_plan import begin, divide, factor, nearest, shorten

Ints = NDArray[np.int64]


@njit(cache=CACHED)
def bill(rules: Ints, v: Ints, bills: Ints, day: int, principal: int, interest: int) -> None:
    """A due date asks for its instalment."""
    if principal == 0 and interest == 0:
        return
    at = v[V_BILLS]
    if at + 1 >= MOST_BILLS:
        v[V_ODD] = 1
        return
    bills[0, at] = day
    bills[1, at + 1] = bills[1, at] + principal
    bills[2, at + 1] = bills[2, at] + interest
    v[V_BILLS] = at + 1
    if v[V_OLDEST] == at:
        v[V_STOP] = min(day + rules[R_STOP], NEVER)


@njit(cache=CACHED)
def spend(rules: Ints, order: Ints, table: Ints, v: Ints, bills: Ints, day: int) -> None:
    """What waits goes to what is owed, by the waterfall: 0, 1 late principal, interest; 2 penalty; 3, 4 due today."""
    n, oldest = v[V_BILLS], v[V_OLDEST]
    if v[V_ADVANCE] == 0 or (oldest == n and v[V_PENALTY] == 0):
        return
    principal, interest = bills[1, n] - v[V_PAID_P], bills[2, n] - v[V_PAID_I]
    today_p = today_i = 0
    if n > 0 and bills[0, n - 1] == day:
        today_p = min(principal, bills[1, n] - bills[1, n - 1])
        today_i = min(interest, bills[2, n] - bills[2, n - 1])
    left, paid_p, paid_i = v[V_ADVANCE], 0, 0
    for name in order:
        owed = penalty_due(v)
        if name == 0:
            owed = principal - today_p
        elif name == 1:
            owed = interest - today_i
        elif name == 3:
            owed = today_p
        elif name == 4:
            owed = today_i
        taken = min(left, owed)
        left -= taken
        if name == 2:
            v[V_GONE] += taken
        elif name == 0 or name == 3:
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


@njit(cache=CACHED)
def drop_paid(rules: Ints, table: Ints, v: Ints, bills: Ints, day: int) -> None:
    """Move past bills that are paid; where the oldest goes, interest may run again from this day on."""
    at = v[V_OLDEST]
    while at < v[V_BILLS] and bills[1, at + 1] <= v[V_PAID_P] and bills[2, at + 1] <= v[V_PAID_I]:
        at += 1
    if at == v[V_OLDEST]:
        return
    if day > v[V_STOP]:
        split(table, v, day)
    v[V_OLDEST] = at
    v[V_STOP] = NEVER if at == v[V_BILLS] else min(bills[0, at] + rules[R_STOP], NEVER)


@njit(cache=CACHED)
def settle(rules: Ints, order: Ints, table: Ints, v: Ints, bills: Ints, day: int) -> None:
    """Spend what waits; behind the last due date interest falls due with the money; close what is paid."""
    spend(rules, order, table, v, bills, day)
    if v[V_OLDEST] < v[V_BILLS]:
        return
    if v[V_PASSED] == v[V_COUNT]:
        whole, rest = running_at(table, v, day)
        if nearest(whole, rest) > 0:
            bill(rules, v, bills, day, 0, charge(table, v, day))
            spend(rules, order, table, v, bills, day)
            if v[V_OLDEST] < v[V_BILLS]:
                return
    if v[V_ADVANCE] < v[V_PRINCIPAL] or penalty_due(v) != 0:
        return
    whole, rest = running_at(table, v, day)
    if v[V_ADVANCE] >= v[V_PRINCIPAL] + nearest(whole, rest):
        v[V_OVERPAID] += v[V_ADVANCE] - v[V_PRINCIPAL] - charge(table, v, day)
        v[V_ADVANCE] = v[V_PRINCIPAL] = 0
        v[V_PASSED] = v[V_COUNT]
        v[V_CLOSED], v[V_STOP] = 1, NEVER


@njit(cache=CACHED)
def repay_early(
    table: Ints, v: Ints, due: Ints, by: Ints, part: Ints, pay: Ints, day: int, money: int, kind: int
) -> None:
    """Repay interest up to the day, then principal, with the rest of a payment; then make the plan anew."""
    whole, rest = running_at(table, v, day)
    accrued = nearest(whole, rest)
    v[V_ADVANCE] -= money
    if accrued > money:
        v[V_RUNNING] -= money
        v[V_CHARGED] += money
        return
    if accrued > 0:
        charge(table, v, day)
    left = money - accrued
    if left == 0:
        return
    split(table, v, day)
    v[V_RUNNING] = v[V_REST] = 0
    v[V_PRINCIPAL] -= left
    at, before = v[V_PASSED], day
    for k in range(at, v[V_COUNT]):
        by[k - at] = factor(table, v, due[k] - before)
        before = due[k]
    if kind == SHORTER_TERM:
        shorten(v, v[V_PRINCIPAL], at, by, part, pay)
    else:
        divide(v, v[V_PRINCIPAL], at, by, part, pay)


@njit(cache=CACHED)
def fall_due(rules: Ints, order: Ints, table: Ints, first: Ints, v: Ints, bills: Ints, due: Ints, part: Ints) -> None:
    """The next row becomes a bill."""
    row = v[V_PASSED]
    day = due[row]
    if v[V_OLDEST] < v[V_BILLS]:
        count_penalty(rules, first, v, bills, day)
    interest = charge(table, v, day)
    v[V_PASSED] = row + 1
    left = v[V_PRINCIPAL] - (bills[1, v[V_BILLS]] - v[V_PAID_P])
    bill(rules, v, bills, day, left if row + 1 == v[V_COUNT] else min(part[row], left), interest)
    settle(rules, order, table, v, bills, day)


@njit(cache=CACHED)
def answer(table: Ints, v: Ints, bills: Ints, due: Ints, part: Ints, on: int, told: Ints) -> None:
    """The figures of rules.loan_position."""
    n, oldest = v[V_BILLS], v[V_OLDEST]
    principal, interest = bills[1, n] - v[V_PAID_P], bills[2, n] - v[V_PAID_I]
    late_p, late_i = principal, interest
    if n > 0 and bills[0, n - 1] == on:
        late_p -= min(principal, bills[1, n] - bills[1, n - 1])
        late_i -= min(interest, bills[2, n] - bills[2, n - 1])
    whole, rest = running_at(table, v, on)
    accrued = 0 if v[V_CLOSED] else nearest(whole, rest)
    penalty = penalty_due(v)
    told[PRINCIPAL], told[PRINCIPAL_DUE], told[INTEREST_DUE], told[INTEREST_ACCRUED] = (
        v[V_PRINCIPAL], principal, interest, accrued,
    )  # fmt: skip
    told[PENALTY], told[ADVANCE], told[OVERDUE_PRINCIPAL], told[OVERDUE_INTEREST] = (
        penalty, v[V_ADVANCE], late_p, late_i,
    )  # fmt: skip
    told[OVERDUE_DAYS] = max(on - bills[0, oldest], 0) if oldest < n else 0
    told[NEXT_DUE] = NEVER
    row = v[V_PASSED]
    if row < v[V_COUNT]:
        left = v[V_PRINCIPAL] - principal
        whole, rest = running_at(table, v, due[row])
        coming = (left if row + 1 == v[V_COUNT] else min(part[row], left)) + nearest(whole, rest)
        told[NEXT_DUE], told[NEXT_PAYMENT] = due[row], max(coming - v[V_ADVANCE], 0)
    owed = v[V_PRINCIPAL] + interest + accrued + penalty - v[V_ADVANCE]
    told[TOTAL_TO_CLOSE] = 0 if v[V_CLOSED] else owed
    told[OVERPAID], told[INTEREST_CHARGED], told[PENALTY_CHARGED] = v[V_OVERPAID], v[V_CHARGED], penalty + v[V_GONE]
    told[PAID], told[REFUND], told[CLOSED], told[ODD] = v[V_PAID], v[V_REFUNDED], v[V_CLOSED], v[V_ODD]


@njit(cache=CACHED)
def fold(
    terms: Ints, starts: Ints, facts: Ints, table: Ints, first: Ints, rules: Ints, order: Ints, on: int, told: Ints
) -> None:
    """Every loan's debt at the end of a day.

    terms: a row for each of LENT ..., a column for each loan. starts: where each loan's facts begin, and their end.
    facts: rows of day, code, amount. first: first days of months. told: a row for each of PRINCIPAL ..., zeros.
    """
    due, part = np.zeros(MOST_ROWS, np.int64), np.zeros(MOST_ROWS, np.int64)
    pay, by = np.zeros(MOST_ROWS, np.int64), np.zeros(MOST_ROWS, np.int64)
    v, bills = np.zeros(VARIABLES, np.int64), np.zeros((3, MOST_BILLS), np.int64)
    for i in range(terms.shape[1]):
        v[:] = 0
        bills[:] = 0
        begin(terms[:, i], table, first, rules, v, due, part, pay, by)
        at, end = starts[i], starts[i + 1]
        while v[V_ODD] == 0:
            coming = due[v[V_PASSED]] if v[V_PASSED] < v[V_COUNT] else NEVER
            day = facts[0, at] if at < end else NEVER
            if min(coming, day) > on:
                break
            if coming <= day:
                fall_due(rules, order, table, first, v, bills, due, part)
                continue
            code, amount = facts[1, at], facts[2, at]
            at += 1
            if code == REFUNDED:
                v[V_ODD] = 1 if amount > v[V_OVERPAID] else v[V_ODD]
                v[V_OVERPAID] -= amount
                v[V_REFUNDED] += amount
                continue
            v[V_PAID] += amount
            if v[V_CLOSED]:
                v[V_OVERPAID] += amount
                continue
            count_penalty(rules, first, v, bills, day)
            v[V_ADVANCE] += amount
            settle(rules, order, table, v, bills, day)
            rest = min(v[V_ADVANCE], amount)
            if code != 1 and v[V_CLOSED] == 0 and rest > 0 and v[V_PASSED] < v[V_COUNT]:
                repay_early(table, v, due, by, part, pay, day, rest, code)
        count_penalty(rules, first, v, bills, on)
        answer(table, v, bills, due, part, on, told[:, i])
