"""Parts of the system die under a borrower's hands: what was accepted is done once, what was not is told clearly.

Real: the whole stack, killed with -9 part by part. Simulated: the counterparties and the borrower.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from uuid import UUID

import httpx
import pytest
from sqlmodel import col, select
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.client import WorkflowExecutionStatus

from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from storage.tables import Document, OutboxAction
from tests.support.real_world import assert_paid_once, down, our_records, soon, temporal


def headers(app: BorrowerApp, key: str | None = None) -> dict[str, str]:
    """What a phone sends, with a key of the test's own."""
    told = {"X-Device-Id": app.device, "Authorization": f"Bearer {app.token}"}
    return told | ({"Idempotency-Key": key} if key else {})


async def documents_of(settings: Settings, app: BorrowerApp) -> list[str]:
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(Document.kind).where(col(Document.client_id) == UUID(app.client_id))
        return list((await session.exec(query)).all())


async def at_the_document(borrower) -> tuple[BorrowerApp, dict[str, tuple[str, bytes, str]]]:
    """A new person whose phone is confirmed, and the card they will show."""
    app = await borrower()
    await app.begin()
    await app.confirm_phone()
    return app, {"front": ("f.jpg", app.front, "image/jpeg"), "back": ("b.jpg", app.back, "image/jpeg")}


async def test_an_action_taken_while_temporal_is_dead_is_answered_202_and_done_once_with_the_same_id(
    regular: BorrowerApp, town: Town, settings: Settings, stack: Stack
):
    application = await regular.apply("20000.00", 3)
    await regular.offers(application)
    for text in await regular.call("GET", f"/applications/{application}/acknowledgements"):
        mark = {"text_version": text["text_version"], "text_sha256": text["text_sha256"]}
        await regular.call("PUT", f"/applications/{application}/acknowledgements/{text['subject']}", json=mark)
    path, key = f"/api/v1/applications/{application}/choice", secrets.token_urlsafe(24)
    choice = {"json": {"method": "annuity"}, "headers": headers(regular, key)}
    with down(stack, "temporal"):
        answers = [await town.api.put(path, **choice) for _ in range(3)]  # an impatient thumb
        assert {answer.status_code for answer in answers} == {202}
        (action,) = {answer.json()["action_id"] for answer in answers}
        polled = await town.api.get(answers[0].json()["poll"], headers=headers(regular))
        assert polled.json()["status"] == "waiting"

    async def answered() -> dict[str, object] | None:
        state = (await town.api.get(answers[0].json()["poll"], headers=headers(regular))).json()
        return state if state["status"] != "waiting" else None

    assert (await soon(answered, "the answer"))["status"] == "done"
    async with our_records(settings) as kept, kept.database.begin() as session:
        kept_action = await session.get_one(OutboxAction, action)
    assert (kept_action.state, kept_action.name, kept_action.workflow_id) == (
        "done",
        "choose",
        f"application/{application}",
    )
    history = await (await temporal(settings)).get_workflow_handle(f"application/{application}").fetch_history()
    taken = Counter(
        event.workflow_execution_update_accepted_event_attributes.protocol_instance_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    )
    assert taken[action] == 1
    before = (await town.world.get(f"/_control/bank/accounts/{regular.persona.iban}")).json()["balance"]
    await regular.sign_contract(application)
    await regular.issued(application)
    await assert_paid_once(settings, town, regular, application, "20000.00", before)


async def test_an_application_submitted_while_temporal_is_dead_starts_when_it_is_back(
    regular: BorrowerApp, settings: Settings, stack: Stack
):
    with down(stack, "temporal"):
        application = await regular.apply("20000.00", 3)
        state = await regular.call("GET", f"/applications/{application}")
        assert state["stage"] == "SUBMITTED"
    await regular.offers(application)
    await regular.call("POST", f"/applications/{application}/withdrawal")


async def test_while_postgresql_is_dead_the_api_says_503_with_retry_after_and_then_goes_on(
    regular: BorrowerApp, town: Town, stack: Stack
):
    with down(stack, "postgres"):
        for method, path in (("GET", "/api/v1/applications"), ("POST", "/api/v1/messages")):
            answer = await town.api.request(
                method, path, json={"text": "?"}, headers=headers(regular, secrets.token_urlsafe(24))
            )
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) <= 5
    assert (await town.api.get("/api/v1/applications", headers=headers(regular))).status_code == 200


async def test_an_upload_while_the_archive_is_dead_is_refused_clearly_and_nothing_is_half_done(
    borrower, town: Town, settings: Settings, stack: Stack
):
    app, files = await at_the_document(borrower)
    path, key = f"/api/v1/registrations/{app.client_id}/document", secrets.token_urlsafe(24)
    with down(stack, "archive"):
        answer = await town.api.post(path, files=files, headers=headers(app, key))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"]
        assert await documents_of(settings, app) == []
        state = await town.api.get(path.removesuffix("/document"), headers=headers(app))
        assert state.json()["step"] == "document"
    again = await town.api.post(path, files=files, headers=headers(app, key))  # the same key: the same action
    assert (again.status_code, again.json()["outcome"]) == (200, "passed")
    assert sorted(await documents_of(settings, app)) == ["id_card_back", "id_card_front"]


async def test_an_archive_killed_in_the_middle_of_an_upload_leaves_all_of_it_or_nothing(
    borrower, town: Town, settings: Settings, stack: Stack
):
    app, files = await at_the_document(borrower)
    path, key = f"/api/v1/registrations/{app.client_id}/document", secrets.token_urlsafe(24)
    upload = asyncio.create_task(town.api.post(path, files=files, headers=headers(app, key)))
    await asyncio.sleep(0.03)
    await asyncio.to_thread(stack.kill, "archive")
    first = await upload
    assert first.status_code in (200, 202, 503)
    assert len(await documents_of(settings, app)) in (0, 2)
    await asyncio.to_thread(stack.wait_healthy, "archive", 180)
    if first.status_code == 503:
        await app.show_card()
    assert len(await documents_of(settings, app)) == 2


async def test_the_face_step_is_answered_although_both_workers_die_in_the_middle_of_it(
    borrower, settings: Settings, stack: Stack
):
    app, _ = await at_the_document(borrower)
    await app.show_card()
    handle = (await temporal(settings)).get_workflow_handle(f"registration/{app.client_id}")

    async def looking() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        started = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        return any(one.activity_type.name == "check_face" and one.state == started for one in pending)

    step = asyncio.create_task(app.show_face())
    while not await looking():
        assert not step.done(), "the step was over before anybody could be killed"
    await asyncio.gather(*(asyncio.to_thread(stack.kill, name) for name in ("biometrics", "worker")))
    await step  # raises Stopped where it did not pass
    history = (await handle.fetch_history()).events
    attempts = [
        event.activity_task_started_event_attributes.attempt
        for event in history
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    ]
    assert max(attempts) > 1  # the killed attempt was tried again
    state = await app.call("GET", f"/registrations/{app.client_id}")
    assert state["step"] == "signature"
    for name in ("biometrics", "worker"):
        await asyncio.to_thread(stack.wait_healthy, name, 180)


async def test_a_session_outlives_the_api(regular: BorrowerApp, town: Town, stack: Stack):
    token = regular.token
    with down(stack, "api"), pytest.raises(httpx.TransportError):
        await town.api.get("/api/v1/applications", headers=headers(regular))
    assert (await town.api.get("/api/v1/applications", headers=headers(regular))).status_code == 200
    assert regular.token == token


async def test_due_diligence_waits_for_the_outside_world_and_goes_on(
    regular: BorrowerApp, settings: Settings, stack: Stack
):
    with down(stack, "counterparties"):
        application = await regular.apply("20000.00", 3)
        await asyncio.sleep(1.5)
        state = await regular.call("GET", f"/applications/{application}")
        assert state["stage"] in ("SUBMITTED", "DUE_DILIGENCE")
        handle = (await temporal(settings)).get_workflow_handle(f"application/{application}")
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await regular.offers(application)
