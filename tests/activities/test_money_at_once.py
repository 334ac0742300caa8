"""Twenty tasks at one instant, again and again: locks that are taken in another order show themselves only here.

A deadlock costs nobody money, but a second of everybody's time and the word of whoever is chosen to lose.
Real: PostgreSQL with its rights and checks, the bank over HTTP. Played: the bank's statement, the anti-fraud centre.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date
from uuid import uuid4

import pytest
from loan_world import a_loan
from money_world import MoneyWorld
from outside_world import iban, persona
from payout_world import PayoutWorld

from activities import cash_desk
from activities.applications import ApplicationRef
from activities.cash_desk import Outcome
from activities.incoming import PaymentRef
from activities.payout_orders import PayoutOrder
from rules.errors import NotSettled
from rules.money import Money
from rules.payment_keys import refund_key
from storage import assignments, cash_orders
from storage.database import Database
from tests.activities.test_payout_returns import came_in
from tests.support.cash_desk import CashDesk, number
from tests.support.cash_world import at_desk, at_terminal, signed

TODAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=20)
    yield opened
    await opened.close()


@pytest.fixture
def money(database: Database) -> MoneyWorld:
    return MoneyWorld(database, TODAY)


@pytest.fixture
async def cash(database_url: str, database_urls: dict[str, str]) -> AsyncIterator[CashDesk]:
    async with CashDesk.opened(database_url, database_urls["postgres"]) as opened:
        yield opened


async def test_twenty_payments_to_one_loan_are_all_booked(money: MoneyWorld) -> None:
    loan_id, contract = await money.loan(a_loan())
    before = (await money.loans.ledger_of(loan_id))["cash:bank"]
    for _ in range(2):
        keys = [f"bank:{money.bank.line(TODAY, '10.00', contract)}" for _ in range(20)]
        assert {one.state for one in await asyncio.gather(*map(money.take, keys))} == {"BOOKED"}
    assert (await money.loans.ledger_of(loan_id))["cash:bank"] - before == Money(400)


async def test_twenty_payments_that_people_placed_are_all_booked(money: MoneyWorld) -> None:
    loan_id, _ = await money.loan(a_loan())
    one, other = await money.colleague(), await money.colleague()
    held = []
    for _ in range(20):
        taken = await money.take(f"bank:{money.bank.line(TODAY, '10.00', 'x', payer={'iban': ''})}")
        assert taken.payment_id is not None
        async with money.database.begin() as session:
            word = await assignments.propose(session, taken.payment_id, loan_id, "known", one)
            await assignments.confirm(session, taken.payment_id, word.id, other)
        held.append(PaymentRef(payment_id=taken.payment_id))
    followed = await asyncio.gather(*map(money.door.follow_assignment, held))
    assert {one.state for one in followed} == {"BOOKED"}


@pytest.mark.parametrize("name", ["keyed", "neither"])
async def test_a_refusal_of_the_bank_is_never_lost(bank: Callable[..., PayoutWorld], name: str) -> None:
    world = bank(name)
    for serial in range(5):
        who = world.outside.plant(persona(serial) | {"accounts": [{"iban": iban(serial)}]})
        order = await came_in(world, {"name": "АХМЕТОВА А", "iin": who["iin"], "iban": iban(serial)})
        world.outside.fault("bank", "pay", "refused", reason="CLOSED", key=order.order_id)

        async def tried(order: PayoutOrder = order) -> str:
            try:
                return (await world.payouts.pay(order)).state
            except NotSettled:
                return "another is at it"

        told = await asyncio.gather(*(tried() for _ in range(20)))
        assert "refused" in told
        assert set(told) <= {"refused", "another is at it", "unknown"}
        assert (await world.payment(order)).state == "refused"
        assert world.paid(order) == []


async def test_of_ten_refunds_of_one_loan_one_leaves(bank: Callable[..., PayoutWorld]) -> None:
    world = bank()
    first = await world.overpaid()
    assert first.loan_id is not None
    orders = [first.model_copy(update={"key": refund_key(first.loan_id, n)}) for n in range(1, 11)]
    told = await asyncio.gather(*map(world.payouts.pay, orders))
    assert [one.ground for one in told].count("nothing-to-refund") == 9
    (paid,) = [order for order, one in zip(orders, told, strict=True) if one.ground is None]
    assert (await world.until_final(paid)).state == "done"
    assert [len(world.paid(order)) for order in orders].count(1) == 1


class TestCash:
    async def counting(self, cash: CashDesk) -> ApplicationRef:
        """A terminal counts out the money of an order."""
        ref = await cash.placed(how=at_terminal())
        code = await cash.code(ref)
        async with cash.records.moment() as moment:
            await cash_desk.terminal_asks(moment, cash.records, number(ref), code, "T-0001")
        return ref

    async def tells(self, cash: CashDesk, ref: ApplicationRef, receipt: str) -> str:
        async with cash.records.moment() as moment:
            told = await cash_desk.terminal_paid(moment, number(ref), "T-0001", receipt)
        return told.error.code if told.error else told.state

    async def test_one_receipt_for_many_orders_pays_one(self, cash: CashDesk) -> None:
        for _ in range(3):
            refs, receipt = [await self.counting(cash) for _ in range(8)], uuid4().hex
            told = await asyncio.gather(*(self.tells(cash, ref, receipt) for ref in refs))
            assert sorted(told) == ["paid"] + ["receipt-used"] * 7
            assert sorted([(await cash.booked(ref))["loans"] for ref in refs]) == [0] * 7 + [1]

    async def test_a_desk_pays_while_the_order_is_placed_again(self, cash: CashDesk) -> None:
        for _ in range(5):
            ref = await signed(cash.records, at_desk())
            placing = [asyncio.create_task(cash.orders.place_order(ref)) for _ in range(20)]
            paid = await self._collected(cash, ref)
            assert (paid.state, paid.error) == ("paid", None)
            assert {one.state for one in await asyncio.gather(*placing)} <= {"waiting", "done"}
            assert (await cash.booked(ref))["loans"] == 1

    async def _collected(self, cash: CashDesk, ref: ApplicationRef) -> Outcome:
        while True:
            async with cash.records.moment() as moment:
                if await cash_orders.of_application(moment.session, ref.application_id) is not None:
                    break
        return await cash.pay(ref, await cash.code(ref))
