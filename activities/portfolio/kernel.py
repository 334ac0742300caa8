"""The fold of rules.loan over many loans, compiled: whole numbers in, whole numbers out, one loan after the other.

The definition is the scalar fold (rules.loan_state names the variables); this repeats its steps and flags what it does
not cover. An exact amount is whole tiyn and a rest in 1e-18 tiyn.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from activities.portfolio import PART, WHOLE
from activities.portfolio.kernel_agreed import agree
from activities.portfolio.kernel_interest import accrued_at, count_penalty, days_late, penalty_due, start
from activities.portfolio.kernel_money import due_on, fall_due, pay
from activities.portfolio.kernel_names import (
    ADVANCE,
    BEFORE_DUES,
    CLOSED,
    GIVEN_BACK,
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
    PAID_IN,
    PENALTY,
    PENALTY_CHARGED,
    PRINCIPAL,
    PRINCIPAL_DUE,
    RARE,
    ROW_DUE,
    ROW_PART,
    RULES,
    SMALLER_INSTALMENT,
    TOTAL_TO_CLOSE,
    V_ADVANCE,
    V_CARRIED,
    V_CHARGED,
    V_CLOSED,
    V_COUNT,
    V_FORGIVEN,
    V_GONE,
    V_LENT_ON,
    V_ODD,
    V_OVERPAID,
    V_PAID,
    V_PASSED,
    V_PRINCIPAL,
    V_REFUNDED,
    VARIABLES,
)
from activities.portfolio.kernel_plan import contract_plan

Ints = NDArray[np.int64]


@njit(**PART)
def answer(table: Ints, v: Ints, bills: Ints, rows: Ints, on: int, told: Ints) -> None:
    """The figures of rules.loan_position."""
    principal, interest, today_p, today_i = due_on(v, bills, on)
    accrued = 0 if v[V_CLOSED] else accrued_at(table, v, on) + v[V_CARRIED]
    penalty = penalty_due(v)
    told[PRINCIPAL], told[PRINCIPAL_DUE], told[INTEREST_DUE], told[INTEREST_ACCRUED] = (
        v[V_PRINCIPAL], principal, interest, accrued,
    )  # fmt: skip
    told[PENALTY], told[ADVANCE], told[OVERDUE_PRINCIPAL], told[OVERDUE_INTEREST] = (
        penalty, v[V_ADVANCE], principal - today_p, interest - today_i,
    )  # fmt: skip
    told[OVERDUE_DAYS] = days_late(v, bills, on)
    told[NEXT_DUE] = NEVER
    row = v[V_PASSED]
    if row < v[V_COUNT]:
        left = v[V_PRINCIPAL] - principal
        coming = left if row + 1 == v[V_COUNT] else min(rows[ROW_PART, row], left)
        coming += accrued_at(table, v, rows[ROW_DUE, row]) + v[V_CARRIED]
        told[NEXT_DUE], told[NEXT_PAYMENT] = rows[ROW_DUE, row], max(coming - v[V_ADVANCE], 0)
    owed = v[V_PRINCIPAL] + interest + accrued + penalty - v[V_ADVANCE]
    told[TOTAL_TO_CLOSE] = 0 if v[V_CLOSED] else owed
    told[OVERPAID], told[INTEREST_CHARGED] = v[V_OVERPAID], v[V_CHARGED]
    told[PENALTY_CHARGED] = penalty + v[V_GONE] - v[V_FORGIVEN]
    told[PAID_IN], told[GIVEN_BACK], told[CLOSED], told[ODD] = v[V_PAID], v[V_REFUNDED], v[V_CLOSED], v[V_ODD]


@njit(**PART)
def refund(v: Ints, amount: int) -> None:
    """Money goes back to the client."""
    if amount > v[V_OVERPAID]:
        v[V_ODD] = 1
    v[V_OVERPAID] -= amount
    v[V_REFUNDED] += amount


@njit(**PART)
def before_dues(v: Ints, day: int, kind: int) -> int:
    """Whether a fact comes before the instalments that fall due on its day."""
    return kind in BEFORE_DUES and day > v[V_LENT_ON]


@njit(**WHOLE)
def fold(
    terms: Ints, starts: Ints, ends: Ints, facts: Ints, details: Ints, table: Ints, first: Ints, rules: Ints, on: int,
    told: Ints,
) -> None:  # fmt: skip
    """Every loan's debt at the end of a day.

    terms: a row for each of LENT ..., a column for each loan. starts, ends: where the facts of each loan lie.
    facts: rows of day, kind, and amount or which row of details. first: first days of months. rules: a row for each
    set of them. told: a row for each of PRINCIPAL ..., zeros; ODD where it stands already: the loan is left out.
    """
    rows, by = np.zeros((4, MOST_ROWS), np.int64), np.zeros(MOST_ROWS, np.int64)
    v, bills = np.zeros(VARIABLES, np.int64), np.zeros((4, MOST_BILLS), np.int64)
    for i in range(terms.shape[1]):
        if told[ODD, i]:
            continue
        v[:] = 0
        mine = rules[terms[RULES, i]]
        contract_plan(terms[:, i], table, first, v, rows, by)
        start(first, mine, v, terms[:, i])
        at, end = starts[i], ends[i]
        if at < end and facts[0, at] < v[V_LENT_ON]:
            v[V_ODD] = 1
        while v[V_ODD] == 0:
            coming = rows[ROW_DUE, v[V_PASSED]] if v[V_PASSED] < v[V_COUNT] else NEVER
            day = facts[0, at] if at < end else NEVER
            if min(coming, day) > on:
                break
            if coming <= day and not (coming == day and before_dues(v, day, facts[1, at])):
                fall_due(mine, table, first, v, rows, bills)
                continue
            kind, amount = facts[1, at], facts[2, at]
            at += 1
            if kind > RARE:
                agree(mine, table, first, v, rows, by, bills, day, kind, details[amount])
            elif kind == RARE or amount <= 0:
                v[V_ODD] = 1
            elif kind <= SMALLER_INSTALMENT:
                pay(mine, table, first, v, rows, by, bills, day, amount, kind)
            else:
                refund(v, amount)
        count_penalty(first, v, bills, on)
        answer(table, v, bills, rows, on, told[:, i])
