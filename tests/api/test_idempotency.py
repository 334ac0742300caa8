"""The same keyed call twice has one effect and one answer; keys belong to whom they came from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlmodel import col, func, select

from activities.context import Records
from api.app import create_app
from api.services import Services
from storage.database import Database
from storage.tables import Application, Message
from tests.support.api_world import (
    ORIGIN,
    Borrower,
    StandInDoor,
    application_body,
    assert_problem,
    new_key,
    registration_body,
)

REPLAY = "idempotent-replay"


async def count(records: Records, table: Any, client_id: Any) -> int:
    async with records.database.begin() as session:
        query = select(func.count()).where(col(table.client_id) == client_id)
        return int((await session.exec(query)).one())


async def test_200_parallel_calls_with_one_key_have_one_effect_and_equal_answers(
    borrower: Borrower, records: Records, door: StandInDoor
) -> None:
    """They share forty connections: on a busy machine some are told to come again, and come again."""
    key, body = new_key(), application_body()

    async def until_answered() -> httpx.Response:
        while True:
            answer = await borrower.call("POST", "/applications", key=key, json=body)
            if answer.status_code == 409:
                assert_problem(answer, 409, "in-progress")
                assert answer.headers["retry-after"] == "1"
                await asyncio.sleep(0.05)
            elif answer.status_code == 503:
                assert_problem(answer, 503, "unavailable")
                await asyncio.sleep(int(answer.headers["retry-after"]))
            else:
                return answer

    answers = await asyncio.gather(*(until_answered() for _ in range(200)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    assert sum(REPLAY not in one.headers for one in answers) == 1
    assert await count(records, Application, borrower.client_id) == 1
    assert len(door.started) == 1


async def test_a_call_that_gets_no_connection_in_time_is_told_to_come_again_and_has_done_nothing(
    borrower: Borrower, services: Services, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database._POOL_WAIT_SECONDS", 0.2)
    key, body, small = new_key(), application_body(), Database(database_url, pool_size=1)
    app = create_app(services=replace(services, records=replace(services.records, database=small)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as http:
        hurried = replace(borrower, http=http)
        async with small.begin() as one, small.begin() as other:  # its connection, and the one that may come besides
            for session in (one, other):
                await session.connection()
            answer = await hurried.call("POST", "/applications", key=key, json=body)
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "5"
        again = await hurried.call("POST", "/applications", key=key, json=body)
    assert (again.status_code, REPLAY in again.headers) == (201, False)
    assert await count(services.records, Application, borrower.client_id) == 1
    await small.close()


async def test_another_body_under_the_same_key_is_refused(borrower: Borrower, records: Records) -> None:
    key = new_key()
    first = await borrower.call("POST", "/messages", key=key, json={"text": "Сәлеметсіз бе"})
    assert first.status_code == 201
    again = await borrower.call("POST", "/messages", key=key, json={"text": "Another"})
    assert_problem(again, 422, "key-reused")
    replay = await borrower.call("POST", "/messages", key=key, json={"text": "Сәлеметсіз бе"})
    assert (replay.content, replay.headers[REPLAY]) == (first.content, "true")
    assert await count(records, Message, borrower.client_id) == 1


async def test_another_clients_key_looks_unused(new_borrower: Callable[[], Any], records: Records) -> None:
    one, other, key = await new_borrower(), await new_borrower(), new_key()
    first = await one.call("POST", "/messages", key=key, json={"text": "mine"})
    second = await other.call("POST", "/messages", key=key, json={"text": "not yours"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert REPLAY not in second.headers
    assert first.json()["message_id"] != second.json()["message_id"]


async def test_a_refusal_is_an_answer_and_is_replayed(borrower: Borrower) -> None:
    await borrower.call("POST", "/applications", json=application_body())
    key = new_key()
    first = await borrower.call("POST", "/applications", key=key, json=application_body())
    assert_problem(first, 409, "application-already-open")
    replay = await borrower.call("POST", "/applications", key=key, json=application_body())
    assert (replay.status_code, replay.content, replay.headers[REPLAY]) == (409, first.content, "true")
    assert replay.headers["content-type"] == "application/problem+json"


async def test_a_fault_frees_the_key_so_that_the_same_call_may_come_again(
    borrower: Borrower, door: StandInDoor
) -> None:
    application = (await borrower.call("POST", "/applications", json=application_body())).json()["application_id"]
    key, honest = new_key(), door.update

    async def broken(*_: Any) -> Any:
        raise RuntimeError("lost")

    door.update = broken  # type: ignore[method-assign]
    assert_problem(await borrower.call("POST", f"/applications/{application}/withdrawal", key=key), 500, "broken")
    door.update = honest  # type: ignore[method-assign]
    again = await borrower.call("POST", f"/applications/{application}/withdrawal", key=key)
    assert (again.status_code, REPLAY in again.headers) == (200, False)


async def test_a_repeated_registration_gives_the_same_session(http: httpx.AsyncClient) -> None:
    headers, body = {"Idempotency-Key": new_key(), "X-Device-Id": new_key()}, registration_body()
    first = await http.post("/api/v1/registrations", json=body, headers=headers)
    again = await http.post("/api/v1/registrations", json=body, headers=headers)
    assert (first.status_code, again.content, again.headers[REPLAY]) == (201, first.content, "true")


async def test_the_update_of_a_repeated_step_has_the_same_id(
    http: httpx.AsyncClient, door: StandInDoor, records: Records
) -> None:
    device = new_key()
    started = await http.post(
        "/api/v1/registrations", json=registration_body(), headers={"Idempotency-Key": new_key(), "X-Device-Id": device}
    )
    me = started.json()
    headers = {"Idempotency-Key": new_key(), "X-Device-Id": device, "Authorization": f"Bearer {me['token']}"}
    path = f"/api/v1/registrations/{me['registration_id']}/code"
    assert (await http.post(path, headers=headers)).status_code == 200
    async with records.database.begin() as session:  # as if the process had died before it kept the answer
        from storage.database import run

        await run(
            session,
            "update idempotency_record set state = 'running', started_at = started_at - interval '1 hour'"
            " where key = :key",
            key=headers["Idempotency-Key"],
        )
    assert (await http.post(path, headers=headers)).status_code == 200
    ids = {action_id for _, name, action_id in door.updates if name == "send_code"}
    assert len(ids) == 1
