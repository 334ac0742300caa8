"""What the days between two facts do: instalments fall due, last days to pay pass.

fall_due of a row: penalty is counted and the part of the period is closed at the due date; a bill asks for interest =
the running period rounded once + carried, and for principal = the row's part (the last row: all that is not billed);
the running period starts anew; settle. A row that defers its interest leaves the running period open. Where the last
day to pay is later than the due date, the bill's principal bears no interest until then (`graced`); if it is not paid
by then, interest counts from the due date after all.
"""

from __future__ import annotations

from rules.loan_allocation import settle
from rules.loan_penalty import count_penalty
from rules.loan_state import Bill, State


def advance(state: State, dues_to: int, day: int) -> None:
    """Let instalments fall due up to a day, and last days to pay pass that lie before `day`."""
    rows = state.plan.rows
    while state.passed < len(rows) and rows[state.passed].due <= dues_to:
        if state.graced:
            state.end_grace(rows[state.passed].due)
        fall_due(state)
    if state.graced:
        state.end_grace(day)


def fall_due(state: State) -> None:
    """The next row of the plan becomes a bill."""
    row = state.plan.rows[state.passed]
    day = row.due
    if state.bills:
        count_penalty(state, day)
    if row.defers:
        state.split(day)
        interest = 0
    else:
        interest = state.charge(day) + state.carried
    state.passed += 1
    left = state.principal - state.billed
    part = left if state.passed == len(state.plan.rows) else min(row.part, left)
    if state.trace is not None:
        _note_bill(state, day, row.n, part, interest)
    if not row.defers:
        state.carried = 0
    if interest or part:
        bill = Bill(row.n, day, row.pay_by, part, interest, 0, bool(part) and row.pay_by > day)
        state.bills.append(bill)
        state.billed += part
        if bill.graced:
            state.graced += part
        if len(state.bills) == 1:
            state.restop()
    settle(state, day)


def _note_bill(state: State, day: int, n: int, part: int, interest: int) -> None:
    trace = state.trace
    if trace is None:
        return
    trace.add("principal_due", day, f"instalment {n} falls due", part)
    if not interest:
        return
    if interest > state.carried:
        parts = trace.steps["interest_charged"][-1].of
        trace.add("interest_due", day, f"instalment {n} falls due", interest - state.carried, None, parts)
    trace.add("interest_due", day, f"carried into instalment {n}", state.carried)
    trace.add("carried", day, f"falls due with instalment {n}", -state.carried)
