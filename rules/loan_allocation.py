"""What money is spent on: the named waterfall first, then the whole loan if it suffices, else what its payer chose.

`settle(day)`, after money came in or an instalment fell due:
1. While money waits, go through the names of the waterfall. Bills whose pay_by is before the day are late; within one
   name the oldest bill comes first. Penalty is what is charged up to the day.
2. Behind the last due date, when no bill is left, the interest that has run up to the day falls due on that day (it
   has no later due date to wait for) and step 1 is repeated.
3. When no bill and no penalty is left and the waiting money covers principal + carried + interest up to the day, all is
   paid, the loan is closed and the rest is overpaid.
Money that waits is spent first in, first out; each tiyn is noted at the payment that brought it.

`repay_early`, after `settle` left some of a payment whose use is not `due`: of this payment's rest, carried interest is
paid, then the interest up to the day is charged (as far as the money goes) and paid; what is left repays principal, the
running period starts anew and the plan is made anew (`rules.loan_plan.repaid_early`). Money that waits goes on waiting.

Rules: para 7, part 5; para 7, part 6.
"""

from __future__ import annotations

from functools import lru_cache

from rules.accrual import SCALE, to_tiyn
from rules.loan_events import Use
from rules.loan_plan import repaid_early
from rules.loan_state import INTEREST, NEVER, OVERPAID, PENALTY, PRINCIPAL, Bill, Share, State
from rules.servicing_rules import BILLED
from rules.servicing_rules import PENALTY as PENALTY_NAME

_NAMES = ("principal", "interest", "penalty")
_STEPS = {name: (late, PRINCIPAL if part == "principal" else INTEREST) for name, (late, part) in BILLED.items()} | {
    PENALTY_NAME: (False, PENALTY)
}


@lru_cache(maxsize=64)
def order_of(allocation: tuple[str, ...]) -> tuple[tuple[bool, int], ...]:
    """The waterfall as (only late bills?, what); costs are left out, for none are kept on a loan."""
    return tuple(_STEPS[name] for name in allocation if name in _STEPS)


def settle(state: State, day: int) -> None:
    """Spend the waiting money, and close the loan where nothing is owed any more."""
    if state.advance and (state.bills or state.penalty):
        _spend(state, day)
    if not state.bills and state.passed == len(state.plan.rows):
        _rest_falls_due(state, day)
    if not state.bills and state.advance >= state.principal + state.carried and not state.penalty_due:
        interest = to_tiyn(state.running_at(day))
        if state.advance >= state.principal + state.carried + interest:
            _close(state, day)


def _spend(state: State, day: int) -> None:
    if len(state.shares) == 1 and state.trace is None and _pay_all(state, day):
        return
    for late, what in state.order:
        if not state.advance:
            break
        if what == PENALTY:
            due = state.penalty_due
            if due:
                state.penalty_gone += _take(state, PENALTY, due, day)
            continue
        for bill in state.bills:
            if (bill.principal if what == PRINCIPAL else bill.interest) and (bill.pay_by < day) is late:
                _pay(state, bill, what, day)
    _clear(state, day)


def _pay_all(state: State, day: int) -> bool:
    """The short way where one payment covers everything that is due: the order does not matter."""
    principal = graced = interest = 0
    for bill in state.bills:
        principal += bill.principal
        interest += bill.interest
        if bill.graced:
            graced += bill.principal
    penalty = state.penalty_due
    if state.advance < principal + interest + penalty:
        return False
    if principal > graced or day > state.stop:
        state.split(day)
    one = state.shares[0]
    one.spent[PRINCIPAL] += principal
    one.spent[INTEREST] += interest
    one.spent[PENALTY] += penalty
    one.waits -= principal + interest + penalty
    state.advance = one.waits
    if not one.waits:
        state.shares = []
    state.principal -= principal
    state.graced -= graced
    state.penalty_gone += penalty
    state.bills, state.billed, state.stop = [], 0, NEVER
    return True


def _pay(state: State, bill: Bill, what: int, day: int) -> None:
    if what == INTEREST:
        bill.interest -= _take(state, INTEREST, bill.interest, day, bill)
        return
    if not bill.graced:
        state.split(day)
    part = _take(state, PRINCIPAL, bill.principal, day, bill)
    bill.principal -= part
    state.principal -= part
    state.billed -= part
    if bill.graced:
        state.graced -= part


def _clear(state: State, day: int) -> None:
    """Drop paid bills; where the oldest goes, interest may run again from this day on."""
    if all(bill.principal or bill.interest for bill in state.bills):
        return
    if day > state.stop:
        state.split(day)
    state.bills = [bill for bill in state.bills if bill.principal or bill.interest]
    state.restop()


def _take(state: State, what: int, most: int, day: int, bill: Bill | None = None) -> int:
    """Spend waiting money, oldest first; what could be taken. bill: what it is spent on, if it had fallen due."""
    taken = left = min(most, state.advance)
    if not taken:
        return 0
    state.advance -= taken
    shares = state.shares
    while left:
        one = shares[0]
        part = one.waits if one.waits <= left else left
        one.waits -= part
        one.spent[what] += part
        left -= part
        if state.trace is not None:
            _note(state, what, part, day, bill, one.key)
        if not one.waits:
            del shares[0]
    return taken


def _note(state: State, what: int, part: int, day: int, bill: Bill | None, key: str) -> None:
    trace, name = state.trace, _NAMES[what]
    if trace is None:
        return
    of = f" of instalment {bill.n}" if bill is not None else ""
    if what == PENALTY:
        trace.add("penalty_paid", day, "paid", -part, key)
    if what == PRINCIPAL:
        trace.add("principal", day, f"paid{of}" if of else "paid early", -part, key)
    if bill is not None:
        trace.add(f"{name}_due", day, f"paid{of}", -part, key)
    trace.add("advance", day, f"spent on {name}{of}", -part, key)


def _rest_falls_due(state: State, day: int) -> None:
    """Behind the last due date: interest up to the day falls due on it."""
    if not to_tiyn(state.running_at(day)):
        return
    interest = state.charge(day)
    number = state.plan.rows[-1].n if state.plan.rows else 0
    state.bills.append(Bill(number, day, day, 0, interest))
    if state.trace is not None:
        parts = state.trace.steps["interest_charged"][-1].of
        state.trace.add("interest_due", day, "interest after the last due date falls due", interest, state.cause, parts)
    state.restop()
    _spend(state, day)


def _close(state: State, day: int) -> None:
    """Everything is paid; what is left of the money is owed to the client."""
    interest = state.charge(day)
    _take(state, INTEREST, state.carried + interest, day)
    _take(state, PRINCIPAL, state.principal, day)
    state.principal = state.carried = 0
    end(state, day)


def end(state: State, day: int) -> None:
    """Nothing is owed any more; money that waits is owed to the client."""
    state.bills = []
    state.billed = state.graced = state.running = state.carried = 0
    state.passed = len(state.plan.rows)
    state.closed = True
    state.suspended_at = state.rejoin = None
    state.withheld += state.held
    state.held = 0
    state.restop()
    for one in state.shares:
        overpay(state, one, one.waits, day)
    state.shares = []
    state.advance = 0


def overpay(state: State, one: Share, amount: int, day: int) -> None:
    """Note money of a payment that is owed to the client."""
    one.waits -= amount
    one.spent[OVERPAID] += amount
    state.overpaid += amount
    if state.trace is not None:
        state.trace.add("advance", day, "not owed: it is owed to the client", -amount, one.key)
        state.trace.add("overpaid", day, "above the debt", amount, one.key)


def repay_early(state: State, one: Share, use: Use, day: int) -> None:
    """What is left of a payment repays interest up to the day, then principal, and the plan is made anew."""
    waiting, state.shares, earlier = state.advance, [one], [other for other in state.shares if other is not one]
    state.advance = one.waits
    waiting -= one.waits
    carried = _take(state, INTEREST, state.carried, day)
    state.carried -= carried
    if state.trace is not None:
        state.trace.add("carried", day, "paid early", -carried, state.cause)
    _repay_interest(state, day)
    left = state.advance
    if left:
        state.split(day)
        state.running = 0
        _take(state, PRINCIPAL, left, day)
        state.principal -= left
        state.plan = repaid_early(state.plan, state.passed, day, state.principal, use)
        state.passed = 0
        if state.trace is not None:
            state.trace.plan.append(one.key)
    state.advance, state.shares = waiting + state.advance, earlier


def _repay_interest(state: State, day: int) -> None:
    accrued = to_tiyn(state.running_at(day))
    if accrued <= state.advance:
        if accrued:
            _take(state, INTEREST, state.charge(day), day)
        return
    part = _take(state, INTEREST, state.advance, day)
    state.running -= part * SCALE
    state.rejoin = None
    state.interest_charged += part
    if state.trace is not None:
        state.trace.part(state.trace.running, day, "charged and paid early", -part * SCALE, state.cause)
        state.trace.add("interest_charged", day, "charged as far as it was paid early", part, state.cause)
