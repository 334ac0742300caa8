"""Factors of periods and of parts of periods, against exact fractions and another system's printed figures."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.accrual import SCALE, factor, factors_of, interest, nearest, to_tiyn, twelve_digits
from rules.calendar import add_months
from rules.day_count import DayCount, Period, periods
from rules.money import Money

rates = st.integers(1, 100_000).map(lambda basis_points: Decimal(basis_points) / 100)
days = st.dates(date(2021, 5, 11), date(2035, 1, 1))
FIXED = {DayCount.ACT_365: 365, DayCount.ACT_360: 360}


def month(start: date) -> Period:
    return Period(start, add_months(start, 1), 1)


@given(st.integers(0, 10**20), st.integers(1, 10**12))
def test_twelve_digits_are_those_of_decimal(over: int, under: int) -> None:
    exact = Context(prec=12, rounding=ROUND_HALF_EVEN).divide(Decimal(over), Decimal(under))
    if exact.adjusted() >= -7:  # finer than 1e-18 it rounds there
        assert Decimal(twelve_digits(over, under)).scaleb(-18) == exact
    else:
        assert twelve_digits(over, under) == round(Fraction(over * SCALE, under))


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_the_nearest_whole_number_takes_halves_to_the_even_one(over: int, under: int) -> None:
    assert nearest(over, under) == round(Fraction(over, under))


@given(st.integers(-(10**30), 10**30))
def test_exact_interest_is_rounded_half_even(exact: int) -> None:
    assert to_tiyn(exact) == round(Fraction(exact, SCALE))


@given(rates, days, st.sampled_from(DayCount))
def test_a_factor_is_rate_times_share_of_a_year(rate: Decimal, start: date, count: DayCount) -> None:
    period = month(start)
    over, under = rate.as_integer_ratio()
    exact = Fraction(over, 100 * under) * period.share(count)
    assert abs(Fraction(factor(rate, period, count), SCALE) - exact) <= exact / 10**11


@given(rates, days, st.sampled_from(DayCount), st.integers(1, 40))
def test_factors_of_many_periods_are_those_of_each(rate: Decimal, start: date, count: DayCount, many: int) -> None:
    spans = periods(start, add_months(start, 1), many)
    each = [factor(rate, span, count) for span in spans]
    assert factors_of(rate, spans, count) == factors_of(rate, list(spans), count) == each


@given(rates, days, st.sampled_from(DayCount), st.data())
def test_the_parts_of_a_period_make_the_whole(rate: Decimal, start: date, count: DayCount, data: st.DataObject) -> None:
    period = month(start)
    cut = start + timedelta(days=data.draw(st.integers(0, period.real_days)))
    parts = factor(rate, period, count, start, cut) + factor(rate, period, count, cut)
    assert abs(parts - factor(rate, period, count)) <= 2 * 10 ** (len(str(parts)) - 12)


@given(days, st.integers(0, 400), st.sampled_from(sorted(FIXED)))
def test_real_days_count_as_they_are(start: date, length: int, count: DayCount) -> None:
    period = Period(start, start + timedelta(days=length), 0, length)
    assert period.share(count) == Fraction(length, FIXED[count])


@given(days, st.integers(1, 800))
def test_a_split_year_counts_each_night_by_the_year_it_lies_in(start: date, length: int) -> None:
    nights = [start + timedelta(days=k) for k in range(length)]
    period = Period(start, start + timedelta(days=length), 0, length)

    def share(years: list[int]) -> Fraction:
        return sum((Fraction(1, 366 if year % 4 == 0 else 365) for year in years), Fraction(0))

    assert period.share(DayCount.ACT_ACT) == share([night.year for night in nights])
    assert period.share(DayCount.ACT_ACT_31DEC) == share([(night + timedelta(days=1)).year for night in nights])


@pytest.mark.parametrize(
    ("since", "to", "printed"),
    [
        (date(2024, 2, 1), date(2024, 2, 9), "0.001609195402"),
        (date(2024, 2, 9), date(2024, 3, 1), "0.004224137931"),
        (date(2024, 2, 1), date(2024, 2, 15), "0.002816091954"),
    ],
)
def test_parts_of_a_month_of_30_days_are_those_another_system_prints(since: date, to: date, printed: str) -> None:
    found = Decimal(factor(Decimal(7), month(date(2024, 2, 1)), DayCount.THIRTY_360, since, to)).scaleb(-18)
    assert found.quantize(Decimal("1e-12")) == Decimal(printed)


def test_an_exact_half_falls_as_twelve_digits_make_it_fall() -> None:
    seven = factor(Decimal(7), month(date(2024, 2, 1)), DayCount.THIRTY_360)
    assert interest(Money(150), seven) == Money("0.87")  # 7/1200 x 150 is 0.875; with twelve digits 0.87499...


def test_a_first_period_of_30_360_counts_months_and_the_days_left_over() -> None:
    first = periods(date(2024, 1, 10), date(2024, 3, 1), 2)[0]
    assert (first.months, first.rest, first.days(DayCount.THIRTY_360), first.real_days) == (1, 20, 50, 51)
