"""Disbursement and Refund around one payment: what is sent again, what people are told, what they may decide.

Real: Temporal with a virtual clock, the workflows. Played: the activities, with the answers a test wants.
"""

from __future__ import annotations

import asyncio
import contextlib
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.applications import ApplicationRef
from activities.payout_orders import LARGE, NOT_APPROVED, PaymentState
from rules.payment_keys import case_of, disbursement_key, refund_key, return_key
from tests.support.played import Played, fact
from tests.support.turned import Patience
from tests.workflows.test_registration import refusal_of
from workflows.disbursement import DisburseLoan, Disbursement
from workflows.messages import ReviewDecided
from workflows.refund import Refund, RefundMoney

UNKNOWN = "payout-outcome-unknown"


def state(name: str, ground: str | None = None, **more: object) -> PaymentState:
    return PaymentState(state=name, ground=ground, **more)


async def disburse(start) -> WorkflowHandle:
    ref = ApplicationRef(application_id=uuid4(), client_id=fact("client"))
    case = case_of(disbursement_key(ref.application_id).removeprefix("disburse:"))
    return await start.run(Disbursement.run, DisburseLoan(ref=ref, edition="2025b"), case)


async def refund(start) -> WorkflowHandle:
    loan = uuid4()
    key = refund_key(loan, 1)
    money = RefundMoney(key=key, loan_id=loan, client_id=fact("client"), edition="2025b")
    return await start.run(Refund.run, money, case_of(key))


async def give_back(start) -> WorkflowHandle:
    key = return_key(uuid4())
    money = RefundMoney(key=key, incoming_payment_id=uuid4(), edition="2025b")
    return await start.run(Refund.run, money, case_of(key))


async def decide(handle: WorkflowHandle, played: Played, ground: str, decision: str) -> None:
    """Two people have decided, and the case hears of it, as soon as it has told them."""
    decision_id = uuid4()
    played.known_decisions[decision_id] = decision
    said = ReviewDecided(review_id=fact(f"review/{ground}"), decision_id=decision_id)
    async for _ in Patience():
        with contextlib.suppress(WorkflowUpdateFailedError):
            await handle.execute_update(Disbursement.review_decided, said)
            return
    raise AssertionError("they were never told")


@pytest.mark.parametrize("begin", [disburse, refund, give_back])
async def test_a_payment_is_sent_once_and_asked_about_until_the_bank_has_said(case, begin):
    played = Played()
    played.payments = [state("accepted"), state("accepted"), state("done", loan_id=played.loan_id)]
    async with case(played) as start:
        handle = await begin(start)
        outcome = await handle.result()
    assert outcome.ground is None
    assert (played.calls.count("pay"), played.calls.count("ask")) == (1, 2)
    assert "review:MONEY" not in played.calls


async def test_a_refund_says_whether_the_money_left(case):
    played = Played()
    played.payments = [state("refused", "payout-refused")]
    async with case(played) as start:
        outcome = await (await refund(start)).result()
    assert (outcome.done, outcome.ground) == (False, "payout-refused")


async def test_a_receiver_on_the_anti_fraud_list_gets_no_refund_and_is_asked_for_no_other_account(case):
    played = Played()
    played.account_ground = "recipient-listed"
    async with case(played) as start:
        outcome = await (await refund(start)).result()
    assert (outcome.done, outcome.ground) == (False, "recipient-listed")
    assert played.calls == []


async def test_a_payer_whose_account_is_not_known_is_nobody_to_ask(case):
    played = Played()
    played.account_ground = "receiver-unknown"
    async with case(played) as start:
        outcome = await (await give_back(start)).result()
    assert (outcome.done, outcome.ground, played.calls) == (False, "receiver-unknown", [])


@pytest.mark.parametrize("begin", [disburse, refund])
async def test_what_is_certainly_not_with_the_bank_is_sent_again(case, begin):
    played = Played()
    played.payments = [state("sending"), state("absent"), state("accepted"), state("done", loan_id=played.loan_id)]
    async with case(played) as start:
        await (await begin(start)).result()
    assert played.calls == ["pay", "ask", "pay", "ask"]


async def test_what_may_still_be_posted_is_not(case):
    played = Played()
    played.payments = [state("sending"), state("sending"), state("sending"), state("done", loan_id=played.loan_id)]
    async with case(played) as start:
        await (await disburse(start)).result()
    assert played.calls == ["pay", "ask", "ask", "ask"]


@pytest.mark.parametrize(("decision", "end"), [("approve", "done"), ("refuse", "refused")])
@pytest.mark.parametrize("begin", [disburse, refund])
async def test_a_large_amount_waits_for_two_people(case, begin, decision, end):
    played = Played()
    after = [state("absent"), state("accepted"), state("done", loan_id=played.loan_id)]
    played.payments = [state("held", LARGE), *(after if decision == "approve" else [state("refused", NOT_APPROVED)])]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await begin(start)
            await decide(handle, played, LARGE, decision)
            outcome = await handle.result()
    assert played.calls[:3] == ["pay", "review:MONEY", "decided"]
    assert played.calls.count("pay") == (2 if end == "done" else 1)
    assert outcome.ground == (None if end == "done" else NOT_APPROVED)


async def test_people_who_want_another_look_at_a_large_amount_are_asked_again(case):
    played = Played()
    played.payments = [state("held", LARGE), state("held", LARGE), state("refused", NOT_APPROVED)]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await disburse(start)
            await decide(handle, played, LARGE, "retry")
            while played.calls.count("review:MONEY") < 2:
                await asyncio.sleep(0.05)
            await decide(handle, played, LARGE, "refuse")
            await handle.result()
    assert played.calls == ["pay", "review:MONEY", "decided", "review:MONEY", "decided"]


async def test_two_people_say_that_it_was_paid(case):
    played = Played()
    played.payments = [state("unknown", UNKNOWN)]
    played.decided = state("done", loan_id=played.loan_id)
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await disburse(start)
            await decide(handle, played, UNKNOWN, "approve")
            outcome = await handle.result()
    assert outcome.loan_id == played.loan_id
    assert "decided" in played.calls


async def test_two_people_say_that_it_was_not_paid(case):
    played = Played()
    played.payments = [state("unknown", UNKNOWN)]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await refund(start)
            await decide(handle, played, UNKNOWN, "refuse")
            outcome = await handle.result()
    assert (outcome.done, outcome.ground) == (False, UNKNOWN)
    assert "give-up" in played.calls


async def test_a_decision_typed_by_hand_decides_nothing(case):
    played = Played()
    played.payments = [state("unknown", UNKNOWN)]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await refund(start)
            typed = ReviewDecided(review_id=fact(f"review/{UNKNOWN}"), decision_id=uuid4())
            while (refused := await refusal_of(handle, Refund.review_decided, typed)) == "review-not-open":
                await asyncio.sleep(0.05)
            assert refused == "decision-unknown"
            assert "give-up" not in played.calls
            await handle.terminate()


async def test_a_callback_makes_the_bank_be_asked_at_once(case):
    played = Played()
    played.payments = [state("accepted")]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await refund(start)
            while "pay" not in played.calls:
                await asyncio.sleep(0.02)
            played.payments = [state("done")]
            await handle.signal(Refund.payout_updated)
            assert (await handle.result()).done


async def test_people_are_told_where_the_bank_says_nothing_for_long(case):
    played = Played()
    played.payments = [*[state("accepted")] * 8, state("done", loan_id=played.loan_id)]
    async with case(played) as start:
        await (await disburse(start)).result()
    assert played.calls.index("review:MONEY") == 1 + 6


async def test_a_case_of_the_same_fact_is_not_begun_twice(case):
    played = Played()
    played.payments = [state("accepted")]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await refund(start)
            money = RefundMoney(key=refund_key(uuid4(), 1), loan_id=uuid4(), edition="2025b")
            with pytest.raises(WorkflowAlreadyStartedError):
                await start.run(Refund.run, money, handle.id)
            await handle.terminate()
