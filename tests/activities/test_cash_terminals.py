"""Cash at a terminal, on a real PostgreSQL: it asks, it counts, it tells; it may repeat itself, jam or fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from uuid import uuid4

import pytest

from activities import cash_desk
from activities.applications import ApplicationRef
from activities.cash_desk import Outcome
from activities.cash_orders import CashOrderDecided
from rules.errors import NotConfirmed
from storage import reviews
from tests.support.cash_desk import PAID, UNPAID, CashDesk, number
from tests.support.cash_world import at_desk, at_terminal, hired, signed


@pytest.fixture
async def cash(database_url: str, database_urls: dict[str, str]) -> AsyncIterator[CashDesk]:
    async with CashDesk.opened(database_url, database_urls["postgres"]) as opened:
        yield opened


class TestTerminal:
    async def asks(self, cash: CashDesk, ref: ApplicationRef, code: str, terminal: str = "T-0001") -> Outcome:
        async with cash.records.moment() as moment:
            return await cash_desk.terminal_asks(moment, cash.records, number(ref), code, terminal)

    async def tells(self, cash: CashDesk, ref: ApplicationRef, receipt: str, terminal: str = "T-0001") -> Outcome:
        async with cash.records.moment() as moment:
            return await cash_desk.terminal_paid(moment, number(ref), terminal, receipt)

    async def test_it_asks_then_tells_and_both_may_be_repeated(self, cash: CashDesk) -> None:
        ref = await cash.placed(how=at_terminal())
        code = await cash.code(ref)
        for _ in range(2):
            assert (await self.asks(cash, ref, code)).error is None
        for _ in range(2):
            assert (await self.tells(cash, ref, "R1")).state == "paid"
        assert await cash.booked(ref) == {
            **PAID,
            "entries": {("loans:principal", "D", "150000.00"), ("cash:terminal", "C", "150000.00")},
        }

    async def test_twenty_copies_of_its_word_are_one_loan(self, cash: CashDesk) -> None:
        ref = await cash.placed(how=at_terminal())
        await self.asks(cash, ref, await cash.code(ref))
        outcomes = await asyncio.gather(*(self.tells(cash, ref, "R2") for _ in range(20)))
        assert {(one.state, one.error) for one in outcomes} == {("paid", None)}
        assert (await cash.booked(ref))["loans"] == 1

    async def test_another_receipt_or_terminal_is_refused(self, cash: CashDesk) -> None:
        ref = await cash.placed(how=at_terminal())
        code = await cash.code(ref)
        unasked = await self.tells(cash, ref, "R3")
        assert unasked.error is not None
        assert unasked.error.code == "cash-order-not-asked"
        await self.asks(cash, ref, code)
        second = await self.asks(cash, ref, code, "T-0002")
        assert second.error is not None
        assert second.error.code == "cash-order-in-payment"
        await self.tells(cash, ref, "R3")
        again = await self.tells(cash, ref, "R4")
        assert again.error is not None
        assert again.error.code == "cash-order-paid"
        assert (await cash.booked(ref))["loans"] == 1

    async def test_a_receipt_stands_for_one_order(self, cash: CashDesk) -> None:
        one, other = await cash.placed(how=at_terminal()), await cash.placed(how=at_terminal())
        for ref in (one, other):
            await self.asks(cash, ref, await cash.code(ref))
        assert (await self.tells(cash, one, "R-same")).error is None
        again = await self.tells(cash, other, "R-same")
        assert again.error is not None
        assert again.error.code == "receipt-used"
        assert (await cash.booked(other))["loans"] == 0
        assert (await self.tells(cash, other, "R-own")).error is None

    async def test_money_being_counted_out_is_not_annulled(self, cash: CashDesk, database_urls: dict[str, str]) -> None:
        ref = await cash.placed(how=at_terminal())
        await self.asks(cash, ref, await cash.code(ref))
        cash.ends(ref, -1)
        assert (await cash.orders.look_at_order(ref)).state == "paying"
        assert (await self.tells(cash, ref, "R5")).error is None

    async def test_a_jam_lets_the_client_try_again_under_a_new_code(self, cash: CashDesk) -> None:
        ref = await cash.placed(how=at_terminal())
        code = await cash.code(ref)
        await self.asks(cash, ref, code)
        async with cash.records.moment() as moment:
            assert (await cash_desk.terminal_failed(moment, number(ref), "T-0001")).state == "waiting"
        old = await self.asks(cash, ref, code)
        assert old.error is not None
        assert old.error.code == "collection-code-not-asked"
        assert (await self.asks(cash, ref, await cash.code(ref), "T-0002")).error is None

    async def test_a_cashier_pays_no_terminals_order_nor_a_terminal_a_desks(self, cash: CashDesk) -> None:
        for how, tried in ((at_terminal(), "desk"), (at_desk(), "terminal")):
            ref = await cash.placed(how=how)
            code = await cash.code(ref)
            outcome = await (cash.pay(ref, code, cash.cashier) if tried == "desk" else self.asks(cash, ref, code))
            assert outcome.error is not None
            assert outcome.error.code == "cash-order-other-channel"

    async def test_it_hands_out_no_large_amount(self, cash: CashDesk) -> None:
        ref = await signed(cash.records, at_terminal(), "500000.01")
        state = await cash.orders.place_order(ref)
        assert (state.state, state.ground) == ("refused", "amount-above-terminal-limit")

    @pytest.mark.parametrize(("decision", "state", "loans"), [("approve", "done", 1), ("refuse", "refused", 0)])
    async def test_two_people_end_what_a_silent_terminal_left_open(
        self, cash: CashDesk, decision: str, state: str, loans: int
    ) -> None:
        ref = await cash.placed(how=at_terminal())
        await self.asks(cash, ref, await cash.code(ref))
        evidence = reviews.Evidence(f"T-0001:{uuid4().hex[:8]}", date(2026, 2, 2)) if decision == "approve" else None
        settled = await cash.orders.settle_order(await self.decided(cash, ref, decision, evidence))
        assert settled.state == state
        assert (await cash.booked(ref))["loans"] == loans

    async def decided(
        self, cash: CashDesk, ref: ApplicationRef, decision: str, evidence: reviews.Evidence | None
    ) -> CashOrderDecided:
        """What two people say about an order whose terminal is silent."""
        key = f"disburse:{ref.application_id}"
        async with cash.records.moment() as moment:
            review = await reviews.open_review(
                moment.session, kind="MONEY", workflow_id=f"collection/{ref.application_id}",
                ground="payout-outcome-unknown", application_id=ref.application_id, payment_key=key,
            )  # fmt: skip
        for _ in range(2):
            person = await hired(cash.records, None, "compliance")
            async with cash.records.moment() as moment:
                await reviews.claim(moment.session, review.id, person)
                made = await reviews.decide(moment.session, review.id, person, decision, "network-says", evidence)
        return CashOrderDecided(ref=ref, review_id=review.id, decision_id=made.id)

    async def test_two_people_who_name_another_orders_receipt_leave_it_open(self, cash: CashDesk) -> None:
        paid, ref = [await cash.placed(how=at_terminal()) for _ in range(2)]
        for one in (paid, ref):
            await self.asks(cash, one, await cash.code(one))
        receipt = uuid4().hex[:8]
        await self.tells(cash, paid, receipt)
        decided = await self.decided(cash, ref, "approve", reviews.Evidence(receipt, date(2026, 2, 2)))
        assert (await cash.orders.settle_order(decided)).state == "paying"
        assert await cash.booked(ref) == UNPAID
        decided = await self.decided(cash, ref, "approve", reviews.Evidence(f"{receipt}-own", date(2026, 2, 2)))
        assert (await cash.orders.settle_order(decided)).state == "done"

    async def test_a_decision_typed_by_hand_settles_nothing(self, cash: CashDesk) -> None:
        ref = await cash.placed(how=at_terminal())
        with pytest.raises(NotConfirmed, match="decision-unknown"):
            await cash.orders.settle_order(CashOrderDecided(ref=ref, review_id=uuid4(), decision_id=uuid4()))
        assert await cash.booked(ref) == UNPAID
