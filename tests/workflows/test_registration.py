"""Registration on a real Temporal server; activities are played. Proven: order, grounds, reviews, what staff may do."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from tests.support.played import Played, fact
from workflows.messages import (
    ConfirmPhone,
    RegistrationView,
    ReviewDecided,
    SendCode,
    SetPassword,
    SubmitDocument,
    SubmitFace,
    SubmitSignature,
)
from workflows.registration import Registration

CARD = SubmitDocument(front_id=fact("front"), back_id=fact("back"))
FACE = SubmitFace(selfie_id=fact("selfie"), video_id=fact("video"), challenge_id=fact("challenge"))
SIGNATURE = SubmitSignature(statement_id=fact("statement"), cms_id=fact("cms"))


async def view(handle: WorkflowHandle) -> RegistrationView:
    return await handle.query(Registration.view)


async def up_to_face(handle: WorkflowHandle) -> None:
    await handle.execute_update(Registration.send_code, SendCode(key="k"))
    await handle.execute_update(Registration.confirm_phone, ConfirmPhone(code="123456", key="k"))
    await handle.execute_update(Registration.submit_document, CARD)


async def refusal_of(handle: WorkflowHandle, update, argument) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(update, argument)
    cause = refused.value.cause
    while getattr(cause, "cause", None) is not None:
        cause = cause.cause
    return cause.type


async def test_all_steps_in_order_register_the_client(case):
    played = Played()
    async with case(played) as start:
        handle = await start.registration()
        await up_to_face(handle)
        await handle.execute_update(Registration.submit_face, FACE)
        await handle.execute_update(Registration.submit_signature, SIGNATURE)
        await handle.execute_update(Registration.set_password, SetPassword(password_hash="hash"))
        outcome = await handle.result()
    assert outcome.registered
    assert played.calls == ["code", "phone", "document", "face", "idec", "signature", "password"]


async def test_a_step_out_of_order_is_refused_and_leaves_no_event(case):
    async with case(Played()) as start:
        handle = await start.registration()
        assert await refusal_of(handle, Registration.submit_face, FACE) == "wrong-step"
        history = await handle.fetch_history()
        assert not [event for event in history.events if "UPDATE" in str(event.event_type)]
        await handle.terminate()


async def test_a_wrong_code_is_answered_and_the_step_stays(case):
    played = Played()
    played.grounds["phone"] = ["code-expired"]
    async with case(played) as start:
        handle = await start.registration()
        answer = await handle.execute_update(Registration.confirm_phone, ConfirmPhone(code="000000", key="k"))
        assert (answer.outcome, answer.ground) == ("retry", "code-expired")
        assert (await view(handle)).step == "phone"
        await handle.terminate()


async def test_a_refused_signature_of_another_person_ends_the_case_without_failing_it(case):
    played = Played()
    played.grounds["signature"] = ["signature-other-person"]
    async with case(played) as start:
        handle = await start.registration()
        await up_to_face(handle)
        await handle.execute_update(Registration.submit_face, FACE)
        await handle.execute_update(Registration.submit_signature, SIGNATURE)
        outcome = await handle.result()
    assert (outcome.registered, outcome.ground) == (False, "signature-other-person")


async def test_a_decision_typed_by_hand_approves_nothing(case):
    played = Played()
    played.grounds["face"] = ["face-unsure"]
    async with case(played) as start:
        handle = await start.registration()
        await up_to_face(handle)
        answer = await handle.execute_update(Registration.submit_face, FACE)
        assert answer.outcome == "review"
        review = (await view(handle)).review_id
        typed = ReviewDecided(review_id=review, decision_id=uuid4())
        assert await refusal_of(handle, Registration.review_decided, typed) == "decision-unknown"
        assert (await view(handle)).step == "review"
        await handle.terminate()


@pytest.mark.parametrize(("decision", "step"), [("approve", "signature"), ("retry", "face"), ("refuse", "done")])
async def test_a_decision_in_the_database_moves_the_case(case, decision, step):
    played = Played()
    played.grounds["face"] = ["face-unsure"]
    played.known_decisions[fact("decision")] = decision
    async with case(played) as start:
        handle = await start.registration()
        await up_to_face(handle)
        await handle.execute_update(Registration.submit_face, FACE)
        review = (await view(handle)).review_id
        after = await handle.execute_update(
            Registration.review_decided, ReviewDecided(review_id=review, decision_id=fact("decision"))
        )
        assert after.step == step
        if decision != "refuse":
            await handle.terminate()


async def test_an_unfinished_registration_expires(case):
    played = Played()
    async with case(played) as start:
        handle = await start.registration(lifetime_days=30)
        assert await start.environment.fast_forward(handle, timedelta(days=29))
        await start.environment.fast_forward(handle, timedelta(days=2))
        outcome = await handle.result()
    assert outcome.ground == "registration-expired"
