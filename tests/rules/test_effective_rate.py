"""The solver: the only root, all roots, none; never a wrong one."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.effective_rate import YEAR_DAYS, discount_factors, roots, two_decimals
from rules.policy import policy
from rules.policy_rows import ROWS

D = Decimal
flows_of_any_kind = st.lists(
    st.tuples(st.integers(0, 4000).map(D), st.integers(-(10**6), 10**6).map(D)), min_size=1, max_size=12
)


def value(flows: list[tuple[Decimal, Decimal]], percent: Decimal, year: Decimal = YEAR_DAYS) -> Decimal:
    """Value of the flows relative to their size: zero at a root."""
    with localcontext(Context(prec=80)):
        first = min(day for day, _ in flows)
        x = (1 + percent / 100).ln() / year
        parts = [amount * (-x * (day - first)).exp() for day, amount in flows]
        return sum(parts, D(0)) / sum((abs(part) for part in parts), D(1))


@settings(max_examples=200, deadline=None)
@given(flows_of_any_kind)
def test_every_rate_found_solves_the_flows(flows: list[tuple[Decimal, Decimal]]) -> None:
    for rate in roots(flows):
        if rate > D("-99.99"):  # six decimals say little about rates nearer to a total loss
            assert abs(value(flows, rate)) < D("1e-4")


@settings(max_examples=60, deadline=None)
@given(flows_of_any_kind)
def test_no_rate_is_overlooked_where_the_sum_changes_its_sign(flows: list[tuple[Decimal, Decimal]]) -> None:
    grid = [D(percent) for percent in (*range(-90, 200, 5), 300, 1000, 10_000)]
    found = roots(flows)
    for low, high in pairwise(grid):
        if value(flows, low) * value(flows, high) < 0:
            assert any(low <= rate <= high for rate in found), (low, high)


@settings(max_examples=100, deadline=None)
@given(flows_of_any_kind, st.randoms(use_true_random=False))
def test_the_order_of_flows_does_not_matter_and_halves_of_a_flow_are_the_flow(flows: list, chance: object) -> None:
    found = roots(flows)
    halved = [(day, amount / 2) for day, amount in flows for _ in range(2)]
    chance.shuffle(halved)  # type: ignore[attr-defined]
    assert roots(halved) == found


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 10**9),
    st.lists(st.tuples(st.integers(30, 4000), st.integers(1, 10**8)), min_size=1, max_size=40),
)
def test_a_loan_has_exactly_one_rate(advance: int, payments: list[tuple[int, int]]) -> None:
    flows = [(D(0), D(advance)), *((D(day), -D(amount)) for day, amount in payments)]
    found = roots(flows)
    assert len(found) == 1
    paid = sum(amount for _, amount in payments)
    assert (found[0] > 0) == (paid > advance) or abs(found[0]) < D("0.001")


def test_two_and_three_rates_are_all_found() -> None:
    assert roots([(D(0), D(-1000)), (D(365), D(2300)), (D(730), D(-1320))]) == [D(10), D(20)]
    with localcontext(Context(prec=60)):
        factors = [D(1), D("1.05"), D("1.1"), D("1.4")]
        a, b, c = factors[1:]
        cubic = [D(1), -(a + b + c), a * b + a * c + b * c, -a * b * c]
    assert roots([(D(365 * k), amount) for k, amount in enumerate(cubic)]) == [D(5), D(10), D(40)]


def test_a_rate_that_the_sum_only_touches_is_one_rate_and_a_near_miss_is_none() -> None:
    touching = [(D(0), D(-1000)), (D(365), D(2200)), (D(730), D(-1210))]
    assert roots(touching) == [D(10)]
    assert roots([*touching[:2], (D(730), D("-1210.000001"))]) == []
    assert len(roots([*touching[:2], (D(730), D("-1209.999999"))])) == 2


@pytest.mark.parametrize("flows", [[], [(D(0), D(0))], [(D(0), D(5))], [(D(0), D(5)), (D(0), D(-5))]])
def test_flows_that_do_not_oppose_each_other_have_no_rate(flows: list[tuple[Decimal, Decimal]]) -> None:
    assert roots(flows) == []


def test_rates_of_any_size_are_exact() -> None:
    assert roots([(D(0), D(100)), (D(1), D(-200))]) == [D(100 * (2**365 - 1))]
    assert roots([(D(0), D(100)), (D(365), D("-0.000001"))]) == [D("-99.999999")]
    assert roots([(D(0), D(10**8)), (D(1), D(-1))]) == [D(-100)]
    assert roots([(D("-0.5"), D(100)), (D("364.5"), D(-100))]) == [D(0)]


def test_discounting_at_the_rate_found_gives_the_advance() -> None:
    rate = roots([(D(0), D(1000)), (D(100), D(-600)), (D(200), D(-600))])[0]
    worth = discount_factors([100, 200], rate)
    assert abs(sum(D(600) * one for one in worth) - 1000) < D("1e-5")


def test_the_policy_rows_say_what_the_formula_does() -> None:
    for row in ROWS:
        rules = policy(max(row.since, ROWS[0].since))
        assert rules.number("aer-year-days") == YEAR_DAYS
        assert -two_decimals(D(1)).as_tuple().exponent == rules.whole("aer-decimals")
