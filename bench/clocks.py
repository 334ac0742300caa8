"""Statutory clocks, as many at once as are wanted, that all end at one instant: as terms do, at midnight.

A stack of its own with a real PostgreSQL and a real Temporal, one worker process. Told: how late each clock's end was
kept, by the database's clock; the worker's memory after as many clocks as it keeps in memory, and its highest while all
the others ran and ended; what a clock takes in our database with its history and its audit rows.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from temporalio.client import Client, WorkflowHandle

from activities.clocks import ClockWanted
from activities.context import Records, open_records
from bench.clock_case import QUEUE, ClockCase, OneClock, key_of
from bench.engine import client_of
from infra.settings import load, state_folder
from infra.stack import Stack, free_ports
from infra.temporal import CACHED_WORKFLOWS
from storage.database import run as execute

_STARTED_AT_ONCE = 20
_A_SECOND = 12  # clocks that two busy cores start in a second, at the least
_HEAD_START = timedelta(seconds=15)
_TABLES = "('statutory_clock', 'clock_event', 'audit_entry')"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--clocks", type=int, default=1000, help="that run at the same time")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """A state folder of its own, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="nesie-bench-", dir="/tmp") as folder:  # nosec B108
        state = Path(folder)
        for name in ("bin", "models", "photos"):
            (state / name).symlink_to(state_folder() / name)
        stack = Stack(state, ports=free_ports())
        stack.up(["postgres", "temporal"], patience_seconds=120)
        try:
            return asyncio.run(_measure(state, args.clocks))
        finally:
            stack.down()


async def _measure(state: Path, clocks: int) -> dict[str, Any]:
    settings = load(state)
    records, client = open_records(**settings.records()), await client_of(settings)
    async with contextlib.AsyncExitStack() as open_things:
        open_things.push_async_callback(records.close)
        worker = await open_things.enter_async_context(_worker(state))
        await _through(client, CACHED_WORKFLOWS)  # as many as it keeps in memory: from here on it should not grow
        before, memory = await _bytes(records), Memory(worker)
        open_things.push_async_callback(memory.close)
        due = await _through(client, clocks)
        late, taken = await _late(records, due), await _bytes(records) - before
        told = {
            "clocks": clocks,
            "fired": len(late),
            "late_seconds": {"p50": round(statistics.median(late), 2), "max": round(max(late), 2)} if late else {},
            "rss_mb": {"start": memory.start, "end": memory.highest},
            "db_bytes_per_clock": round(taken / clocks),
        }
    return told if len(late) == clocks else {**told, "lost": clocks - len(late)}


class Memory:
    """A process's memory in MB: at the start, and the highest since."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.start = self.highest = self._now()
        self._looking = asyncio.create_task(self._look())

    def _now(self) -> float:
        return round(float(self._process.memory_info().rss) / 1e6, 1)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            self.highest = max(self.highest, self._now())

    async def close(self) -> None:
        """Look no more."""
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)


async def _through(client: Client, clocks: int) -> datetime:
    """So many clocks from their start to their end; the one instant at which all of them ended."""
    due = datetime.now(UTC) + _HEAD_START + timedelta(seconds=clocks / _A_SECOND)
    handles = await _started(client, clocks, due)
    if datetime.now(UTC) >= due:
        print("nesie bench: not all clocks were started before the first ended", file=sys.stderr)
    for handle in handles:
        await handle.result()
    return due


@contextlib.asynccontextmanager
async def _worker(state: Path) -> AsyncIterator[psutil.Process]:
    """The worker process; where it dies, so does the benchmark."""
    environment = {**os.environ, "NESIE_STATE": str(state)}
    made = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.clock_worker", env=environment)
    measuring = asyncio.current_task()

    async def watch() -> None:
        await made.wait()
        if measuring is not None:
            measuring.cancel("the worker has died")

    watching = asyncio.create_task(watch())
    try:
        yield psutil.Process(made.pid)
    finally:
        watching.cancel()
        with contextlib.suppress(ProcessLookupError):
            made.terminate()
        await made.wait()


async def _started(client: Client, clocks: int, due: datetime) -> list[WorkflowHandle[ClockCase, bool | None]]:
    slots = asyncio.Semaphore(_STARTED_AT_ONCE)

    async def one() -> WorkflowHandle[ClockCase, bool | None]:
        name = uuid4()
        wanted = ClockWanted(
            key=key_of(str(name), due),
            rule="P13.2",
            subject=f"bench:{name}",
            workflow_id=f"bench-clock/{name}",
            received_at=datetime.now(UTC),
        )
        async with slots:
            return await client.start_workflow(
                ClockCase.run, OneClock(wanted=wanted), id=wanted.workflow_id, task_queue=QUEUE
            )

    return list(await asyncio.gather(*(one() for _ in range(clocks))))


async def _late(records: Records, due: datetime) -> list[float]:
    """Seconds from each end to the moment at which it was kept that it had passed."""
    missed = (
        "select extract(epoch from a.at - c.due_at) from audit_entry a join statutory_clock c"
        " on a.detail ->> 'clock' = c.id::text where a.action = 'clock-missed' and c.due_at = :due"
    )
    async with records.database.begin() as session:
        return [float(late) for late in (await execute(session, missed, due=due)).scalars()]


async def _bytes(records: Records) -> int:
    size = f"select sum(pg_total_relation_size(oid)) from pg_class where relname in {_TABLES} and relkind = 'r'"  # noqa: S608  # nosec
    async with records.database.begin() as session:
        return int((await execute(session, size)).scalar_one())
