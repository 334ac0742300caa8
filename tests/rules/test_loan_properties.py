"""What holds for every history of a loan, whatever its facts: random histories with all kinds of facts."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rules.calendar import local_date
from rules.loan import Disbursed, Paid, Resumed, Step, Suspended, divisions, explain, figures, position, upcoming
from rules.loan_books import balances
from rules.money import Money
from rules.schedule import DayCount, OffDays, instalments
from tests.support.loan_by_nights import by_nights
from tests.support.loans import A_DAY, METHODS, History, correction, histories, known, lent, paid, terms

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOTHING = Money(0)
MONEY = [name for name, field in type(position([lent()], terms(), terms().disbursed)).model_fields.items()
         if field.annotation in (Money, Money | None)]  # fmt: skip


@MANY
@given(histories(), st.randoms(use_true_random=False))
def test_order_of_arrival_and_repetition_do_not_matter(told: History, mix: random.Random) -> None:
    mixed = [*told.events, *told.events]
    mix.shuffle(mixed)
    assert position(mixed, told.terms, told.on) == position(told.events, told.terms, told.on)
    assert divisions(mixed, told.terms, told.on) == divisions(told.events, told.terms, told.on)


@MANY
@given(histories())
def test_no_figure_is_ever_below_zero_and_the_parts_add_up(told: History) -> None:
    seen = position(told.events, told.terms, told.on)
    assert all(getattr(seen, name) is None or getattr(seen, name) >= NOTHING for name in MONEY)
    assert seen.principal_due <= seen.principal
    assert seen.overdue_amount == seen.overdue_principal + seen.overdue_interest
    assert seen.overdue_principal <= seen.principal_due
    assert seen.overdue_interest <= seen.interest_due
    owed = seen.principal + seen.interest_due + seen.interest_accrued + seen.penalty
    assert seen.total_to_close == owed - seen.advance
    assert seen.closed == (owed == NOTHING)
    assert (seen.overdue_days == 0) or seen.overdue_amount > NOTHING


@MANY
@given(histories())
def test_money_is_conserved(told: History) -> None:
    seen = position(told.events, told.terms, told.on)
    books = balances(told.events, told.terms, told.on)
    assert Money.total(books.values()) == NOTHING
    assert NOTHING not in books.values()
    cash = Money.total(amount for account, amount in books.items() if account.startswith("cash:"))
    assert cash == seen.paid - seen.refunded - told.terms.principal
    assert books.get("loans:principal", NOTHING) == seen.principal
    assert books.get("loans:penalty", NOTHING) == seen.penalty
    assert books.get("clients:advances", NOTHING) == -(seen.advance + seen.overpaid)
    assert books.get("income:interest", NOTHING) == -seen.interest_charged
    assert books.get("income:penalty", NOTHING) == -seen.penalty_charged
    assert books.get("losses:written-off", NOTHING) == seen.written_off


@MANY
@given(histories())
def test_each_payment_is_divided_without_a_rest(told: History) -> None:
    payments = {one.key: one.amount for one in told.events if isinstance(one, Paid)}
    seen, parts = position(told.events, told.terms, told.on), divisions(told.events, told.terms, told.on)
    assert {
        one.key: one.principal + one.interest + one.penalty + one.waiting + one.overpaid for one in parts
    } == payments
    assert Money.total(one.waiting for one in parts) == seen.advance
    assert Money.total(one.overpaid for one in parts) == seen.overpaid + seen.refunded
    if seen.written_off == NOTHING:
        assert Money.total(one.principal for one in parts) == told.terms.principal - seen.principal


@MANY
@given(histories())
def test_what_closes_the_loan_today_closes_it_and_a_tiyn_less_does_not(told: History) -> None:
    seen = position(told.events, told.terms, told.on)
    assume(not seen.closed)
    closing = [*told.events, paid("zz", told.on, seen.total_to_close)]
    then = position(closing, told.terms, told.on)
    assert (then.closed, then.total_to_close, then.principal, then.overpaid) == (True, NOTHING, NOTHING, seen.overpaid)
    assert position(closing, told.terms, told.on + 400 * A_DAY).total_to_close == NOTHING
    less = seen.total_to_close - Money("0.01")
    if less > NOTHING:
        then = position([*told.events, paid("zz", told.on, less)], told.terms, told.on)
        assert not then.closed
        assert then.total_to_close == Money("0.01")


@MANY
@given(histories(), st.integers(0, 11), st.integers(1, 300))
def test_a_payment_booked_late_counts_as_if_booked_on_its_day(told: History, which: int, days: int) -> None:
    payments = [one for one in told.events if isinstance(one, Paid)]
    assume(payments)
    late = payments[which % len(payments)]
    again = late.model_copy(update={"known_at": known(late.value_date + days * A_DAY)})
    events = [again if one is late else one for one in told.events]
    assert position(events, told.terms, told.on) == position(told.events, told.terms, told.on)
    if again.value_date <= told.on < local_date(again.known_at):
        before = [one for one in told.events if one is not late and local_date(one.known_at) <= told.on]
        assume(any(isinstance(one, Disbursed) for one in before) and _possible(before, told))
        assert position(events, told.terms, told.on, known_on=told.on) == position(before, told.terms, told.on)


def _possible(events: list[object], told: History) -> bool:
    """Whether nothing is given back that was not there: facts that are not known may have brought it."""
    return not any(getattr(one, "kind", "") == "refunded" for one in events)


@MANY
@given(histories(), st.integers(0, 300), st.integers(1, 10**7), st.booleans(), st.data())
def test_a_corrected_fact_is_as_if_it_had_never_been(
    told: History, days: int, tiyn: int, replaced: bool, data: st.DataObject
) -> None:
    day = min(told.events[0].value_date + days * A_DAY, told.on)
    wrong, right = paid("wrong", day, Money.of_tiyn(tiyn)), paid("right", day + A_DAY, Money.of_tiyn(tiyn // 2 + 1))
    assume(told.events[0].value_date <= day)
    undone = correction("undo", day, known(day + 9 * A_DAY), "wrong", right if replaced else None)
    plain = [*told.events, right] if replaced else list(told.events)
    mixed = data.draw(st.permutations([*told.events, wrong, undone]))
    assert position(mixed, told.terms, told.on) == position(plain, told.terms, told.on)
    assert balances(mixed, told.terms, told.on) == balances(plain, told.terms, told.on)


@MANY
@given(histories(), st.integers(0, 400))
def test_the_debt_as_it_was_seen_is_reproduced(told: History, days: int) -> None:
    seen_on = told.events[0].value_date + days * A_DAY
    then = [one for one in told.events if local_date(one.known_at) <= seen_on]
    assume(any(isinstance(one, Disbursed) for one in then) and _possible(list(then), told))
    on = max(told.on, told.events[0].value_date)
    assert position(told.events, told.terms, on, known_on=seen_on) == position(then, told.terms, on)
    assert divisions(told.events, told.terms, on, known_on=seen_on) == divisions(then, told.terms, on)


@MANY
@given(histories(kinds=("paid", "due", "early", "moved", "rule", "new"), longest=8), st.integers(1, 60))
def test_suspended_days_cost_nothing(told: History, days: int) -> None:
    start = told.events[-1].value_date + A_DAY
    stands = Suspended(key="zz", value_date=start, known_at=known(start))
    before = position(told.events, told.terms, start - A_DAY)
    assume(before.advance == NOTHING)  # it would be spent on the next due date
    assume(before.principal_due == before.overdue_principal)  # a last day to pay that passes charges earlier nights
    later = position([*told.events, stands], told.terms, start + days * A_DAY)
    for name in ("penalty_charged", "overdue_days", "principal", "total_to_close", "paid"):
        assert getattr(later, name) == getattr(before, name)
    assert later.suspended is not before.closed


@MANY
@given(histories())
def test_each_figure_is_explained_to_the_tiyn(told: History) -> None:
    seen = position(told.events, told.terms, told.on)
    explained = explain(told.events, told.terms, told.on)
    keys = {one.key for one in told.events}
    for one in explained:
        figure = getattr(seen, one.figure)
        assert one.amount == str(figure), one.figure
        assert sum((Decimal(step.amount) for step in one.steps), Decimal(0)) == Decimal(one.amount), one.figure
        assert set(one.events) <= keys
        assert bool(one.events) or Decimal(one.amount) == 0
        for step in one.steps:
            _recomputed(step)
    named = {one.figure for one in explained}
    assert named >= set(MONEY) - {"next_payment"} | {"overdue_days"}
    assert ("next_payment" in named) == (seen.next_payment is not None)


def _recomputed(step: Step) -> None:
    if step.of:
        exact = sum((Decimal(part.amount) for part in step.of), Decimal(0))
        assert exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN) == Decimal(step.amount)


@MANY
@given(histories())
def test_the_instalments_to_come_repay_what_is_left(told: History) -> None:
    seen, rows = position(told.events, told.terms, told.on), upcoming(told.events, told.terms, told.on)
    assert bool(rows) == (seen.next_due is not None)
    if not rows:
        return
    assert rows[0].due == seen.next_due
    assert max(rows[0].payment - seen.advance, NOTHING) == seen.next_payment
    assert Money.total(row.principal for row in rows) == seen.principal - seen.principal_due
    assert rows[-1].balance == NOTHING
    assert all(one.due <= other.due for one, other in pairwise(rows))


@pytest.mark.parametrize("count", DayCount)
@pytest.mark.parametrize("method", METHODS, ids=lambda one: "-".join(str(value) for value in one.values()))
@pytest.mark.parametrize("off_days", OffDays)
@pytest.mark.parametrize("early", [0, 1, 9])
def test_a_loan_paid_on_time_repeats_its_schedule(
    count: DayCount, method: dict[str, object], off_days: OffDays, early: int
) -> None:
    """Up to the last day to pay, which may lie behind the due date; the money may come early and wait."""
    of = terms(day_count=count, off_days=off_days, disbursed="2024-01-31", first_due="2024-02-29", **method)
    events, rows = [lent(of)], instalments(of)
    assert upcoming(events, of, of.disbursed) == tuple(rows)
    for row in rows:
        day = row.due - early * A_DAY if early else row.pay_by
        before = position(events, of, min(day, row.due - A_DAY))
        assert (before.next_due, before.next_payment) == (row.due, row.payment)
        if row.payment > NOTHING:
            events.append(paid(f"p{row.n}", day, row.payment))
        then = position(events, of, row.pay_by)
        deferred = then.interest_accrued if row.interest == NOTHING else NOTHING
        assert (then.principal, then.interest_due, then.overdue_days) == (row.balance, NOTHING, 0)
        assert then.penalty_charged == NOTHING
        if row.due == row.pay_by:
            assert then.interest_accrued == deferred
    end = position(events, of, rows[-1].pay_by)
    assert end.closed
    if not early:  # the last one, paid early, ends the loan early and saves the interest of the days between
        assert end.overpaid == NOTHING
        assert end.interest_charged == Money.total(row.interest for row in rows)


@MANY
@given(histories(kinds=("paid", "due"), longest=6), st.integers(1, 10), st.integers(1, 10))
def test_a_suspension_charged_later_costs_what_never_suspending_would_have(
    told: History, start: int, days: int
) -> None:
    """Where no due date and no other fact lies inside, and nothing is late: to the tiyn, on every later day too."""
    events = list(told.events)
    first = told.events[-1].value_date + start * A_DAY
    inside = [position(events, told.terms, first + n * A_DAY) for n in range(-1, days + 1)]
    assume(len({seen.next_due for seen in inside}) == 1)
    assume(all(seen.overdue_amount == NOTHING == seen.penalty and not seen.closed for seen in inside))
    last = first + days * A_DAY
    stands = Suspended(key="s", value_date=first, known_at=known(first))
    runs = Resumed(key="r", value_date=last, known_at=known(last), charge_later=True)
    for on in (last, last + 40 * A_DAY, last + 300 * A_DAY):
        assert position([*events, stands, runs], told.terms, on) == position(events, told.terms, on)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(histories(kinds=("paid", "due", "due", "rule", "stand", "run")), st.sampled_from([0, 1, 29, 120]))
def test_the_fold_agrees_with_a_count_night_by_night(told: History, after: int) -> None:
    assume(told.terms.off_days is OffDays.KEEP and not told.terms.grace_periods)
    events = [
        one.model_copy(update={"charge_later": False}) if isinstance(one, Resumed) else one for one in told.events
    ]
    on = told.on + after * A_DAY
    seen = figures(events, told.terms, on)
    counted = by_nights(events, told.terms, on)
    assert {name: getattr(seen, name) for name in counted} == counted
