"""A migrated database of its own, for tests of what counts everywhere: a changed calendar moves all clocks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import psycopg
from sqlalchemy.engine import make_url

from activities.context import Records
from storage.archive import Archive
from storage.clients import Clients
from storage.database import Database, libpq_url, sqlalchemy_url
from storage.documents import Documents
from storage.setup import migrate
from storage.vault import Vault


def another(url: str, database: str) -> str:
    """The same login on another database of the cluster."""
    return libpq_url(make_url(sqlalchemy_url(url)).set(database=database).render_as_string(hide_password=False))


@contextmanager
def own_database(urls: dict[str, str]) -> Iterator[dict[str, str]]:
    """The same logins as `database_urls` on a migrated database that nobody else uses; dropped afterwards."""
    name = f"own_{secrets.token_hex(4)}"
    migrate(another(urls["postgres"], name))
    yield {role: another(url, name) for role, url in urls.items()}
    with psycopg.connect(libpq_url(urls["postgres"]), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def records_on(url: str, archive: Archive | None = None, pool_size: int = 10) -> Records:
    """Our records on a database. archive: None where nothing is archived."""
    vault = Vault({"first": secrets.token_bytes(32)}, "first", secrets.token_bytes(32))
    return Records(Database(url, pool_size), vault, Clients(vault), Documents(cast(Archive, archive), vault))
