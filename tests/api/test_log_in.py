"""Later log-in by several factors: what is asked for, what is counted, what the client is told, what nobody can learn.

Real are the API, PostgreSQL and the activities that send; pretended are the SMS gateway and the door to Temporal.

Rules: para 6, part 4; para 25; para 26.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from activities import context
from activities.context import Records
from api.services import Services
from rules.errors import Unavailable
from rules.policy import PolicySet, policy
from storage import throttle
from storage.database import libpq_url, run
from tests.support.api_world import ORIGIN, PASSWORD, Borrower, StandInDoor, assert_problem, new_key, new_phone
from tests.support.log_in_world import Account, Texts

NewAccount = Callable[[], Awaitable[Account]]
TEXT = "/sessions/factors/code"


@pytest.fixture
def new_account(new_borrower: Callable[[], Awaitable[Borrower]], services: Services, door: StandInDoor) -> NewAccount:
    async def make() -> Account:
        return Account(await new_borrower(), services, door, Texts())

    return make


@pytest.fixture
async def account(new_account: NewAccount) -> Account:
    return await new_account()


@pytest.fixture
async def with_phone(account: Account) -> Account:
    await account.owns_phone()
    return account


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Policy rows as another lender might have them."""

    def change(**rows: bool) -> None:
        def changed(on: Any) -> PolicySet:
            found = {row.name: row for row in policy(on).rows()}
            for name, value in rows.items():
                found[name.replace("_", "-")] = replace(found[name.replace("_", "-")], value=value)
            return PolicySet(on, found)

        monkeypatch.setattr(context, "policy", changed)

    return change


async def begun(account: Account, device: str) -> str:
    """The password was right, on a device that is new."""
    answer = await account.password(device)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["log_in_id"])


async def texted(account: Account, log_in_id: str, device: str) -> str:
    assert (await account.post(TEXT, {"log_in_id": log_in_id}, device=device)).status_code == 204
    await account.deliver()
    return account.texts.code(account.phone)


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def test_a_known_device_needs_the_password_alone_and_the_account_tells_of_it(with_phone: Account) -> None:
    assert (await with_phone.password()).status_code == 201
    told = await with_phone.notices()
    assert [one["kind"] for one in told] == ["LOG_IN", "LOG_IN"]  # the fixture's, and this one
    assert not told[0]["by_sms"]
    assert with_phone.phone[-7:] not in told[0]["text"]
    await with_phone.deliver()
    assert with_phone.texts.to(with_phone.phone) == []


async def test_without_a_number_of_their_own_the_password_is_all_there_is(account: Account) -> None:
    for outcome in (None, "NOT_OWNED", "UNKNOWN"):
        if outcome:
            await account.owns_phone(outcome)
        assert (await account.password(new_key())).status_code == 201


async def test_a_new_device_shows_a_code_besides_and_is_told_of_by_sms_once(with_phone: Account) -> None:
    device = new_key()
    log_in_id = await begun(with_phone, device)
    body = {"log_in_id": log_in_id}
    assert_problem(await with_phone.post("/sessions/factors", body | {"totp": "123456"}, device=device), 409,
                   "factor-not-offered")  # fmt: skip
    code = await texted(with_phone, log_in_id, device)
    wrong = await with_phone.post("/sessions/factors", body | {"code": other(code)}, device=device)
    assert_problem(wrong, 401, "code-wrong")
    elsewhere = await with_phone.post("/sessions/factors", body | {"code": code}, device=new_key())
    assert_problem(elsewhere, 401, "log-in-ended")
    done = await with_phone.post("/sessions/factors", body | {"code": code}, device=device)
    assert done.status_code == 201
    assert done.json()["client_id"] == str(with_phone.borrower.client_id)
    again = await with_phone.post("/sessions/factors", body | {"code": code}, device=device)
    assert_problem(again, 401, "log-in-ended")
    assert (await with_phone.password(device)).status_code == 201  # known from now on
    with_phone.texts.down = True
    with pytest.raises(Unavailable):
        await with_phone.deliver()
    with_phone.texts.down = False
    for _ in range(2):
        await with_phone.deliver()
    texts = [text for text in with_phone.texts.to(with_phone.phone) if code not in text]
    assert len(texts) == 1
    assert [one["new_device"] for one in await with_phone.notices()] == [False, True, False]


async def test_five_wrong_codes_end_the_log_in_and_lock_that_device_only(with_phone: Account) -> None:
    device = new_key()
    log_in_id = await begun(with_phone, device)
    code = await texted(with_phone, log_in_id, device)
    for _ in range(5):
        answer = await with_phone.post(
            "/sessions/factors", {"log_in_id": log_in_id, "code": other(code)}, device=device
        )
        assert_problem(answer, 401, "code-wrong")
    answer = await with_phone.post("/sessions/factors", {"log_in_id": log_in_id, "code": code}, device=device)
    assert_problem(answer, 401, "log-in-ended")
    assert_problem(await with_phone.password(device), 429, "too-many-log-ins")
    assert (await with_phone.password()).status_code == 201


async def test_a_code_is_of_its_own_log_in_and_three_are_sent_at_most(with_phone: Account) -> None:
    device = new_key()
    first, second = await begun(with_phone, device), await begun(with_phone, device)
    code = await texted(with_phone, first, device)
    answer = await with_phone.post("/sessions/factors", {"log_in_id": second, "code": code}, device=device)
    assert_problem(answer, 401, "code-wrong")
    for _ in range(2):
        await texted(with_phone, first, device)
    assert_problem(await with_phone.post(TEXT, {"log_in_id": first}, device=device), 409, "too-many-codes")
    assert len(with_phone.texts.to(with_phone.phone)) == 3


async def test_a_browser_is_known_by_a_cookie_of_its_own(with_phone: Account, client_of: Any) -> None:
    browser: httpx.AsyncClient = client_of()
    body = {"phone": with_phone.phone, "password": PASSWORD}

    async def post(path: str, json: dict[str, Any]) -> httpx.Response:
        return await browser.post(f"/api/v1{path}", json=json, headers={"Origin": ORIGIN})

    asked = await post("/sessions", body)
    assert asked.status_code == 200
    assert "HttpOnly" in asked.headers["set-cookie"]
    assert "nesie_session" not in browser.cookies
    ref = {"log_in_id": asked.json()["log_in_id"]}
    assert (await post(TEXT, ref)).status_code == 204
    await with_phone.deliver()
    done = await post("/sessions/factors", ref | {"code": with_phone.texts.code(with_phone.phone)})
    assert (done.status_code, done.json()["token"]) == (201, None)
    assert (await browser.delete("/api/v1/sessions/current", headers={"Origin": ORIGIN})).status_code == 204
    assert (await post("/sessions", body)).status_code == 201


async def test_an_authenticator_application_is_added_with_a_proof_and_asked_for_from_then_on(account: Account) -> None:
    call = account.borrower.call
    assert_problem(await call("POST", "/account/factors/totp", json={"step_up_id": "x" * 43}), 409, "step-up-needed")
    wrong = await call("POST", "/account/step-ups", json={"password": "wrong"})
    assert_problem(wrong, 403, "password-wrong")
    totp = await account.add_totp()
    (shown,) = (await call("GET", "/account/factors")).json()["factors"]
    assert (shown["kind"], shown["name"]) == ("totp", None)
    assert totp.secret not in str(shown)
    await account.new_step()
    asked = (await account.password()).json()
    assert asked["second_factors"] == ["totp"]  # on the known device too
    digits = totp.now()
    body = {"log_in_id": asked["log_in_id"], "totp": digits}
    assert (await account.post("/sessions/factors", body)).status_code == 201
    second = (await account.password()).json()["log_in_id"]
    assert_problem(await account.post("/sessions/factors", {"log_in_id": second, "totp": digits}), 401, "totp-used")
    assert_problem(
        await account.post("/sessions/factors", {"log_in_id": second, "totp": other(digits)}), 401, "totp-wrong"
    )


async def test_a_step_up_is_good_for_one_change_in_one_log_in(account: Account) -> None:
    call, ref = account.borrower.call, {"step_up_id": await account.step_up()}
    first_token = account.borrower.token
    assert (await account.borrower.log_in()).status_code == 201
    assert_problem(await call("POST", "/account/factors/totp", json=ref), 409, "step-up-needed")  # another log-in
    account.borrower.token = first_token
    assert (await call("POST", "/account/factors/totp", json=ref)).status_code == 201
    assert_problem(await call("POST", "/account/factors/totp", json=ref), 409, "step-up-needed")
    for _ in range(5):
        await call("POST", "/account/step-ups", json={"password": "wrong"})
    assert_problem(await call("POST", "/account/step-ups", json={"password": PASSWORD}), 429, "too-many-log-ins")


async def test_another_password_needs_the_old_one_and_the_factor_and_ends_the_other_log_ins(account: Account) -> None:
    totp = await account.add_totp()
    kept = account.borrower.token
    await account.new_step()
    asked = (await account.password()).json()["log_in_id"]
    stolen = (await account.post("/sessions/factors", {"log_in_id": asked, "totp": totp.now()})).json()["token"]
    begun_here = (await account.borrower.call("POST", "/account/step-ups", json={"password": PASSWORD})).json()
    assert begun_here["second_factors"] == ["totp"]
    change = {"step_up_id": begun_here["step_up_id"], "password": "another horse battery"}
    assert_problem(await account.borrower.call("PUT", "/account/password", json=change), 409, "step-up-needed")
    await account.new_step()
    change["step_up_id"] = await account.step_up(totp=totp.now())
    assert (await account.borrower.call("PUT", "/account/password", json=change)).status_code == 204
    account.borrower.token = stolen
    assert_problem(await account.borrower.call("GET", "/me"), 401, "session-expired")
    account.borrower.token = kept
    assert (await account.notices())[0]["kind"] == "PASSWORD_CHANGED"
    assert_problem(await account.password(), 401, "log-in-wrong")
    assert (await account.password(password="another horse battery")).status_code == 200
    await account.deliver()
    assert len(account.texts.to(account.phone)) == 2  # the application added, the password changed


async def test_log_ins_are_listed_masked_and_ended_one_by_one_or_all_others(account: Account) -> None:
    tokens = [account.borrower.token]
    for _ in range(2):
        await account.borrower.log_in()
        tokens.append(account.borrower.token)
    listed = (await account.borrower.call("GET", "/account/sessions")).json()
    assert [one["current"] for one in listed] == [True, False, False]
    assert listed[0]["device"] == "••••" + account.borrower.device[-4:]
    assert account.borrower.device not in str(listed)
    oldest = listed[2]["session_id"]
    assert (await account.borrower.call("DELETE", f"/account/sessions/{oldest}")).status_code == 204
    assert_problem(await account.borrower.call("DELETE", f"/account/sessions/{oldest}"), 404, "not-found")
    assert (await account.borrower.call("DELETE", "/account/sessions")).status_code == 204
    assert len((await account.borrower.call("GET", "/account/sessions")).json()) == 1
    for token in tokens[:2]:
        account.borrower.token = token
        assert_problem(await account.borrower.call("GET", "/me"), 401, "session-expired")


async def test_staff_see_that_a_factor_exists_and_no_more(account: Account, new_colleague: Callable[..., Any]) -> None:
    await account.add_totp()
    officer = await new_colleague("officer")
    await officer.log_in()
    path = f"/staff/api/clients/{account.borrower.client_id}/factors"
    assert (await officer.http.get(path)).json() == {
        "client_id": str(account.borrower.client_id), "kinds": ["totp"], "code_by_sms": False, "phone_owner": None,
        "devices": 1,
    }  # fmt: skip


# ---- no account oracle


@contextmanager
def statements(records: Records) -> Iterator[list[str]]:
    """The SQL that runs meanwhile, without its values: what is done, is done in the same time."""
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("SAVEPOINT", "RELEASE")):
            seen.append(statement)

    engine = records.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def shape(answer: httpx.Response) -> tuple[Any, ...]:
    """All that an asker sees, but what is random."""
    hidden = {"trace_id", "log_in_id", "recovery", "recovery_id"}
    body = {} if not answer.content else {name: one for name, one in answer.json().items() if name not in hidden}
    return answer.status_code, str(body), len(answer.content), tuple(sorted(answer.headers))


@pytest.mark.parametrize(
    ("begin", "again", "finish", "name"),
    [
        ("/sessions/codes", "/sessions/factors/code", "/sessions/factors", "log_in_id"),
        ("/recoveries", "/recoveries/code", "/recoveries/confirmation", "recovery"),
    ],
)
async def test_a_number_that_nobody_has_looks_like_one_that_somebody_has_at_every_step(
    with_phone: Account, switch: Callable[..., None], begin: str, again: str, finish: str, name: str
) -> None:
    switch(log_in_by_code_rule=True)
    seen: dict[str, list[Any]] = {}
    for phone in (new_phone(), with_phone.phone):
        device, asked = new_key(), []
        with statements(with_phone.records) as run_here:
            first = await with_phone.post(begin, {"phone": phone}, device=device)
            ref = {name: first.json()[name]}
            answers = [first, await with_phone.post(again, ref, device=device)]
        await with_phone.deliver()
        with statements(with_phone.records) as run_there:
            for _ in range(7):
                answers.append(await with_phone.post(finish, ref | {"code": "000000"}, device=device))
                asked.append(len(run_there))
        seen[phone] = [[shape(one) for one in answers], run_here]
        assert [one.status_code for one in answers] == [first.status_code, 204, *[401] * 7]
    unknown, known = seen.values()
    assert unknown == known
    assert len(with_phone.texts.to(with_phone.phone)) == 2


async def test_a_code_alone_opens_the_account_where_the_lender_wants_it(
    with_phone: Account, switch: Callable[..., None]
) -> None:
    assert_problem(await with_phone.post("/sessions/codes", {"phone": with_phone.phone}), 403, "log-in-way-off")
    switch(log_in_by_code_rule=True)
    ref = {"log_in_id": (await with_phone.post("/sessions/codes", {"phone": with_phone.phone})).json()["log_in_id"]}
    await with_phone.deliver()
    code = with_phone.texts.code(with_phone.phone)
    assert (await with_phone.post("/sessions/factors", ref | {"code": code})).status_code == 201


# ---- bounds


async def test_after_a_hundred_failures_in_a_row_new_devices_wait_and_the_owner_does_not(account: Account) -> None:
    vault, index = account.records.vault, account.records.vault.index("phone", account.phone)
    row = vault.index("login-row", index.hex())
    async with account.records.database.begin() as session:
        for _ in range(99):
            await throttle.failed(session, row, allowed=100, window_seconds=30 * 24 * 3600)
    assert (await account.password(new_key(), "wrong")).status_code == 401
    assert_problem(await account.password(new_key()), 429, "too-many-log-ins")
    assert (await account.password()).status_code == 201  # the owner's own device: and the row is broken
    assert (await account.password(new_key())).status_code == 201


async def test_guesses_at_a_second_factor_are_bounded_over_all_devices(account: Account) -> None:
    totp = await account.add_totp()
    index = account.records.vault.index("phone", account.phone)
    async with account.records.database.begin() as session:
        for _ in range(29):
            subject = account.records.vault.index("login-second-row", index.hex())
            await throttle.failed(session, subject, allowed=30, window_seconds=30 * 24 * 3600)
    device = new_key()
    body = {"log_in_id": await begun(account, device), "totp": other(totp.now())}
    assert_problem(await account.post("/sessions/factors", body, device=device), 401, "totp-wrong")
    assert_problem(await account.password(new_key()), 429, "too-many-log-ins")
    await account.new_step()
    own = (await account.password()).json()["log_in_id"]
    assert (await account.post("/sessions/factors", {"log_in_id": own, "totp": totp.now()})).status_code == 201


def at_address(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 40000))
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, timeout=60)


async def recover(http: httpx.AsyncClient) -> httpx.Response:
    body = {"phone": new_phone(), "application": "mobile"}
    return await http.post("/api/v1/recoveries", json=body, headers={"X-Device-Id": new_key()})


async def test_an_address_asks_for_three_codes_in_ten_minutes_and_ten_a_day(
    account: Account, the_app: FastAPI, database_urls: dict[str, str]
) -> None:
    pumping, neighbour = at_address(the_app, "93.184.216.34"), at_address(the_app, "93.184.216.35")
    answers = [await recover(pumping) for _ in range(5)]
    assert [one.status_code for one in answers] == [201, 201, 201, 429, 429]
    assert 0 < int(answers[3].headers["retry-after"]) <= 600
    assert (await recover(neighbour)).status_code == 201
    for _ in range(3):  # ten minutes pass, three times
        with psycopg.connect(libpq_url(database_urls["postgres"])) as superuser:
            superuser.execute("update code_sending set at = at - interval '10 minutes 1 second'")
        answers += [await recover(pumping) for _ in range(3)]
    assert [one.status_code for one in answers].count(201) == 10
    assert 600 < int(answers[-1].headers["retry-after"]) <= 24 * 3600


async def test_the_same_asking_counts_once_and_our_own_network_has_a_wider_limit(
    account: Account, services: Services
) -> None:
    from uuid import uuid4

    from api import log_in_limits
    from api.guards import ADDRESS

    ADDRESS.set("93.184.216.40")
    sending = uuid4()
    for _ in range(5):
        await log_in_limits.may_send_code(services, sending)
    ADDRESS.set("10.20.30.40")
    for _ in range(6):
        await log_in_limits.may_send_code(services, uuid4())
    async with account.records.database.begin() as session:
        count = await run(session, "select count(*) from code_sending where id = :id", id=sending)
        assert count.scalar_one() == 1
