"""`nesie reconcile`: which day it asks for, and what it prints; the asking itself is proved in tests/e2e."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from activities.reconciliation import DayReconciled
from activities.terminal_books import PayoutsReconciled, SettlementChecked, TerminalsReconciled, Unsettled
from cli import reconcile as command
from rules.calendar import local_date
from rules.errors import InvalidInput
from rules.money import Money
from storage.cash_check import CashChecked
from storage.terminal_payouts import Differs

DAY = date(2026, 3, 2)
LEDGER = CashChecked(came=Money(5), left=Money(0), debit=Money(5), credit=Money(0))
CLEAN = DayReconciled(
    day=DAY, lines=1, matched=0, incoming=1, unexplained=[], missing=[], adds_up=True, ledger=LEDGER,
    terminals=TerminalsReconciled(entries=0, matched=0, unexplained=[], missing=[]),
)  # fmt: skip


def terminals(**changes: Any) -> TerminalsReconciled:
    return TerminalsReconciled(entries=0, matched=0, unexplained=[], missing=[], **changes)


def payouts(**changes: Any) -> PayoutsReconciled:
    return PayoutsReconciled(entries=1, matched=0, **changes)


def settlement(settled: str) -> SettlementChecked:
    came, day = Money(settled), date(2026, 3, 1)
    return SettlementChecked(
        key="bank:S1", since=day, until=day, expected=Money(100), settled=came, difference=came - Money(100)
    )


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    return parser.parse_args(["reconcile", *words])


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the day's case answers, and the day it was asked for."""
    told: dict[str, Any] = {"answer": CLEAN}

    async def answer(settings: object, day: date) -> DayReconciled:
        told["asked"] = day
        return told["answer"]

    monkeypatch.setattr(command, "reconcile", answer)
    monkeypatch.setattr(command.infra_settings, "load", lambda: None)
    return told


@pytest.mark.parametrize("name", ["--date", "--day"])
def test_a_day_is_asked_for_by_either_name(found: dict[str, Any], name: str) -> None:
    assert command.run(parsed(name, "2026-03-02")) == 0
    assert found["asked"] == DAY


def test_without_a_day_it_is_yesterday_in_almaty(found: dict[str, Any]) -> None:
    assert command.run(parsed()) == 0
    assert found["asked"] == local_date(datetime.now(UTC)) - timedelta(days=1)


def test_a_day_to_come_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="day to come"):
        command.run(parsed("--date", "2199-01-01"))
    assert "asked" not in found


def test_the_json_has_every_key(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(parsed("--date", "2026-03-02", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {
        "ok", "day", "lines", "matched", "incoming", "unexplained", "missing", "adds_up", "ledger", "terminals",
        "taken", "waiting", "review_id",
    }  # fmt: skip
    assert told["ledger"] == {
        "came": "5.00", "left": "0.00", "debit": "5.00", "credit": "0.00", "differs": [], "other_day": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unexplained": ["X1"]}, "unexplained           X1"),
        ({"missing": ["disburse:1"]}, "missing               disburse:1"),
        ({"adds_up": False}, "do not add up"),
        ({"ledger": LEDGER.model_copy(update={"differs": ["bank:P1"]})}, "ledger differs        bank:P1"),
        (
            {"terminals": TerminalsReconciled(entries=1, matched=0, unexplained=["terminal:T:1"], missing=[])},
            "unexplained           terminal:T:1",
        ),
        (
            {"terminals": TerminalsReconciled(entries=0, matched=0, unexplained=[], missing=["terminal:T:2"])},
            "missing               terminal:T:2",
        ),
        (
            {
                "terminals": terminals(
                    payouts=payouts(differs=[Differs(key="terminal:T:3", order="CO-1", why="other-amount")])
                )
            },
            "payout other-amount         terminal:T:3 CO-1",
        ),
        ({"terminals": terminals(payouts=payouts(missing=["CO-2"]))}, "payout missing              CO-2"),
        (
            {"terminals": terminals(settlements=[settlement("90.00")])},
            "settlement                  bank:S1 for 2026-03-01 to 2026-03-01: 90.00 of 100.00, difference -10.00",
        ),
        (
            {"terminals": terminals(unsettled=[Unsettled(operator="one", day=DAY, expected=Money(7))])},
            "not settled                 one 2026-03-02 7.00",
        ),
    ],
)
def test_each_difference_is_named_and_the_exit_code_says_so(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    found["answer"] = CLEAN.model_copy(update={"review_id": UUID(int=7), **changes})
    assert command.run(parsed("--date", "2026-03-02")) == 1
    out = capsys.readouterr().out
    assert said in out
    assert "two people have to look" in out


def test_a_settlement_that_agrees_and_payouts_taken_now_are_no_difference(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = terminals(payouts=payouts(taken=["CO-3"], other_day=["CO-4"]), settlements=[settlement("100.00")])
    found["answer"] = CLEAN.model_copy(update={"terminals": whole})
    assert command.run(parsed("--date", "2026-03-02")) == 0
    out = capsys.readouterr().out
    assert "payout taken now            CO-3" in out
    assert "payout of another day       CO-4" in out
    assert "difference 0.00" in out


def test_what_was_taken_and_what_waits_is_named_and_is_no_difference(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found["answer"] = CLEAN.model_copy(update={"taken": ["bank:P1"], "waiting": ["bank:P2"]})
    assert command.run(parsed("--date", "2026-03-02")) == 0
    out = capsys.readouterr().out
    assert "taken now             bank:P1" in out
    assert "waits for people      bank:P2" in out
