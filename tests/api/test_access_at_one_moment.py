"""Log-ins and changes of access at one and the same moment, and what must not outlive such a change.

Rules: para 6, part 4; para 11; para 26.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI

from storage import passwords, throttle
from storage.database import run
from tests.api.test_log_in import (  # noqa: F401 - fixtures
    TEXT,
    account,
    at_address,
    begun,
    new_account,
    recover,
    texted,
    with_phone,
)
from tests.api.test_recovery import begun as recovering
from tests.api.test_recovery import lost  # noqa: F401 - a fixture
from tests.support.api_world import ORIGIN, PASSWORD, assert_problem, new_key
from tests.support.log_in_world import Account

NEW = "another horse battery"


def told(answers: list[httpx.Response]) -> Counter[str]:
    return Counter(str(one.json().get("code", one.status_code)) for one in answers)


async def test_of_many_passwords_guessed_at_one_moment_five_are_answered(account: Account) -> None:  # noqa: F811
    device = new_key()
    answers = await asyncio.gather(*(account.password(device, f"guess {n}") for n in range(30)))
    assert told(answers) == {"log-in-wrong": 5, "too-many-log-ins": 25}
    assert_problem(await account.password(device), 429, "too-many-log-ins")


async def test_of_many_digits_guessed_at_one_moment_five_are_answered(account: Account) -> None:  # noqa: F811
    totp, device = await account.add_totp(), new_key()
    log_ins = [await begun(account, device) for _ in range(20)]
    answers = await asyncio.gather(
        *(account.post("/sessions/factors", {"log_in_id": one, "totp": "000000"}, device=device) for one in log_ins)
    )
    assert totp.now() != "000000"
    assert told(answers) == {"totp-wrong": 5, "too-many-log-ins": 15}


async def test_within_a_log_in_many_passwords_at_one_moment_count_too(account: Account) -> None:  # noqa: F811
    call = account.borrower.call
    answers = await asyncio.gather(*(call("POST", "/account/step-ups", json={"password": f"{n}"}) for n in range(20)))
    assert told(answers) == {"password-wrong": 5, "too-many-log-ins": 15}


async def test_a_log_in_begun_with_the_old_password_ends_with_it(with_phone: Account) -> None:  # noqa: F811
    device = new_key()
    log_in_id = await begun(with_phone, device)
    code = await texted(with_phone, log_in_id, device)
    change = {"step_up_id": await with_phone.step_up(by_code=True), "password": NEW}
    assert (await with_phone.borrower.call("PUT", "/account/password", json=change)).status_code == 204
    answer = await with_phone.post("/sessions/factors", {"log_in_id": log_in_id, "code": code}, device=device)
    assert_problem(answer, 401, "log-in-ended")


async def test_a_password_that_is_changed_while_it_is_looked_at_opens_nothing(
    account: Account,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step_up_id = await account.step_up()
    looking, changed, verify = threading.Event(), threading.Event(), passwords.verify_password

    def slow(stored: str | None, password: str) -> bool:
        right = verify(stored, password)
        looking.set()
        assert changed.wait(300)
        return right

    monkeypatch.setattr(passwords, "verify_password", slow)
    stolen = asyncio.create_task(account.password())
    await asyncio.to_thread(looking.wait, 300)
    change = {"step_up_id": step_up_id, "password": NEW}
    assert (await account.borrower.call("PUT", "/account/password", json=change)).status_code == 204
    changed.set()
    assert_problem(await stolen, 401, "log-in-wrong")
    assert len((await account.borrower.call("GET", "/account/sessions")).json()) == 1


async def test_two_recoveries_confirmed_at_one_moment_are_one_after_the_other(lost: Account) -> None:  # noqa: F811
    devices, bodies = [new_key(), new_key()], []
    for device in devices:
        token = (await lost.post("/recoveries", {"phone": lost.phone}, device=device)).json()["recovery"]
        await lost.deliver()
        bodies.append({"recovery": token, "code": lost.texts.code(lost.phone)})
    answers = await asyncio.gather(
        *(lost.post("/recoveries/confirmation", body, device=at) for body, at in zip(bodies, devices, strict=True))
    )
    assert [one.status_code for one in answers] == [201, 201]
    async with lost.records.database.begin() as session:
        found = await run(
            session,
            "select n, state from password_recovery where client_id = :id order by n",
            id=lost.borrower.client_id,
        )
        assert [tuple(one) for one in found] == [(1, "REFUSED"), (2, "OPEN")]


async def test_two_applications_asked_for_at_one_moment_leave_one_that_can_be_confirmed(account: Account) -> None:  # noqa: F811
    refs = [await account.step_up() for _ in range(4)]
    answers = await asyncio.gather(
        *(account.borrower.call("POST", "/account/factors/totp", json={"step_up_id": one}) for one in refs)
    )
    assert {one.status_code for one in answers} == {201}
    tried = [
        await account.borrower.call(
            "POST", "/account/factors/totp/confirmation", json={"totp": pyotp.TOTP(one.json()["secret"]).now()}
        )
        for one in answers
    ]
    assert sorted(one.status_code for one in tried) == [201, 403, 403, 403]


async def test_a_browser_that_is_known_does_not_guess_on_under_other_device_ids(
    with_phone: Account,  # noqa: F811
    client_of: Any,
) -> None:
    browser: httpx.AsyncClient = client_of()

    async def post(path: str, json: dict[str, Any], **headers: str) -> httpx.Response:
        return await browser.post(f"/api/v1{path}", json=json, headers={"Origin": ORIGIN, **headers})

    body = {"phone": with_phone.phone, "password": PASSWORD}
    ref = {"log_in_id": (await post("/sessions", body)).json()["log_in_id"]}
    assert (await post(TEXT, ref)).status_code == 204
    await with_phone.deliver()
    done = await post("/sessions/factors", ref | {"code": with_phone.texts.code(with_phone.phone)})
    assert done.status_code == 201  # known from now on
    wrong = [await post("/sessions", body | {"password": "wrong"}, **{"X-Device-Id": new_key()}) for _ in range(8)]
    assert told(wrong) == {"log-in-wrong": 5, "too-many-log-ins": 3}


async def test_a_network_of_ipv6_is_one_asker_of_codes(account: Account, the_app: FastAPI) -> None:  # noqa: F811
    answers = [await recover(at_address(the_app, f"2a02:2000:1:{net}::{n}")) for net in (1, 2) for n in range(1, 5)]
    assert [one.status_code for one in answers] == [201, 201, 201, 429] * 2


async def test_a_strangers_guesses_close_neither_the_passkey_nor_the_recovery(with_phone: Account) -> None:  # noqa: F811
    owner, vault = with_phone, with_phone.records.vault
    passkey = await owner.add_passkey(by_code=True)
    async with owner.records.moment() as moment:
        client = await owner.records.clients.get(moment.session, owner.borrower.client_id)
        owner.records.clients.seal_embedding(client, b"\x00" * 512)
        moment.session.add(client)
    index = vault.index("phone", owner.phone).hex()
    async with owner.records.database.begin() as session:
        for name in ("login-row", "login-second-row"):
            for _ in range(2):
                await throttle.failed(session, vault.index(name, index), allowed=2, window_seconds=30 * 24 * 3600)
    assert_problem(await owner.password(new_key()), 429, "too-many-log-ins")
    await recovering(owner, new_key())
    place = new_key()
    log_in_id, options = await owner.passkey_log_in(place)
    body = {"log_in_id": log_in_id, "passkey": passkey.get(options)}
    assert (await owner.post("/sessions/factors", body, device=place)).status_code == 201
    assert (await owner.password(new_key())).status_code == 200  # and with it they are forgotten


async def test_whatever_comes_first_no_log_in_by_the_old_password_outlives_it(account: Account) -> None:  # noqa: F811
    change = {"step_up_id": await account.step_up(), "password": NEW}
    log_ins = [account.password() for _ in range(6)]
    more = [account.password(new_key()) for _ in range(6)]
    answers = await asyncio.gather(*log_ins, account.borrower.call("PUT", "/account/password", json=change), *more)
    assert answers[6].status_code == 204
    assert {one.status_code for one in answers} <= {201, 204, 401, 429}
    assert len((await account.borrower.call("GET", "/account/sessions")).json()) == 1


async def test_of_many_guesses_at_one_colleague_five_are_answered(new_colleague: Any) -> None:
    colleague = await new_colleague("officer")
    answers = await asyncio.gather(*(colleague.log_in(f"{n:06d}") for n in range(15)))
    assert told(answers) == {"log-in-wrong": 5, "too-many-log-ins": 10}
