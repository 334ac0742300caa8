"""Schedules: known figures, and what must hold for any terms."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.calendar import add_months
from rules.errors import InvalidInput
from rules.money import Money
from rules.schedule import DayCount, LoanTerms, Method, build

DATA = Path(__file__).parents[3] / "shared" / "data" / "loan-maths"


def terms(**changes: object) -> LoanTerms:
    plain: dict[str, object] = {
        "principal": Money(15_000),
        "rate_percent_per_year": Decimal(24),
        "periods": 12,
        "method": Method.ANNUITY,
        "disbursed": date(2025, 1, 15),
        "first_due": date(2025, 2, 15),
        "day_count": DayCount.THIRTY_360,
    }
    return LoanTerms.model_validate(plain | changes)


any_terms = st.builds(
    lambda tiyn, rate, periods, method, count, day, gap, free: terms(
        principal=Money(Decimal(tiyn) / 100),
        rate_percent_per_year=Decimal(rate) / 100,
        periods=periods,
        method=method,
        day_count=count,
        disbursed=day,
        first_due=day + timedelta(days=gap),
        interest_only_months=min(free, periods - 1),
    ),
    st.integers(100_000, 2_000_000_000),
    st.integers(100, 10_000),
    st.integers(1, 60),
    st.sampled_from(Method),
    st.sampled_from(DayCount),
    st.dates(date(2021, 5, 11), date(2035, 1, 1)),
    st.integers(5, 62),
    st.integers(0, 6),
)


@settings(max_examples=150, deadline=None)
@given(any_terms)
def test_every_schedule_adds_up(loan: LoanTerms) -> None:
    made = build(loan)
    rows = made.rows
    assert [row.n for row in rows] == list(range(1, loan.periods + 1))
    assert Money.total(row.principal for row in rows) == loan.principal
    assert rows[-1].balance == Money(0)
    balance = loan.principal
    for row in rows:
        assert row.interest + row.principal == row.payment
        assert row.payment > Money(0)
        assert row.balance == balance - row.principal
        assert row.balance <= balance
        balance = row.balance
    assert all(before.due < after.due for before, after in pairwise(rows))
    assert made.total_interest + loan.principal == made.total_payment


@settings(max_examples=100, deadline=None)
@given(any_terms)
def test_level_instalments_are_level_but_for_the_last(loan: LoanTerms) -> None:
    plain = {"method": Method.ANNUITY, "first_due": add_months(loan.disbursed, 1)}
    plain["rate_percent_per_year"] = min(loan.rate_percent_per_year, Decimal(46))
    rows = build(loan.model_copy(update=plain)).rows
    assert len({row.payment for row in rows[:-1]}) <= 1


def test_a_first_period_whose_interest_exceeds_the_instalment_pays_interest_alone() -> None:
    rows = build(terms(rate_percent_per_year=Decimal(95), periods=24, first_due=date(2025, 3, 31))).rows
    assert rows[0].principal == Money(0)
    assert rows[0].payment > rows[1].payment
    assert len({row.payment for row in rows[1:-1]}) == 1


def test_the_differentiated_reference_is_met() -> None:
    made = build(terms(method=Method.DIFFERENTIATED))
    assert [made.rows[0].payment, made.rows[-1].payment] == [Money(1550), Money(1275)]
    assert made.total_interest == Money(1950)


def test_differentiated_principal_leaves_the_difference_to_the_last_row() -> None:
    rows = build(
        terms(principal=Money(5000), rate_percent_per_year=Decimal(12), periods=18, method=Method.DIFFERENTIATED)
    ).rows
    assert {row.principal for row in rows[:-1]} == {Money("277.78")}
    assert rows[-1].principal == Money("277.74")
    assert [row.interest for row in rows[:4]] == [Money("50.00"), Money("47.22"), Money("44.44"), Money("41.67")]


def test_the_own_method_pays_interest_alone_first() -> None:
    rows = build(terms(method=Method.OWN, interest_only_months=3)).rows
    assert [row.principal for row in rows[:3]] == [Money(0)] * 3
    assert {row.interest for row in rows[:4]} == {Money(300)}
    assert len({row.payment for row in rows[3:-1]}) == 1


@pytest.mark.parametrize(
    ("count", "first_days", "instalment"),
    [(DayCount.THIRTY_360, 30, "3400.22"), (DayCount.ACT_365, 28, "3397.82")],
)
def test_the_last_day_of_january_keeps_its_month_ends(count: DayCount, first_days: int, instalment: str) -> None:
    rows = build(
        terms(
            principal=Money(10_000), rate_percent_per_year=Decimal(12), periods=3, day_count=count,
            disbursed=date(2025, 1, 31), first_due=date(2025, 2, 28),
        )
    ).rows  # fmt: skip
    assert [row.due for row in rows] == [date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)]
    assert rows[0].days == first_days
    assert rows[0].payment == Money(instalment)


def test_the_month_end_file_is_met() -> None:
    if not DATA.exists():
        pytest.skip("../shared/data/loan-maths is not here: 0 cases ran")
    cases = json.loads((DATA / "fineract_month_end.json").read_text())["cases"]
    clamped = [case for case in cases if case["rule"] == "LAST_DAY_OF_MONTH"]
    assert clamped
    for case in clamped:
        count = DayCount.THIRTY_360 if case["day_count"] == "30/360" else DayCount.ACT_365
        rows = build(
            terms(
                principal=Money(10_000), rate_percent_per_year=Decimal(12), periods=3, day_count=count,
                disbursed=date(2025, 1, 31), first_due=date(2025, 2, 28),
            )
        ).rows  # fmt: skip
        wanted = [row for row in case["schedule"] if row["n"]]
        assert [row.due.isoformat() for row in rows] == [row["date"] for row in wanted]
        assert [row.payment.root for row in rows] == [Decimal(str(row["due"])) for row in wanted]


def test_one_instalment_is_possible() -> None:
    row = build(terms(periods=1, first_due=date(2025, 2, 14), day_count=DayCount.ACT_365)).rows[0]
    assert (row.days, row.interest, row.balance) == (30, Money("295.89"), Money(0))


def test_no_interest_is_possible() -> None:
    made = build(terms(principal=Money(100), rate_percent_per_year=Decimal(0), periods=3))
    assert [row.payment for row in made.rows] == [Money("33.33"), Money("33.33"), Money("33.34")]
    assert made.annual_effective_rate_percent == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"principal": Money("0.01"), "periods": 3}, "terms-impossible"),
        ({"principal": Money("0.05"), "periods": 10, "rate_percent_per_year": Decimal(0)}, "terms-impossible"),
        ({"principal": Money(0)}, "amount-not-positive"),
        ({"periods": 0}, "term-too-short"),
        ({"rate_percent_per_year": Decimal(-1)}, "rate-negative"),
        ({"first_due": date(2025, 1, 15)}, "first-due-too-early"),
        ({"method": Method.OWN, "interest_only_months": 12}, "interest-only-too-long"),
    ],
)
def test_terms_without_a_sound_schedule_are_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        build(terms(**changes))
    assert refused.value.code == code


def test_a_schedule_survives_json() -> None:
    made = build(terms())
    assert type(made).model_validate_json(made.model_dump_json()) == made
