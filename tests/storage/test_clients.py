"""Clients: one registered client an IIN and phone, however close the race."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from rules.client import ClientKind
from rules.errors import BusinessError, Conflict, NotFound
from storage.clients import Clients
from storage.database import Database
from storage.tables import Client


async def _register(database: Database, clients: Clients, person) -> Client:
    async with database.begin() as session:
        return await clients.register(session, person, ClientKind.INDIVIDUAL, "kk", "2025")


async def _complete(database: Database, clients: Clients, client: Client) -> str:
    try:
        async with database.begin() as session:
            await clients.complete(session, await clients.get(session, client.id), "$argon2id$")
    except Conflict as error:
        return error.code
    return "registered"


async def test_of_ten_registrations_of_one_person_one_is_completed(
    a_person, database: Database, clients: Clients
) -> None:
    person = a_person()
    tries = [await _register(database, clients, person) for _ in range(10)]
    answers = await asyncio.gather(*(_complete(database, clients, client) for client in tries))
    assert sorted(answers) == ["already-registered"] * 9 + ["registered"]
    async with database.begin() as session:
        found = await clients.by_phone(session, person.phone)
        assert found is not None
        assert found.status == "REGISTERED"
        assert clients.person(found) == person


async def test_a_phone_or_an_iin_alone_is_enough_to_be_another_ones(
    a_person, database: Database, clients: Clients
) -> None:
    person = a_person()
    assert await _complete(database, clients, await _register(database, clients, person)) == "registered"
    for other in (a_person(phone=person.phone), a_person(iin=person.iin)):
        assert await _complete(database, clients, await _register(database, clients, other)) == "already-registered"


async def test_after_the_conflict_the_transaction_can_go_on(a_person, database: Database, clients: Clients) -> None:
    person = a_person()
    await _complete(database, clients, await _register(database, clients, person))
    second = await _register(database, clients, person)
    async with database.begin() as session:
        stored = await clients.get(session, second.id)
        with pytest.raises(Conflict):
            await clients.complete(session, stored, "$argon2id$")
        again = await clients.get(session, second.id)
        await session.refresh(again)
        again.status, again.refusal_ground = "REFUSED", "already-registered"
        session.add(again)
    async with database.begin() as session:
        assert (await clients.get(session, second.id)).status == "REFUSED"


async def test_a_client_who_only_registers_is_not_found_by_phone(
    a_person, database: Database, clients: Clients
) -> None:
    person = a_person()
    await _register(database, clients, person)
    async with database.begin() as session:
        assert await clients.by_phone(session, person.phone) is None


async def test_an_unknown_client_is_not_found(session, clients: Clients) -> None:
    with pytest.raises(NotFound, match="client-unknown"):
        await clients.get(session, uuid4())


async def test_the_face_is_sealed_for_its_client_alone(
    a_person, database: Database, clients: Clients, client: Client
) -> None:
    with pytest.raises(NotFound, match="face-not-enrolled"):
        clients.open_embedding(client)
    clients.seal_embedding(client, b"\x01\x02" * 256)
    assert clients.open_embedding(client) == b"\x01\x02" * 256
    other = await _register(database, clients, a_person())
    other.face_embedding = client.face_embedding
    with pytest.raises(BusinessError, match="another key"):
        clients.open_embedding(other)
