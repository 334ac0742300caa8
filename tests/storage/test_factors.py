"""Second factors in the real database: once each, whoever tries at the same moment; limits; what never changes.

Rules: para 6, part 4; para 6, part 6; para 34.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import uuid4

import psycopg
import pyotp
import pytest
from psycopg import errors

from rules.errors import NotConfirmed
from storage import codes, devices, factors
from storage.database import Database, libpq_url, run
from storage.tables import Client
from storage.vault import Vault


async def at_once(tries: int, one: Callable[[], Awaitable[str]]) -> Counter[str]:
    """So many tries begun together; the pool's connections work on them, the others wait for one."""
    connections = asyncio.Semaphore(36)

    async def tried() -> str:
        async with connections:
            return await one()

    return Counter(await asyncio.gather(*(tried() for _ in range(tries))))


async def enrolled(database: Database, vault: Vault, client: Client) -> pyotp.TOTP:
    async with database.begin() as session:
        _, secret = await factors.ask_totp(session, vault, client)
        totp = pyotp.TOTP(secret)
        await factors.confirm_totp(session, vault, client, totp.now(), window=1, life_minutes=5)
        await run(session, "update totp_factor set last_step = 0 where client_id = :id", id=client.id)
    return totp


async def shown(database: Database, vault: Vault, client: Client, digits: str, window: int = 1) -> str:
    try:
        async with database.begin() as session:
            await factors.use_totp(session, vault, client, digits, window=window)
    except NotConfirmed as error:
        return error.code
    return "confirmed"


async def test_of_two_hundred_tries_with_the_same_digits_one_is_confirmed(database, vault, client) -> None:
    totp = await enrolled(database, vault, client)
    digits = totp.now()
    answers = await at_once(200, lambda: shown(database, vault, client, digits, window=20))
    assert answers == {"confirmed": 1, "totp-used": 199}


async def test_digits_of_an_earlier_step_are_used_up_by_later_ones(database, vault, client) -> None:
    totp = await enrolled(database, vault, client)
    async with database.begin() as session:
        at = (await run(session, "select extract(epoch from clock_timestamp())::int")).scalar_one()
    present = at // 30
    assert await shown(database, vault, client, totp.generate_otp(present)) == "confirmed"
    for step in (present - 1, present):
        assert await shown(database, vault, client, totp.generate_otp(step)) in ("totp-used", "totp-wrong")
    assert await shown(database, vault, client, totp.generate_otp(present - 5)) == "totp-wrong"
    assert await shown(database, vault, client, totp.generate_otp(present + 5)) == "totp-wrong"


async def test_of_two_hundred_tries_with_the_same_sms_code_one_is_confirmed(database, vault, client) -> None:
    async with database.begin() as session:
        code = await codes.issue(session, vault, client, "log-in:x", life_seconds=600, max_in_ten_minutes=3)

    async def once() -> str:
        async with database.begin() as session:
            try:
                await codes.consume(session, client.id, "log-in:x", code)
            except NotConfirmed as error:
                return error.code
        return "confirmed"

    answers = await at_once(200, once)
    assert answers == {"confirmed": 1, "code-used": 199}


@pytest.mark.parametrize(("age", "answer"), [(59.5, "confirmed"), (60.5, "code-expired")])
async def test_a_code_lives_a_minute_to_half_a_second(database, superuser, vault, client, age, answer) -> None:
    async with database.begin() as session:
        code = await codes.issue(session, vault, client, "log-in:y", life_seconds=60, max_in_ten_minutes=3)
    with psycopg.connect(libpq_url(superuser)) as connection:
        connection.execute(
            "update one_time_code set sent_at = clock_timestamp() - make_interval(secs => %s),"
            " expires_at = clock_timestamp() - make_interval(secs => %s) + interval '60 s' where client_id = %s",
            (age, age, client.id),
        )
    async with database.begin() as session:
        try:
            await codes.consume(session, client.id, "log-in:y", code)
            found = "confirmed"
        except NotConfirmed as error:
            found = error.code
        late = (await run(session, "select expires_at < clock_timestamp() from one_time_code where client_id = :id",
                          id=client.id)).scalar_one()  # fmt: skip
    assert found == answer or (late and found == "code-expired")  # a machine that took more than half a second


async def test_an_address_in_parallel_gets_no_more_than_its_share(database) -> None:
    address = secrets.token_bytes(32)

    async def ask() -> bool:
        async with database.begin() as session:
            wait = await codes.note_sending(session, uuid4(), address, max_in_ten_minutes=3, max_in_a_day=10)
        return wait == 0

    assert sum(await asyncio.gather(*(ask() for _ in range(20)))) == 3


async def test_a_passkeys_counter_only_grows_and_a_challenge_is_taken_once(database, vault, client) -> None:
    async with database.begin() as session:
        key = await factors.add_passkey(
            session, vault, client, name="one", credential_id=secrets.token_bytes(16), public_key=b"k", sign_count=7,
            backed_up=False, most=5,
        )  # fmt: skip
        challenge = await factors.issue_challenge(session, "PROVE", client.id, b"me", 120)

    async def count(n: int) -> bool:
        async with database.begin() as session:
            return await factors.count_use(session, key, n, backed_up=False)

    assert [await count(n) for n in (7, 8, 8, 3, 0, 9)] == [False, True, False, False, False, True]
    assert sum(await asyncio.gather(*(count(20) for _ in range(20)))) == 1

    async def take(who: bytes) -> bool:
        try:
            async with database.begin() as session:
                await factors.take_challenge(session, challenge, "PROVE", who)
        except NotConfirmed:
            return False
        return True

    assert not await take(b"somebody else")
    assert sum(await asyncio.gather(*(take(b"me") for _ in range(20)))) == 1


async def test_neither_secret_nor_name_nor_device_stands_in_the_clear(database, superuser, vault, client) -> None:
    totp = await enrolled(database, vault, client)
    async with database.begin() as session:
        await factors.add_passkey(
            session, vault, client, name="Айгүлдің телефоны", credential_id=secrets.token_bytes(16), public_key=b"k",
            sign_count=0, backed_up=False, most=5,
        )  # fmt: skip
    with psycopg.connect(libpq_url(superuser)) as connection:
        rows = connection.execute(
            "select t::text from totp_factor t where client_id = %s union all select p::text from passkey p"
            " where client_id = %s", (client.id, client.id)
        ).fetchall()  # fmt: skip
    dump = "".join(row[0] for row in rows)
    assert totp.secret.encode().hex() not in dump
    assert "Айгүлдің".encode().hex() not in dump


@pytest.mark.parametrize("statement", ["iin_index = 'x'", "kind = 'ENTREPRENEUR'"])
async def test_not_even_a_superuser_gives_a_client_another_iin_or_kind(superuser, client, statement: str) -> None:
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        with pytest.raises(errors.CheckViolation) as refused:
            connection.execute(f"update client set {statement} where id = %s", (client.id,))
    assert refused.value.diag.constraint_name == "client_is_who_they_are"


async def test_what_leads_back_to_a_person_is_emptied_when_their_data_is_destroyed(
    database, superuser, vault, client
) -> None:
    await enrolled(database, vault, client)
    async with database.begin() as session:
        await devices.remember(session, client.id, b"device", "web")
        await devices.note_owner(session, client, "OWNED", "operators")
        credential = secrets.token_bytes(16)
        await factors.add_passkey(
            session, vault, client, name="one", credential_id=credential, public_key=b"k", sign_count=0,
            backed_up=False, most=5,
        )  # fmt: skip
    with psycopg.connect(libpq_url(superuser)) as connection:
        connection.execute(
            "update client set status = 'DESTROYED', data_key = '', personal = '', face_embedding = null,"
            " password_hash = null, phone_index = sha256('1'), iin_index = sha256('2') where id = %s",
            (client.id,),
        )
        found = connection.execute(
            "select (select count(*) from totp_factor where client_id = %(id)s and secret <> ''),"
            " (select count(*) from passkey where client_id = %(id)s and (credential_id = %(key)s or name <> ''"
            " or removed_at is null)),"
            " (select count(*) from client_device where client_id = %(id)s and device_index = 'device'),"
            " (select count(*) from phone_owner_check where client_id = %(id)s and phone_index <> '')",
            {"id": client.id, "key": credential},
        ).fetchone()
    assert found == (0, 0, 0, 0)
