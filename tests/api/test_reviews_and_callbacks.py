"""Decisions of staff reach the workflow by id alone; callbacks only wake it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from activities.context import Records
from api import outbox
from api.actions import Actions
from api.routes.staff_cash import changed
from rules import callbacks
from storage.database import run
from storage.outbox import get
from storage.reviews import open_review
from storage.tables import OutboxAction
from tests.support.api_world import BANK_SECRET, ORIGIN, Borrower, Colleague, StandInDoor, assert_problem

APPROVE = {"decision": "approve", "reason_code": "looks-right"}
FROM_OURS = {"Origin": ORIGIN}


async def a_review(records: Records, kind: str, workflow: str = "application") -> UUID:
    async with records.database.begin() as session:
        review = await open_review(session, kind=kind, workflow_id=f"{workflow}/{uuid4()}", ground="aml-doubtful")
        return review.id


async def post(who: Colleague, review_id: UUID, step: str, body: Any = None) -> httpx.Response:
    return await who.http.post(f"/staff/api/reviews/{review_id}/{step}", json=body, headers=FROM_OURS)


@pytest.fixture
async def two(new_colleague: Callable[..., Any]) -> tuple[Colleague, Colleague]:
    one, other = await new_colleague("officer"), await new_colleague("compliance")
    await one.log_in()
    await other.log_in()
    return one, other


async def test_one_person_decides_on_identity(
    two: tuple[Colleague, Colleague], records: Records, door: StandInDoor
) -> None:
    one, _ = two
    review_id = await a_review(records, "IDENTITY", "registration")
    assert_problem(await post(one, review_id, "decide", APPROVE), 409, "review-not-claimed")
    claimed = await post(one, review_id, "claim")
    assert claimed.json()["claimed_by"] == str(one.staff_id)
    decided = (await post(one, review_id, "decide", APPROVE)).json()
    assert (decided["final"], decided["delivered"]) == (True, True)
    assert [name for _, name, _ in door.updates] == ["review_decided"]
    assert_problem(await post(one, review_id, "claim"), 403, "second-person-needed")


@pytest.mark.parametrize("kind", ["AML", "MONEY"])
async def test_money_and_aml_need_a_second_different_person(
    two: tuple[Colleague, Colleague], records: Records, door: StandInDoor, kind: str
) -> None:
    one, other = two
    review_id = await a_review(records, kind)
    await post(one, review_id, "claim")
    proposed = (await post(one, review_id, "decide", APPROVE)).json()
    assert (proposed["final"], proposed["delivered"], door.updates) == (False, False, [])
    assert_problem(await post(one, review_id, "claim"), 403, "second-person-needed")
    assert_problem(await post(one, review_id, "decide", APPROVE), 403, "second-person-needed")
    await post(other, review_id, "claim")
    decided = (await post(other, review_id, "decide", APPROVE)).json()
    assert (decided["final"], decided["delivered"]) == (True, True)
    assert [name for _, name, _ in door.updates] == ["review_decided"]


async def test_a_decision_made_while_temporal_is_away_is_delivered_later(
    two: tuple[Colleague, Colleague], records: Records, door: StandInDoor
) -> None:
    one, _ = two
    review_id = await a_review(records, "IDENTITY", "registration")
    await post(one, review_id, "claim")
    door.away = True
    decided = (await post(one, review_id, "decide", APPROVE)).json()
    assert (decided["final"], decided["delivered"]) == (True, False)
    door.away = False
    while await outbox.send_one(records, Actions(records, door)):
        pass
    action_id = UUID(decided["decision_id"]).hex
    assert action_id in [sent for _, name, sent in door.updates if name == "review_decided"]
    async with records.database.begin() as session:
        row = (await session.exec(select(OutboxAction).where(col(OutboxAction.id) == action_id))).one()
    assert row.state == "done"


async def test_an_action_that_cannot_be_sent_keeps_no_other_waiting(records: Records, door: StandInDoor) -> None:
    actions, calls = Actions(records, door), [changed(uuid4()) for _ in range(2)]
    for one in calls:
        async with records.database.begin() as session:
            await actions.keep(session, one)
    async with records.database.begin() as session:
        await run(session, "update outbox_action set argument = 'damaged' where id = :id", id=calls[0].action_id)
    for _ in range(100):
        if not await outbox.send_one(records, actions):
            break
    assert calls[1].action_id in [sent for _, _, sent in door.updates]
    async with records.database.begin() as session:
        left = await get(session, calls[0].action_id)
    assert (left.state, left.attempts) == ("waiting", 1)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"decision": "maybe", "reason_code": "looks-right"}, "field-not-allowed", "/decision"),
        ({"decision": "approve"}, "field-missing", "/reason_code"),
        ({"decision": "approve", "reason_code": "Free text!"}, "field-format", "/reason_code"),
        (APPROVE | {"final": True}, "unknown-field", "/final"),
        (APPROVE | {"staff_id": str(uuid4())}, "unknown-field", "/staff_id"),
    ],
)
async def test_a_crooked_decision_is_refused(
    two: tuple[Colleague, Colleague], records: Records, body: dict[str, Any], code: str, pointer: str
) -> None:
    one, _ = two
    review_id = await a_review(records, "AML")
    await post(one, review_id, "claim")
    assert_problem(await post(one, review_id, "decide", body), 422, code, pointer)


def callback(kind: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"event_id": uuid4().hex, "type": kind, "at": "2026-01-15T09:00:00Z", "data": data}).encode()


async def test_a_signed_callback_of_the_bank_wakes_the_disbursement(http: httpx.AsyncClient, door: StandInDoor) -> None:
    application_id = uuid4()
    body = callback("payout.updated", {"payout_id": "p-1", "order_id": str(application_id), "status": "DONE"})
    headers = {callbacks.HEADER: callbacks.sign(BANK_SECRET, body, datetime.now(UTC))}
    for _ in range(2):  # the bank repeats itself
        assert (await http.post("/api/v1/callbacks/bank", content=body, headers=headers)).status_code == 204
    assert door.signals == [(f"disbursement/{application_id}", "payout_updated")] * 2


async def test_while_temporal_is_away_the_bank_is_asked_to_call_again(
    http: httpx.AsyncClient, door: StandInDoor
) -> None:
    body = callback("payout.updated", {"order_id": str(uuid4())})
    door.away = True
    headers = {callbacks.HEADER: callbacks.sign(BANK_SECRET, body, datetime.now(UTC))}
    assert_problem(await http.post("/api/v1/callbacks/bank", content=body, headers=headers), 503, "unavailable")


@pytest.mark.parametrize("party", ["bank", "sms"])
@pytest.mark.parametrize("crooked", ["another secret", "another body", "old", "none"])
async def test_a_callback_without_a_true_fresh_signature_does_nothing(
    http: httpx.AsyncClient, door: StandInDoor, party: str, crooked: str
) -> None:
    body = callback("payout.updated", {"order_id": str(uuid4())})
    secret = b"guess" if crooked == "another secret" else BANK_SECRET
    at = datetime.now(UTC) - timedelta(hours=1 if crooked == "old" else 0)
    signed = body + b" " if crooked == "another body" else body
    headers = {} if crooked == "none" else {callbacks.HEADER: callbacks.sign(secret, signed, at)}
    answer = await http.post(f"/api/v1/callbacks/{party}", content=body, headers=headers)
    assert_problem(answer, 403, "callback-expired" if crooked == "old" else "callback-signature")
    assert door.signals == []


async def test_a_crooked_but_signed_callback_is_a_problem(http: httpx.AsyncClient, door: StandInDoor) -> None:
    for body, pointer in ((b"{}", "/event_id"), (callback("payout.updated", {"order_id": "x"}), "/data/order_id")):
        headers = {callbacks.HEADER: callbacks.sign(BANK_SECRET, body, datetime.now(UTC))}
        answer = await http.post("/api/v1/callbacks/bank", content=body, headers=headers)
        assert answer.status_code == 422
        assert pointer in [one["pointer"] for one in answer.json()["errors"]]
    assert door.signals == []


async def test_the_audit_trail_knows_who_did_what(borrower: Borrower, records: Records) -> None:
    from storage.audit import of_subject

    async with records.database.begin() as session:
        actions = [row["action"] for row in await of_subject(session, f"client:{borrower.client_id}")]
    assert "logged-in" in actions
