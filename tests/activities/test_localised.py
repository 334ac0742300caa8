"""Contracts have words for every method, day count and rounding that terms can name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from activities import localised
from rules.money import Money
from rules.schedule import DayCount, LoanTerms, Method, OffDays, Rounding

TERMS = LoanTerms(
    principal=Money(100_000), rate_percent_per_year=Decimal(30), periods=12, method=Method.OWN,
    disbursed=date(2026, 1, 15), first_due=date(2026, 2, 15),
)  # fmt: skip


def differ(words: dict[str, str]) -> None:
    assert set(words) == {"kk", "ru"}
    assert words["kk"]
    assert words["kk"] != words["ru"]


@pytest.mark.parametrize("method", Method)
def test_every_method_has_a_name(method: Method) -> None:
    differ(localised.method(TERMS.model_copy(update={"method": method})))


@pytest.mark.parametrize("count", DayCount)
def test_every_day_count_is_told_with_what_days_are_divided_by(count: DayCount) -> None:
    differ(localised.day_count(count))
    divisor = localised.year_days(count)
    assert divisor["ru"] in ("365", "360", "число дней года")
    assert (divisor["ru"] == "число дней года") == count.startswith("act/act")


@pytest.mark.parametrize("policy", Rounding)
def test_every_rounding_is_told_and_a_larger_unit_is_named(policy: Rounding) -> None:
    differ(localised.rounding(TERMS.model_copy(update={"rounding": policy})))
    coarse = localised.rounding(TERMS.model_copy(update={"rounding": policy, "multiple_of": Money(10)}))
    assert "10,00" in coarse["ru"]
    assert "10,00" in coarse["kk"]


@pytest.mark.parametrize("rule", OffDays)
def test_every_rule_of_days_off_is_told(rule: OffDays) -> None:
    differ(localised.payment_day_off(rule))


def test_the_own_method_names_its_parts() -> None:
    parts = {"interest_only_months": 3, "step_percent": Decimal("2.5"), "step_every": 6}
    told = localised.method(TERMS.model_copy(update=parts))["ru"]
    assert "первые 3 плат." in told
    assert "каждые 6 плат." in told
    assert "2,50 %" in told
    grace = localised.method(TERMS.model_copy(update={"grace_periods": 2}))["ru"]
    assert "вознаграждение первых 2 периодов платится с 3-м платежом" in grace
