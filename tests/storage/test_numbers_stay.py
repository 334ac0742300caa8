"""IIN, BIN and kind of a client never change: whoever asks, and whatever is sealed in their place.

Real: PostgreSQL with its triggers, as the owner of the schema and as superuser. Rules: para 6, part 6.
"""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from rules.client import ClientKind
from rules.errors import BusinessError
from storage.clients import Clients
from storage.database import Database, libpq_url
from storage.tables import Client
from storage.vault import Vault

BIN, OTHER_BIN = "940140000385", "060141000387"


async def organisation(database: Database, clients: Clients, person) -> Client:
    async with database.begin() as session:
        return await clients.register(session, person, ClientKind.LEGAL_ENTITY, "kk", "2025b")


@pytest.mark.parametrize("who", ["owner", "postgres"])
@pytest.mark.parametrize(
    "change",
    ["iin_index = 'x'", "iin_hash = 'x'", "iin_hash = null", "bin_hash = 'x'", "bin_hash = null",
     "kind = 'INDIVIDUAL', bin_hash = null", "id = gen_random_uuid()"],
)  # fmt: skip
async def test_not_even_the_owner_of_the_schema_changes_whose_client_it_is(
    database_urls: dict[str, str], database: Database, clients: Clients, a_person, who: str, change: str
) -> None:
    client = await organisation(database, clients, a_person(bin=BIN, organisation="ТОО «Ұлан»"))
    with psycopg.connect(libpq_url(database_urls[who]), autocommit=True) as connection:
        with pytest.raises(errors.CheckViolation, match="never changed"):
            connection.execute(f"update client set {change} where id = %s", [client.id])
        connection.execute("update client set language = 'ru' where id = %s", [client.id])


async def test_a_client_without_its_hashes_is_not_registered(
    database_urls: dict[str, str], database: Database, clients: Clients, a_person
) -> None:
    async with database.begin() as session:
        client = await clients.register(session, a_person(), ClientKind.INDIVIDUAL, "kk", "2025b")
    copied = "kind, status, language, edition, iin_index, phone_index, data_key, personal, created_at"
    for hashes in ("null, null", "iin_hash, iin_hash"):  # a person without an IIN; a person with a BIN
        with psycopg.connect(libpq_url(database_urls["app"]), autocommit=True) as connection:
            with pytest.raises(errors.CheckViolation):
                connection.execute(
                    f"insert into client (id, {copied}, iin_hash, bin_hash)"
                    f" select gen_random_uuid(), {copied}, {hashes} from client where id = %s",
                    [client.id],
                )


@pytest.mark.parametrize("change", [{"iin": "880412401006"}, {"bin": OTHER_BIN}, {"bin": None}])
async def test_another_number_under_the_clients_own_seal_is_not_opened(
    vault: Vault, database: Database, clients: Clients, a_person, change: dict[str, str | None]
) -> None:
    person = a_person(bin=BIN, organisation="ТОО «Ұлан»")
    client = await organisation(database, clients, person)
    assert clients.person(client) == person
    forged = person.model_copy(update=change).model_dump_json().encode()
    client.personal = vault.seal(client.data_key, forged, f"client:{client.id}:personal")
    with pytest.raises(BusinessError, match="another one"):
        clients.person(client)


async def test_a_change_of_the_phone_leaves_the_numbers(database: Database, clients: Clients, a_person) -> None:
    person = a_person(bin=BIN, organisation="ТОО «Ұлан»")
    client = await organisation(database, clients, person)
    before = (client.iin_index, client.iin_hash, client.bin_hash)
    async with database.begin() as session:
        await clients.change_phone(session, await clients.get(session, client.id), "+77010000001")
    async with database.begin() as session:
        after = await clients.get(session, client.id)
        assert (after.iin_index, after.iin_hash, after.bin_hash) == before
        assert clients.person(after) == person.model_copy(update={"phone": "+77010000001"})


async def test_of_two_organisations_with_one_bin_one_registers_and_its_signatory_may_be_a_client_besides(
    database: Database, clients: Clients, a_person
) -> None:
    signatory = a_person()
    first, second = (a_person(bin="100240000382", organisation="ЖШС Арман", iin=signatory.iin) for _ in range(2))
    outcomes = []
    for person, kind in ((first, "LEGAL_ENTITY"), (second, "LEGAL_ENTITY"), (signatory, "INDIVIDUAL")):
        async with database.begin() as session:
            client = await clients.register(session, person, ClientKind(kind), "kk", "2025b")
            try:
                await clients.complete(session, client, "hash")
                outcomes.append("registered")
            except BusinessError as error:
                outcomes.append(error.code)
    assert outcomes == ["registered", "already-registered", "registered"]
