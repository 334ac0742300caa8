"""A case on the server whose clock is turned by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.interceptors import BusinessErrors
from infra.temporal import RUNNER
from rules.errors import BusinessError
from tests.support.played import Played
from workflows.everything import WORKFLOWS


def worker_of(skipping: Any, queue: str, played: Played, workflows: list[type] = WORKFLOWS) -> Worker:
    """A worker over a played world, for tests in which one goes and another comes."""
    return Worker(
        skipping.client, task_queue=queue, workflows=workflows, activities=played.activities(),
        workflow_runner=RUNNER, debug_mode=True, interceptors=[BusinessErrors()],
        workflow_failure_exception_types=[BusinessError],
    )  # fmt: skip


async def at_rest(handle: WorkflowHandle, beside: tuple[str, ...] = ()) -> None:
    """Wait until no activity, child or task of a case is under way; children of the kinds `beside` may be.

    What the case shows is asked for afterwards: an answer from before may be older than what has come to rest.
    """
    for _ in range(600):
        described = (await handle.describe()).raw_description
        children = [one for one in described.pending_children if one.workflow_type_name not in beside]
        if not (described.pending_activities or children or described.HasField("pending_workflow_task")):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never at rest")


class Turned:
    """One case of a played world."""

    def __init__(self, start: Any, played: Played, handle: WorkflowHandle) -> None:
        self.start, self.played, self.handle = start, played, handle

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that the case does now."""
        for _ in range(400):
            if true():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {self.played.calls}")

    async def settled(self) -> None:
        """See at_rest."""
        await at_rest(self.handle)

    async def now(self) -> datetime:
        """By the case's clock."""
        return await self.start.environment.get_current_time(self.handle)

    async def turn_to(self, instant: datetime) -> None:
        """Turn the case's clock forward."""
        left = instant - await self.now()
        assert left > timedelta(0), "the clock only goes forward"
        assert await self.start.environment.fast_forward(self.handle, left)
        await self.settled()

    async def shown(self) -> Any:
        """What the lists of Temporal UI have of it."""
        return (await self.handle.describe()).typed_search_attributes
