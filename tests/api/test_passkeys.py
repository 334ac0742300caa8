"""Passkeys, with a device in software: enrolment, log-in without number and password, and each way to cheat.

Rules: para 6, part 4.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from storage.database import libpq_url
from tests.api.test_log_in import account, new_account, switch, with_phone  # noqa: F401 - fixtures
from tests.support.api_world import ORIGIN, PASSWORD, assert_problem, new_key
from tests.support.authenticator import Authenticator, b64
from tests.support.log_in_world import HOST, Account

NewAccount = Callable[[], Awaitable[Account]]


async def shown(account: Account, device: Authenticator, **changes: Any) -> Any:  # noqa: F811
    """A log-in by this passkey, on a device that is new to us."""
    place = new_key()
    log_in_id, options = await account.passkey_log_in(place)
    body = {"log_in_id": log_in_id, "passkey": device.get(options, **changes)}
    return await account.post("/sessions/factors", body, device=place)


async def test_a_passkey_opens_the_account_without_number_and_password_and_is_told_of(account: Account) -> None:  # noqa: F811
    device = await account.add_passkey("Үйдегі телефон")
    answer = await shown(account, device)
    assert answer.status_code == 201
    assert answer.json()["client_id"] == str(account.borrower.client_id)
    kinds = [one["kind"] for one in await account.notices()]
    assert kinds == ["NEW_DEVICE", "FACTOR_ADDED", "LOG_IN"]
    (listed,) = (await account.borrower.call("GET", "/account/factors")).json()["factors"]
    assert (listed["name"], listed["synced"]) == ("Үйдегі телефон", False)
    assert listed["last_used_at"] is not None


async def test_it_is_asked_for_after_the_password_and_several_stand_beside_each_other(account: Account) -> None:  # noqa: F811
    first = await account.add_passkey("one")
    ref = (await account.borrower.call("POST", "/account/step-ups", json={"password": PASSWORD})).json()
    assert ref["second_factors"] == ["passkey"]
    asked = (
        await account.borrower.call("POST", "/account/step-ups/passkey", json={"step_up_id": ref["step_up_id"]})
    ).json()["options"]
    body = {"step_up_id": ref["step_up_id"], "passkey": first.get(asked)}
    assert (await account.borrower.call("POST", "/account/step-ups/proof", json=body)).json()["enough"]
    options = (
        await account.borrower.call("POST", "/account/factors/passkeys/options", json={"step_up_id": ref["step_up_id"]})
    ).json()["options"]
    assert [one["id"] for one in options["excludeCredentials"]] == [first.create(options)["id"]]
    second = Authenticator(ORIGIN, HOST, counts=False)
    added = await account.borrower.call(
        "POST", "/account/factors/passkeys", json={"name": "two", "passkey": second.create(options)}
    )
    assert added.status_code == 201, added.text
    log_in_id = (await account.password()).json()["log_in_id"]
    asked = (await account.post("/sessions/factors/passkey", {"log_in_id": log_in_id})).json()["options"]
    assert len(asked["allowCredentials"]) == 2
    assert asked["userVerification"] == "required"
    body = {"log_in_id": log_in_id, "passkey": second.get(asked)}
    assert (await account.post("/sessions/factors", body)).status_code == 201
    assert (await shown(account, second)).status_code == 201  # one that counts nothing says 0 each time


@pytest.mark.parametrize(
    ("cheat", "code"),
    [
        ({"origin": "https://nesie.test.evil.example"}, "passkey-origin"),
        ({"crossOrigin": True}, "passkey-origin"),
        ({"type": "webauthn.create"}, "passkey-unreadable"),
    ],
)
async def test_an_answer_to_another_page_is_refused(account: Account, cheat: dict[str, Any], code: str) -> None:  # noqa: F811
    assert_problem(await shown(account, await account.add_passkey(), **cheat), 401, code)


async def test_each_other_dishonest_device_has_its_answer(account: Account, new_account: NewAccount) -> None:  # noqa: F811
    device = await account.add_passkey()
    device.rp_id = "evil.example"
    assert_problem(await shown(account, device), 401, "passkey-site")
    device.rp_id, device.verifies = HOST, False
    assert_problem(await shown(account, device), 401, "passkey-user-not-verified")
    device.verifies = True
    real, device.key = device.key, Authenticator(ORIGIN, HOST).key
    assert_problem(await shown(account, device), 401, "passkey-wrong")
    device.key = real
    stranger = Authenticator(ORIGIN, HOST, user=account.borrower.client_id.bytes)
    assert_problem(await shown(account, stranger), 401, "passkey-unknown")
    other = await new_account()
    device.user = other.borrower.client_id.bytes  # says that it is another client's
    assert_problem(await shown(account, device), 401, "passkey-unknown")
    theirs = await other.add_passkey()
    log_in_id = (await account.password()).json()["log_in_id"]  # a good passkey, of another client
    asked = (await account.post("/sessions/factors/passkey", {"log_in_id": log_in_id})).json()["options"]
    body = {"log_in_id": log_in_id, "passkey": theirs.get(asked)}
    assert_problem(await account.post("/sessions/factors", body), 401, "passkey-unknown")


async def test_a_challenge_is_answered_once_by_whom_it_was_issued_to_and_in_time(
    account: Account,  # noqa: F811
    database_urls: dict[str, str],
) -> None:
    device, place = await account.add_passkey(), new_key()
    log_in_id, options = await account.passkey_log_in(place)
    answer = device.get(options)
    other_id, _ = await account.passkey_log_in(place)
    stolen = await account.post("/sessions/factors", {"log_in_id": other_id, "passkey": answer}, device=place)
    assert_problem(stolen, 401, "passkey-challenge")
    first = await account.post("/sessions/factors", {"log_in_id": log_in_id, "passkey": answer}, device=place)
    assert first.status_code == 201
    again, later = await account.passkey_log_in(place)
    replayed = await account.post("/sessions/factors", {"log_in_id": again, "passkey": answer}, device=place)
    assert_problem(replayed, 401, "passkey-challenge")
    with psycopg.connect(libpq_url(database_urls["postgres"])) as superuser:
        superuser.execute(
            "update passkey_challenge set issued_at = issued_at - interval '121 s',"
            " expires_at = expires_at - interval '121 s'"
        )
    body = {"log_in_id": again, "passkey": device.get(later)}
    assert_problem(await account.post("/sessions/factors", body, device=place), 401, "passkey-challenge")


async def test_a_counter_that_goes_back_shows_a_copy_and_the_key_opens_nothing_any_more(account: Account) -> None:  # noqa: F811
    device = await account.add_passkey()
    assert (await shown(account, device)).status_code == 201
    device.count = 0
    assert_problem(await shown(account, device), 401, "passkey-cloned")
    device.count = 50
    assert_problem(await shown(account, device), 401, "passkey-unknown")
    assert (await account.borrower.call("GET", "/account/factors")).json()["factors"] == []
    assert (await account.notices())[0]["kind"] == "PASSKEY_CLONED"
    assert (await account.password()).status_code == 201


async def test_enrolment_is_as_strict_as_use(account: Account, new_account: NewAccount) -> None:  # noqa: F811
    async def options(of: Account) -> dict[str, Any]:
        ref = {"step_up_id": await of.step_up()}
        answer = await of.borrower.call("POST", "/account/factors/passkeys/options", json=ref)
        found: dict[str, Any] = answer.json()["options"]
        return found

    async def add(of: Account, made: dict[str, Any]) -> Any:
        return await of.borrower.call("POST", "/account/factors/passkeys", json={"name": "key", "passkey": made})

    evil = Authenticator("https://evil.example", HOST)
    assert_problem(await add(account, evil.create(await options(account))), 403, "passkey-origin")
    elsewhere = Authenticator(ORIGIN, "evil.example")
    assert_problem(await add(account, elsewhere.create(await options(account))), 403, "passkey-site")
    careless = Authenticator(ORIGIN, HOST, verifies=False)
    assert_problem(await add(account, careless.create(await options(account))), 403, "passkey-user-not-verified")
    good, asked = Authenticator(ORIGIN, HOST), await options(account)
    other = await new_account()
    assert_problem(await add(other, good.create(asked)), 403, "passkey-challenge")  # another log-in's
    assert (await add(account, good.create(asked))).status_code == 201
    assert_problem(await add(account, good.create(asked)), 403, "passkey-challenge")
    assert_problem(await add(other, good.create(await options(other))), 409, "passkey-known")


async def test_it_is_removed_with_a_proof_and_then_opens_nothing(account: Account) -> None:  # noqa: F811
    device = await account.add_passkey()
    (listed,) = (await account.borrower.call("GET", "/account/factors")).json()["factors"]
    path = f"/account/factors/{listed['factor_id']}/removal"
    assert_problem(await account.borrower.call("POST", path, json={"step_up_id": "x" * 43}), 409, "step-up-needed")
    begun = (await account.borrower.call("POST", "/account/step-ups", json={"password": PASSWORD})).json()
    ref = {"step_up_id": begun["step_up_id"]}
    asked = (await account.borrower.call("POST", "/account/step-ups/passkey", json=ref)).json()["options"]
    await account.borrower.call("POST", "/account/step-ups/proof", json=ref | {"passkey": device.get(asked)})
    assert (await account.borrower.call("POST", path, json=ref)).status_code == 204
    assert_problem(await shown(account, device), 401, "passkey-unknown")
    assert (await account.notices())[0]["kind"] == "FACTOR_REMOVED"


async def test_what_is_nested_or_named_without_end_is_no_passkey(account: Account) -> None:  # noqa: F811
    device, place = await account.add_passkey(), new_key()
    log_in_id, options = await account.passkey_log_in(place)
    given = device.get(options)
    given["response"] |= {"clientDataJSON": b64(b"[" * 6000)}
    answer = await account.post("/sessions/factors", {"log_in_id": log_in_id, "passkey": given}, device=place)
    assert_problem(answer, 401, "passkey-unreadable")
    long = Authenticator(ORIGIN, HOST, credential_id=secrets.token_bytes(3000))
    ref = (await account.borrower.call("POST", "/account/step-ups", json={"password": PASSWORD})).json()["step_up_id"]
    asked = (await account.borrower.call("POST", "/account/step-ups/passkey", json={"step_up_id": ref})).json()
    body = {"step_up_id": ref, "passkey": device.get(asked["options"])}
    assert (await account.borrower.call("POST", "/account/step-ups/proof", json=body)).json()["enough"]
    new = await account.borrower.call("POST", "/account/factors/passkeys/options", json={"step_up_id": ref})
    body = {"name": "long", "passkey": long.create(new.json()["options"])}
    assert_problem(await account.borrower.call("POST", "/account/factors/passkeys", json=body), 403,
                   "passkey-unreadable")  # fmt: skip
