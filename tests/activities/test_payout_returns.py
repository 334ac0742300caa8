"""Money that nobody could place goes back to its payer: on the word of two people, once, by the account it came from.

Real: the database, the engine, the bank over HTTP.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from outside_world import iban, persona
from payout_world import PayoutWorld

from activities import loan_book
from activities.payout_orders import PayoutOrder
from rules.calendar import local_date
from rules.money import Money
from rules.payment_keys import return_key
from storage import ledger
from storage.tables import IncomingPayment, PaymentAssignment

AMOUNT = "5000.00"
TODAY = local_date(datetime.now(UTC))


async def came_in(world: PayoutWorld, payer: dict[str, str], *, decided: bool = True) -> PayoutOrder:
    """A payment nobody could place, and two people who said: back to the payer."""
    async with world.records.moment() as moment:
        key = f"bank:{uuid4().hex}"
        payment = IncomingPayment(
            key=key, channel="BANK", amount=Money(AMOUNT), value_date=TODAY, received_at=moment.at,
            payer=world.vault.seal_own(json.dumps(payer).encode(), f"incoming:{key}:payer"),
            purpose=world.vault.seal_own(b"", f"incoming:{key}:purpose"),
        )  # fmt: skip
        moment.session.add(payment)
        await moment.session.flush()
        await loan_book.hold(moment, payment)
    if decided:
        await _send_it_back(world, payment.id)
    return PayoutOrder(key=return_key(payment.id), incoming_payment_id=payment.id)


async def _send_it_back(world: PayoutWorld, payment_id: UUID, loan_id: UUID | None = None) -> None:
    one, other = await world.person(), await world.person()
    async with world.records.moment() as moment:
        moment.session.add(
            PaymentAssignment(
                payment_id=payment_id, loan_id=loan_id, reason="not ours", proposed_by=one, proposed_at=moment.at,
                confirmed_by=other, confirmed_at=moment.at,
            )
        )  # fmt: skip


def known(world: PayoutWorld, serial: int = 77) -> dict[str, str]:
    """A payer whom the bank knows."""
    who = world.outside.plant(persona(serial))
    return {"name": "СЕРІКОВА АЙГЕРІМ", "iin": who["iin"], "iban": iban(serial)}


async def state_of(world: PayoutWorld, order: PayoutOrder) -> str:
    async with world.records.moment() as moment:
        found = await moment.session.get_one(IncomingPayment, order.incoming_payment_id)
        return found.state


@pytest.mark.parametrize("name", ["keyed", "lookup_only", "neither"])
async def test_it_goes_back_to_the_account_it_came_from(bank, name):
    world = bank(name)
    payer = known(world)
    order = await came_in(world, payer)
    async with world.database.begin() as session:
        before = await ledger.balance(session, "clients:unmatched")
    assert await world.door.verify_account(order) is None
    state = await world.payouts.pay(order)
    assert state.state == "accepted"
    assert await state_of(world, order) == "RETURNING"
    assert (await world.until_final(order)).state == "done"
    assert await state_of(world, order) == "RETURNED"
    (paid,) = world.paid(order)
    assert (paid["amount"], paid["iban"], paid["recipient"]) == (AMOUNT, payer["iban"], {"iin": payer["iin"]})
    assert await world.posted(order) == {"cash:bank": f"-{AMOUNT}", "clients:unmatched": AMOUNT}
    async with world.database.begin() as session:
        assert await ledger.balance(session, "clients:unmatched") - before == Money(AMOUNT)
    assert (await world.payouts.pay(order)).state == "done"
    assert len(world.paid(order)) == 1


async def test_a_refused_return_is_back_in_the_queue(bank):
    world = bank()
    order = await came_in(world, known(world))
    world.outside.fault("bank", "pay", "refused", reason="LIMIT", key=order.order_id)
    assert (await world.payouts.pay(order)).state == "refused"
    assert await state_of(world, order) == "UNMATCHED"
    assert await world.posted(order) == {}


async def test_without_two_people_nothing_goes_back(bank):
    world = bank()
    order = await came_in(world, known(world), decided=False)
    assert await world.door.verify_account(order) == "nothing-to-refund"
    state = await world.payouts.pay(order)
    assert (state.state, state.ground) == ("refused", "nothing-to-refund")
    assert (await state_of(world, order), world.paid(order)) == ("UNMATCHED", [])


@pytest.mark.parametrize("missing", ["iin", "iban"])
async def test_a_payer_who_is_not_known_gets_nothing(bank, missing):
    world = bank()
    order = await came_in(world, known(world) | {missing: ""})
    assert await world.door.verify_account(order) == "receiver-unknown"
    assert (await world.payouts.pay(order)).ground == "receiver-unknown"
    assert world.paid(order) == []


async def test_an_organisation_is_named_by_its_bin(bank):
    world = bank()
    payer = {"name": "ТОО «Улги Техника»", "iin": "490740000202", "iban": "KZ76999KZT0000000101"}
    order = await came_in(world, payer)
    assert (await world.until_final(order)).state == "done"
    assert world.paid(order)[0]["recipient"] == {"bin": payer["iin"]}
