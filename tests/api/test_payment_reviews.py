"""Decisions of staff about payments: what they see, what they must name, and callbacks of every kind of payment."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from activities.context import Records
from rules import callbacks
from rules.calendar import local_date
from rules.money import Money
from rules.payment_keys import disbursement_key
from storage import payments
from storage.reviews import LARGE, open_review
from tests.support.api_world import BANK_SECRET, ORIGIN, Colleague, StandInDoor, assert_problem

UNKNOWN = "payout-outcome-unknown"
TODAY = local_date(datetime.now(UTC))
FROM_OURS = {"Origin": ORIGIN}


async def a_review(records: Records, ground: str) -> tuple[UUID, str]:
    """A review about a payment of a microcredit."""
    key = disbursement_key(uuid4())
    async with records.database.begin() as session:
        await payments.intend(
            session, key=key, purpose="disbursement", request_hash="h", amount=Money("150000.00"),
            account_sealed=b"sealed", limit=Money(1) if ground == LARGE else None,
        )  # fmt: skip
        workflow = f"disbursement/{key.partition(':')[2]}"
        review = await open_review(session, kind="MONEY", workflow_id=workflow, ground=ground, payment_key=key)
        return review.id, key


async def post(who: Colleague, review_id: UUID, step: str, body: Any = None) -> httpx.Response:
    return await who.http.post(f"/staff/api/reviews/{review_id}/{step}", json=body, headers=FROM_OURS)


async def says(who: Colleague, review_id: UUID, decision: str, **evidence: str) -> httpx.Response:
    await post(who, review_id, "claim")
    return await post(who, review_id, "decide", {"decision": decision, "reason_code": "looked-at-it", **evidence})


def seen(reference: str | None = None) -> dict[str, str]:
    return {"bank_reference": reference or f"B{uuid4().hex[:14].upper()}", "value_date": TODAY.isoformat()}


@pytest.fixture
async def two(new_colleague: Callable[..., Any]) -> tuple[Colleague, Colleague]:
    one, other = await new_colleague("officer"), await new_colleague("compliance")
    await one.log_in()
    await other.log_in()
    return one, other


async def test_the_queue_shows_the_payment_and_nobodys_account(two, records: Records) -> None:
    one, _ = two
    review_id, key = await a_review(records, UNKNOWN)
    queue = (await one.http.get("/staff/api/reviews")).json()
    (shown,) = [review for review in queue if review["review_id"] == str(review_id)]
    assert shown["payment"] | {"sent_at": None} == {
        "key": key, "order_id": key.removeprefix("disburse:"), "purpose": "disbursement", "channel": "bank",
        "amount": "150000.00", "state": "sending", "sent_at": None, "payout_id": None,
    }  # fmt: skip
    assert "account" not in shown["payment"]


async def test_two_people_say_that_it_was_paid_by_the_same_line(two, records: Records, door: StandInDoor) -> None:
    one, other = two
    review_id, _ = await a_review(records, UNKNOWN)
    line = seen()
    assert (await says(one, review_id, "approve", **line)).json()["final"] is False
    decided = (await says(other, review_id, "approve", **line)).json()
    assert (decided["final"], decided["delivered"]) == (True, True)
    assert [name for _, name, _ in door.updates] == ["review_decided"]
    told = (await one.http.get("/staff/api/reviews", params={"state": "decided"})).json()
    (review,) = [review for review in told if review["review_id"] == str(review_id)]
    assert {(row["bank_reference"], row["value_date"]) for row in review["decisions"]} == {tuple(line.values())}


async def test_two_who_saw_different_lines_have_not_decided(two, records: Records, door: StandInDoor) -> None:
    one, other = two
    review_id, _ = await a_review(records, UNKNOWN)
    await says(one, review_id, "approve", **seen())
    assert (await says(other, review_id, "approve", **seen())).json()["final"] is False
    assert door.updates == []


async def test_a_large_amount_is_approved_without_a_line(two, records: Records) -> None:
    one, other = two
    review_id, _ = await a_review(records, LARGE)
    assert_problem(await says(one, review_id, "approve", **seen()), 422, "bank-reference-not-asked", "/bank_reference")
    assert (await says(one, review_id, "approve")).json()["final"] is False
    assert (await says(other, review_id, "approve")).json()["final"] is True


@pytest.mark.parametrize(
    ("evidence", "code", "pointer"),
    [
        ({}, "bank-reference-missing", "/bank_reference"),
        ({"bank_reference": "B1"}, "bank-reference-missing", "/value_date"),
        ({"value_date": TODAY.isoformat()}, "bank-reference-missing", "/bank_reference"),
        (seen() | {"value_date": (TODAY + timedelta(days=2)).isoformat()}, "day-in-the-future", "/value_date"),
        (seen("no such'; drop"), "field-format", "/bank_reference"),
    ],
)
async def test_paid_is_said_with_a_line_and_its_day(two, records: Records, evidence, code, pointer) -> None:
    one, _ = two
    review_id, _ = await a_review(records, UNKNOWN)
    assert_problem(await says(one, review_id, "approve", **evidence), 422, code, pointer)


@pytest.mark.parametrize(
    ("order", "case"),
    [
        ("{}", "disbursement/{}"),
        ("refund:{}:3", "refund/{}/3"),
        ("return:{}", "refund/{}"),
        ("return:{}:2", "refund/{}/2"),
        ("return-collected:{}:1", "refund/{}/collected-1"),
    ],
)
async def test_a_callback_wakes_the_case_of_its_payment(
    http: httpx.AsyncClient, door: StandInDoor, order, case
) -> None:
    fact = uuid4()
    told = {"event_id": uuid4().hex, "type": "payout.updated", "at": "2026-01-15T09:00:00Z"}
    body = json.dumps(told | {"data": {"order_id": order.format(fact), "status": "DONE"}}).encode()
    headers = {callbacks.HEADER: callbacks.sign(BANK_SECRET, body, datetime.now(UTC))}
    assert (await http.post("/api/v1/callbacks/bank", content=body, headers=headers)).status_code == 204
    assert door.signals == [(case.format(fact), "payout_updated")]
