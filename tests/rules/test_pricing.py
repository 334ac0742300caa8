"""The annual effective rate against printed references, and prices under the caps."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.effective_rate import roots
from rules.errors import InvalidInput, NotAllowed
from rules.money import Money
from rules.policy import policy
from rules.pricing import annual_effective_rate, check_cap, greatest_rate_under_cap
from rules.products import PRODUCTS, products
from rules.schedule import Charge, DayCount, LoanTerms, Method, build

DATA = Path(__file__).parents[3] / "shared" / "data" / "loan-maths"
TODAY = date(2026, 2, 2)


def load(name: str) -> dict[str, Any]:
    if not (DATA / name).exists():
        pytest.skip("../shared/data/loan-maths is not here: 0 cases ran")
    found: dict[str, Any] = json.loads((DATA / name).read_text(), parse_float=Decimal)
    return found


def test_the_printed_kazakh_contract_is_met() -> None:
    for case in load("kz_gesv_public.json")["cases"]:
        start = date(2025, 1, 1)
        flows = [(start, Money(case["advance"])), (start + timedelta(days=case["days"]), Money(-case["payment"]))]
        assert annual_effective_rate(flows).quantize(Decimal("0.01")) == case["expected_gesv_percent"]


def test_every_european_example_is_met_under_its_own_year() -> None:
    cases = load("apr_ec_fca.json")["cases"]
    assert len(cases) > 20
    for case in cases:
        flows = [(Decimal(day), Decimal(amount)) for day, amount in case["flows"]]
        found = roots(flows, Decimal("365.25"))
        assert len(found) == 1 or case["id"] == "it_calculates_ec_example_43"  # a second advance after payments
        places = Decimal(1).scaleb(-case["decimals"])
        wanted = Decimal(case["expected_apr_percent"]).quantize(places)
        assert wanted in [one.quantize(places, ROUND_HALF_UP) for one in found], case["id"]


def test_every_internal_rate_of_random_flows_is_among_the_roots() -> None:
    cases = load("xirr_pyxirr.json")["cases"]
    assert len(cases) > 20
    for case in cases:
        flows = [(Decimal(date.fromisoformat(day).toordinal()), Decimal(amount)) for day, amount in case["flows"]]
        if case["expected_xirr"] is not None:
            wanted = Decimal(case["expected_xirr"])
            assert any(abs(one / 100 - wanted) < Decimal("1e-6") for one in roots(flows)), case["id"]


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
