"""How the money goes, on a real Temporal server with a virtual clock: card, seller, cash desk, terminal; both outcomes.

Activities are played. Proven: who is waited for and how long, what ends the case, that nothing is paid unasked.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from temporalio.client import WorkflowHandle

from activities.cash_orders import CashOrderState
from activities.payout_orders import PaymentState
from tests.support.played import Played, fact
from tests.support.turned import Patience
from tests.workflows.test_origination import SIGN, choose, reached
from tests.workflows.test_registration import refusal_of
from workflows.collection import Collection
from workflows.messages import ConfirmMerchant, ReviewDecided, ShowDigitalDocument
from workflows.origination import Origination

FACE = ConfirmMerchant(selfie_id=fact("selfie"), video_id=fact("video"), challenge_id=fact("merchant-challenge"))
PAYING = CashOrderState(state="paying")


async def signed(start, method: str, **more: object) -> WorkflowHandle:
    """An application whose contract is signed and whose money goes this way."""
    handle = await start.origination(receiving_method=method, **more)
    await choose(handle)
    assert (await handle.execute_update(Origination.sign, SIGN)).outcome == "passed"
    return handle


def collection(start, handle: WorkflowHandle) -> WorkflowHandle:
    """The case that waits for the money to be collected."""
    return start.environment.client.get_workflow_handle(handle.id.replace("application", "collection"))


async def called(played: Played, what: str, times: int = 1) -> None:
    async for _ in Patience():
        if played.calls.count(what) >= times:
            return
    raise AssertionError(f"never {what}: {played.calls}")


class TestCard:
    async def test_a_card_of_the_client_is_paid_like_an_account(self, case):
        played = Played()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                outcome = await (await signed(start, "OWN_CARD")).result()
        assert (outcome.stage, played.calls.count("pay")) == ("ISSUED", 1)

    async def test_a_card_of_somebody_else_gets_nothing(self, case):
        played = Played()
        played.account_ground = "account-not-owned"
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                outcome = await (await signed(start, "OWN_CARD")).result()
        assert (outcome.stage, outcome.grounds) == ("REFUSED", ["account-not-owned"])
        assert "pay" not in played.calls


class TestMerchant:
    async def test_the_seller_is_paid_after_the_borrowers_face(self, case):
        played = Played()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "MERCHANT")
                await reached(handle, "MERCHANT_CONFIRMATION")
                assert "stage:MERCHANT_CONFIRMATION:" in played.calls
                assert "pay" not in played.calls
                assert (await handle.execute_update(Origination.merchant_confirmed, FACE)).outcome == "passed"
                outcome = await handle.result()
        assert (outcome.stage, played.calls.count("pay"), played.calls.count("face")) == ("ISSUED", 1, 2)
        last_face = len(played.calls) - 1 - played.calls[::-1].index("face")
        assert played.calls.index("bureau:before_disbursement") > last_face

    async def test_a_wrong_face_may_try_again_and_pays_nobody_meanwhile(self, case):
        played = Played()
        played.grounds["face"] = [None, "face-different", "liveness-static", None]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "MERCHANT")
                await reached(handle, "MERCHANT_CONFIRMATION")
                for ground in ("face-different", "liveness-static"):
                    answer = await handle.execute_update(Origination.merchant_confirmed, FACE)
                    assert (answer.outcome, answer.ground) == ("retry", ground)
                    assert "pay" not in played.calls
                await handle.execute_update(Origination.merchant_confirmed, FACE)
                assert (await handle.result()).stage == "ISSUED"

    async def test_a_replayed_face_ends_the_case(self, case):
        played = Played()
        played.grounds["face"] = [None, "liveness-replayed"]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "MERCHANT")
                await reached(handle, "MERCHANT_CONFIRMATION")
                await handle.execute_update(Origination.merchant_confirmed, FACE)
                outcome = await handle.result()
        assert (outcome.stage, outcome.grounds) == ("REFUSED", ["liveness-replayed"])
        assert "pay" not in played.calls

    @pytest.mark.parametrize(("decision", "stage"), [("approve", "ISSUED"), ("refuse", "REFUSED")])
    async def test_an_unsure_face_is_for_an_officer(self, case, decision, stage):
        played = Played()
        played.grounds["face"] = [None, "face-unsure"]
        played.known_decisions[fact("decision")] = decision
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "MERCHANT")
                await reached(handle, "MERCHANT_CONFIRMATION")
                await handle.execute_update(Origination.merchant_confirmed, FACE)
                await reached(handle, "REVIEW")
                review = (await handle.query(Origination.view)).review_id
                decided = ReviewDecided(review_id=review, decision_id=fact("decision"))
                await handle.execute_update(Origination.review_decided, decided)
                outcome = await handle.result()
        assert outcome.stage == stage
        assert played.calls.count("pay") == (1 if stage == "ISSUED" else 0)

    async def test_who_does_not_confirm_gets_no_loan(self, case):
        played = Played()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "MERCHANT", merchant_hours=72)
                await reached(handle, "MERCHANT_CONFIRMATION")
            await start.environment.fast_forward(handle, timedelta(hours=73))
            outcome = await handle.result()
        assert (outcome.stage, outcome.grounds) == ("EXPIRED", ["merchant-not-confirmed"])
        assert "pay" not in played.calls

    async def test_the_client_may_still_withdraw(self, case):
        played = Played()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "MERCHANT")
                await reached(handle, "MERCHANT_CONFIRMATION")
                await handle.execute_update(Origination.withdraw)
                assert (await handle.result()).stage == "WITHDRAWN"
        assert "pay" not in played.calls

    async def test_nobody_is_asked_for_a_face_where_no_seller_is_paid(self, case):
        played = Played()
        played.payments = [PaymentState(state="accepted")]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "OWN_ACCOUNT")
                await reached(handle, "DISBURSING")
                assert await refusal_of(handle, Origination.merchant_confirmed, FACE) == "wrong-step"
                await handle.terminate()


class TestCash:
    @pytest.mark.parametrize("method", ["CASH_DESK", "CASH_TERMINAL"])
    async def test_the_loan_lives_once_the_money_is_collected(self, case, method):
        played = Played()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, method)
                await reached(handle, "DISBURSING")
                await called(played, "order")
                played.cash.order = played.cash.paid
                assert await collection(start, handle).execute_update(Collection.order_changed) == "noted"
                outcome = await handle.result()
        assert (outcome.stage, outcome.loan_id) == ("ISSUED", played.cash.loan_id)
        assert "pay" not in played.calls  # the bank has nothing to do with it

    async def test_who_does_not_come_gets_no_loan(self, case):
        played = Played()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "CASH_DESK")
                await called(played, "order")
                played.cash.order = CashOrderState(state="refused", ground="not-collected")
                child = collection(start, handle)
            assert await start.environment.fast_forward(child, timedelta(hours=71))
            assert "look" not in played.calls
            await start.environment.fast_forward(child, timedelta(hours=2))
            outcome = await handle.result()
        assert (outcome.stage, outcome.grounds) == ("EXPIRED", ["not-collected"])

    async def test_a_receiver_on_a_list_is_refused(self, case):
        played = Played()
        played.cash.placed = CashOrderState(state="refused", ground="recipient-listed")
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                outcome = await (await signed(start, "CASH_DESK")).result()
        assert (outcome.stage, outcome.grounds) == ("REFUSED", ["recipient-listed"])

    @pytest.mark.parametrize(("ground", "outcome"), [(None, "passed"), ("digital-document-code", "retry")])
    async def test_the_digital_document_is_looked_at_while_the_order_waits(self, case, ground, outcome):
        played = Played()
        played.cash.digital = ground
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "CASH_DESK")
                await called(played, "order")
                code = ShowDigitalDocument(code="123456")
                child = collection(start, handle)
                assert (await child.execute_update(Collection.check_digital_document, code)).outcome == outcome
                await handle.terminate()

    @pytest.mark.parametrize(
        ("decision", "settled", "stage"), [("approve", "paid", "ISSUED"), ("refuse", "unpaid", "REFUSED")]
    )
    async def test_a_terminal_that_falls_silent_is_two_peoples_business(self, case, decision, settled, stage):
        played = Played()
        played.known_decisions[fact("decision")] = decision
        played.cash.order = PAYING
        if settled == "paid":
            played.cash.settled = played.cash.paid
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "CASH_TERMINAL")
                await called(played, "order")
                child = collection(start, handle)
                await child.execute_update(Collection.order_changed)
            await start.environment.fast_forward(child, timedelta(minutes=10))
            await called(played, "review:MONEY")
            asked = played.calls.count("look")
            assert asked >= 6
            decided = ReviewDecided(review_id=fact("review/payout-outcome-unknown"), decision_id=fact("decision"))
            assert await child.execute_update(Collection.review_decided, decided) == decision
            outcome = await handle.result()
        assert outcome.stage == stage
        assert (played.calls.count("settle"), played.calls.count("review:MONEY")) == (1, 1)

    async def test_a_decision_nobody_asked_for_is_refused(self, case):
        played = Played()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await signed(start, "CASH_TERMINAL")
                await called(played, "order")
                decided = ReviewDecided(review_id=UUID(int=1), decision_id=UUID(int=2))
                child = collection(start, handle)
                assert await refusal_of(child, Collection.review_decided, decided) == "review-not-open"
                await handle.terminate()
