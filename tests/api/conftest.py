"""The API on a real PostgreSQL and a real archive; only the door to Temporal is a stand-in that records what came.

The stand-in answers like the workflows do; the whole way through Temporal is proved in tests/e2e.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from activities.context import Records
from api.actions import Actions
from api.app import create_app
from api.services import Services
from cli.staff import create
from rules.client import ClientKind, IdentityDocument, Person
from rules.lender import EXAMPLE
from storage import devices, passwords
from storage.archive import Archive
from storage.clients import Clients
from storage.database import Database
from storage.documents import Documents
from storage.tables import Client
from storage.vault import Vault
from tests.support.api_world import (
    BANK_SECRET,
    ORIGIN,
    PASSWORD,
    Borrower,
    Colleague,
    StandInDoor,
    new_iin,
    new_key,
    new_phone,
)

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


@pytest.fixture
def door() -> StandInDoor:
    return StandInDoor()


@pytest.fixture(scope="session")
async def records(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    database = Database(database_url, pool_size=20)
    at = archive_settings
    archive = Archive(at.endpoint, at.access_key, at.secret_key.get_secret_value(), at.bucket)
    await archive.prepare()
    vault = Vault({"first": secrets.token_bytes(32)}, "first", secrets.token_bytes(32))
    yield Records(database, vault, Clients(vault), Documents(archive, vault))
    await archive.close()
    await database.close()


@pytest.fixture
def services(records: Records, door: StandInDoor) -> Services:
    return _services(records, door)


def _services(records: Records, door: StandInDoor) -> Services:
    return Services(
        records=records,
        actions=Actions(records, door),
        lender=EXAMPLE,
        origin=ORIGIN,
        secure_cookies=False,
        callback_secrets={"bank": BANK_SECRET, "terminal": BANK_SECRET, "sms": BANK_SECRET},
    )


@pytest.fixture(scope="session")
def the_app(records: Records) -> FastAPI:
    """The API once for all tests: the framework builds each route at its first call, which takes longer than a test."""
    return create_app(services=_services(records, StandInDoor()))


@pytest.fixture
def client_of(the_app: FastAPI, services: Services) -> Callable[[], httpx.AsyncClient]:
    """A browser or application of its own, on the same API, which has this test's services."""
    the_app.state.services = services

    def make() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(the_app), base_url=ORIGIN, timeout=60)

    return make


@pytest.fixture
def http(client_of: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient:
    return client_of()


_QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log-in before nearly every test: what a password costs, test_sessions and tests/storage look at."""
    monkeypatch.setattr(passwords, "_HASHER", _QUICK)
    passwords._nobody.cache_clear()


@pytest.fixture(scope="session")
def password_hash() -> str:
    return _QUICK.hash(PASSWORD)


@pytest.fixture
async def new_borrower(
    records: Records, client_of: Callable[[], httpx.AsyncClient], password_hash: str
) -> Callable[[], Any]:
    """A registered client, logged in on a device of their own."""

    async def make() -> Borrower:
        phone = new_phone()
        person = Person(
            surname="АХМЕТОВА",
            given_name="АЙГЕРІМ",
            iin=new_iin(),
            document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
            phone=phone,
        )
        async with records.database.begin() as session:
            client: Client = await records.clients.register(session, person, ClientKind.INDIVIDUAL, "kk", "2025")
            await records.clients.complete(session, client, password_hash)
            device = new_key()  # the one that the registration came from
            await devices.remember(session, client.id, records.vault.index("device", f"mobile|{device}"), "mobile")
        borrower = Borrower(client.id, phone, client_of(), device=device)
        assert (await borrower.log_in()).status_code == 201
        return borrower

    return make


@pytest.fixture
async def borrower(new_borrower: Callable[[], Any]) -> Borrower:
    made: Borrower = await new_borrower()
    return made


@pytest.fixture
async def new_colleague(records: Records, client_of: Callable[[], httpx.AsyncClient]) -> Callable[..., Any]:
    """A member of staff with some roles, not logged in."""

    async def make(*roles: str) -> Colleague:
        login = f"p{secrets.token_hex(6)}"
        async with records.database.begin() as session:
            made = await create(session, records.vault, login, "Colleague", list(roles), PASSWORD)
        return Colleague(UUID(str(made["staff_id"])), login, str(made["totp_secret"]), client_of())

    return make
