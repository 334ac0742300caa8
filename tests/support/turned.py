"""A case on the server whose clock is turned by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
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


class Patience:
    """`async for _ in Patience():` looks again and again, for so long as only what never happens takes."""

    def __init__(self, seconds: float = 90) -> None:
        self._end, self._first = time.monotonic() + seconds, True

    def __aiter__(self) -> Patience:
        return self

    async def __anext__(self) -> None:
        if time.monotonic() > self._end:
            raise StopAsyncIteration
        if not self._first:
            await asyncio.sleep(0.05)
        self._first = False


async def at_rest(handle: WorkflowHandle, beside: tuple[str, ...] = ()) -> None:
    """Wait until no activity, child, task or word to another case is under way; children of the kinds `beside` may be.

    What the case shows is asked for afterwards: an answer from before may be older than what has come to rest.
    """
    async for _ in Patience():
        described = (await handle.describe()).raw_description
        children = [one for one in described.pending_children if one.workflow_type_name not in beside]
        if described.pending_activities or children or described.HasField("pending_workflow_task"):
            continue
        # a signal to another case is not among what is pending: the history says whether it was answered
        events = (await handle.fetch_history()).events
        if len(events) == described.workflow_execution_info.history_length and not _words_under_way(events):
            return
    raise AssertionError("never at rest")


_WORDS = {
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: 1,
    EventType.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: -1,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: -1,
}


def _words_under_way(events: Any) -> int:
    return sum(_WORDS.get(one.event_type, 0) for one in events)


async def under_way(handle: WorkflowHandle, activity: str) -> None:
    """Wait until a case has an activity of this name done, and knows that it has."""
    async for _ in Patience():
        pending = (await handle.describe()).raw_description.pending_activities
        if activity in [one.activity_type.name for one in pending]:
            return
    raise AssertionError(f"never under way: {activity}")


class Turned:
    """One case of a played world."""

    def __init__(self, start: Any, played: Played, handle: WorkflowHandle) -> None:
        self.start, self.played, self.handle = start, played, handle

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that the case does now."""
        async for _ in Patience():
            if true():
                return
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
