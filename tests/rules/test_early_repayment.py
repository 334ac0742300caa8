"""The preview of an early repayment is what the fold books afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.early_repayment import preview
from rules.errors import Conflict, InvalidInput
from rules.loan import position, upcoming
from rules.loan_events import Disbursed, LoanEvent, Paid, Use
from rules.money import Money
from rules.schedule import LoanTerms, Method

LENT = date(2026, 1, 15)
NOON = datetime(2026, 1, 15, 7, tzinfo=UTC)
TERMS = LoanTerms(
    principal=Money(150_000),
    rate_percent_per_year=Decimal("36.5"),
    periods=12,
    method=Method.ANNUITY,
    disbursed=LENT,
    first_due=date(2026, 2, 15),
)
LOAN: list[LoanEvent] = [Disbursed(key="disbursed", value_date=LENT, known_at=NOON, amount=TERMS.principal)]
SOON = LENT + timedelta(days=10)


def paid(on: date, amount: Money, use: Use) -> Paid:
    return Paid(key="paid", value_date=on, known_at=NOON, amount=amount, use=use)


@given(days=st.integers(0, 300), tiyn=st.integers(1, 16_000_000))
def test_what_is_shown_is_what_is_booked(days: int, tiyn: int) -> None:
    on, amount = LENT + timedelta(days=days), Money(Decimal(tiyn) / 100)
    shown = preview(LOAN, TERMS, on, amount)
    assert shown.total_to_close == position(LOAN, TERMS, on).total_to_close
    for plan in shown.plans:
        booked = [*LOAN, paid(on, amount, plan.choice)]
        assert upcoming(booked, TERMS, on) == plan.rows
    if shown.closes:
        after = position([*LOAN, paid(on, amount, Use.DUE)], TERMS, on)
        assert (after.closed, after.overpaid) == (True, shown.left_over)
    assert shown.closes is (amount >= shown.total_to_close)
    assert bool(shown.plans) is (shown.due < amount < shown.total_to_close)


def test_one_choice_makes_the_plan_shorter_and_the_other_smaller() -> None:
    before = upcoming(LOAN, TERMS, SOON)
    shorter, smaller = preview(LOAN, TERMS, SOON, Money(60_000)).plans
    assert (shorter.choice, smaller.choice) == (Use.SHORTER_TERM, Use.SMALLER_INSTALMENT)
    assert len(shorter.rows) < len(before)
    assert shorter.rows[1].payment == before[1].payment
    assert [row.due for row in smaller.rows] == [row.due for row in before]
    assert smaller.rows[1].payment < before[1].payment
    assert shorter.interest < smaller.interest < Money.total(row.interest for row in before)


def test_without_a_sum_only_the_cost_of_closing_is_told() -> None:
    shown = preview(LOAN, TERMS, SOON)
    assert shown.total_to_close > TERMS.principal
    assert (shown.closes, shown.plans) == (False, ())


def test_to_the_tiyn_the_sum_that_closes_and_the_one_that_does_not() -> None:
    cost = preview(LOAN, TERMS, SOON).total_to_close
    assert preview(LOAN, TERMS, SOON, cost).left_over == Money(0)
    assert preview(LOAN, TERMS, SOON, cost).closes
    assert not preview(LOAN, TERMS, SOON, cost - Money("0.01")).closes
    assert preview(LOAN, TERMS, SOON, cost + Money("0.01")).left_over == Money("0.01")


def test_a_sum_of_nothing_and_a_loan_that_is_closed_have_no_preview() -> None:
    with pytest.raises(InvalidInput, match="amount-not-positive"):
        preview(LOAN, TERMS, SOON, Money(0))
    closed = [*LOAN, paid(SOON, Money(200_000), Use.DUE)]
    with pytest.raises(Conflict, match="loan-closed"):
        preview(closed, TERMS, SOON)
