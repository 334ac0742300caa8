"""The annual effective rate of loans, and prices under the caps."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import InvalidInput, NotAllowed
from rules.money import Money
from rules.policy import policy
from rules.pricing import annual_effective_rate, check_cap, greatest_rate_under_cap, rate_cap, within_cap
from rules.products import PRODUCTS, products
from rules.schedule import Charge, DayCount, LoanTerms, Method, RepaymentSchedule, build

TODAY = date(2026, 2, 2)


def test_payments_without_an_advance_have_no_rate() -> None:
    with pytest.raises(InvalidInput) as refused:
        annual_effective_rate([(date(2025, 1, 1), Money(-1)), (date(2025, 2, 1), Money(-1))])
    assert refused.value.code == "effective-rate-no-solution"


def test_several_rates_are_reported_and_none_is_picked() -> None:
    year = timedelta(days=365)
    start = date(2025, 1, 1)
    flows = [(start, Money(-1000)), (start + year, Money(2300)), (start + 2 * year, Money(-1320))]
    with pytest.raises(InvalidInput) as refused:
        annual_effective_rate(flows)
    assert refused.value.code == "effective-rate-several-roots"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 10_000), st.integers(1, 36), st.sampled_from(Method), st.randoms())
def test_the_order_of_flows_does_not_matter(rate: int, months: int, method: Method, chance: Any) -> None:
    made = build(loan(rate_percent_per_year=Decimal(rate) / 100, periods=months, method=method))
    flows = made.flows()
    chance.shuffle(flows)
    assert annual_effective_rate(flows).quantize(Decimal("0.01"), ROUND_HALF_UP) == made.annual_effective_rate_percent


def loan(**changes: object) -> LoanTerms:
    plain: dict[str, object] = {
        "principal": Money(150_000),
        "rate_percent_per_year": Decimal(38),
        "periods": 12,
        "method": Method.ANNUITY,
        "disbursed": TODAY,
        "first_due": date(2026, 3, 2),
        "day_count": DayCount.ACT_365,
    }
    return LoanTerms.model_validate(plain | changes)


@pytest.mark.parametrize(
    ("days", "daily"),
    [
        (45, "0.2996"),
        (40, "0.2975"),
        (30, "0.2933"),
        (21, "0.2895"),
        (14, "0.2867"),
        (10, "0.2850"),
        (7, "0.2838"),
        (5, "0.2830"),
    ],
)
def test_the_greatest_daily_rate_of_a_short_loan_is_the_computed_one(days: int, daily: str) -> None:
    short = loan(principal=Money(100_000), periods=1, first_due=TODAY + timedelta(days=days))
    rate = greatest_rate_under_cap(short, policy(TODAY), step=Decimal("0.0001") * 365)
    assert rate / 365 == Decimal(daily)


def test_the_daily_cap_is_not_reached_whatever_a_year_counts() -> None:
    for count, year in ((DayCount.ACT_365, 365), (DayCount.ACT_360, 360), (DayCount.THIRTY_360, 360)):
        short = loan(principal=Money(100_000), periods=1, first_due=TODAY + timedelta(days=45), day_count=count)
        at_the_cap = short.model_copy(update={"rate_percent_per_year": Decimal("0.3") * year})
        cap = rate_cap(at_the_cap, policy(TODAY))
        assert not within_cap(at_the_cap, [(TODAY, Money(1))], cap)
        assert greatest_rate_under_cap(short, policy(TODAY)) < Decimal("0.3") * year


def test_45_days_at_the_computed_rate_keep_the_cap_and_at_the_printed_one_break_it() -> None:
    def made(daily: str) -> RepaymentSchedule:
        rate = Decimal(daily) * 365
        return build(loan(principal=Money(100_000), periods=1, first_due=date(2026, 3, 19), rate_percent_per_year=rate))

    assert made("0.2996").annual_effective_rate_percent <= 179
    check_cap(made("0.2996"), policy(TODAY))
    for daily in ("0.2997", "0.3"):
        with pytest.raises(NotAllowed):
            check_cap(made(daily), policy(TODAY))


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("count", DayCount)
def test_the_greatest_rate_keeps_the_cap_and_one_step_more_breaks_it(method: Method, count: DayCount) -> None:
    asked = loan(method=method, day_count=count)
    rate = greatest_rate_under_cap(asked, policy(TODAY))
    assert Decimal("37.8") < rate < Decimal("38.6")
    check_cap(build(asked.model_copy(update={"rate_percent_per_year": rate})), policy(TODAY))
    with pytest.raises(NotAllowed) as refused:
        check_cap(build(asked.model_copy(update={"rate_percent_per_year": rate + Decimal("0.01")})), policy(TODAY))
    assert refused.value.code == "rate-above-cap"


def test_a_charge_lowers_the_greatest_rate() -> None:
    fee = Charge(name="insurance", amount=Money(5000), on=TODAY)
    with_fee = greatest_rate_under_cap(loan(), policy(TODAY), [fee])
    assert with_fee < greatest_rate_under_cap(loan(), policy(TODAY)) - 5
    with pytest.raises(InvalidInput):
        greatest_rate_under_cap(loan(), policy(TODAY), [Charge(name="fee", amount=Money(100_000), on=TODAY)])


def test_a_loan_of_30_days_is_not_short_above_its_amount() -> None:
    long = loan(principal=Money(194_625), periods=1, first_due=TODAY + timedelta(days=30))
    above = long.model_copy(update={"principal": Money("194625.01")})
    assert greatest_rate_under_cap(long, policy(TODAY)) > 100 > greatest_rate_under_cap(above, policy(TODAY))


def test_products_offer_the_three_methods_of_the_rules() -> None:
    for one in PRODUCTS:
        assert one.methods == (Method.ANNUITY, Method.DIFFERENTIATED, Method.OWN)


def test_a_products_own_method_fits_any_term() -> None:
    rich = PRODUCTS[0].model_copy(update={"own_grace_periods": 4, "own_interest_only_months": 0})
    rich = rich.model_copy(update={"own_step_percent": Decimal(5), "own_step_every": 2, "multiple_of": Money(10)})
    for months in range(1, 25):
        terms = rich.terms(Money(100_000), months, Method.OWN, TODAY, "test")
        assert terms.grace_periods == min(4, months // 2)
        assert len(build(terms).rows) == months
        plain = rich.terms(Money(100_000), months, Method.ANNUITY, TODAY, "test")
        assert (plain.grace_periods, plain.step_percent) == (0, 0)


@pytest.mark.parametrize("offered", PRODUCTS, ids=lambda one: f"{one.code}-{one.version}")
@pytest.mark.parametrize("method", Method)
def test_every_product_keeps_the_cap_at_every_term(offered: Any, method: Method) -> None:
    rules = policy(TODAY)
    for months in range(offered.min_months, offered.max_months + 1):
        for day in (date(2026, 1, 31), date(2028, 2, 1)):
            for amount in (offered.min_amount, offered.max_amount):
                check_cap(build(offered.terms(amount, months, method, day, "test")), rules)


def test_one_version_of_each_product_is_offered_at_a_time() -> None:
    for day in (date(2024, 8, 1), TODAY):
        codes = [one.code for one in products(day)]
        assert len(codes) == len(set(codes))
    assert products(date(2024, 7, 31)) == ()
