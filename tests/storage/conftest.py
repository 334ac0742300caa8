"""A migrated PostgreSQL and a real archive server; everything is done as the application's own role."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.client import ClientKind, IdentityDocument, Person
from storage.archive import Archive
from storage.clients import Clients
from storage.database import Database, libpq_url, sqlalchemy_url
from storage.setup import migrate
from storage.tables import Client
from storage.vault import Vault

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


def another(url: str, database: str) -> str:
    """The same login on another database of the cluster."""
    return libpq_url(make_url(sqlalchemy_url(url)).set(database=database).render_as_string(hide_password=False))


_DIGITS = itertools.count(1)


def _a_person(**changes: object) -> Person:
    digits = f"{next(_DIGITS):07d}"
    person = Person(
        surname="Ахметова",
        given_name="Айгүл",
        iin=f"88041{digits}",
        document=IdentityDocument(number="012345678", expires=date(2030, 1, 1)),
        phone=f"+7701{digits}",
    )
    return person.model_copy(update=changes)


@pytest.fixture(scope="session")
def a_person() -> Callable[..., Person]:
    """Makes a person whose phone and IIN nobody else has; the IIN's check digit is not looked at here."""
    return _a_person


@dataclass(frozen=True)
class Separate:
    """A database of its own, for tests that break things."""

    app: str
    superuser: str


@pytest.fixture(scope="session")
def superuser(database_urls: dict[str, str]) -> str:
    """The URL of the superuser, who is not stopped by rights."""
    return database_urls["postgres"]


@pytest.fixture(scope="session")
def template(database_urls: dict[str, str]) -> str:
    """The name of a migrated, empty database to copy: quicker than every revision once more."""
    migrate(another(database_urls["postgres"], "separate_template"))
    return "separate_template"


@pytest.fixture
def separate(database_urls: dict[str, str], template: str) -> Iterator[Separate]:
    """A migrated database that nobody else uses; dropped afterwards."""
    name = f"separate_{secrets.token_hex(4)}"
    root = another(database_urls["postgres"], name)
    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}")
    migrate(root)  # what a copy does not have: the limits of the roles in this database
    yield Separate(another(database_urls["app"], name), root)
    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """The shared database as the application."""
    opened = Database(database_url, pool_size=20)
    yield opened
    await opened.close()


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    """One transaction, committed at the test's end."""
    async with database.begin() as opened:
        yield opened


@pytest.fixture(scope="session")
def vault() -> Vault:
    """Keys of this test run."""
    return Vault({"first": secrets.token_bytes(32)}, "first", secrets.token_bytes(32))


@pytest.fixture(scope="session")
def clients(vault: Vault) -> Clients:
    """The clients' file."""
    return Clients(vault)


@pytest.fixture
async def client(database: Database, clients: Clients) -> Client:
    """A committed client who is still registering."""
    async with database.begin() as session:
        return await clients.register(session, _a_person(), ClientKind.INDIVIDUAL, "kk", "2025")


@pytest.fixture(scope="session")
async def archive(archive_settings: ArchiveSettings) -> AsyncIterator[Archive]:
    """The archive server, spoken to as its application account."""
    opened = Archive(
        archive_settings.endpoint,
        archive_settings.access_key,
        archive_settings.secret_key.get_secret_value(),
        archive_settings.bucket,
    )
    await opened.prepare()
    yield opened
    await opened.close()
