"""The rules of a loan's servicing come from policy rows of the day of its disbursement."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from rules import servicing_rules as module
from rules.errors import InvalidInput
from rules.loan import position
from rules.policy import UnknownPolicy, select
from rules.policy_rows import ROWS
from rules.servicing_rules import servicing_rules
from tests.support.loans import lent, terms

DAY = date(2026, 1, 10)


@pytest.fixture
def fresh() -> object:
    """No rules of another test are remembered."""
    servicing_rules.cache_clear()
    yield
    servicing_rules.cache_clear()


def test_the_figures_and_the_rows_they_come_from() -> None:
    rules = servicing_rules(DAY)
    assert rules.allocation == (
        "overdue_principal", "overdue_interest", "penalty", "principal", "interest", "costs",
    )  # fmt: skip
    assert (rules.penalty_daily_percent, rules.penalty_first_days) == (Decimal("0.5"), 90)
    assert (rules.penalty_later_daily_percent, rules.penalty_year_cap_percent) == (Decimal("0.03"), 10)
    assert rules.accrual_stop_days == 90
    assert [row.partition("@")[0] for row in rules.row_ids] == [
        "allocation-order", "penalty-daily-percent", "penalty-first-days", "penalty-later-daily-percent",
        "penalty-year-cap-percent", "accrual-stop-days",
    ]  # fmt: skip


def test_without_its_row_interest_never_stops(monkeypatch: pytest.MonkeyPatch, fresh: object) -> None:
    kept = tuple(row for row in ROWS if row.name != "accrual-stop-days")
    monkeypatch.setattr(module, "policy", lambda on: select(kept, on))
    rules = servicing_rules(DAY)
    assert rules.accrual_stop_days is None
    assert not any(row.startswith("accrual-stop") for row in rules.row_ids)


def test_a_row_with_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch, fresh: object) -> None:
    from dataclasses import replace

    changed = tuple(replace(row, value="gifts,penalty") if row.name == "allocation-order" else row for row in ROWS)
    monkeypatch.setattr(module, "policy", lambda on: select(changed, on))
    with pytest.raises(InvalidInput) as refused:
        servicing_rules(DAY)
    assert refused.value.code == "allocation-unknown"


def test_the_day_of_the_contract_decides_not_today(monkeypatch: pytest.MonkeyPatch, fresh: object) -> None:
    asked: list[date] = []

    def policy(on: date) -> object:
        asked.append(on)
        return select(ROWS, on)

    monkeypatch.setattr(module, "policy", policy)
    position([lent()], terms(), date(2027, 5, 5))
    assert asked == [DAY]


def test_before_the_first_row_there_are_none() -> None:
    with pytest.raises(UnknownPolicy):
        servicing_rules(date(2020, 1, 1))
