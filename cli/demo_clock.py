"""Days that pass at once, for the demonstration alone: the clock of its own database and of its outside services.

The software is not changed and knows nothing of it: in this database the name `clock_timestamp` means another function,
found before PostgreSQL's own by the search path of the application's role. The audit trail keeps the real time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import psycopg

from storage.database import libpq_url

_SET_UP = """
create schema if not exists demo;
create table if not exists demo.shift (days integer not null);
insert into demo.shift select 0 where not exists (select 1 from demo.shift);
create or replace function demo.clock_timestamp() returns timestamptz language sql volatile as
    $$ select pg_catalog.clock_timestamp() + make_interval(days => (select days from demo.shift)) $$;
grant usage on schema demo to nesie_app, nesie_read;
grant select on demo.shift to nesie_app, nesie_read;
alter role nesie_app set search_path = demo, pg_catalog, public;
alter role nesie_read set search_path = demo, pg_catalog, public;
"""
_RECONNECT = (
    "select pg_terminate_backend(pid) from pg_stat_activity where usename in ('nesie_app', 'nesie_read')"
    " and datname = current_database()"
)
_TIDY = """
alter role nesie_app reset search_path;
alter role nesie_read reset search_path;
drop schema if exists demo cascade;
"""


class DemoClock:
    """The clock that is turned. superuser: of the demonstration's own database server."""

    def __init__(self, superuser: str, world: httpx.AsyncClient) -> None:
        self._url, self._world = libpq_url(superuser), world
        self._days = 0

    @property
    def now(self) -> datetime:
        """This instant by the turned clock."""
        return datetime.now(UTC) + timedelta(days=self._days)

    async def turn(self, days: int) -> None:
        """Let days pass."""
        self._days += days
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("update demo.shift set days = %s", (self._days,))
        (
            await self._world.post("/_control/clock", json={"now": self.now.isoformat(), "callbacks": True})
        ).raise_for_status()


@contextmanager
def demo_clock(superuser: str, world: httpx.AsyncClient) -> Iterator[DemoClock]:
    """A clock that can be turned; afterwards the database is as it was, and its time the real one again."""
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        connection.execute(_SET_UP)
        connection.execute(_RECONNECT)
    try:
        yield DemoClock(superuser, world)
    finally:
        with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
            connection.execute(_TIDY)
            connection.execute(_RECONNECT)
