"""Other people's books against ours on a real database: what came unnoticed is taken, what differs is named.

Real: PostgreSQL. Played: the bank's statement and the terminals' register. Each test has days of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from loan_world import a_loan
from money_world import MoneyWorld

from activities.loan_book import catch_up
from activities.reconciliation import DayReconciled, StatementDay
from rules.money import Money
from storage import audit, cash_check, ledger, payments
from storage.database import Database, run
from storage.tables import StatementLine

# in a year of their own: the database is shared with tests that book on other days
TERMS = a_loan(disbursed=date(2031, 1, 31), first_due=date(2031, 2, 28))
_DAYS = itertools.count()


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=20)
    yield opened
    await opened.close()


@pytest.fixture
def world(database: Database) -> MoneyWorld:
    return MoneyWorld(database, date(2031, 2, 3) + timedelta(days=next(_DAYS)))


async def look(world: MoneyWorld) -> DayReconciled:
    return await world.reconciliation.reconcile_day(StatementDay(day=world.day, since=datetime.now(UTC)))


async def pay_out(world: MoneyWorld, amount: str, *, state: str = "done", booked: str | None = None) -> tuple[str, str]:
    """A payment of ours, its key and the bank's reference; booked: by the ledger, with this amount."""
    order, reference = str(uuid4()), f"B{uuid4().hex[:14].upper()}"
    key = f"disburse:{order}"
    async with world.database.begin() as session:
        await payments.intend(
            session, key=key, purpose="disbursement", request_hash="h", amount=Money(amount), account_sealed=b"x"
        )
        await payments.settle(session, key, "accepted")
        assert state == "accepted" or await payments.settle(session, key, state, None, reference, world.day)
        if booked is not None:
            await ledger.post(
                session, key, "microcredit issued", world.day, "loans:principal", "cash:bank", Money(booked)
            )
    return order, reference


async def test_a_day_with_money_both_ways_agrees_with_the_ledger(world: MoneyWorld) -> None:
    _, number = await world.loan(TERMS)
    world.bank.line(world.day, "30000.00", number)
    order, reference = await pay_out(world, "150000.00", booked="150000.00")
    world.bank.line(world.day, "150000.00", "выдача", side="D", bank_ref=reference, order_id=order)
    found = await look(world)
    assert found.clean
    assert (found.lines, found.matched, found.incoming) == (2, 1, 1)
    assert found.ledger.model_dump(mode="json") == {
        "came": "30000.00", "left": "150000.00", "debit": "30000.00", "credit": "150000.00", "differs": [],
        "other_day": [],
    }  # fmt: skip


async def test_a_line_that_nobody_told_us_of_is_taken_now_and_told(world: MoneyWorld) -> None:
    loan_id, number = await world.loan(TERMS)
    known = f"bank:{world.bank.line(world.day, '1000.00', number)}"
    lost = f"bank:{world.bank.line(world.day, '2000.00', number)}"
    stranger = f"bank:{world.bank.line(world.day, '3000.00', 'за кредит', payer={'iban': ''})}"
    await world.take(known)
    found = await look(world)
    assert found.clean
    assert {lost, stranger} <= set(found.taken)
    assert (found.incoming, found.unexplained) == (3, [])
    assert stranger in found.waiting
    assert lost not in found.waiting
    assert (await world.loans.ledger_of(loan_id))["cash:bank"] == Money("3000.00") - TERMS.principal
    again = await look(world)
    assert (again.incoming, again.clean) == (3, True)
    assert (await world.loans.ledger_of(loan_id))["cash:bank"] == Money("3000.00") - TERMS.principal


async def test_a_line_that_the_bank_changed_after_we_took_it_is_named(world: MoneyWorld) -> None:
    _, number = await world.loan(TERMS)
    reference = world.bank.line(world.day, "1000.00", number)
    await world.take(f"bank:{reference}")
    world.bank.entries[world.day][0]["amount"] = "1000.01"
    found = await look(world)
    assert (found.unexplained, found.missing, found.clean) == ([reference], [], False)


async def test_a_payment_whose_line_is_gone_is_missing(world: MoneyWorld) -> None:
    _, number = await world.loan(TERMS)
    key = f"bank:{world.bank.line(world.day, '1000.00', number)}"
    await world.take(key)
    world.bank.entries[world.day].clear()
    found = await look(world)
    assert (found.missing, found.clean) == ([key], False)
    assert (found.ledger.came, found.ledger.debit) == (Money(0), Money("1000.00"))


async def test_money_that_left_with_another_sum_than_was_booked_is_found_in_the_ledger(world: MoneyWorld) -> None:
    order, reference = await pay_out(world, "150000.00", booked="15000.00")
    world.bank.line(world.day, "150000.00", "выдача", side="D", bank_ref=reference, order_id=order)
    found = await look(world)
    assert (found.unexplained, found.missing) == ([], [])
    assert (found.ledger.differs, found.clean) == ([f"disburse:{order}"], False)
    async with world.database.begin() as session:
        entries = await audit.of_subject(session, f"statement:{world.day.isoformat()}")
    assert entries[-1]["action"] == "ledger-differs"
    assert entries[-1]["detail"]["ledger"]["differs"] == [f"disburse:{order}"]


async def test_a_payout_that_left_and_was_never_booked_is_found_in_the_ledger(world: MoneyWorld) -> None:
    order, reference = await pay_out(world, "150000.00")
    world.bank.line(world.day, "150000.00", "выдача", side="D", bank_ref=reference, order_id=order)
    assert (await look(world)).ledger.differs == [f"disburse:{order}"]


async def test_a_booking_that_no_line_stands_for_is_named(world: MoneyWorld) -> None:
    key = f"by-hand:{uuid4()}"
    async with world.database.begin() as session:
        await ledger.post(session, key, "by hand", world.day, "cash:bank", "clients:unmatched", Money(7))
    found = await look(world)
    assert (found.ledger.differs, found.clean) == ([key], False)
    async with world.database.begin() as session:  # not for other tests' sums
        await ledger.post(session, f"{key}:back", "undone", world.day, "clients:unmatched", "cash:bank", Money(7))


async def test_a_payout_that_is_not_final_yet_is_not_expected_in_the_ledger(world: MoneyWorld) -> None:
    order, reference = await pay_out(world, "150000.00", state="accepted")
    world.bank.line(world.day, "150000.00", "выдача", side="D", bank_ref=reference, order_id=order)
    found = await look(world)
    assert (found.matched, found.ledger.differs, found.clean) == (1, [], True)


async def test_a_payout_that_left_and_came_back_leaves_nothing_in_the_ledger(world: MoneyWorld) -> None:
    order, reference = await pay_out(world, "150000.00", state="returned")
    world.bank.line(world.day, "150000.00", "выдача", side="D", bank_ref=reference, order_id=order)
    world.bank.line(world.day, "150000.00", "возврат", order_id=order)
    found = await look(world)
    assert (found.matched, found.incoming, found.clean) == (2, 0, True)


async def test_money_learned_of_after_its_day_was_closed_is_named_and_no_error(world: MoneyWorld) -> None:
    loan_id, number = await world.loan(TERMS)
    day, later = world.day, date(2031, 4, 20)
    key = f"bank:{world.bank.line(day, '1000.00', number)}"
    async with world.loans.on(later) as moment:
        await catch_up(moment, loan_id)
    world.day = later
    await world.take(key, day)
    world.day = day
    found = await look(world)
    assert (found.clean, found.ledger.other_day) == (True, [key])
    assert (found.ledger.came, found.ledger.debit) == (Money("1000.00"), Money(0))
    world.day = later
    after = await look(world)
    assert key in after.ledger.other_day
    assert key not in after.ledger.differs


async def test_balances_that_do_not_fit_the_lines_are_told(world: MoneyWorld) -> None:
    world.bank.off = Money("0.01")
    found = await look(world)
    assert (found.adds_up, found.clean) == (False, False)


async def test_a_line_in_dollars_is_kept_with_its_currency_and_waits_for_two_people(world: MoneyWorld) -> None:
    reference = world.bank.line(world.day, "70.00", "loan", currency="USD")
    found = await look(world)
    assert (found.unexplained, found.incoming, found.adds_up, found.ledger.came) == ([reference], 0, True, Money(0))
    assert await world.row(f"bank:{reference}") is None
    async with world.database.begin() as session:
        line = await session.get_one(StatementLine, reference)
    assert (line.currency, str(line.amount), line.state) == ("USD", "70.00", "unmatched")


@pytest.mark.parametrize("after", ["_booked", "_expected"])
async def test_a_payment_that_ends_while_the_books_are_compared_is_no_difference(
    world: MoneyWorld, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    order, _ = await pay_out(world, "150000.00", state="accepted")
    reference = world.bank.line(world.day, "150000.00", "выдача", side="D", order_id=order)
    looked, key = getattr(cash_check, after), f"disburse:{order}"

    async def and_it_ends(*args: Any) -> Any:
        found = await looked(*args)
        async with world.database.begin() as session:
            await payments.settle(session, key, "done", None, reference, world.day)
            await ledger.post(session, key, "issued", world.day, "loans:principal", "cash:bank", Money("150000.00"))
        return found

    monkeypatch.setattr(cash_check, after, and_it_ends)
    found = await look(world)
    assert (found.matched, found.ledger.differs, found.clean) == (1, [], True)


class TestTerminals:
    async def test_a_receipt_that_nobody_told_us_of_is_taken(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        told, lost = world.terminals.paid(world.day, "10.00", number), world.terminals.paid(world.day, "20.00", number)
        await world.take(told)
        found = await world.reconciliation.reconcile_terminals(StatementDay(day=world.day, since=datetime.now(UTC)))
        assert (found.entries, found.matched, found.clean) == (2, 2, True)
        assert lost in found.taken
        assert (await world.loans.ledger_of(loan_id))["cash:terminal"] == Money("30.00")

    async def test_another_amount_another_currency_and_a_receipt_that_is_gone_are_named(
        self, world: MoneyWorld
    ) -> None:
        _, number = await world.loan(TERMS)
        changed, gone = (
            world.terminals.paid(world.day, "10.00", number),
            world.terminals.paid(world.day, "5.00", number),
        )
        for key in (changed, gone):
            await world.take(key)
        dollars = world.terminals.paid(world.day, "7.00", number, currency="USD")
        first, _, third = world.terminals.receipts[world.day]
        world.terminals.receipts[world.day] = [first.model_copy(update={"amount": Money("11.00")}), third]
        found = await world.reconciliation.reconcile_terminals(StatementDay(day=world.day))
        assert (found.unexplained, found.missing) == (sorted([changed, dollars]), [gone])
        assert (found.entries, found.matched, found.clean, found.taken) == (2, 0, False, [])


async def test_what_waits_for_people_is_told_until_it_has_its_place(world: MoneyWorld) -> None:
    key = f"bank:{world.bank.line(world.day, '1.00', 'за кредит', payer={'iban': ''})}"
    assert key in (await look(world)).waiting
    async with world.database.begin() as session:
        await run(session, "update incoming_payment set state = 'RETURNING' where key = :key", key=key)
    assert key in (await look(world)).waiting
    async with world.database.begin() as session:
        await run(session, "update incoming_payment set state = 'RETURNED' where key = :key", key=key)
        left = (f"return:{uuid4()}", "given back", world.day)
        await ledger.post(session, *left, "clients:unmatched", "cash:bank", Money("1.00"))
    assert key not in (await look(world)).waiting
