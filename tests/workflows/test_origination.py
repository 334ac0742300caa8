"""Origination and disbursement on a real Temporal server with a virtual clock; activities are played.

Proven: expiry, withdrawal, reviews, and that money is asked for once.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateStage

from activities.due_diligence import DecisionMade
from activities.payments import PaymentState
from tests.support.played import Played, fact
from tests.support.turned import Patience, under_way
from tests.workflows.test_registration import refusal_of
from workflows.disbursement import Disbursement
from workflows.messages import (
    Acknowledge,
    ChooseOffer,
    ReviewDecided,
    SignContract,
)
from workflows.origination import ACKNOWLEDGEMENTS, Origination

SIGN = SignContract(
    cms_id=fact("cms"), selfie_id=fact("selfie"), video_id=fact("video"), challenge_id=fact("challenge")
)


async def reached(handle: WorkflowHandle, stage: str) -> None:
    async for _ in Patience():
        if (await handle.query(Origination.view)).stage == stage:
            return
    raise AssertionError(f"never {stage}: {await handle.query(Origination.view)}")


async def choose(handle: WorkflowHandle, method: str = "annuity") -> None:
    await reached(handle, "OFFERED")
    for subject in sorted(ACKNOWLEDGEMENTS):
        await handle.execute_update(
            Origination.acknowledge, Acknowledge(subject=subject, text_version="1", text_sha256="0" * 64)
        )
    await handle.execute_update(Origination.choose, ChooseOffer(method=method))
    await reached(handle, "SIGNING")


async def test_an_approved_application_is_issued_once_and_served(case):
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await choose(handle)
            answer = await handle.execute_update(Origination.sign, SIGN)
            assert answer.outcome == "passed"
            outcome = await handle.result()
    assert (outcome.stage, outcome.loan_id) == ("ISSUED", played.loan_id)
    assert played.calls.count("pay") == 1
    assert "history" in played.calls
    assert played.calls.index("bureau:decision") < played.calls.index("bureau:before_disbursement")


async def test_a_refusal_completes_the_workflow_with_its_grounds(case):
    played = Played()
    played.decisions = [DecisionMade(result="refused", grounds=["voluntary-refusal"])]
    async with case(played) as start:
        outcome = await (await start.origination()).result()
    assert (outcome.stage, outcome.grounds) == ("REFUSED", ["voluntary-refusal"])
    assert "pay" not in played.calls


async def test_an_offer_cannot_be_chosen_before_every_text_is_read(case):
    async with case(Played()) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await reached(handle, "OFFERED")
            refused = await refusal_of(handle, Origination.choose, ChooseOffer(method="annuity"))
            assert refused == "acknowledgements-missing"
            await handle.terminate()


async def test_an_offer_nobody_chooses_expires(case):
    async with case(Played()) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination(offer_days=10)
            await reached(handle, "OFFERED")
        await start.environment.fast_forward(handle, timedelta(days=11))
        outcome = await handle.result()
    assert (outcome.stage, outcome.grounds) == ("EXPIRED", ["offer-not-chosen"])


async def test_who_withdraws_at_the_instant_at_which_the_offer_ends_is_answered_and_the_case_ends(case):
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination(offer_days=10)
            await reached(handle, "OFFERED")
        played.stored.clear()
        turning = asyncio.create_task(start.environment.fast_forward(handle, timedelta(days=11)))
        await under_way(handle, "reach_stage")
        taken = await handle.start_update(Origination.withdraw, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        played.stored.set()
        view = await asyncio.wait_for(taken.result(), 60)
        outcome = await handle.result()
        await turning
    assert view.stage == outcome.stage == "EXPIRED"


async def test_a_client_may_withdraw_before_signing(case):
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await choose(handle)
            view = await handle.execute_update(Origination.withdraw)
            outcome = await handle.result()
    assert view.stage == outcome.stage == "WITHDRAWN"
    assert "pay" not in played.calls


@pytest.mark.parametrize(("decision", "stage"), [("approve", "OFFERED"), ("refuse", "REFUSED")])
async def test_an_aml_doubt_waits_for_staff(case, decision, stage):
    played = Played()
    played.decisions = [DecisionMade(result="review", grounds=["aml-doubtful"], aml_doubt=True)]
    played.known_decisions[fact("decision")] = decision
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await reached(handle, "REVIEW")
            assert "review:AML" in played.calls
            review = (await handle.query(Origination.view)).review_id
            typed = ReviewDecided(review_id=review, decision_id=fact("invented"))
            assert await refusal_of(handle, Origination.review_decided, typed) == "decision-unknown"
            await handle.execute_update(
                Origination.review_decided, ReviewDecided(review_id=review, decision_id=fact("decision"))
            )
            await reached(handle, stage)
            if decision == "approve":
                await handle.terminate()


async def test_a_replayed_face_at_signing_ends_the_case(case):
    played = Played()
    played.grounds["face"] = ["liveness-replayed"]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await choose(handle)
            answer = await handle.execute_update(Origination.sign, SIGN)
            outcome = await handle.result()
    assert answer.outcome == "refused"
    assert (outcome.stage, outcome.grounds) == ("REFUSED", ["liveness-replayed"])


async def test_an_unknown_outcome_at_the_bank_is_asked_about_and_never_sent_again(case):
    played = Played()
    played.payments = [
        PaymentState(state="unknown"),
        PaymentState(state="unknown"),
        PaymentState(state="done", payout_id="p-1", loan_id=played.loan_id),
    ]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await choose(handle)
            await handle.execute_update(Origination.sign, SIGN)
            outcome = await handle.result()
    assert outcome.stage == "ISSUED"
    assert played.calls.count("pay") == 1
    assert played.calls.count("ask") == 2
    assert "review:MONEY" in played.calls


async def test_a_callback_makes_the_bank_be_asked_at_once(case):
    played = Played()
    played.payments = [PaymentState(state="accepted", payout_id="p-1")]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await choose(handle)
            await handle.execute_update(Origination.sign, SIGN)
            while "pay" not in played.calls:  # the bank has said that it will: now its case sleeps
                await asyncio.sleep(0.05)
            played.payments = [PaymentState(state="done", payout_id="p-1", loan_id=played.loan_id)]
            child = start.environment.client.get_workflow_handle(handle.id.replace("application", "disbursement"))
            await child.signal(Disbursement.payout_updated)
            outcome = await handle.result()
    assert outcome.stage == "ISSUED"


async def test_an_account_of_somebody_else_gets_no_money(case):
    played = Played()
    played.account_ground = "account-not-owned"
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await choose(handle)
            await handle.execute_update(Origination.sign, SIGN)
            outcome = await handle.result()
    assert (outcome.stage, outcome.grounds) == ("REFUSED", ["account-not-owned"])
    assert "pay" not in played.calls


async def test_an_action_that_overtakes_the_answer_of_an_activity_waits_for_it(case):
    """The borrower sees OFFERED in the database a moment before the workflow hears of it."""
    played = Played()
    played.stored.clear()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            mark = Acknowledge(subject="lending_rules", text_version="1", text_sha256="0" * 64)
            await under_way(handle, "make_offers")
            early = asyncio.create_task(handle.execute_update(Origination.acknowledge, mark))
            await asyncio.sleep(0.5)
            assert not early.done()
            played.stored.set()
            assert (await early).acknowledged == ["lending_rules"]
            await handle.terminate()


async def test_a_decision_that_overtakes_the_answer_of_its_review_waits_for_it(case):
    played = Played()
    played.decisions = [DecisionMade(result="review", grounds=["aml-doubtful"], aml_doubt=True)]
    played.known_decisions[fact("decision")] = "approve"
    played.stored.clear()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            await under_way(handle, "open_review")
            decided = ReviewDecided(review_id=fact("review/aml-doubtful"), decision_id=fact("decision"))
            early = asyncio.create_task(handle.execute_update(Origination.review_decided, decided))
            await asyncio.sleep(0.5)
            assert not early.done()
            played.stored.set()
            await early
            await reached(handle, "OFFERED")
            await handle.terminate()
