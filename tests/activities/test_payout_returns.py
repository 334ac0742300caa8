"""Money that nobody could place goes back to its payer: on the word of two people, once, by the account it came from.

What the bank refused is tried again on another word of two people alone, and no two tries are alive together.

Real: the database, the engine, the bank over HTTP.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from outside_world import iban, persona
from payout_world import PayoutWorld
from sqlalchemy.exc import IntegrityError

from activities import loan_book
from activities.incoming import Incoming, PaymentRef
from activities.payout_orders import PayoutOrder
from rules.calendar import local_date
from rules.errors import Conflict
from rules.money import Money
from rules.payment_keys import return_key
from storage import assignments, incoming, ledger, payments
from storage.database import run
from storage.tables import IncomingPayment

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
    order = PayoutOrder(key=return_key(payment.id), incoming_payment_id=payment.id)
    return await sent_back(world, order) if decided else order


async def sent_back(world: PayoutWorld, order: PayoutOrder, iban: str | None = None) -> PayoutOrder:
    """Two people say: back to the payer, by this account; the order of their try."""
    payment_id, one, other = order.incoming_payment_id, await world.person(), await world.person()
    assert payment_id is not None
    account = None if iban is None else assignments.sealed(world.vault, iban)
    async with world.database.begin() as session:
        word = await assignments.propose(session, payment_id, None, "not-ours", one, account=account)
    async with world.database.begin() as session:
        word = await assignments.confirm(session, payment_id, word.id, other)
    return order.model_copy(update={"key": return_key(payment_id, assignments.try_of(word))})


async def refused(world: PayoutWorld) -> PayoutOrder:
    """A return that the bank has refused for good."""
    order = await came_in(world, known(world))
    world.outside.fault("bank", "pay", "refused", reason="CLOSED", key=order.order_id)
    assert (await world.payouts.pay(order)).state == "refused"
    return order


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


class TestAnotherTry:
    async def test_is_another_payment_of_the_same_sum_and_nothing_of_the_first_moves(self, bank):
        world = bank()
        first = await refused(world)
        second = await sent_back(world, first)
        assert second.key == f"{first.key}:2"
        assert (await world.payouts.pay(first)).state == "refused"  # the old case once more
        assert await world.door.verify_account(second) is None
        assert (await world.until_final(second)).state == "done"
        assert await state_of(world, second) == "RETURNED"
        assert (world.paid(first), [one["amount"] for one in world.paid(second)]) == ([], [AMOUNT])
        assert await world.posted(first) == {}
        assert await world.posted(second) == {"cash:bank": f"-{AMOUNT}", "clients:unmatched": AMOUNT}
        assert (await world.payouts.pay(first)).state == "refused"
        assert len(world.paid(first) + world.paid(second)) == 1

    async def test_by_another_account_needs_the_banks_word_that_it_is_the_payers(self, bank):
        world = bank()
        first = await refused(world)
        theirs = (await sent_back(world, first, iban(4321))).key
        assert await world.door.verify_account(first.model_copy(update={"key": theirs})) == "account-unknown"
        async with world.records.moment() as moment:  # as the case does where no money left
            await incoming.stay(moment.session, first.incoming_payment_id)
        who = world.outside.plant(persona(77) | {"accounts": [{"iban": iban(77)}, {"iban": iban(6543)}]})
        third = await sent_back(world, first, iban(6543))
        assert third.key == f"{first.key}:3"
        assert await world.door.verify_account(third) is None
        assert (await world.until_final(third)).state == "done"
        (paid,) = world.paid(third)
        assert (paid["iban"], paid["recipient"]) == (iban(6543), {"iin": who["iin"]})

    async def test_by_another_account_of_a_listed_payer_is_refused(self, bank):
        world = bank()
        first = await refused(world)
        second = await sent_back(world, first, iban(77))
        world.outside.plant(persona(77) | {"antifraud": {"listed": True, "reason": "drop"}})
        assert await world.door.verify_account(second) == "recipient-listed"

    async def test_that_nobody_wanted_pays_nothing(self, bank):
        world = bank()
        first = await refused(world)
        again = first.model_copy(update={"key": f"{first.key}:2"})
        assert (await world.payouts.pay(again)).ground == "nothing-to-refund"
        one = await sent_back(world, first)
        assert one.key == again.key
        beyond = first.model_copy(update={"key": f"{first.key}:3"})
        assert (await world.payouts.pay(beyond)).ground == "nothing-to-refund"
        assert world.bank.sent == 1  # the first one, which was refused

    async def test_while_one_may_still_leave_no_other_is_begun_or_wanted(self, bank):
        world = bank("neither")
        order = await came_in(world, known(world))
        world.outside.fault("bank", "pay", "http", status=500, after=True, key=order.order_id)
        assert (await world.payouts.pay(order)).state == "unknown"
        with pytest.raises(Conflict, match="payment-not-unmatched"):
            await sent_back(world, order)
        incoming_door = Incoming(world.records, world.bank, None)
        told = await incoming_door.wait_again(PaymentRef(payment_id=order.incoming_payment_id, attempt=2))
        assert told.state == "RETURNING"

    async def test_two_live_payments_of_one_sum_are_refused_by_the_database(self, bank):
        world = bank("neither")
        order = await came_in(world, known(world))
        assert (await world.payouts.pay(order)).state == "accepted"
        with pytest.raises(IntegrityError, match="two people have not sent"):
            await _ordered(world, order, return_key(order.incoming_payment_id, 2))
        async with world.database.begin() as session:  # as if two people had spoken while it was under way
            await run(
                session,
                "insert into payment_assignment (id, payment_id, reason, proposed_by, proposed_at, confirmed_by,"
                " confirmed_at, attempt) values (gen_random_uuid(), :id, 'r', :one, now(), :other, now(), 2)",
                id=order.incoming_payment_id, one=await world.person(), other=await world.person(),
            )  # fmt: skip
        second = order.model_copy(update={"key": return_key(order.incoming_payment_id, 2)})
        assert (await world.payouts.pay(second)).ground == "refund-under-way"
        with pytest.raises(Conflict, match="refund-under-way"):
            await _ordered(world, order, second.key)

    async def test_a_word_whose_try_was_refused_does_not_begin_another_one(self, bank):
        world = bank()
        order = await refused(world)
        told = await Incoming(world.records, world.bank, None).follow_assignment(
            PaymentRef(payment_id=order.incoming_payment_id)
        )
        assert (told.state, told.why) == ("UNMATCHED", "payout-refused")
        await sent_back(world, order)
        told = await Incoming(world.records, world.bank, None).follow_assignment(
            PaymentRef(payment_id=order.incoming_payment_id)
        )
        assert (told.state, told.attempt) == ("RETURNING", 2)

    async def test_a_word_from_before_there_were_tries_is_the_first(self, bank):
        world = bank()
        order = await came_in(world, known(world), decided=False)
        for _ in range(2):  # people tried by the same key
            async with world.database.begin() as session:
                await run(
                    session,
                    "insert into payment_assignment (id, payment_id, reason, proposed_by, proposed_at, confirmed_by,"
                    " confirmed_at) values (gen_random_uuid(), :id, 'r', :one, now(), :other, now())",
                    id=order.incoming_payment_id, one=await world.person(), other=await world.person(),
                )  # fmt: skip
        world.outside.fault("bank", "pay", "refused", reason="CLOSED", key=order.order_id)
        assert (await world.payouts.pay(order)).state == "refused"
        second = await sent_back(world, order)
        assert second.key == f"{order.key}:2"
        assert (await world.until_final(second)).state == "done"

    async def test_money_that_is_kept_is_not_sent_back(self, bank):
        world = bank()
        order = await refused(world)
        one, other = await world.person(), await world.person()
        async with world.database.begin() as session:
            word = await assignments.propose(session, order.incoming_payment_id, None, "asked", one, keep=True)
            await assignments.confirm(session, order.incoming_payment_id, word.id, other)
        told = await Incoming(world.records, world.bank, None).follow_assignment(
            PaymentRef(payment_id=order.incoming_payment_id)
        )
        assert (told.state, told.kept) == ("UNMATCHED", True)
        again = order.model_copy(update={"key": f"{order.key}:2"})
        assert (await world.payouts.pay(again)).ground == "nothing-to-refund"


async def _ordered(world: PayoutWorld, order: PayoutOrder, key: str) -> None:
    async with world.database.begin() as session:
        await payments.intend(
            session, key=key, purpose="return", request_hash="h", amount=Money(AMOUNT), account_sealed=b"sealed",
            incoming_payment_id=order.incoming_payment_id,
        )  # fmt: skip


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
