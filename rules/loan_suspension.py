"""Interest and penalty stand still while fraud is looked into, and run again after.

Suspended on S: penalty and interest are counted to S - 1 and stand still; overdue days too. A second suspension changes
nothing, unless a resumption of the same day follows it. Resumed on R: the nights up to R - 1 have cost nothing; their
exact interest (`held`) is noted as withheld, with charge_later it is added to the running period instead. Where no
other fact or due date ended a part of the period in between, the parts before and after are one again then: it is as
if interest had never stood still. `shift` of each bill grows by the suspended nights after its last day to pay.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

from rules.loan_events import Resumed, Suspended
from rules.loan_penalty import count_penalty
from rules.loan_state import State


def suspend(state: State, fact: Suspended, day: int) -> None:
    """Interest and penalty stand still from the night that ends on this day. Rules: para 13, part 2."""
    if state.closed:
        return
    if state.trace is not None:
        state.trace.suspensions.append(fact.key)
    if state.suspended_at is not None:
        state.suspended_again = day  # a resumption of the same day comes after this
        return
    _suspend(state, day - 1)


def _suspend(state: State, at: int) -> None:
    count_penalty(state, at)
    since, running, runs = state.since, state.running, at <= state.stop
    parts = list(state.trace.running) if state.trace is not None else []
    state.split(at)
    if state.trace is not None:
        state.trace.withheld_before = len(state.trace.withheld)
    state.rejoin = (state.since, since, running, parts) if runs else None
    state.suspended_at, state.held = at, 0
    state.restop()


def resume(state: State, fact: Resumed, day: int) -> None:
    """Interest and penalty run again from the night that ends on this day. Rules: para 13, part 3."""
    if state.suspended_at is None:
        return
    if state.trace is not None:
        state.trace.suspensions.append(fact.key)
    at, was = day - 1, state.suspended_at
    if (fact.charge_later or at == was) and state.rejoin is not None and state.rejoin[0] == state.since:
        _, state.since, state.running, parts = state.rejoin
        if state.trace is not None:
            state.trace.running = parts
    else:
        state.split(at)
        if fact.charge_later:
            _charge_held(state)
        else:
            state.withheld += state.held
    state.held, state.rejoin, state.suspended_at = 0, None, None
    state.penalty_at = max(state.penalty_at, at)
    for bill in state.bills:
        bill.shift += max(at - max(was, bill.pay_by), 0)
    state.restop()
    if state.suspended_again == day:
        _suspend(state, at)


def _charge_held(state: State) -> None:
    state.running += state.held
    trace = state.trace
    if trace is not None:
        trace.running += trace.withheld[trace.withheld_before :]
        del trace.withheld[trace.withheld_before :]
