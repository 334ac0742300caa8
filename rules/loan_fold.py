"""The fold itself: facts in, the state of the loan at the end of a day out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from rules.errors import Conflict
from rules.loan_allocation import order_of
from rules.loan_dues import advance
from rules.loan_events import LoanEvent
from rules.loan_facts import apply
from rules.loan_history import effective
from rules.loan_penalty import count_penalty
from rules.loan_plan import plan_of
from rules.loan_state import State
from rules.loan_trace import Trace
from rules.schedule import LoanTerms
from rules.servicing_rules import ServicingRules, servicing_rules


def fold(
    events: Iterable[LoanEvent],
    terms: LoanTerms,
    on: date,
    known_on: date | None = None,
    rules: ServicingRules | None = None,
    trace: Trace | None = None,
) -> State:
    """The state at the end of a day.

    Args:
        known_on: as it was seen at the end of this day; None: as it is known now.
        rules: None for those of the policy rows of the contract's disbursement.
        trace: takes notes for an explanation.

    Raises:
        Conflict: `loan-not-disbursed` on that day; what rules.loan_history and rules.loan_facts refuse.
    """
    rules = rules or servicing_rules(terms.disbursed)
    state = State(plan_of(terms), rules, order_of(rules.allocation), trace)
    for fact in effective(events, on, known_on):
        apply(state, fact)
    if not state.started:
        raise Conflict("loan-not-disbursed", "no money has left yet on this day")
    day = on.toordinal()
    advance(state, day, day)
    count_penalty(state, day)
    return state
