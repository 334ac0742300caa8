"""Tasks that are cancelled in the middle of the database's work: the next user of the pool meets an idle connection.

Real PostgreSQL, real pool. A connection that comes back active or in a transaction would give its next user answers,
locks or half-done writes of somebody else.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from psycopg import pq
from sqlalchemy import event, text

from storage.database import Database, run

POOL = 4
IDLE = pq.TransactionStatus.IDLE
Work = Callable[[Database], Coroutine[Any, Any, None]]
Cancel = Callable[[asyncio.Task[None]], Awaitable[None]]


class Watched:
    """A pool and what its connections were doing when they were handed out and when they came back."""

    def __init__(self, url: str) -> None:
        self.database = Database(url, pool_size=POOL)
        self.pool = self.database._engine.sync_engine.pool
        self.met: Counter[tuple[str, str]] = Counter()
        for moment in ("checkout", "checkin"):
            event.listen(self.pool, moment, self._note(moment))

    def _note(self, moment: str) -> Callable[..., None]:
        def note(connection: Any, *_: Any) -> None:
            if connection is not None:  # None: it was thrown away
                status = connection.driver_connection.info.transaction_status
                self.met[moment, pq.TransactionStatus(status).name] += 1

        return note

    def busy(self) -> dict[tuple[str, str], int]:
        """How often a connection was anything but idle."""
        return {met: times for met, times in self.met.items() if met[1] != IDLE.name}


@pytest.fixture
async def watched(database_url: str) -> AsyncIterator[Watched]:
    opened = Watched(database_url)
    yield opened
    await opened.database.close()


async def _sleep(database: Database) -> None:
    async with database.begin() as session:
        await run(session, "select pg_sleep(0.05)")


async def _write(database: Database) -> None:
    """A transaction of several statements, with a temporary table that only its own commit may leave."""
    async with database.begin() as session:
        await run(session, "create temporary table if not exists half_done (n int) on commit drop")
        for n in range(20):
            await run(session, "insert into half_done values (:n)", n=n)
        await run(session, "select pg_advisory_xact_lock(:key)", key=random.randrange(3))


async def _fail(database: Database) -> None:
    """Cancelled in its rollback as often as before it."""
    async with database.begin() as session:
        await run(session, "select 1")
        raise LookupError


async def _hold(database: Database) -> None:
    async with database.begin() as session:
        await run(session, "select 1")
        await asyncio.sleep(0.05)


async def _stream(database: Database) -> None:
    """Rows of a cursor on the server, a part at a time, as reports read them."""
    async with database.begin() as session:
        query = text("select n from generate_series(1, 400) as n").execution_options(yield_per=20)
        async with (await session.connection()).stream(query) as rows:
            async for _ in rows:
                await asyncio.sleep(0)


async def _once(task: asyncio.Task[None]) -> None:
    """As Temporal cancels an activity."""
    task.cancel()


async def _until_it_ends(task: asyncio.Task[None]) -> None:
    """As a scope of anyio, under FastAPI, cancels: anew at each step, also while the task is tidying up."""
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)


async def _cancelled(work: Coroutine[Any, Any, None], after: float, how: Cancel) -> bool:
    """Cancel work after a while; whether it was still at it."""
    task = asyncio.create_task(work)
    await asyncio.sleep(after)
    await how(task)
    await asyncio.gather(task, return_exceptions=True)
    return task.cancelled()


async def _everybody_is_served(watched: Watched) -> None:
    """Every connection of the pool at once, each in a transaction of its own that sees nothing of another's."""
    together = asyncio.Barrier(2 * POOL)

    async def use(n: int) -> int:
        async with watched.database.begin() as session:
            await together.wait()
            answer = await run(session, "select :n + count(*) from pg_class where relname = 'half_done'", n=n)
            return int(answer.scalar_one())

    answers = await asyncio.wait_for(asyncio.gather(*(use(n) for n in range(2 * POOL))), 300)
    assert answers == list(range(2 * POOL))
    assert watched.busy() == {}
    assert watched.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("work", [_sleep, _write, _fail, _hold, _stream])
@pytest.mark.parametrize("how", [_once, _until_it_ends])
async def test_a_cancelled_task_leaves_an_idle_connection_or_none(watched: Watched, work: Work, how: Cancel) -> None:
    chance, cancelled = random.Random(work.__name__), 0
    for longest in (0.005, 0.02, 0.06) * 3:  # seconds; while connecting, in the first statements, at the end
        cases = (_cancelled(work(watched.database), chance.uniform(0, longest), how) for _ in range(3 * POOL))
        cancelled += sum(await asyncio.gather(*cases))
    assert cancelled > 3 * POOL  # most of them were at work; some wait for a connection, a few have ended before
    await _everybody_is_served(watched)
