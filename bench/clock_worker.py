"""`python -m bench.clock_worker`: the worker of bench.clock_case, its activities on the real database.

Terms are real but for their end, which lies as few seconds ahead as the benchmark wants: by the law it is a midnight.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import Worker

from activities.clocks import Clocks, ClockState, ClockWanted
from activities.context import open_records
from activities.interceptors import BusinessErrors
from bench.clock_case import QUEUE, ClockCase, due_of
from bench.engine import client_of
from infra.settings import load
from infra.temporal import CACHED_WORKFLOWS, RUNNER
from rules.errors import BusinessError
from storage import clocks


class ShortClocks(Clocks):
    """The real activities; a term ends at the instant that its key names."""

    @activity.defn(name="start_clock")
    async def start_short(self, wanted: ClockWanted) -> ClockState:
        """Start the clock, then move its end."""
        started = await self.start_clock(wanted)
        async with self._records.moment() as moment:
            row = await clocks.locked(moment.session, started.clock_id)
            row.due_at = due_of(wanted.key)
            moment.session.add(row)
        return started.model_copy(update={"due_at": row.due_at})

    def all(self) -> list[Any]:
        """As the real ones, the first one changed."""
        return [self.start_short, *super().all()[1:]]


async def serve() -> None:
    """As worker.py makes its own."""
    settings = load()
    worker = Worker(
        await client_of(settings),
        task_queue=QUEUE,
        workflows=[ClockCase],
        activities=ShortClocks(open_records(**settings.records())).all(),
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
