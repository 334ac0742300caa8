"""What strangers may begin from one address: registrations and log-ins without a number. Rules: para 11."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.services import Services
from storage.database import libpq_url
from tests.support.api_world import ORIGIN, assert_problem, new_key, registration_body


@pytest.fixture
def address(the_app: FastAPI, services: Services) -> Any:
    the_app.state.services = services

    def at(last: int) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(the_app, client=(f"93.184.218.{last}", 40000))
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, timeout=60)

    return at


async def register(http: httpx.AsyncClient, headers: Any = None, body: Any = None) -> httpx.Response:
    headers = headers or {"Idempotency-Key": new_key(), "X-Device-Id": new_key()}
    return await http.post("/api/v1/registrations", json=body or registration_body(), headers=headers)


async def passkey(http: httpx.AsyncClient) -> httpx.Response:
    body = {"application": "mobile"}
    return await http.post("/api/v1/sessions/passkeys", json=body, headers={"X-Device-Id": new_key()})


async def test_ten_registrations_in_ten_minutes_and_a_neighbour_is_not_asked_to_wait(address: Any) -> None:
    flooding, neighbour = address(34), address(35)
    answers = [await register(flooding) for _ in range(12)]
    assert [one.status_code for one in answers] == [201] * 10 + [429] * 2
    assert_problem(answers[-1], 429, "too-many-begun")
    assert 0 < int(answers[-1].headers["retry-after"]) <= 600
    assert (await register(neighbour)).status_code == 201


async def test_a_call_sent_again_counts_once(address: Any) -> None:
    http, body = address(36), registration_body()
    headers = {"Idempotency-Key": new_key(), "X-Device-Id": new_key()}
    assert {(await register(http, headers, body)).status_code for _ in range(15)} == {201}
    assert (await register(http)).status_code == 201


async def test_log_ins_by_passkey_count_too_and_ten_minutes_later_they_go_on(
    address: Any, database_urls: dict[str, str]
) -> None:
    http = address(37)
    answers = [await passkey(http) for _ in range(11)]
    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert_problem(await register(http), 429, "too-many-begun")
    with psycopg.connect(libpq_url(database_urls["postgres"])) as superuser:
        superuser.execute("update code_sending set at = at - interval '10 minutes 1 second'")
    assert (await passkey(http)).status_code == 200
