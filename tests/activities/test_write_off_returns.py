"""What was paid on a microcredit that was written off goes back, once, and to nobody but the client.

Real: the database, the engine of payments, the bank over HTTP. Proven: after a verdict the account that the microcredit
went to is not paid to, nor one named for anything else; the books are flat after the returns, whatever comes later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from outside_world import iban
from payout_world import PayoutWorld

from activities import loan_book
from activities.payout_orders import AccountNamed, PayoutOrder
from rules.evidence import StepOutcome, StepResult
from rules.loan_books import balances
from rules.loan_events import Paid, WrittenOff
from rules.money import Money
from rules.payment_keys import refund_key, return_collected_key
from storage import ledger, loans, refunds
from storage.refunds import Named

PAID = "5000.00"


@dataclass
class Written:
    """A loan whose money went to the client's account by the bank, that has paid something, and was written off."""

    world: PayoutWorld
    loan_id: UUID
    client_id: UUID
    first: str  # the account that the microcredit went to
    own: str  # another one of the client's

    @classmethod
    async def off(cls, world: PayoutWorld, ground: str = "court_verdict", *, returns: bool = True) -> Written:
        order = await world.order()
        state = await world.until_final(order)
        assert state.loan_id is not None
        assert order.client_id is not None
        first = world.payouts.destination(await world.payment(order)).value
        async with world.records.moment() as moment:
            client = await world.records.clients.get(moment.session, order.client_id)
            iin = world.records.clients.person(client).iin
        made = cls(world, state.loan_id, order.client_id, first, iban(800_000 + int(iin[7:11])))
        body = {"accounts": [{"iban": made.first}, {"iban": made.own}]}
        world.outside.control.patch(f"/_control/personas/{iin}", json=body).raise_for_status()
        await made.paid(PAID)
        await made.happened(WrittenOff, "off", ground=ground, return_paid=returns)
        return made

    async def happened(self, kind: Any, key: str, **facts: Any) -> None:
        async with self.world.records.moment() as moment:
            fact = kind(key=f"{key}:{self.loan_id}", value_date=moment.day, known_at=moment.at, **facts)
            await loan_book.record(moment, self.loan_id, fact, actor="system:test", paragraph="13")

    async def paid(self, amount: str, key: str = "desk") -> None:
        await self.happened(Paid, key, amount=Money(amount), through="cash-desk")

    def order(self, n: int = 1) -> PayoutOrder:
        return self.by(return_collected_key(self.loan_id, n))

    def by(self, key: str) -> PayoutOrder:
        return PayoutOrder(key=key, loan_id=self.loan_id, client_id=self.client_id)

    async def names(self, value: str, order: PayoutOrder) -> StepResult:
        """The client was asked, and names an account."""
        async with self.world.records.moment() as moment:
            asked = await refunds.ask(moment.session, order.key, self.loan_id, "account-disputed", moment.at)
            named = Named(kind="iban", value=value)
            made = await refunds.name(moment.session, self.world.vault, asked, uuid4(), named, 99)
        return await self.world.door.check_named(AccountNamed(**order.model_dump(), account_id=made.id))

    async def assert_flat(self) -> None:
        """The ledger is the fold, balances, and owes the client nothing."""
        async with self.world.records.moment() as moment:
            found = await ledger.of_loan(moment.session, self.loan_id)
            row = await loans.get(moment.session, self.loan_id)
            expected = balances(await loans.events(moment.session, self.loan_id), loans.terms(row), moment.day)
        assert {name: amount for name, amount in found.items() if amount != Money(0)} == expected
        assert Money.total(expected.values()) == Money(0)
        assert not {"clients:advances", "loans:principal", "loans:interest", "loans:penalty"} & set(expected)


async def test_the_account_that_the_microcredit_went_to_is_not_paid_to(bank):
    written = await Written.off(bank())
    order = written.order()
    assert await written.world.door.verify_account(order) == "account-disputed"
    assert (await written.world.payouts.pay(order)).state == "refused"
    assert written.world.paid(order) == []


async def test_everything_goes_to_the_account_that_the_client_names_and_later_payments_too(bank):
    written = await Written.off(bank())
    order = written.order()
    assert (await written.names(written.own, order)).outcome is StepOutcome.PASSED
    assert await written.world.door.verify_account(order) is None
    assert (await written.world.until_final(order)).state == "done"
    assert [(one["amount"], one["iban"]) for one in written.world.paid(order)] == [(PAID, written.own)]
    assert await written.world.posted(order) == {"cash:bank": f"-{PAID}", "clients:advances": PAID}
    await written.assert_flat()
    again = written.order(2)
    assert (await written.world.payouts.pay(again)).ground == "nothing-to-refund"
    await written.paid("321.00", "late")
    third = written.order(3)
    assert (await written.world.until_final(third)).state == "done"
    assert [(one["amount"], one["iban"]) for one in written.world.paid(third)] == [("321.00", written.own)]
    await written.assert_flat()


async def test_an_account_named_for_an_earlier_refund_is_not_taken(bank):
    written = await Written.off(bank())
    earlier = written.by(refund_key(written.loan_id, 1))
    await written.names(written.own, earlier)
    assert await written.world.door.verify_account(written.order()) == "account-disputed"
    assert await written.world.door.verify_account(earlier) == "account-disputed"


async def test_somebody_elses_account_is_refused(bank):
    world = bank()
    written, other = await Written.off(world), await Written.off(world)
    told = await written.names(other.own, written.order())
    assert (told.outcome, told.ground) == (StepOutcome.RETRY, "account-not-owned")
    assert await world.door.verify_account(written.order()) == "account-disputed"


@pytest.mark.parametrize("ground", ["lender_breach", "ombudsman"])
async def test_where_the_client_got_the_microcredit_their_account_is_known(bank, ground):
    written = await Written.off(bank(), ground)
    order = written.order()
    assert await written.world.door.verify_account(order) is None
    assert (await written.world.until_final(order)).state == "done"
    assert [one["iban"] for one in written.world.paid(order)] == [written.first]
    await written.assert_flat()
