"""`nesie ledger` on a real database with loans in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr

from activities import loan_book
from cli import main
from infra import settings as infra_settings
from infra.stack.environment import StackFile, with_login
from rules.accounts import CHART
from rules.money import Money
from rules.schedule import instalments
from storage.database import Database, libpq_url
from storage.tables import IncomingPayment
from tests.support.loan_world import LoanWorld, a_loan, noon, paid

Nesie = Callable[..., tuple[int, Any]]
TERMS = a_loan()
FIRST = instalments(TERMS)[0]


@pytest.fixture(scope="module")
def kept_state(stack_with):
    """A database of its own, with the settings that its stack wrote."""
    with stack_with("postgres") as stack:
        yield stack.state


def _plain(url: SecretStr | None) -> str:
    assert url is not None
    return url.get_secret_value()


@pytest.fixture(scope="module")
async def world(kept_state: Path) -> AsyncIterator[LoanWorld]:
    database = Database(_plain(infra_settings.load(kept_state).database.url))
    yield LoanWorld(database)
    await database.close()


@pytest.fixture(scope="module")
async def loan_id(world: LoanWorld) -> UUID:
    """A loan that paid its first instalment on time."""
    loan = await world.issued(TERMS)
    async with world.on(FIRST.due) as moment:
        event = paid(FIRST.due, FIRST.payment)
        await loan_book.record(moment, loan, event, actor="system:test", paragraph="7")
    return loan


@pytest.fixture
def nesie(kept_state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nesie:
    """Runs one command in a thread, as if there were no loop, and gives its exit code and its JSON."""
    monkeypatch.setenv("NESIE_STATE", str(kept_state))

    def call(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main.run([*words])
        out = capsys.readouterr().out
        return code, json.loads(out) if out.startswith("{") else out

    return call


async def _call(nesie: Nesie, *words: str) -> tuple[int, Any]:
    return await asyncio.to_thread(nesie, *words)


def _balances(told: dict[str, Any]) -> dict[str, str]:
    return {one["account"]: one["balance"] for one in told["accounts"] if one["balance"] != "0.00"}


async def test_the_trial_balance_of_a_day_is_told_for_every_account(nesie: Nesie, loan_id: UUID) -> None:
    code, told = await _call(nesie, "ledger", "trial-balance", "--on", "2026-02-27", "--json")
    assert code == 0
    assert [one["account"] for one in told["accounts"]] == [one.code for one in CHART]
    assert (told["on"], told["debit"], told["credit"], told["balanced"]) == (
        "2026-02-27", "150000.00", "150000.00", True,
    )  # fmt: skip
    assert _balances(told) == {"loans:principal": "150000.00", "cash:bank": "-150000.00"}
    _, told = await _call(nesie, "ledger", "trial-balance", "--on", FIRST.due.isoformat(), "--json")
    assert _balances(told) == {
        "loans:principal": str(FIRST.balance),
        "cash:bank": str(FIRST.payment - Money(150_000)),
        "income:interest": str(-FIRST.interest),
    }
    assert {(one["account"], one["kind"]) for one in told["accounts"]} == {(one.code, one.kind) for one in CHART}
    code, text = await _call(nesie, "ledger", "trial-balance")
    assert code == 0
    assert str(FIRST.balance) in text


async def test_before_anything_was_written_down_the_books_are_empty(nesie: Nesie, loan_id: UUID) -> None:
    _, told = await _call(
        nesie, "ledger", "trial-balance", "--on", FIRST.due.isoformat(), "--as-known-on", "2020-01-01", "--json"
    )
    assert _balances(told) == {}
    assert told["balanced"] is True


async def test_the_ledger_is_compared_with_the_facts_of_every_loan(
    nesie: Nesie, world: LoanWorld, loan_id: UUID, kept_state: Path
) -> None:
    others = [await world.issued(a_loan(periods=3, disbursed=date(2100, 1, 1), first_due=date(2100, 2, 1)))]
    code, told = await _call(nesie, "ledger", "check", "--json")
    assert code == 0
    assert (told["ok"], told["loans"], told["differs"]) == (True, 1 + len(others), [])
    assert told["behind"] == 1, "the first loan's next due dates have passed since"
    assert "the books agree" in (await _call(nesie, "ledger", "check"))[1]
    _forge(kept_state, loan_id)
    code, told = await _call(nesie, "ledger", "check", "--json")
    assert (code, told["ok"]) == (1, False)
    assert [(one["loan_id"], one["account"], one["in_ledger"], one["in_loan"]) for one in told["differs"]] == [
        (str(loan_id), "cash:bank", str(FIRST.payment - Money(150_000) + Money("0.01")),
         str(FIRST.payment - Money(150_000))),
        (str(loan_id), "loans:principal", str(FIRST.balance - Money("0.01")), str(FIRST.balance)),
    ]  # fmt: skip
    assert "THE BOOKS DIFFER" in (await _call(nesie, "ledger", "check"))[1]
    _forge(kept_state, loan_id, back=True)


def _forge(state: Path, loan_id: UUID, *, back: bool = False) -> None:
    """A balanced posting that no fact of the loan stands for."""
    root = with_login(
        _plain(infra_settings.load(state).database.owner_url), "postgres",
        StackFile.load(state).secrets["postgres_password"],
    )  # fmt: skip
    posting, sides = uuid4(), ("C", "D") if back else ("D", "C")
    with psycopg.connect(libpq_url(root)) as connection:
        connection.execute(
            "insert into ledger_posting values (%s, %s, 'forged', %s, now(), %s)",
            (posting, f"forged:{posting}", FIRST.due, loan_id),
        )
        for account, side in zip(("cash:bank", "loans:principal"), sides, strict=True):
            connection.execute(
                "insert into ledger_entry values (gen_random_uuid(), %s, %s, %s, 0.01)", (posting, account, side)
            )


async def test_money_that_has_no_place_is_compared_with_the_payments(
    nesie: Nesie, world: LoanWorld, loan_id: UUID
) -> None:
    async with world.on(FIRST.due) as moment:
        payment = IncomingPayment(
            key=f"bank:{uuid4()}", channel="BANK", amount=Money("77.00"), value_date=FIRST.due, payer=b"s",
            purpose=b"s", received_at=noon(FIRST.due),
        )  # fmt: skip
        moment.session.add(payment)
        await moment.session.flush()
    code, told = await _call(nesie, "ledger", "check", "--json")
    assert (code, told["unmatched_in_ledger"], told["unmatched_payments"]) == (1, "0.00", "77.00")
    async with world.on(FIRST.due) as moment:
        await loan_book.hold(moment, payment)
    code, told = await _call(nesie, "ledger", "check", "--json")
    assert (code, told["unmatched_in_ledger"], told["unmatched_payments"]) == (0, "77.00", "77.00")
