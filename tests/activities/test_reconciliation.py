"""What the reconciliation does before it has a statement, and whether a statement adds up. The bank is played."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from activities.money_ports import BankStatement
from activities.reconciliation import Reconciliation, StatementDay, _adds_up
from rules.errors import NotSettled
from rules.money import Money
from storage.reconciliation import Line, Payment, reconcile

DAY = date(2026, 3, 2)


class Silent:
    """A bank without a statement, a network without a register."""

    async def statement(self, day: date) -> BankStatement | None:
        return None

    async def register(self, day: date) -> None:
        return None


async def test_a_statement_that_is_not_ready_is_asked_for_again() -> None:
    nothing: Any = None  # not touched before they have answered
    silent: Any = Silent()
    one = Reconciliation(nothing, silent, silent, nothing)
    for ask in (one.reconcile_day, one.reconcile_terminals):
        with pytest.raises(NotSettled, match="not ready"):
            await ask(StatementDay(day=DAY))


@pytest.mark.parametrize(("closing", "whole"), [("1060.00", True), ("1060.01", False), ("1000.00", False)])
def test_balances_and_lines_must_agree_to_the_tiyn(closing: str, whole: bool) -> None:
    lines = [
        Line(bank_reference="1", side="C", amount=Money("100.00")),
        Line(bank_reference="2", side="D", amount=Money("40.00")),
    ]
    statement = BankStatement(day=DAY, opening=Money("1000.00"), closing=Money(closing), entries=[])
    assert _adds_up(statement, lines) is whole


def test_a_payment_that_came_back_is_no_repayment() -> None:
    paid = Payment(key="disburse:7", amount=Money(5), state="done", order_id="7", value_date=DAY)
    left = Line(bank_reference="B1", side="D", amount=Money(5), order_id="7")
    back = Line(bank_reference="R1", side="C", amount=Money(5), order_id="7")
    result = reconcile(DAY, [left, back], [paid])
    assert [match.line.bank_reference for match in result.unexplained] == ["R1"]
    assert not result.clean
