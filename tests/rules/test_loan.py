"""The debt of a loan as a fold over its events."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import Conflict
from rules.loan import Disbursed, LoanEvent, Paid, loan_event, position
from rules.money import Money
from rules.schedule import DayCount, LoanTerms, Method, RepaymentSchedule, build

KNOWN = datetime(2026, 1, 1, tzinfo=UTC)


def loan(method: Method = Method.ANNUITY, count: DayCount = DayCount.ACT_365, **changes: object) -> RepaymentSchedule:
    plain: dict[str, object] = {
        "principal": Money(150_000),
        "rate_percent_per_year": Decimal("37.8"),
        "periods": 6,
        "method": method,
        "disbursed": date(2026, 1, 31),
        "first_due": date(2026, 2, 28),
        "day_count": count,
        "interest_only_months": 2,
    }
    return build(LoanTerms.model_validate(plain | changes))


def issued(made: RepaymentSchedule) -> Disbursed:
    return Disbursed(key="d", value_date=made.terms.disbursed, known_at=KNOWN, amount=made.terms.principal)


def paid(key: str, on: date, amount: Money) -> Paid:
    return Paid(key=key, value_date=on, known_at=KNOWN, amount=amount)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("count", DayCount)
@pytest.mark.parametrize("days_early", [0, 1, 9])
def test_a_loan_paid_on_time_repeats_its_schedule(method: Method, count: DayCount, days_early: int) -> None:
    made = loan(method, count)
    events: list[LoanEvent] = [issued(made)]
    for row in made.rows:
        before = position(events, made.terms, row.due - timedelta(days=days_early))
        if days_early:
            assert before.next_payment == row.payment
        events.append(paid(f"p{row.n}", row.due - timedelta(days=days_early), row.payment))
        then = position(events, made.terms, row.due)
        assert (then.principal, then.interest_due, then.overdue_days) == (row.balance, Money(0), 0)
    if days_early == 0:
        assert position(events, made.terms, made.rows[-1].due).closed
    assert position(events, made.terms, made.rows[-1].due + timedelta(days=99)).total_to_close == Money(0)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 260), st.integers(1, 4_000_000)), max_size=12),
    st.sampled_from(Method),
    st.sampled_from(DayCount),
    st.integers(0, 300),
)
def test_any_history_is_conserved_and_order_and_repetition_do_not_matter(
    payments: list[tuple[int, int]], method: Method, count: DayCount, after: int
) -> None:
    made = loan(method, count)
    on = made.terms.disbursed + timedelta(days=after)
    events: list[LoanEvent] = [issued(made)]
    for n, (day, tiyn) in enumerate(payments):
        events.append(paid(f"p{n}", made.terms.disbursed + timedelta(days=day), Money(Decimal(tiyn) / 100)))
    seen = position(events, made.terms, on)
    mixed = events * 2
    random.Random(1).shuffle(mixed)
    assert position(mixed, made.terms, on) == seen
    assert min(seen.principal, seen.interest_due, seen.interest_accrued, seen.advance, seen.overpaid) >= Money(0)
    assert seen.principal_due <= seen.principal <= made.terms.principal
    if not seen.closed:
        closing = [*events, paid("z", on, seen.total_to_close)]
        then = position(closing, made.terms, on)
        assert then.closed
        assert (then.total_to_close, then.principal) == (Money(0), Money(0))
        one_tiyn_less = [*events, paid("z", on, seen.total_to_close - Money("0.01"))]
        assert not position(one_tiyn_less, made.terms, on).closed


def test_interest_runs_by_the_day() -> None:
    made = loan()
    seen = position([issued(made)], made.terms, date(2026, 2, 10))
    assert seen.interest_accrued == Money("1553.42")  # 150 000 x 37.8 % x 10 / 365
    assert seen.total_to_close == Money("151553.42")
    assert (seen.next_due, seen.next_payment) == (date(2026, 2, 28), made.rows[0].payment)


def test_overdue_days_count_from_the_day_after_the_due_date() -> None:
    made = loan()
    events = [issued(made)]
    due = made.rows[0].due
    assert position(events, made.terms, due).overdue_days == 0
    late = position(events, made.terms, due + timedelta(days=3))
    assert (late.overdue_days, late.overdue_amount) == (3, made.rows[0].payment)


def test_a_late_payment_pays_principal_before_interest_and_costs_interest_on_the_rest() -> None:
    made = loan()
    row = made.rows[0]
    events = [issued(made), paid("p", row.due + timedelta(days=10), row.principal)]
    seen = position(events, made.terms, row.due + timedelta(days=10))
    assert (seen.principal, seen.principal_due, seen.interest_due) == (row.balance, Money(0), row.interest)
    at_next = position(events, made.terms, made.rows[1].due)
    assert at_next.interest_due > row.interest + made.rows[1].interest


def test_money_above_the_debt_is_named_as_overpaid() -> None:
    made = loan()
    seen = position([issued(made), paid("p", date(2026, 2, 1), Money(200_000))], made.terms, date(2026, 2, 1))
    assert seen.closed
    assert seen.overpaid == Money(200_000) - Money(150_000) - Money("155.34")


def test_a_loan_that_left_a_day_later_bears_a_day_less() -> None:
    made = loan()
    late = Disbursed(key="d", value_date=date(2026, 2, 1), known_at=KNOWN, amount=made.terms.principal)
    seen = position([late], made.terms, made.rows[0].due)
    assert seen.interest_due == Money("4194.25")  # 27 days instead of 28


def test_there_is_no_debt_before_the_money_left() -> None:
    made = loan()
    with pytest.raises(Conflict, match="no money"):
        position([issued(made)], made.terms, date(2026, 1, 30))
    with pytest.raises(Conflict):
        position([paid("p", date(2026, 2, 1), Money(1))], made.terms, date(2026, 2, 1))
    again = issued(made).model_copy(update={"key": "other"})
    with pytest.raises(Conflict):
        position([issued(made), again], made.terms, date(2026, 2, 1))


def test_events_are_read_from_json_by_their_kind() -> None:
    event = paid("p", date(2026, 2, 1), Money("10.50"))
    assert loan_event.validate_json(event.model_dump_json()) == event
