"""One-time codes are used once, sessions end when they should; time is the database's."""

from __future__ import annotations

import asyncio

import pytest

from rules.errors import BusinessError, Conflict, NotConfirmed
from storage import codes, passwords, sessions
from storage.database import Database, run
from storage.tables import Client
from storage.vault import Vault

LIMITS = {"idle_seconds": 600, "absolute_seconds": 12 * 3600}


async def _issue(database: Database, vault: Vault, client: Client, purpose: str = "registration", **more) -> str:
    limits = {"life_seconds": 60, "max_in_ten_minutes": 3, **more}
    async with database.begin() as session:
        return await codes.issue(session, vault, client, purpose, **limits)


async def _consume(database: Database, client: Client, code: str, purpose: str = "registration") -> str:
    async with database.begin() as session:
        try:
            await codes.consume(session, client.id, purpose, code)
        except NotConfirmed as error:
            return error.code
    return "confirmed"


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def _age(superuser_url: str, table: str, seconds: float, column: str, where: str, value: object) -> None:
    database = Database(superuser_url, pool_size=1)
    async with database.begin() as session:
        await run(
            session,
            f"update {table} set {column} where {where} = :value",
            value=value,
            seconds=seconds,
        )
    await database.close()


async def test_of_forty_tries_with_the_right_code_one_is_confirmed(database, vault, client) -> None:
    code = await _issue(database, vault, client)
    assert len(code) == 6
    assert code.isdigit()
    answers = await asyncio.gather(*(_consume(database, client, code) for _ in range(40)))
    assert sorted(answers) == ["code-used"] * 39 + ["confirmed"]


async def test_of_forty_wrong_tries_five_count_and_then_the_right_one_is_refused(database, vault, client) -> None:
    code = await _issue(database, vault, client)
    answers = await asyncio.gather(*(_consume(database, client, _wrong(code)) for _ in range(40)))
    assert sorted(answers) == ["code-wrong"] * 5 + ["too-many-tries"] * 35
    assert await _consume(database, client, code) == "too-many-tries"


async def test_a_code_holds_for_its_purpose_only_and_the_newest_one_counts(database, vault, client) -> None:
    first = await _issue(database, vault, client)
    assert await _consume(database, client, first, "login") == "code-wrong"
    second = await _issue(database, vault, client)
    if first != second:
        assert await _consume(database, client, first) == "code-wrong"
    assert await _consume(database, client, second) == "confirmed"


@pytest.mark.parametrize(("age", "answer"), [(30.0, "confirmed"), (60.01, "code-expired")])
async def test_a_code_lives_sixty_seconds(database, superuser, vault, client, age: float, answer: str) -> None:
    code = await _issue(database, vault, client)
    async with database.begin() as session:
        life = "select extract(epoch from expires_at - sent_at) from one_time_code where client_id = :id"
        assert (await run(session, life, id=client.id)).scalar_one() == 60
    shift = (
        "sent_at = sent_at - make_interval(secs => :seconds), expires_at = expires_at - make_interval(secs => :seconds)"
    )
    await _age(superuser, "one_time_code", age, shift, "client_id", client.id)
    assert await _consume(database, client, code) == answer


async def test_a_phone_gets_three_codes_in_ten_minutes_even_if_asked_in_parallel(database, vault, client) -> None:
    async def ask() -> str:
        try:
            await _issue(database, vault, client)
        except Conflict as error:
            return error.code
        return "sent"

    answers = await asyncio.gather(*(ask() for _ in range(8)))
    assert sorted(answers) == ["sent"] * 3 + ["too-many-codes"] * 5


async def test_the_code_is_not_stored(database, vault, client) -> None:
    code = await _issue(database, vault, client)
    async with database.begin() as session:
        row = await run(session, "select c::text from one_time_code c where client_id = :id", id=client.id)
        assert code.encode().hex() not in row.scalar_one()


async def _open(database: Database, client: Client, device: str | None = None) -> str:
    async with database.begin() as session:
        return await sessions.open(session, "client", client_id=client.id, device_id=device)


async def _touch(database: Database, token: str, device: str | None = None, **more) -> str:
    try:
        async with database.begin() as session:
            return str((await sessions.touch(session, token, device, **{**LIMITS, **more})).client_id)
    except NotConfirmed as error:
        return error.code


@pytest.mark.parametrize(("idle", "alive"), [(570, True), (601, False)])
async def test_a_session_ends_after_ten_idle_minutes(database, superuser, client, idle: int, alive: bool) -> None:
    token = await _open(database, client)
    shift = "last_seen_at = last_seen_at - make_interval(secs => :seconds)"
    await _age(superuser, "session", idle, shift, "client_id", client.id)
    assert await _touch(database, token) == (str(client.id) if alive else "session-expired")


async def test_a_session_ends_after_its_absolute_life_however_busy(database, superuser, client) -> None:
    token = await _open(database, client)
    shift = "created_at = created_at - make_interval(secs => :seconds)"
    await _age(superuser, "session", 12 * 3600 + 1, shift, "client_id", client.id)
    assert await _touch(database, token) == "session-expired"


async def test_polling_in_the_background_keeps_nobody_logged_in(database, superuser, client) -> None:
    token = await _open(database, client)
    shift = "last_seen_at = last_seen_at - make_interval(secs => :seconds)"
    await _age(superuser, "session", 400, shift, "client_id", client.id)
    assert await _touch(database, token, extend=False) == str(client.id)
    await _age(superuser, "session", 201, shift, "client_id", client.id)
    assert await _touch(database, token) == "session-expired"


async def test_logging_out_ends_the_session_at_once(database, client) -> None:
    token, other = await _open(database, client), await _open(database, client)
    async with database.begin() as session:
        await sessions.end(session, token)
        await sessions.end(session, token)
    assert await _touch(database, token) == "session-expired"
    assert await _touch(database, other) == str(client.id)
    async with database.begin() as session:
        await sessions.end_all(session, client_id=client.id)
    assert await _touch(database, other) == "session-expired"


async def test_a_token_of_a_device_works_from_that_device_only(database, client) -> None:
    token = await _open(database, client, "phone-1")
    assert await _touch(database, token, "phone-2") == "session-expired"
    assert await _touch(database, token) == "session-expired"
    assert await _touch(database, token, "phone-1") == str(client.id)


async def test_an_unknown_token_opens_nothing(database) -> None:
    assert await _touch(database, "made-up") == "session-expired"


def test_passwords_are_hashed_with_salt_and_an_unknown_account_is_false() -> None:
    stored = passwords.hash_password("correct horse")
    assert stored != passwords.hash_password("correct horse")
    assert passwords.verify_password(stored, "correct horse")
    assert not passwords.verify_password(stored, "wrong horse")
    assert not passwords.verify_password(None, "correct horse")
    assert not passwords.verify_password("rubbish", "correct horse")
    assert not passwords.is_outdated(stored)


async def test_a_database_that_is_away_is_a_fault_without_details() -> None:
    away = Database("postgresql://nesie_app:secret@127.0.0.1:1/nesie")
    with pytest.raises(Exception, match="database: OperationalError") as error:
        async with away.begin() as session:
            await run(session, "select 1")
    assert not isinstance(error.value, BusinessError)
    assert "secret" not in str(error.value)
    await away.close()
