"""What people decide about payments: large amounts before they leave, outcomes that the bank leaves open.

Real: the database with its guards, the engine, the bank over HTTP. Two different people decide each time.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from payout_world import AMOUNT, Killed, PayoutWorld, ref_of

from activities.payout_orders import PaymentDecided, PayoutOrder
from rules.calendar import local_date
from rules.client import ClientKind
from rules.errors import Conflict, InvalidInput, NotConfirmed, NotSettled
from rules.money import Money
from rules.policy import policy
from storage import audit, reviews
from storage.reviews import LARGE, Evidence

UNKNOWN = "payout-outcome-unknown"


def today() -> date:
    """Asked by each test anew: a long run of all tests may end in another year, with another limit."""
    return local_date(datetime.now(UTC))


def limit() -> Money:
    """The largest amount that needs nobody."""
    return policy(today()).in_tenge("two-people-above-mrp")


def more() -> str:
    """The smallest that needs two."""
    return str(limit() + Money("0.01"))


def seen() -> Evidence:
    """A line of the bank's books that no other test has seen."""
    return Evidence(f"B{uuid4().hex[:14].upper()}", today())


async def parked(world: PayoutWorld, point: str, *, long_ago: bool = True) -> PayoutOrder:
    """A payment of a bank that can neither be asked nor knows keys, whose process died."""
    order = await world.order()
    setattr(world.bank, point, 1)
    with pytest.raises(Killed):
        await world.payouts.pay(order)
    assert (await world.payouts.pay(order)).state == "unknown"
    if long_ago:
        await world.time_passes(order)
    return order


async def trail(world: PayoutWorld, order: PayoutOrder) -> list[str]:
    async with world.database.begin() as session:
        return [one["action"] for one in await audit.of_subject(session, order.subject)]


class TestALargeAmount:
    async def big(self, world: PayoutWorld, amount: str | None = None) -> PayoutOrder:
        return await world.order(amount or more(), kind=ClientKind.ENTREPRENEUR)

    async def test_is_held_until_two_people_approved_it(self, bank):
        world = bank()
        order = await self.big(world)
        for _ in range(2):
            state = await world.payouts.pay(order)
            assert (state.state, state.ground) == ("held", LARGE)
        assert (await world.payouts.ask(order)).state == "held"
        assert (world.bank.sent, world.paid(order)) == (0, [])
        payment = await world.payment(order)
        assert (payment.sent_at, payment.limit_amount) == (None, limit())

        decided = await world.decided(order, LARGE, "approve")
        assert (await world.door.apply_decision(decided)).state == "absent"
        assert (await world.door.apply_decision(decided)).state == "absent"  # a retry of the activity
        state = await world.until_final(order)
        assert state.state == "done"
        assert (await world.payment(order)).review_id == decided.review_id
        assert [one["amount"] for one in world.paid(order)] == [more()]
        assert (await trail(world, order)).count("payout-approved") == 1

    async def test_of_exactly_the_limit_needs_nobody(self, bank):
        world = bank()
        order = await self.big(world, str(limit()))
        assert (await world.until_final(order)).state == "done"

    async def test_that_two_people_refused_never_leaves(self, bank):
        world = bank()
        order = await self.big(world)
        await world.payouts.pay(order)
        decided = await world.decided(order, LARGE, "refuse")
        for _ in range(2):
            state = await world.door.apply_decision(decided)
            assert (state.state, state.ground) == ("refused", "payout-not-approved")
        assert (await world.payouts.pay(order)).ground == "payout-not-approved"
        assert (world.bank.sent, world.paid(order)) == (0, [])
        assert (await world.payment(order)).decision_id == decided.decision_id

    async def test_waits_on_where_they_want_another_look(self, bank):
        world = bank()
        order = await self.big(world)
        await world.payouts.pay(order)
        state = await world.door.apply_decision(await world.decided(order, LARGE, "retry"))
        assert (state.state, state.ground) == ("held", LARGE)

    async def test_the_word_of_one_is_none(self, bank):
        world = bank()
        order = await self.big(world)
        await world.payouts.pay(order)
        decided = await world.decided(order, LARGE, "approve", people=1)
        with pytest.raises(NotConfirmed):
            await world.door.apply_decision(decided)
        assert (await world.payment(order)).state == "held"

    async def test_a_decision_about_another_payment_is_none(self, bank):
        world = bank()
        one, other = await self.big(world), await self.big(world)
        await world.payouts.pay(one)
        await world.payouts.pay(other)
        decided = await world.decided(other, LARGE, "approve")
        mixed = PaymentDecided(**one.model_dump(), review_id=decided.review_id, decision_id=decided.decision_id)
        with pytest.raises(NotConfirmed):
            await world.door.apply_decision(mixed)
        assert (await world.payment(one)).state == "held"

    async def test_that_died_after_its_approval_is_sent_once(self, bank):
        world = bank("neither")
        order = await self.big(world)
        await world.payouts.pay(order)
        await world.door.apply_decision(await world.decided(order, LARGE, "approve"))
        world.bank.after = 1
        with pytest.raises(Killed):
            await world.payouts.pay(order)
        assert (await world.payouts.pay(order)).state == "unknown"
        assert len(world.paid(order)) == 1


class TestAnOpenOutcome:
    async def test_was_paid_by_the_bank_reference_that_two_people_saw(self, bank):
        world = bank("neither")
        order, line = await parked(world, "before"), seen()  # the statement does not show it: they have another proof
        decided = await world.decided(order, UNKNOWN, "approve", line)
        for _ in range(2):
            state = await world.door.apply_decision(decided)
            assert (state.state, state.ground) == ("done", None)
            assert state.loan_id is not None
        payment = await world.payment(order)
        assert (payment.state, payment.bank_reference, payment.value_date, payment.decision_id) == (
            "done", line.bank_reference, line.value_date, decided.decision_id,
        )  # fmt: skip
        assert (await world.posted(order)) == {"cash:bank": f"-{AMOUNT}", "loans:principal": AMOUNT}
        assert (await trail(world, order)).count("payout-confirmed-by-people") == 1

    async def test_was_not_paid_ends_it_without_money(self, bank):
        world = bank("neither")
        order = await parked(world, "before")
        decided = await world.decided(order, UNKNOWN, "refuse")
        for _ in range(2):
            state = await world.door.give_up(decided)
            assert (state.state, state.ground) == ("refused", UNKNOWN)
        assert (await world.posted(order)) == {}
        assert (await world.payment(order)).decision_id == decided.decision_id

    @pytest.mark.parametrize("decision", ["approve", "refuse"])
    async def test_the_statement_of_the_bank_goes_before_what_people_say(self, bank, decision):
        world = bank("neither")
        order = await parked(world, "after")
        await _shown_in_statement(world, order)
        evidence = seen() if decision == "approve" else None
        decided = await world.decided(order, UNKNOWN, decision, evidence)
        act = world.door.apply_decision if decision == "approve" else world.door.give_up
        assert (await act(decided)).state == "done"
        payment = await world.payment(order)
        assert payment.bank_reference == world.paid(order)[0]["bank_ref"]  # not the line that people named
        assert payment.decision_id is None

    async def test_the_banks_word_goes_before_theirs_where_it_can_be_asked(self, bank):
        world = bank("lookup_only")
        order = await world.order()
        world.bank.after = 1
        with pytest.raises(Killed):
            await world.payouts.pay(order)
        state = await world.door.give_up(await world.decided(order, UNKNOWN, "refuse"))
        assert state.state in ("accepted", "done")
        assert (await world.until_final(order)).state == "done"
        assert len(world.paid(order)) == 1

    async def test_nobody_knows_that_it_was_not_paid_before_the_banks_own_time_is_over(self, bank):
        world = bank("neither")
        order = await parked(world, "before", long_ago=False)
        decided = await world.decided(order, UNKNOWN, "refuse")
        with pytest.raises(NotSettled):
            await world.door.give_up(decided)
        assert (await world.payment(order)).state == "unknown"
        await world.time_passes(order)
        assert (await world.door.give_up(decided)).state == "refused"

    async def test_a_payment_that_differs_is_not_confirmed_by_people(self, bank):
        world = bank("keyed")
        order = await world.order()
        for operation in ("pay", "payout"):
            world.outside.fault("bank", operation, "other_amount", times=0, key=order.order_id)
        assert (await world.payouts.pay(order)).ground == "bank-mismatch"
        for decision, evidence in (("approve", seen()), ("refuse", None)):
            state = await world.door.apply_decision(await world.decided(order, "bank-mismatch", decision, evidence))
            assert (state.state, state.ground) == ("unknown", "bank-mismatch")
        assert (await world.posted(order)) == {}

    async def test_asked_once_more_stays_open_where_nothing_is_known(self, bank):
        world = bank("neither")
        order = await parked(world, "before")
        assert (await world.door.apply_decision(await world.decided(order, UNKNOWN, "retry"))).state == "unknown"

    async def test_what_the_bank_rejects_later_is_for_people_where_it_cannot_be_asked(self, bank):
        world = bank("neither")
        order = await world.order()
        world.outside.fault("bank", "pay", "rejected", code="CLOSED", key=order.order_id)
        assert (await world.payouts.pay(order)).state == "accepted"
        assert (await world.payouts.ask(order)).state == "accepted"
        await world.time_passes(order)
        state = await world.door.give_up(await world.decided(order, UNKNOWN, "refuse"))
        assert (state.state, state.ground) == ("refused", UNKNOWN)

    async def test_reviews_leave_the_queue_when_the_bank_has_said(self, bank):
        world = bank("keyed")
        order = await world.order()
        assert (await world.payouts.pay(order)).state == "accepted"
        async with world.database.begin() as session:
            review = await reviews.open_review(
                session, kind="MONEY", workflow_id=f"disbursement/{uuid4()}", ground=UNKNOWN, payment_key=order.key
            )
        await world.until_final(order)
        async with world.database.begin() as session:
            assert (await reviews.get(session, review.id)).state == "decided"

    async def test_a_case_older_than_decisions_about_payments_may_say_unpaid(self, bank):
        world = bank("neither")
        order = await parked(world, "before")
        said = PaymentDecided.model_validate_json(ref_of(order).model_dump_json())
        assert (await world.door.give_up(said)).state == "refused"

    async def test_a_review_older_than_decisions_about_payments_lets_nothing_be_called_paid(self, bank):
        world = bank("neither")
        order = await parked(world, "before")
        assert (await world.door.apply_decision(await _of_earlier_release(world, order))).state == "unknown"


class TestEvidence:
    async def test_paid_needs_the_banks_reference(self, bank):
        world = bank("neither")
        order = await parked(world, "before")
        with pytest.raises(InvalidInput, match="bank-reference-missing"):
            await world.decided(order, UNKNOWN, "approve")

    @pytest.mark.parametrize(("ground", "decision"), [(UNKNOWN, "refuse"), (UNKNOWN, "retry"), (LARGE, "approve")])
    async def test_nothing_else_names_one(self, bank, ground, decision):
        world = bank("neither")
        order = await parked(world, "before")
        with pytest.raises(InvalidInput, match="bank-reference-not-asked"):
            await world.decided(order, ground, decision, seen())

    async def test_a_line_that_is_another_payments_is_refused(self, bank):
        world = bank("neither")
        order = await world.order()
        await world.until_final(order)
        used = Evidence((await world.payment(order)).bank_reference or "", today())
        other = await parked(world, "before")
        with pytest.raises(Conflict, match="bank-reference-used"):
            await world.decided(other, UNKNOWN, "approve", used)

    @pytest.mark.parametrize("change", ["reference", "day"])
    async def test_two_who_saw_different_lines_have_not_decided(self, bank, change):
        world = bank("neither")
        order, line = await parked(world, "before"), seen()
        another = seen() if change == "reference" else line._replace(value_date=today() - timedelta(days=1))
        async with world.database.begin() as session:
            review = await reviews.open_review(
                session, kind="MONEY", workflow_id=f"disbursement/{uuid4()}", ground=UNKNOWN, payment_key=order.key
            )
        finals = []
        for said in (line, another, line):
            one = await world.person()
            async with world.database.begin() as session:
                await reviews.claim(session, review.id, one)
                finals.append((await reviews.decide(session, review.id, one, "approve", "seen", said)).final)
        assert finals == [False, False, True]


async def _shown_in_statement(world: PayoutWorld, order: PayoutOrder) -> None:
    for _ in range(3000):
        if world.paid(order)[0]["status"] == "DONE":
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the bank never booked it")


async def _of_earlier_release(world: PayoutWorld, order: PayoutOrder) -> PaymentDecided:
    """Two people approved in a review that named no payment: it meant "ask on"."""
    async with world.database.begin() as session:
        review = await reviews.open_review(session, kind="MONEY", workflow_id=f"disbursement/{uuid4()}", ground=UNKNOWN)
    for _ in range(2):
        one = await world.person()
        async with world.database.begin() as session:
            await reviews.claim(session, review.id, one)
            made = await reviews.decide(session, review.id, one, "approve", "looked-at-it")
    return PaymentDecided(**order.model_dump(), review_id=review.id, decision_id=made.id)
