"""Log-in, idle limit, log-out, lock-out, other sites, devices; staff with an authenticator."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pyotp
import pytest

from activities.context import Records
from storage import passwords
from storage.database import libpq_url, run
from tests.support.api_world import (
    ORIGIN,
    PASSWORD,
    Borrower,
    assert_problem,
    new_key,
    new_phone,
)


@pytest.fixture(autouse=True)
def quick_passwords() -> None:
    """None here: how long a log-in takes is a part of what is tested."""
    passwords._nobody.cache_clear()  # another file's quick one may be kept


@pytest.fixture(scope="module")
def password_hash() -> str:
    return passwords.hash_password(PASSWORD)


async def age(records: Records, who: str, identity: Any, seconds: int) -> None:
    """Move a session's past, as the database sees it."""
    async with records.database.begin() as session:
        await run(
            session,
            f"update session set last_seen_at = last_seen_at - make_interval(secs => :seconds) where {who} = :id",
            seconds=seconds,
            id=identity,
        )


@pytest.mark.parametrize(("seconds", "status"), [(570, 200), (601, 401)])
async def test_ten_idle_minutes_end_a_session(borrower: Borrower, records: Records, seconds: int, status: int) -> None:
    await age(records, "client_id", borrower.client_id, seconds)
    answer = await borrower.call("GET", "/me")
    assert answer.status_code == status
    if status == 401:
        assert_problem(answer, 401, "session-expired")


async def test_polling_in_the_background_keeps_nobody_logged_in(borrower: Borrower, records: Records) -> None:
    for _ in range(3):
        await age(records, "client_id", borrower.client_id, 250)
        answer = await borrower.call("GET", "/me", headers={"X-Background": "1"})
    assert_problem(answer, 401, "session-expired")


async def test_a_session_has_an_absolute_end(borrower: Borrower, database_urls: dict[str, str]) -> None:
    with psycopg.connect(libpq_url(database_urls["postgres"])) as superuser:
        superuser.execute(
            "update session set created_at = created_at - interval '12 hours 1 second' where client_id = %s",
            (borrower.client_id,),
        )
    assert_problem(await borrower.call("GET", "/me"), 401, "session-expired")


async def test_log_out_ends_the_session_at_once(borrower: Borrower) -> None:
    assert (await borrower.call("DELETE", "/sessions/current")).status_code == 204
    assert_problem(await borrower.call("GET", "/me"), 401, "session-expired")


async def test_a_token_works_from_its_own_device_only(borrower: Borrower) -> None:
    answer = await borrower.call("GET", "/me", headers={"X-Device-Id": new_key()})
    assert_problem(answer, 401, "session-expired")
    borrower.http.cookies.set("nesie_session", borrower.token)
    assert_problem(await borrower.http.get("/api/v1/me"), 401, "session-expired")


async def test_the_web_gets_a_cookie_that_no_script_reads(borrower: Borrower) -> None:
    body = {"phone": borrower.phone, "password": PASSWORD, "application": "web"}
    answer = await borrower.http.post("/api/v1/sessions", json=body, headers={"Origin": ORIGIN})
    cookie = answer.headers["set-cookie"]
    assert answer.json()["token"] is None
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    me = await borrower.http.get("/api/v1/me")
    assert me.status_code == 200
    assert borrower.phone not in me.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN},
        {},
    ],
)
async def test_another_site_changes_nothing(borrower: Borrower, headers: dict[str, str]) -> None:
    body = {"phone": borrower.phone, "password": PASSWORD, "application": "web"}
    await borrower.http.post("/api/v1/sessions", json=body, headers={"Origin": ORIGIN})
    answer = await borrower.http.delete("/api/v1/sessions/current", headers=headers)
    assert_problem(answer, 403, "cross-site")
    assert (await borrower.http.get("/api/v1/me")).status_code == 200


async def test_log_in_from_another_site_is_refused_too(http: httpx.AsyncClient) -> None:
    body = {"phone": new_phone(), "password": "x"}
    answer = await http.post("/api/v1/sessions", json=body, headers={"Origin": "https://evil.example"})
    assert_problem(answer, 403, "cross-site")


async def test_five_wrong_passwords_lock_the_account_on_that_device_only(borrower: Borrower) -> None:
    body = {"phone": borrower.phone, "password": "wrong", "application": "mobile"}
    guesser = {"X-Device-Id": new_key()}
    for _ in range(5):
        assert_problem(await borrower.http.post("/api/v1/sessions", json=body, headers=guesser), 401, "log-in-wrong")
    locked = await borrower.http.post("/api/v1/sessions", json=body | {"password": PASSWORD}, headers=guesser)
    assert_problem(locked, 429, "too-many-log-ins")
    assert 0 < int(locked.headers["retry-after"]) <= 15 * 60
    assert (await borrower.log_in()).status_code == 201


async def test_an_unknown_number_and_a_wrong_password_look_and_last_the_same(
    new_borrower: Callable[[], Any], http: httpx.AsyncClient, records: Records
) -> None:
    known: Borrower = await new_borrower()
    times: dict[bool, list[float]] = {True: [], False: []}
    shapes = set()
    for attempt in range(60):
        right = attempt % 2 == 0
        phone = known.phone if right else new_phone()
        begun = time.process_time()  # the work, not the wait for a processor
        answer = await http.post(
            "/api/v1/sessions", json={"phone": phone, "password": "wrong"}, headers={"X-Device-Id": new_key()}
        )
        times[right].append(time.process_time() - begun)
        body = {name: value for name, value in answer.json().items() if name != "trace_id"}
        shapes.add((answer.status_code, str(body), len(answer.content), tuple(sorted(answer.headers))))
        async with records.database.begin() as session:  # the limit of the address is another test's matter
            await run(session, "delete from throttle")
    assert len(shapes) == 1
    # the lower quartile: a neighbour on the machine makes some calls slower, none faster
    fast, slow = sorted(statistics.quantiles(times[right], n=4)[0] for right in (True, False))
    assert slow / fast < 1.25


class TestStaff:
    async def test_password_and_authenticator_open_a_session(self, new_colleague: Callable[..., Any]) -> None:
        officer = await new_colleague("officer")
        answer = await officer.log_in()
        assert answer.status_code == 201
        assert "SameSite=strict" in answer.headers["set-cookie"]
        assert (await officer.http.get("/staff/api/me")).json()["roles"] == ["officer"]

    async def test_a_code_of_the_authenticator_counts_once(self, new_colleague: Callable[..., Any]) -> None:
        officer = await new_colleague("officer")
        digits = pyotp.TOTP(officer.secret).now()
        assert (await officer.log_in(digits)).status_code == 201
        assert_problem(await officer.log_in(digits), 401, "log-in-wrong")

    @pytest.mark.parametrize("digits", ["000000", "123456"])
    async def test_a_wrong_code_is_refused(self, new_colleague: Callable[..., Any], digits: str) -> None:
        assert_problem(await (await new_colleague("officer")).log_in(digits), 401, "log-in-wrong")

    async def test_a_blocked_account_is_out_at_once(self, new_colleague: Callable[..., Any], records: Records) -> None:
        from cli.staff import disable

        officer = await new_colleague("officer")
        await officer.log_in()
        async with records.database.begin() as session:
            await disable(session, officer.login)
        assert_problem(await officer.http.get("/staff/api/me"), 401, "session-expired")
        assert_problem(await officer.log_in(), 401, "log-in-wrong")

    async def test_ten_idle_minutes_end_it_too(self, new_colleague: Callable[..., Any], records: Records) -> None:
        officer = await new_colleague("officer")
        await officer.log_in()
        await age(records, "staff_id", officer.staff_id, 601)
        assert_problem(await officer.http.get("/staff/api/me"), 401, "session-expired")
