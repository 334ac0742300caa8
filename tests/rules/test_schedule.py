"""Schedules: known figures, methods, roundings, days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from rules.calendar import MonthEnd, OffDays
from rules.day_count import PeriodUnit
from rules.days_off import CalendarUnknown, is_working_day
from rules.errors import InvalidInput
from rules.money import Money
from rules.schedule import DayCount, Installment, LoanTerms, Method, Rounding, build, instalments


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
    ("count", "instalment"),
    [(DayCount.THIRTY_360, "3400.22"), (DayCount.ACT_365, "3397.82")],
)
def test_the_last_day_of_january_keeps_its_month_ends(count: DayCount, instalment: str) -> None:
    rows = build(
        terms(
            principal=Money(10_000), rate_percent_per_year=Decimal(12), periods=3, day_count=count,
            disbursed=date(2025, 1, 31), first_due=date(2025, 2, 28),
        )
    ).rows  # fmt: skip
    assert [row.due for row in rows] == [date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)]
    assert rows[0].days == 28
    assert rows[0].payment == Money(instalment)


def test_a_day_that_a_month_lacks_may_roll_to_the_next_month() -> None:
    rolled = terms(
        principal=Money(10_000), rate_percent_per_year=Decimal(12), periods=3, day_count=DayCount.ACT_365,
        disbursed=date(2025, 1, 31), first_due=date(2025, 3, 1), month_end=MonthEnd.ROLL,
    )  # fmt: skip
    rows = build(rolled).rows
    assert [row.due for row in rows] == [date(2025, 3, 1), date(2025, 3, 31), date(2025, 5, 1)]
    assert rows[0].payment == Money("3398.56")


@pytest.mark.parametrize(
    ("unit", "every", "dues"),
    [
        (PeriodUnit.DAYS, 15, [date(2025, 2, 15), date(2025, 3, 2), date(2025, 3, 17)]),
        (PeriodUnit.WEEKS, 2, [date(2025, 2, 15), date(2025, 3, 1), date(2025, 3, 15)]),
        (PeriodUnit.MONTHS, 3, [date(2025, 2, 15), date(2025, 5, 15), date(2025, 8, 15)]),
    ],
)
def test_instalments_come_by_days_weeks_or_months(unit: PeriodUnit, every: int, dues: list[date]) -> None:
    assert [row.due for row in instalments(terms(periods=3, unit=unit, every=every))] == dues


def test_a_rounding_difference_is_spread_where_the_contract_says_so() -> None:
    asked = {"principal": Money(75), "rate_percent_per_year": Decimal("12.3"), "periods": 5}
    absorbed = [row.payment for row in instalments(terms(**asked))]
    assert absorbed == [Money("15.46")] * 4 + [Money("15.49")]
    spread = [row.payment for row in instalments(terms(**asked, rounding=Rounding.SPREAD))]
    assert spread == [Money("15.47")] * 4 + [Money("15.45")]


def test_an_instalment_of_whole_tenge_keeps_the_count_asked_for() -> None:
    asked = {"principal": Money(5000), "rate_percent_per_year": Decimal(12), "periods": 18, "multiple_of": Money(1)}
    rows = instalments(terms(**asked))
    assert [row.payment for row in rows] == [Money(305)] * 17 + [Money("303.22")]
    too_coarse = instalments(terms(**asked | {"principal": Money(10), "periods": 12}))  # 1.00 would end in ten rows
    assert len(too_coarse) == 12
    assert {row.payment for row in too_coarse[:-1]} == {Money("0.89")}


def test_a_bullet_loan_pays_interest_each_month_and_all_principal_at_the_end() -> None:
    rows = instalments(terms(method=Method.BULLET, periods=3))
    assert [row.payment for row in rows] == [Money(300), Money(300), Money(15_300)]


def test_interest_of_a_grace_falls_due_together_after_it() -> None:
    rows = instalments(terms(method=Method.OWN, periods=6, grace_periods=2))
    assert [row.interest for row in rows[:2]] == [Money(0)] * 2
    assert rows[0].payment == rows[1].payment == rows[2].payment
    f = Decimal("0.02")
    balances = [Decimal(15_000), rows[0].balance.root, rows[1].balance.root]
    assert rows[2].interest == Money.rounded(sum(balances) * f)


def test_stepped_instalments_grow_by_a_percent_every_few() -> None:
    rows = instalments(terms(method=Method.OWN, step_percent=Decimal(10), step_every=4))
    levels = [rows[0].payment, rows[4].payment, rows[8].payment]
    assert [row.payment for row in rows[:-1]] == [levels[0]] * 4 + [levels[1]] * 4 + [levels[2]] * 3
    assert abs(levels[1].root - levels[0].root * Decimal("1.1")) <= Decimal("0.01")
    assert abs(levels[2].root - levels[0].root * Decimal("1.21")) <= Decimal("0.01")
    assert abs(rows[-1].payment.root - levels[2].root) < 1


def test_fields_of_the_own_method_mean_nothing_to_another_method() -> None:
    own = {"interest_only_months": 3, "grace_periods": 2, "step_percent": Decimal(5)}
    assert instalments(terms(**own)) == instalments(terms())


def test_a_payment_day_on_a_day_off_moves_and_the_interest_does_not() -> None:
    asked = terms(disbursed=date(2025, 2, 22), first_due=date(2025, 3, 22), periods=3)
    kept = instalments(asked)
    moved = instalments(asked.model_copy(update={"off_days": OffDays.NEXT_WORKING_DAY}))
    assert [row.due for row in moved] == [row.due for row in kept]
    assert [row.payment for row in moved] == [row.payment for row in kept]
    assert moved[0].pay_by == date(2025, 3, 26)  # Saturday; Nauryz moves the rest to Monday and Tuesday
    assert all(is_working_day(row.pay_by) for row in moved)
    assert [row.pay_by for row in kept] == [row.due for row in kept]


def test_a_payment_day_in_a_year_without_a_calendar_is_nobodys_fault_but_ours() -> None:
    with pytest.raises(CalendarUnknown):
        build(terms(disbursed=date(2039, 1, 1), first_due=date(2039, 2, 1), off_days=OffDays.NEXT_WORKING_DAY))


def test_a_worked_saturday_is_a_payment_day() -> None:
    asked = terms(disbursed=date(2024, 4, 4), first_due=date(2024, 5, 4), periods=1, off_days=OffDays.NEXT_WORKING_DAY)
    assert instalments(asked)[0].pay_by == date(2024, 5, 4)


def test_new_year_is_split_where_the_day_count_says_so() -> None:
    asked = {"principal": Money(10_000), "rate_percent_per_year": Decimal(12), "periods": 1}
    asked |= {"disbursed": date(2023, 12, 12), "first_due": date(2024, 1, 12)}
    found = {count: instalments(terms(**asked, day_count=count))[0].interest for count in DayCount}
    assert found == {
        DayCount.ACT_365: Money("101.92"),
        DayCount.ACT_360: Money("103.33"),
        DayCount.THIRTY_360: Money("100.00"),
        DayCount.ACT_ACT: Money("101.82"),
        DayCount.ACT_ACT_31DEC: Money("101.81"),
        DayCount.ACT_ACT_FEB29: Money("101.92"),
    }


def test_the_29th_of_february_makes_a_long_year_of_its_period_alone() -> None:
    asked = terms(disbursed=date(2024, 1, 30), first_due=date(2024, 2, 29), periods=2, day_count=DayCount.ACT_ACT_FEB29)
    first, second = instalments(asked)
    assert first.interest == Money.rounded(Decimal(15_000) * Decimal("0.24") * 30 / 366)
    assert second.interest == Money.rounded(first.balance.root * Decimal("0.24") * 30 / 365)


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
        ({"method": Method.OWN, "grace_periods": 12}, "interest-only-too-long"),
        ({"method": Method.OWN, "grace_periods": 1, "interest_only_months": 1}, "terms-impossible"),
        ({"method": Method.OWN, "step_percent": Decimal(-100)}, "terms-impossible"),
        ({"method": Method.BULLET, "rate_percent_per_year": Decimal(0)}, "terms-impossible"),
        ({"method": Method.DIFFERENTIATED, "principal": Money("0.05"), "periods": 10}, "terms-impossible"),
        ({"principal": Money("0.01"), "periods": 1200}, "terms-impossible"),
        ({"periods": 1201}, "terms-impossible"),
        ({"multiple_of": Money(0)}, "terms-impossible"),
        ({"every": 0}, "terms-impossible"),
        ({"disbursed": date(9999, 1, 1), "first_due": date(9999, 2, 1), "periods": 13}, "terms-impossible"),
    ],
)
def test_terms_without_a_sound_schedule_are_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        build(terms(**changes))
    assert refused.value.code == code


def test_a_tiyn_can_be_lent_for_one_period() -> None:
    row = instalments(terms(principal=Money("0.01"), periods=1))[0]
    assert (row.interest, row.payment, row.balance) == (Money(0), Money("0.01"), Money(0))


def test_a_schedule_survives_json() -> None:
    made = build(terms())
    assert type(made).model_validate_json(made.model_dump_json()) == made


def test_terms_and_rows_stored_before_they_had_more_fields_are_still_read() -> None:
    stored = {
        "principal": "15000.00", "rate_percent_per_year": "24", "periods": 12, "method": "annuity",
        "disbursed": "2025-01-15", "first_due": "2025-02-15", "day_count": "30/360", "rounding": "last_absorbs",
        "interest_only_months": 0, "product_code": "", "product_version": "", "policy_version": "",
    }  # fmt: skip
    assert LoanTerms.model_validate(stored) == terms()
    row = instalments(terms())[0].model_dump(mode="json")
    del row["pay_by"]
    assert Installment.model_validate(row).pay_by == date(2025, 2, 15)
