"""What each kind of fact does to the state of a loan.

Before a fact, the instalments up to its day fall due (rules.loan_dues). A fact that is agreed for a day (rank up to
BEFORE_DUES in rules.loan_history) comes before the instalments of its day, the others after.

disbursed: principal = lent = the amount; interest and penalty are counted from that day. paid: penalty is counted up to
the day, the money waits, `settle`, then `repay_early` where the payer chose so; after the end all is overpaid.
due_moved, penalty_rule: a new plan; new figures from the night that ends on the day. suspended, resumed:
rules.loan_suspension. restructured: penalty and interest are counted up to the day; interest due and run becomes
`carried`; bills end; a new plan over the whole principal; settle. Forgiven penalty counts as not charged. written_off:
penalty and interest up to the day are charged; all debts become `written_off`; money that waits is overpaid;
return_paid: so is all that was paid and not given back. refunded: overpaid falls.

Rules: para 7, part 5; para 13, part 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rules.errors import Conflict, InvalidInput
from rules.loan_allocation import end, overpay, repay_early, settle
from rules.loan_dues import advance
from rules.loan_events import (
    Disbursed,
    DueMoved,
    LoanEvent,
    Paid,
    PenaltyRule,
    Refunded,
    Restructured,
    Use,
    WrittenOff,
)
from rules.loan_history import BEFORE_DUES, RANKS
from rules.loan_penalty import count_penalty, set_penalty, start_penalty
from rules.loan_plan import moved, restructured
from rules.loan_state import Share, State
from rules.loan_suspension import resume, suspend

GROUNDS: Final = frozenset({"court_verdict", "lender_breach", "ombudsman"})


def apply(state: State, fact: LoanEvent) -> None:
    """Take in one fact; facts come in the order of rules.loan_history.

    Raises:
        Conflict: `loan-disbursed-twice`, `loan-not-disbursed` before that day, `refund-above-overpaid`.
        InvalidInput: `amount-not-positive`, `write-off-ground-unknown`, or a plan that cannot be.
    """
    day, kind = fact.value_date.toordinal(), fact.kind
    if state.started:
        advance(state, day - 1 if RANKS[kind] <= BEFORE_DUES else day, day)
    elif kind != "disbursed":
        raise Conflict("loan-not-disbursed", "a fact of a loan before the money left")
    state.cause = fact.key
    _BY_KIND[kind](state, fact, day)
    state.cause = None


def _disbursed(state: State, fact: Disbursed, day: int) -> None:
    if state.started:
        raise Conflict("loan-disbursed-twice", "a second disbursement of one loan")
    amount = _positive(fact.amount.tiyn)
    state.started = True
    state.lent = state.principal = amount
    state.since = day
    state.cash[fact.through] = -amount
    start_penalty(state, day)
    if state.trace is not None:
        state.trace.add("principal", day, "lent", amount, fact.key)
    advance(state, day, day)


def _positive(tiyn: int) -> int:
    if tiyn <= 0:
        raise InvalidInput("amount-not-positive", "an amount of a loan's fact must be above zero", field="/amount")
    return tiyn


def _paid(state: State, fact: Paid, day: int) -> None:
    amount = _positive(fact.amount.tiyn)
    one = Share(fact.key, amount, amount, [0, 0, 0, 0])
    state.payments.append(one)
    state.paid += amount
    state.cash[fact.through] = state.cash.get(fact.through, 0) + amount
    if state.trace is not None:
        state.trace.add("paid", day, "paid", amount, fact.key)
        state.trace.add("advance", day, "received", amount, fact.key)
    if state.closed:
        overpay(state, one, amount, day)
        return
    if state.bills:
        count_penalty(state, day)
    state.shares.append(one)
    state.advance += amount
    settle(state, day)
    if one.waits and fact.use is not Use.DUE and not state.closed and state.passed < len(state.plan.rows):
        repay_early(state, one, fact.use, day)


def _due_moved(state: State, fact: DueMoved, day: int) -> None:
    to = max(fact.to.toordinal(), day)
    again = moved(state.plan, state.passed, fact.due.toordinal(), to, later_too=fact.later_too)
    if again is not None:
        state.plan, state.passed = again, 0
        if state.trace is not None:
            state.trace.plan.append(fact.key)


def _penalty_rule(state: State, fact: PenaltyRule, day: int) -> None:
    count_penalty(state, day - 1)
    if state.trace is not None:
        state.trace.penalty_rules.append(fact.key)
    set_penalty(state, fact.daily_percent, fact.first_days, fact.later_daily_percent, fact.year_cap_percent)


def _restructured(state: State, fact: Restructured, day: int) -> None:
    if state.closed:
        return
    count_penalty(state, day)
    accrued, due = state.charge(day), state.interest_billed
    if state.trace is not None:
        state.trace.add("carried", day, "interest due and run is carried", accrued + due, fact.key)
        state.trace.add("interest_due", day, "carried into the new plan", -due, fact.key)
        state.trace.add("principal_due", day, "taken into the new plan", -state.billed, fact.key)
    state.carried += accrued + due
    state.bills, state.billed, state.graced = [], 0, 0
    if fact.forgive_penalty:
        _forgive(state, day)
    state.plan, state.passed = restructured(state.plan.terms, fact, state.principal), 0
    if state.trace is not None:
        state.trace.plan.append(fact.key)
    state.restop()
    settle(state, day)


def _forgive(state: State, day: int) -> None:
    due = state.penalty_due
    state.penalty_gone += due
    state.penalty_forgiven += due
    if state.trace is not None:
        state.trace.add("penalty_forgiven", day, "forgiven", -due, state.cause)


def _written_off(state: State, fact: WrittenOff, day: int) -> None:
    if fact.ground not in GROUNDS:
        raise InvalidInput("write-off-ground-unknown", "no such ground of a write-off", field="/ground")
    if not state.closed:
        _give_up(state, day)
    if fact.return_paid:
        owed = state.paid - state.refunded - state.overpaid
        state.written_off += owed
        state.overpaid += owed
        for one in state.payments:
            one.spent = [0, 0, 0, one.amount]
        if state.trace is not None:
            state.trace.add("written_off", day, "all that was paid goes back", owed, fact.key)
            state.trace.add("overpaid", day, "all that was paid goes back", owed, fact.key)


def _give_up(state: State, day: int) -> None:
    count_penalty(state, day)
    penalty, accrued = state.penalty_due, state.charge(day)
    debts = (
        ("principal", state.principal),
        ("interest", state.interest_billed + state.carried + accrued),
        ("penalty", penalty),
    )
    for name, amount in debts:
        state.written_off += amount
        if state.trace is not None:
            state.trace.add("written_off", day, f"{name} given up", amount, state.cause)
    if state.trace is not None:
        for name, amount in (
            ("principal", state.principal),
            ("principal_due", state.billed),
            ("interest_due", state.interest_billed),
            ("penalty_paid", penalty),
        ):
            state.trace.add(name, day, "given up", -amount, state.cause)
    state.penalty_gone += penalty
    state.principal = 0
    end(state, day)


def _refunded(state: State, fact: Refunded, day: int) -> None:
    amount = _positive(fact.amount.tiyn)
    if amount > state.overpaid:
        raise Conflict("refund-above-overpaid", "more is given back than is owed to the client")
    state.overpaid -= amount
    state.refunded += amount
    state.cash[fact.through] = state.cash.get(fact.through, 0) - amount
    if state.trace is not None:
        state.trace.add("refunded", day, "given back", amount, fact.key)
        state.trace.add("overpaid", day, "given back", -amount, fact.key)


_BY_KIND: dict[str, Callable[[State, Any, int], None]] = {
    "disbursed": _disbursed,
    "paid": _paid,
    "due_moved": _due_moved,
    "penalty_rule": _penalty_rule,
    "suspended": suspend,
    "resumed": resume,
    "restructured": _restructured,
    "written_off": _written_off,
    "refunded": _refunded,
}
