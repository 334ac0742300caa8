"""The whole numbers of a plan: the instalment against exact fractions, and plans made anew over what is left."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.accrual import SCALE
from rules.errors import InvalidInput
from rules.plan import Shape, level_instalment, level_rows, plan_rows, rows_of_instalment
from rules.terms import Method, Rounding

MONTH = SCALE // 100  # one per cent a period
factor_lists = st.lists(st.integers(0, 2 * 10**17), min_size=1, max_size=60)
balances = st.integers(1, 10**12)


def exact(balance: int, factors: list[int], multiple: int = 1) -> Fraction:
    discount, total = Fraction(1), Fraction(0)
    for factor in factors:
        discount /= 1 + Fraction(factor, SCALE)
        total += discount
    return balance / total / multiple


@settings(max_examples=300)
@given(balances, factor_lists, st.sampled_from([1, 100, 1000]))
def test_the_level_instalment_is_the_exact_quotient_rounded_half_even(
    balance: int, factors: list[int], multiple: int
) -> None:
    assert level_instalment(balance, factors, multiple) == round(exact(balance, factors, multiple)) * multiple


@settings(max_examples=300)
@given(balances, st.integers(0, 2 * 10**17), st.integers(1, 120))
def test_equal_factors_give_the_same_by_the_closed_formula(balance: int, factor: int, count: int) -> None:
    assert level_instalment(balance, [factor] * count) == round(exact(balance, [factor] * count))


@pytest.mark.parametrize(("balance", "count", "instalment"), [(5, 2, 2), (15, 2, 8), (10_001, 2, 5000), (7, 2, 4)])
def test_a_half_tiyn_goes_to_the_even_one(balance: int, count: int, instalment: int) -> None:
    assert level_instalment(balance, [0] * count) == instalment


@settings(max_examples=200)
@given(st.integers(100, 10**7), st.integers(10, 5000), st.integers(1, 36))
def test_a_calculator_of_twelve_digits_gives_the_same(principal: int, basis_points: int, count: int) -> None:
    with localcontext(Context(prec=12, rounding=ROUND_HALF_EVEN)):
        factor = Decimal(basis_points) / 100 / 1200
        product, divisor = 1 + factor, Decimal(1)
        for _ in range(count - 1):
            product, divisor = product * (1 + factor), 1 + divisor * (1 + factor)
        reference = principal * product / divisor
    ours = level_instalment(principal, [int(factor.scaleb(18))] * count)
    assert abs(ours - reference) <= Decimal("0.5") + Decimal("0.001")


@given(st.integers(1000, 10**10), factor_lists, st.integers(2, 500))
def test_a_given_instalment_repays_everything_in_as_few_rows_as_it_takes(
    balance: int, factors: list[int], part: int
) -> None:
    instalment = balance // part + max(factors) * balance // SCALE + 1
    rows = rows_of_instalment(balance, factors, instalment)
    assert sum(row[1] for row in rows) == balance
    assert rows[-1][3] == 0
    assert len(rows) <= len(factors)
    assert all(row[2] == instalment for row in rows[:-1])
    if len(rows) < len(factors):
        assert rows[-1][2] <= instalment


def test_an_instalment_below_the_interest_leaves_rows_of_interest_alone() -> None:
    rows = rows_of_instalment(100_000, [MONTH] * 3, 500)
    assert rows == [(1000, 0, 1000, 100_000), (1000, 0, 1000, 100_000), (1000, 100_000, 101_000, 0)]


def test_a_plan_over_what_is_left_is_the_plan_from_there_on() -> None:
    whole = level_rows(1_000_000, [MONTH] * 12)
    rest = level_rows(whole[3][3], [MONTH] * 8)
    assert abs(rest[0][2] - whole[0][2]) <= 1
    assert rest[-1][3] == 0


def test_a_shape_that_asks_for_nothing_in_a_row_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        plan_rows(10_000, [0, 0], Shape(method=Method.BULLET))
    assert refused.value.code == "terms-impossible"


def test_spreading_stops_where_the_difference_no_longer_shrinks() -> None:
    factors = [7_917_637_000_000_000] * 6
    rows = level_rows(10_000, factors, Rounding.SPREAD)
    before = level_rows(10_000, factors)
    assert abs(rows[-1][2] - rows[0][2]) <= abs(before[-1][2] - before[0][2])
    assert abs(rows[-1][2] - rows[0][2]) <= 3
