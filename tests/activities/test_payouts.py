"""Money leaves once, for each kind of bank, wherever the process dies.

Real: the database, the engine, the adapter, the bank over HTTP. Simulated: the deaths, by an exception that nothing
catches, at three points: the intent stands and nothing is sent; the bank has taken the order and nothing is stored;
everything is written and not committed.
"""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from outside_world import persona
from payout_world import AMOUNT, BANKS, Killed, assert_paid_once, ref_of

from activities.payout_orders import PayoutOrder
from rules.errors import Conflict, NotSettled
from rules.products import ReceivingMethod
from rules.receiving import Receiving
from storage.database import run

ASKED = ("keyed", "lookup_only")


@pytest.mark.parametrize("name", BANKS)
class TestEveryBank:
    async def test_a_payout_opens_its_loan_and_is_booked_once(self, bank, name):
        world = bank(name)
        order = await world.order()
        state = await world.until_final(order)
        assert (state.state, state.ground) == ("done", None)
        await assert_paid_once(world, order)
        assert (await world.posted(order)) == {"cash:bank": f"-{AMOUNT}", "loans:principal": AMOUNT}
        again = await world.payouts.pay(order)
        assert (again.state, again.loan_id) == ("done", state.loan_id)
        assert world.bank.sent == 1

    async def test_a_card_is_paid_by_its_token(self, bank, name):
        world, token = bank(name), f"crd_{uuid4().hex}"
        order = await world.order(
            receiving=Receiving(method=ReceivingMethod.OWN_CARD, value=token), cards=[{"card_token": token}]
        )
        assert await world.door.verify_account(order) is None
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order)
        assert ((await world.payment(order)).channel, world.paid(order)[0]["card_token"]) == ("card", token)

    async def test_an_account_or_card_of_somebody_else_gets_no_money(self, bank, name):
        world = bank(name)
        theirs = persona(1)["accounts"][0]["iban"]
        order = await world.order(receiving=Receiving(method=ReceivingMethod.OWN_ACCOUNT, value=theirs))
        assert await world.door.verify_account(order) == "account-not-owned"

    async def test_a_refund_is_a_fact_of_the_loan(self, bank, name):
        world = bank(name)
        order = await world.overpaid("777.77")
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order, "777.77")
        assert (await world.posted(order)) == {"cash:bank": "-777.77", "clients:advances": "777.77"}
        another = order.model_copy(update={"key": order.key[:-1] + "2"})
        assert (await world.payouts.pay(another)).ground == "nothing-to-refund"

    async def test_an_explicit_refusal_is_the_one_answer_that_means_unpaid(self, bank, name):
        world = bank(name)
        order = await world.order()
        world.outside.fault("bank", "pay", "refused", reason="LIMIT", key=order.order_id)
        state = await world.until_final(order)
        assert (state.state, state.ground) == ("refused", "payout-refused")
        assert world.paid(order) == []
        assert (await world.posted(order)) == {}
        assert (await world.payouts.pay(order)).state == "refused"  # it never moves again
        assert world.bank.sent == 1

    @pytest.mark.parametrize(
        ("fault", "field"),
        [
            ("other_amount", {"amount": "200000.00"}),
            ("other_iban", {"iban": "KZ86125KZT5004100100"}),
            ("other_currency", {"currency": "USD"}),
            ("other_recipient", {"iin": "910203300023"}),
        ],
    )
    async def test_another_payment_in_the_banks_answer_stops_the_case(self, bank, name, fault, field):
        world = bank(name)
        order = await world.order()
        for operation in ("pay", "payout"):
            world.outside.fault("bank", operation, fault, times=0, key=order.order_id, **field)
        state = await world.payouts.pay(order)
        assert (state.state, state.ground) == ("unknown", "bank-mismatch")
        assert (await world.payouts.ask(order)).ground == "bank-mismatch"
        assert (await world.payouts.pay(order)).ground == "bank-mismatch"
        assert world.bank.sent == 1
        assert (await world.posted(order)) == {}
        payment = await world.payment(order)
        assert (payment.state, payment.doubt, payment.payout_id) == (
            "unknown",
            "bank-mismatch",
            world.paid(order)[0]["payout_id"],
        )

    async def test_ten_tries_at_once_pay_once(self, bank, name):
        world = bank(name)
        order = await world.order()

        async def a_try() -> str:
            try:
                return (await world.payouts.pay(order)).state
            except NotSettled:
                return "later"

        await asyncio.gather(*(a_try() for _ in range(10)))
        if name != "neither":  # there the ones that came too late park it
            assert (await world.until_final(order)).state == "done"
        assert len(world.paid(order)) == 1
        assert world.bank.sent == 1 or name == "keyed"  # there the key makes the second sending the first

    async def test_the_same_fact_with_another_amount_is_refused(self, bank, name):
        world = bank(name)
        order = await world.order()
        await world.until_final(order)
        async with world.database.begin() as session:
            await run(
                session, "update application set account = :account where id = :id", id=order.application_id,
                account=world.vault.seal_own(b"KZ86125KZT5004100100", f"application:{order.application_id}:account"),
            )  # fmt: skip
        with pytest.raises(Conflict, match="payment-key-reused"):
            await world.payouts.pay(order)


@pytest.mark.parametrize("name", ASKED)
async def test_money_that_the_bank_rejects_later_did_not_leave(bank, name):
    world = bank(name)
    order = await world.order()
    world.outside.fault("bank", "pay", "rejected", code="CLOSED", key=order.order_id)
    state = await world.until_final(order)
    assert (state.state, state.ground) == ("refused", "payout-refused")
    assert (await world.payment(order)).refusal_code == "CLOSED"


class TestADeath:
    @pytest.mark.parametrize("name", ASKED)
    async def test_before_it_is_sent(self, bank, name):
        world = bank(name)
        order = await world.order()
        world.bank.before = 1
        with pytest.raises(Killed):
            await world.payouts.pay(order)
        assert (await world.payment(order)).state == "sending"
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order)
        assert world.bank.sent == 1

    @pytest.mark.parametrize("name", ASKED)
    async def test_after_the_bank_has_taken_it(self, bank, name):
        world = bank(name)
        order = await world.order()
        world.bank.after = 1
        with pytest.raises(Killed):
            await world.payouts.pay(order)
        assert (await world.payment(order)).payout_id is None
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order)
        assert world.bank.sent == 1

    @pytest.mark.parametrize("name", BANKS)
    async def test_before_the_answer_is_committed(self, bank, name, monkeypatch):
        world = bank(name)
        order = await world.order()
        assert (await world.payouts.pay(order)).state == "accepted"
        await asyncio.sleep(0.2)
        async with world.dies_before_commit(monkeypatch):
            with pytest.raises(Killed):
                await world.until_final(order)
        assert (await world.payment(order)).state == "accepted"  # nothing of it was kept: no loan, no posting
        assert (await world.posted(order)) == {}
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order)

    @pytest.mark.parametrize("point", ["before", "after"])
    async def test_at_a_bank_that_can_neither_be_asked_nor_knows_keys_parks_the_payment(self, bank, point):
        world = bank("neither")
        order = await world.order()
        setattr(world.bank, point, 1)
        with pytest.raises(Killed):
            await world.payouts.pay(order)
        for _ in range(3):
            state = await world.payouts.pay(order)
            assert (state.state, state.ground) == ("unknown", "payout-outcome-unknown")
        assert (await world.payouts.ask(order)).state == "unknown"
        assert world.bank.sent == (point == "after")
        assert len(world.paid(order)) == (point == "after")

    @pytest.mark.parametrize("name", ASKED)
    async def test_of_a_refund(self, bank, name, monkeypatch):
        world = bank(name)
        order = await world.overpaid("10.01")
        world.bank.after = 1
        with pytest.raises(Killed):
            await world.payouts.pay(order)
        await asyncio.sleep(0.1)
        async with world.dies_before_commit(monkeypatch):
            with pytest.raises(Killed):
                await world.until_final(order)
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order, "10.01")


async def test_a_case_of_an_earlier_release_says_only_its_application(bank):
    world = bank()
    order = await world.order()
    told = PayoutOrder.model_validate_json(ref_of(order).model_dump_json())
    assert told == order
    assert (await world.until_final(told)).state == "done"
    await assert_paid_once(world, order)
