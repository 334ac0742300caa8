"""A case that has one statutory clock and nothing else to do, its activities on a real database, and its worker.

`python -m bench.clock_case` is the worker. The term is real but for its end, which lies as many seconds ahead as the
benchmark wants: by the law every term ends at a midnight.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.worker import Worker

from activities.clocks import Clocks as Kept
from activities.clocks import ClockState, ClockWanted
from rules.evidence import Frozen
from storage import clocks
from workflows.clock import Clocks

QUEUE = "bench-clocks"


class OneClock(Frozen):
    """The clock of a case, and the instant at which its term ends."""

    wanted: ClockWanted
    due_at: datetime


@workflow.defn
class ClockCase:
    """Waits until its clock has been missed, and then does what was to be done."""

    @workflow.init
    def __init__(self, start: OneClock) -> None:
        self._clocks = Clocks(self._rang)
        self._missed = False

    @workflow.run
    async def run(self, start: OneClock) -> bool | None:
        """Whether it was in time: it never is."""
        return await self._clocks.guard(start.wanted, self._late())

    async def _late(self) -> dict[str, str]:
        await workflow.wait_condition(lambda: self._missed)
        return {"done": "late"}

    async def _rang(self, kind: str) -> None:
        self._missed = self._missed or kind == "MISSED"


class ShortClocks(Kept):
    """The real activities; a term ends at the instant that its key names."""

    @activity.defn(name="start_clock")
    async def start_short(self, wanted: ClockWanted) -> ClockState:
        """Start the clock, then move its end."""
        started = await self.start_clock(wanted)
        async with self._records.moment() as moment:
            row = await clocks.locked(moment.session, started.clock_id)
            row.due_at = datetime.fromisoformat(wanted.key.rpartition("|")[2])
            moment.session.add(row)
        return started.model_copy(update={"due_at": row.due_at})

    def all(self) -> list[Any]:
        """As the real ones, the first one changed."""
        return [self.start_short, *super().all()[1:]]


async def serve() -> None:
    """The worker, as worker.py makes its own."""
    from activities.context import open_records
    from activities.interceptors import BusinessErrors
    from bench.engine import client_of
    from infra.settings import load
    from infra.temporal import CACHED_WORKFLOWS, RUNNER
    from rules.errors import BusinessError

    settings = load()
    records = open_records(**settings.records())
    worker = Worker(
        await client_of(settings),
        task_queue=QUEUE,
        workflows=[ClockCase],
        activities=ShortClocks(records).all(),
        interceptors=[BusinessErrors()],
        workflow_runner=RUNNER,
        workflow_failure_exception_types=[BusinessError],
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_cached_workflows=CACHED_WORKFLOWS,
        max_concurrent_activities=settings.worker_slots,
    )
    async with worker:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
