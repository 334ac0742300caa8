"""What a client is owed, on the whole stack: a written answer to a complaint, a response to a leak of their data.

Real: the whole stack. Simulated: the counterparties and people.
Proven: a complaint and its answer written while Temporal is dead reach the case when it is back, and the term is met by
the answer's own instant; a leak told of an incident begins the case of each client once, and nobody borrows meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from activities import complaints, leaks
from infra.borrower.app import BorrowerApp
from infra.borrower.outcomes import Refused
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from storage.tables import Leak, StatutoryClock
from tests.e2e.conftest import NewBorrower
from tests.support.real_world import Colleague, down, our_records, soon, temporal

WORDS = f"Платёж зачли не тем днём: {secrets.token_hex(6)}"


@pytest.fixture
async def hired(stack: Stack, settings: Settings) -> AsyncIterator[Any]:
    """A member of staff who has logged in."""
    people: list[Colleague] = []

    async def make(role: str) -> Colleague:
        people.append(await Colleague.hired(stack, settings, f"promise-{secrets.token_hex(4)}", role))
        assert (await people[-1].log_in()).status_code == 201
        return people[-1]

    yield make
    for one in people:
        await one.http.aclose()


async def clock_of(settings: Settings, subject: str) -> StatutoryClock:
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(StatutoryClock).where(col(StatutoryClock.subject) == subject)
        return (await session.exec(query)).one()


async def begun(case: WorkflowHandle[Any, Any]) -> bool:
    """Whether its start, which waits in the outbox, has come to Temporal."""
    try:
        return bool(await case.describe())
    except RPCError:
        return False


async def test_a_complaint_and_its_answer_outlive_a_dead_temporal_and_meet_the_term(
    regular: BorrowerApp, hired: Any, settings: Settings, stack: Stack
) -> None:
    officer = await hired("officer")
    with down(stack, "temporal"):
        made = await regular.call("POST", "/complaints", json={"topic": "payments", "text": WORDS})
        complaint = made["complaint_id"]
        queue = (await officer.http.get("/staff/api/complaints")).json()
        (line,) = [one for one in queue if one["complaint_id"] == complaint]
        assert line["text"] is None
        read = (await officer.http.get(f"/staff/api/complaints/{complaint}")).json()
        assert read["text"] == WORDS
        reply = {"outcome": "satisfied", "text": "Исправлено: платёж зачтён днём поступления"}
        answer = await officer.http.post(f"/staff/api/complaints/{complaint}/answer", json=reply)
        assert (answer.status_code, answer.json()["late"]) == (200, False)
    case = (await temporal(settings)).get_workflow_handle(complaints.id_of(UUID(complaint)))
    await soon(lambda: begun(case), "the case of the complaint")
    result = await case.result()
    assert result == {"outcome": "satisfied", "in_time": True}
    clock = await clock_of(settings, f"complaint:{complaint}")
    assert (clock.rule, clock.state) == ("complaint-answer", "MET")
    assert clock.ended_at == datetime.fromisoformat(answer.json()["answered_at"])
    (mine,) = [one for one in await regular.call("GET", "/complaints") if one["complaint_id"] == complaint]
    assert (mine["state"], mine["outcome"]) == ("ANSWERED", "satisfied")
    document = mine["answer"]
    content = await regular.fetch(f"/documents/{document['document_id']}/content")
    assert len(content) == document["size"]


async def test_a_leak_that_is_told_begins_the_response_for_its_client_who_cannot_borrow_until_it_is_over(
    client: NewBorrower, hired: Any, settings: Settings, town: Town
) -> None:
    app = await client()
    oncall = await hired("oncall")
    told = {
        "kind": "DATA_LEAK", "severity": "HIGH", "what": f"Выгрузка ушла не туда: {secrets.token_hex(6)}",
        "occurred_at": (datetime.now(UTC) - timedelta(hours=2)).isoformat(),
        "clients": {"ids": [str(app.client_id)]},
    }  # fmt: skip
    keyed = {"Idempotency-Key": secrets.token_hex(16)}
    entered = [await oncall.http.post("/staff/api/incidents", json=told, headers=keyed) for _ in range(2)]
    assert {one.status_code for one in entered} <= {200, 201}
    assert len({one.json()["incident_id"] for one in entered}) == 1

    async def entered_leaks() -> list[Leak]:
        async with our_records(settings) as kept, kept.database.begin() as session:
            query = select(Leak).where(col(Leak.client_id) == UUID(str(app.client_id)))
            return list((await session.exec(query)).all())

    (leak,) = await soon(entered_leaks, "the response to the leak")
    assert (leak.source, leak.n, leak.state) == ("incident", 1, "OPEN")
    case = (await temporal(settings)).get_workflow_handle(leaks.id_of(leak.client_id, leak.n))

    async def watched() -> bool:
        return await begun(case) and await _clock_runs(settings, leak)

    await soon(watched, "the clock of the leak")
    with pytest.raises(Refused) as ended:  # whoever has the data has no log-in with it
        await app.call("GET", "/me")
    assert ended.value.status == 401
    await app.log_in()
    with pytest.raises(Refused) as refused:
        await app.apply("20000.00", 3)
    assert (refused.value.status, refused.value.problem["code"]) == (409, "identity-to-be-confirmed")
    texts = (await town.world.get("/_control/sms", params={"to": app.persona.phone})).json()
    assert all(told["what"] not in one["text"] for one in texts)


async def _clock_runs(settings: Settings, leak: Leak) -> bool:
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(StatutoryClock).where(col(StatutoryClock.client_id) == leak.client_id)
        return any(one.state == "RUNNING" for one in (await session.exec(query)).all())
