"""The queue of records that the bureau rejected: officers see them and send them anew, once, with a reason; what it
refuses for ever an officer and compliance drop or have told otherwise."""

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


WHY = "The bureau knows this contract from its own transfer and refuses ours for ever."
DROP = {"way": "drop", "reason_code": "bureau-refuses", "words": WHY}


class TestRefusedForEver:
    @pytest.fixture
    async def second(self, new_colleague: Callable[..., Any]) -> Colleague:
        """Of compliance."""
        made: Colleague = await new_colleague("compliance")
        assert (await made.log_in()).status_code == 201
        return made

    async def post(self, who: Colleague, path: str, body: Any = None) -> httpx.Response:
        return await who.http.post(f"{QUEUE}/{path}", json=body, headers={"Origin": ORIGIN})

    async def proposed(self, officer: Colleague, record_id: UUID, body: Any = DROP) -> dict[str, Any]:
        answer = await self.post(officer, f"{record_id}/decisions", body)
        assert answer.status_code == 201, answer.text
        word: dict[str, Any] = answer.json()
        return word

    async def test_two_people_drop_it_and_the_line_moves_at_once(
        self, officer: Colleague, second: Colleague, rejected: UUID, records: Records, door: StandInDoor
    ) -> None:
        word = await self.proposed(officer, rejected)
        assert (word["state"], word["way"], word["words"]) == ("open", "drop", WHY)
        (shown,) = [one for one in (await second.http.get(QUEUE)).json() if one["record_id"] == str(rejected)]
        assert shown["decisions"] == [word]
        path = f"{rejected}/decisions/{word['decision_id']}/confirm"
        assert_problem(await self.post(officer, path), 403, "role-needed")
        answer = await self.post(second, path)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["state"], told["decided_by"], told["told_by"]) == ("confirmed", str(second.staff_id), None)
        workflow, argument = door.started[f"furnishing-round/{word['decision_id']}"]
        assert (workflow, argument.by) == ("FurnishingRound", f"decision:{word['decision_id']}")
        dropped = (await officer.http.get(QUEUE, params={"state": "dropped"})).json()
        (shown,) = [one for one in dropped if one["record_id"] == str(rejected)]
        assert [one["state"] for one in shown["decisions"]] == ["confirmed"]
        assert_problem(await self.post(second, path), 409, "furnishing-not-rejected")

    async def test_told_otherwise_it_is_a_new_record_of_today(
        self, officer: Colleague, second: Colleague, rejected: UUID, records: Records
    ) -> None:
        body = DROP | {"way": "replace", "tell_as": "UPDATE"}
        word = await self.proposed(officer, rejected, body)
        told = (await self.post(second, f"{rejected}/decisions/{word['decision_id']}/confirm")).json()
        async with records.moment() as moment:
            new = await moment.session.get_one(FurnishingRecord, UUID(told["told_by"]))
            assert (new.op, new.as_of, new.supersedes) == ("UPDATE", moment.day, rejected)

    async def test_it_leaves_later_where_temporal_is_away(
        self, officer: Colleague, second: Colleague, rejected: UUID, records: Records, door: StandInDoor
    ) -> None:
        word = await self.proposed(officer, rejected)
        door.away = True
        answer = await self.post(second, f"{rejected}/decisions/{word['decision_id']}/confirm")
        assert answer.status_code == 200
        async with records.moment() as moment:
            query = select(OutboxAction).where(col(OutboxAction.id) == UUID(word["decision_id"]).hex)
            kept = (await moment.session.exec(query)).one()
            assert (kept.workflow, kept.operation, kept.state) == ("FurnishingRound", "start", "waiting")
            await run(moment.session, "update outbox_action set state = 'failed' where id = :id", id=kept.id)

    async def test_refused_it_makes_room_for_another_word(
        self, officer: Colleague, second: Colleague, rejected: UUID
    ) -> None:
        word = await self.proposed(officer, rejected)
        assert_problem(await self.post(officer, f"{rejected}/decisions", DROP), 409, "furnishing-decision-open")
        path = f"{rejected}/decisions/{word['decision_id']}/refuse"
        refused = (await self.post(second, path)).json()
        assert (refused["state"], refused["decided_by"]) == ("refused", str(second.staff_id))
        assert_problem(await self.post(second, path), 409, "furnishing-decision-decided")
        await self.proposed(officer, rejected)

    async def test_who_is_both_does_not_confirm_their_own_word(
        self, new_colleague: Callable[..., Any], rejected: UUID
    ) -> None:
        both: Colleague = await new_colleague("officer", "compliance")
        await both.log_in()
        word = await self.proposed(both, rejected)
        answer = await self.post(both, f"{rejected}/decisions/{word['decision_id']}/confirm")
        assert_problem(answer, 403, "second-person-needed")

    @pytest.mark.parametrize(
        ("changes", "code", "pointer"),
        [
            ({"words": ""}, "field-too-short", "/words"),
            ({"words": "as I say"}, "field-too-short", "/words"),
            ({"words": "x" * 1001}, "field-too-long", "/words"),
            ({"way": "forget"}, "field-not-allowed", "/way"),
            ({"tell_as": "CLOSE"}, "field-not-allowed", "/tell_as"),
            ({"tell_as": "UPDATE"}, "furnishing-op-wrong", "/tell_as"),  # of what is dropped
            ({"reason_code": "Why not"}, "field-format", "/reason_code"),
            ({"as_of": "2026-01-01"}, "unknown-field", "/as_of"),
        ],
    )
    async def test_a_word_is_whole_and_written(
        self, officer: Colleague, rejected: UUID, changes: dict[str, str], code: str, pointer: str
    ) -> None:
        assert_problem(await self.post(officer, f"{rejected}/decisions", DROP | changes), 422, code, pointer)

    async def test_what_does_not_exist_is_absent(self, officer: Colleague, second: Colleague, rejected: UUID) -> None:
        assert_problem(await self.post(officer, f"{uuid4()}/decisions", DROP), 404, "furnishing-unknown")
        for step in ("confirm", "refuse"):
            answer = await self.post(second, f"{rejected}/decisions/{uuid4()}/{step}")
            assert_problem(answer, 404, "furnishing-decision-unknown")
