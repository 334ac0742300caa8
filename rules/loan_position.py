"""What the state of a loan says about a day: the debt, and the instalments still to come."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import NamedTuple

from rules.accrual import to_tiyn
from rules.evidence import Frozen
from rules.loan_state import State
from rules.money import Money
from rules.schedule import Installment


class Position(Frozen):
    """The debt at the end of a day.

    principal: not yet repaid, whether due or not. principal_due, interest_due: due and unpaid. interest_accrued: not
    due yet, what a restructuring carried into its first instalment included. penalty: charged and unpaid. advance: paid
    before it was due. overdue_days: since the last day to pay of the oldest unpaid bill, without suspended days.
    overdue_principal, overdue_interest: of late bills; overdue_amount: both, without penalty. next_payment: the coming
    instalment, if nothing more is paid before its day, less the advance. total_to_close: what ends the loan on this
    day. overpaid: owed to the client. interest_suspended: what suspended nights would have cost and was not charged.
    interest_charged, penalty_charged: all that fell due or was paid early; penalty that was forgiven does not count.
    written_off: the debt that was given up, and with `return_paid` what had been paid. closed: nothing is owed.
    """

    on: date
    principal: Money
    principal_due: Money
    interest_due: Money
    interest_accrued: Money
    penalty: Money
    advance: Money
    overdue_days: int
    overdue_principal: Money
    overdue_interest: Money
    overdue_amount: Money
    next_due: date | None
    next_payment: Money | None
    total_to_close: Money
    overpaid: Money
    suspended: bool
    interest_suspended: Money
    interest_charged: Money
    penalty_charged: Money
    paid: Money
    refunded: Money
    written_off: Money
    closed: bool


class Figures(NamedTuple):
    """A position in whole tiyn, field by field; days are dates."""

    on: date
    principal: int
    principal_due: int
    interest_due: int
    interest_accrued: int
    penalty: int
    advance: int
    overdue_days: int
    overdue_principal: int
    overdue_interest: int
    overdue_amount: int
    next_due: date | None
    next_payment: int | None
    total_to_close: int
    overpaid: int
    suspended: bool
    interest_suspended: int
    interest_charged: int
    penalty_charged: int
    paid: int
    refunded: int
    written_off: int
    closed: bool


_money = lru_cache(maxsize=16384)(Money.of_tiyn)
_PLAIN = ("on", "overdue_days", "next_due", "suspended", "closed")
_MONEY = tuple(name for name in Figures._fields if name not in (*_PLAIN, "next_payment"))


def figures_of(state: State, on: date) -> Figures:
    """The figures of a state that was brought to the end of a day."""
    day = on.toordinal()
    late_principal = late_interest = interest_due = 0
    for bill in state.bills:
        interest_due += bill.interest
        if bill.pay_by < day:
            late_principal += bill.principal
            late_interest += bill.interest
    accrued = 0 if state.closed else to_tiyn(state.running_at(day)) + state.carried
    penalty = state.penalty_due
    coming = state.passed < len(state.plan.rows)
    owed = state.principal + interest_due + accrued + penalty - state.advance
    return Figures(
        on,
        state.principal,
        state.billed,
        interest_due,
        accrued,
        penalty,
        state.advance,
        state.days_late(day) if state.bills else 0,
        late_principal,
        late_interest,
        late_principal + late_interest,
        date.fromordinal(state.plan.rows[state.passed].due) if coming else None,
        max(_coming(state) - state.advance, 0) if coming else None,
        0 if state.closed else owed,
        state.overpaid,
        state.suspended_at is not None,
        to_tiyn(state.withheld_at(day)),
        state.interest_charged,
        state.penalty_charged,
        state.paid,
        state.refunded,
        state.written_off,
        state.closed,
    )


def _coming(state: State) -> int:
    """The next instalment if nothing more is paid before its day."""
    row = state.plan.rows[state.passed]
    left = state.principal - state.billed
    part = left if state.passed + 1 == len(state.plan.rows) else min(row.part, left)
    return part + (0 if row.defers else to_tiyn(state.running_at(row.due)) + state.carried)


def position_of(figures: Figures) -> Position:
    """The same with money as Money."""
    values = figures._asdict()
    for name in _MONEY:
        values[name] = _money(values[name])
    if figures.next_payment is not None:
        values["next_payment"] = _money(figures.next_payment)
    return Position.model_construct(**values)


def upcoming_of(state: State) -> tuple[Installment, ...]:
    """The instalments to come, as if each of them, and nothing else, were paid on its day.

    What is late stays late and goes on bearing interest, so the first of them is `next_payment` plus the advance.
    balance: what is left of the principal that is not due yet.
    """
    rows, plan = [], state.plan
    left, bearing = state.principal - state.billed, state.principal - state.graced
    running, since, carried = state.running, state.since, state.carried
    stands = state.suspended_at is not None
    for index in range(state.passed, len(plan.rows)):
        row = plan.rows[index]
        end = min(row.due, state.stop)
        if end > since and not stands:
            running += bearing * plan.factor(index, since, end)
        interest = 0 if row.defers else to_tiyn(running) + carried
        part = left if index + 1 == len(plan.rows) else min(row.part, left)
        if not row.defers:
            running = carried = 0
        since = row.due
        left, bearing = left - part, bearing - part
        rows.append(_installment(state, index, interest, part, left))
    return tuple(rows)


def _installment(state: State, index: int, interest: int, part: int, left: int) -> Installment:
    row, span = state.plan.rows[index], state.plan.periods[index]
    return Installment(
        n=row.n,
        due=date.fromordinal(row.due),
        days=span.real_days,
        interest=_money(interest),
        principal=_money(part),
        payment=_money(interest + part),
        balance=_money(left),
        pay_by=date.fromordinal(row.pay_by),
    )
