"""The queue of records that the bureau rejected: officers see them and send them anew, once, with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from activities.context import Records
from activities.furnishing_queue import FurnishWanted, enqueue_in
from rules.furnishing import Op
from storage import audit
from storage.database import run
from storage.furnishing import put_into_batch
from storage.tables import FurnishingRecord, OutboxAction
from tests.support.api_world import ORIGIN, Colleague, StandInDoor, assert_problem
from tests.support.servicing_world import Borrowed, borrowed

QUEUE = "/staff/api/furnishing"
REASON = {"reason_code": "contract-number-corrected"}


@pytest.fixture
async def officer(new_colleague: Callable[..., Any]) -> Colleague:
    made: Colleague = await new_colleague("officer")
    assert (await made.log_in()).status_code == 201
    return made


@pytest.fixture
async def loan(records: Records) -> Borrowed:
    return await borrowed(records)


@pytest.fixture
async def rejected(records: Records, loan: Borrowed) -> UUID:
    """A NEW record that the bureau did not take."""
    async with loan.world.moment() as moment:
        wanted = FurnishWanted(key=f"new:{loan.ref.loan_id}", loan_id=loan.ref.loan_id, op=Op.NEW)
        record_id = await enqueue_in(moment, wanted)
        assert record_id is not None
        batch_id = uuid4()
        await put_into_batch(moment.session, batch_id, [record_id])
        await run(
            moment.session,
            "update furnishing_record set state = 'rejected', rejection_code = 'E104', rejection_message = 'odd',"
            " attempts = 1 where id = :id",
            id=record_id,
        )
        await run(moment.session, "update furnishing_batch set state = 'done' where id = :id", id=batch_id)
    return record_id


async def again(officer: Colleague, record_id: UUID, body: Any = REASON) -> httpx.Response:
    return await officer.http.post(f"{QUEUE}/{record_id}/retry", json=body, headers={"Origin": ORIGIN})


async def test_what_is_rejected_is_shown_with_its_cause_and_nothing_personal(
    officer: Colleague, loan: Borrowed, rejected: UUID
) -> None:
    answer = await officer.http.get(QUEUE, params={"state": "rejected"})
    (shown,) = [one for one in answer.json() if one["record_id"] == str(rejected)]
    assert (shown["op"], shown["contract_no"], shown["rejection_code"]) == ("NEW", loan.loan.number, "E104")
    assert shown["figures"]["outstanding"] == "150000.00"
    assert answer.json() == (await officer.http.get(QUEUE)).json()
    for secret in (loan.person.iin, loan.person.surname, loan.person.phone):
        assert secret not in answer.text
    assert_problem(await officer.http.get(QUEUE, params={"state": "lost"}), 422, "field-not-allowed", "/query/state")


async def test_a_rejected_record_is_sent_anew_and_leaves_at_once(
    officer: Colleague, loan: Borrowed, rejected: UUID, records: Records, door: StandInDoor
) -> None:
    answer = await again(officer, rejected)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["state"], new["supersedes"], new["attempts"]) == ("waiting", str(rejected), 1)
    workflow, argument = door.started[f"furnishing-round/{new['record_id']}"]
    assert (workflow, argument.by) == ("FurnishingRound", f"record:{new['record_id']}")
    async with records.moment() as moment:
        old = await moment.session.get_one(FurnishingRecord, rejected)
        entries = await audit.of_subject(moment.session, f"loan:{loan.ref.loan_id}")
    assert old.state == "superseded"
    (entry,) = [one for one in entries if one["action"] == "furnishing-sent-again"]
    assert (entry["actor"], entry["reason"]) == (f"staff:{officer.staff_id}", REASON["reason_code"])
    assert_problem(await again(officer, rejected), 409, "furnishing-not-rejected")


async def test_it_leaves_later_where_temporal_is_away(
    officer: Colleague, rejected: UUID, records: Records, door: StandInDoor
) -> None:
    door.away = True
    answer = await again(officer, rejected)
    assert answer.status_code == 201
    async with records.moment() as moment:
        query = select(OutboxAction).where(col(OutboxAction.id) == UUID(answer.json()["record_id"]).hex)
        kept = (await moment.session.exec(query)).one()
        assert (kept.workflow, kept.operation, kept.state) == ("FurnishingRound", "start", "waiting")
        await run(moment.session, "update outbox_action set state = 'failed' where id = :id", id=kept.id)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "field-missing"),
        ({"reason_code": "Why not"}, "field-format"),
        (REASON | {"iin": "880412401006"}, "unknown-field"),
    ],
)
async def test_a_reason_is_needed_and_is_a_code(
    officer: Colleague, rejected: UUID, body: dict[str, str], code: str
) -> None:
    assert_problem(await again(officer, rejected, body), 422, code)
