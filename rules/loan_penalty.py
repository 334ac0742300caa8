"""Penalty: for each overdue night a share of what is overdue at its start, in two steps, with a cap for the year.

The night that ends on day D costs (overdue principal + overdue interest) at the start of that night x the daily rate.
Overdue is a bill whose pay_by is before D. k = D - pay_by - shift of the oldest bill then; the first rate holds while
k <= first days, the later one after. Suspended nights cost nothing and do not count in k. In each contract year (up to
and with the night that ends on an anniversary of the disbursement) the exact sum is at most the cap: per cent of the
sum lent. The sum over all nights stays exact (1e-18 tiyn); what is charged is that sum, rounded once.

Rules: para 7, part 5.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache

from rules.calendar import add_months
from rules.loan_state import UNIT_OF_PERCENT, State
from rules.loan_trace import share, tenge


def set_penalty(state: State, daily: Decimal, first_days: int, later: Decimal, year_cap: Decimal) -> None:
    """Charge penalty by these figures, per cent, from now on; what was charged stays."""
    cap = state.lent * _units(year_cap)
    state.daily = (_units(daily), first_days, _units(later), cap)


@lru_cache(maxsize=256)
def _units(percent: Decimal) -> int:
    return int(percent * UNIT_OF_PERCENT)


def start_penalty(state: State, day: int) -> None:
    """Begin the first contract year; the policy rows' figures hold."""
    state.penalty_at, state.disbursed = day, date.fromordinal(day)
    state.year, state.year_end = 1, add_months(state.disbursed, 12).toordinal()
    rules = state.rules
    set_penalty(
        state,
        rules.penalty_daily_percent,
        rules.penalty_first_days,
        rules.penalty_later_daily_percent,
        rules.penalty_year_cap_percent,
    )


def count_penalty(state: State, to: int) -> None:
    """Count the nights up to the end of a day; call it before anything overdue changes."""
    at, bills = state.penalty_at, state.bills
    if to <= at:
        return
    state.penalty_at = to
    if not bills or bills[0].pay_by >= to or state.suspended_at is not None:
        return
    origin = bills[0].pay_by + bills[0].shift
    while at < to:
        base, end = 0, to
        for bill in bills:
            if bill.pay_by <= at:
                base += bill.principal + bill.interest
            elif bill.pay_by < end:
                end = bill.pay_by
        if base:
            _add(state, at, end, base, origin)
        at = end


def _add(state: State, at: int, to: int, base: int, origin: int) -> None:
    """The nights after `at` up to `to` on one base, contract year by contract year."""
    first_rate, first_days, later_rate, cap = state.daily
    while at < to:
        while at >= state.year_end:
            state.year += 1
            state.year_end = add_months(state.disbursed, 12 * state.year).toordinal()
            state.year_penalty = 0
        end = min(to, state.year_end)
        first = min(max(origin + first_days - at, 0), end - at)
        wanted = base * (first * first_rate + (end - at - first) * later_rate)
        units = min(wanted, max(cap - state.year_penalty, 0))
        state.penalty += units
        state.year_penalty += units
        if state.trace is not None and units:
            _note(state, end, (base, first, end - at - first), units, capped=units < wanted)
        at = end


def _note(state: State, day: int, counted: tuple[int, int, int], units: int, *, capped: bool) -> None:
    base, first, later = counted
    nights = [
        f"{count} nights x {share(rate * 100)} %"
        for count, rate in ((first, state.daily[0]), (later, state.daily[2]))
        if count
    ]
    what = f"{tenge(base)} overdue x ({' + '.join(nights)})"
    if capped:
        what += f", only up to the cap of contract year {state.year}"
    if state.trace is not None:
        state.trace.part(state.trace.penalty, day, what, units)
