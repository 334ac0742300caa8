"""What must hold for the schedule of any terms."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.calendar import MonthEnd, add_months
from rules.day_count import PeriodUnit
from rules.money import Money
from rules.schedule import DayCount, LoanTerms, Method, Rounding, build, instalments


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
    lambda tiyn, rate, method, count, day, gap, rounding, multiple, month_end, unit, periods, own: terms(
        principal=Money.of_tiyn(tiyn),
        rate_percent_per_year=Decimal(rate) / 100,
        periods=periods,
        method=method,
        day_count=count,
        disbursed=day,
        first_due=day + timedelta(days=gap),
        rounding=rounding,
        multiple_of=multiple,
        month_end=month_end,
        unit=unit,
        every=1 + periods % 3,
        interest_only_months=min(own[0], periods - 1),
        grace_periods=0 if own[0] else min(own[1], periods - 1),
        step_percent=Decimal(own[2]) / 10,
        step_every=1 + own[0],
    ),
    st.integers(100_000, 2_000_000_000),
    st.integers(100, 10_000),
    st.sampled_from(Method),
    st.sampled_from(DayCount),
    st.dates(date(2021, 5, 11), date(2035, 1, 1)),
    st.integers(5, 62),
    st.sampled_from(Rounding),
    st.sampled_from([Money("0.01"), Money(1), Money(10)]),
    st.sampled_from(MonthEnd),
    st.sampled_from(PeriodUnit),
    st.integers(1, 60),
    st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(-5, 30)),
)


@settings(max_examples=400, deadline=None)
@given(any_terms)
def test_every_schedule_adds_up(loan: LoanTerms) -> None:
    rows = instalments(loan)
    assert [row.n for row in rows] == list(range(1, loan.periods + 1))
    assert Money.total(row.principal for row in rows) == loan.principal
    assert rows[-1].balance == Money(0)
    balance, start = loan.principal, loan.disbursed
    for row in rows:
        assert row.interest + row.principal == row.payment
        assert row.payment > Money(0)
        assert row.balance == balance - row.principal
        assert Money(0) <= row.balance <= balance
        assert row.days == (row.due - start).days
        assert row.pay_by == row.due
        balance, start = row.balance, row.due
    assert all(before.due < after.due for before, after in pairwise(rows))


@settings(max_examples=40, deadline=None)
@given(any_terms)
def test_the_totals_are_the_sums_of_the_rows(loan: LoanTerms) -> None:
    made = build(loan.model_copy(update={"grace_periods": 0}))
    assert made.total_interest == Money.total(row.interest for row in made.rows)
    assert made.total_interest + loan.principal == made.total_payment
    assert made.annual_effective_rate_percent > 0


@settings(max_examples=100, deadline=None)
@given(any_terms)
def test_level_instalments_are_level_but_for_the_last(loan: LoanTerms) -> None:
    plain = {"method": Method.ANNUITY, "first_due": add_months(loan.disbursed, 1), "unit": PeriodUnit.MONTHS}
    plain |= {"every": 1, "rate_percent_per_year": min(loan.rate_percent_per_year, Decimal(46))}
    rows = instalments(loan.model_copy(update=plain))
    assert len({row.payment for row in rows[:-1]}) <= 1


@settings(max_examples=100, deadline=None)
@given(any_terms)
def test_a_spread_difference_is_never_larger_than_an_absorbed_one(loan: LoanTerms) -> None:
    plain = {"method": Method.ANNUITY, "first_due": add_months(loan.disbursed, 1), "multiple_of": Money("0.01")}
    plain |= {"rate_percent_per_year": min(loan.rate_percent_per_year, Decimal(46)), "unit": PeriodUnit.MONTHS}
    plain |= {"every": 1}

    def difference(rounding: Rounding) -> int:
        rows = instalments(loan.model_copy(update=plain | {"rounding": rounding}))
        return abs(rows[-1].payment.tiyn - rows[0].payment.tiyn)

    assert difference(Rounding.SPREAD) <= difference(Rounding.LAST_ABSORBS)
