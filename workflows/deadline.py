"""A day by which the law wants something done, as cases of older releases watch it; newer ones use workflows.clock.

Kept for the histories of running cases: it waits for somebody else's work and knows the day by itself alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from workflows import attributes

Tell = Callable[[], Awaitable[None]]


class Deadline:
    """One deadline.

    Args:
        rule: the policy row that sets it; staff filter lists by it.
        due_at: the first instant at which it is missed.
        late: called once it is missed.
        warn_at, warn: when and how staff are reminded.
    """

    def __init__(
        self, rule: str, due_at: datetime, late: Tell, *, warn_at: datetime | None = None, warn: Tell | None = None
    ) -> None:
        self._rule, self._due_at = rule, due_at
        self._steps = [(warn_at, warn)] if warn_at is not None and warn is not None else []
        self._steps.append((due_at, late))

    async def until(self, done: Callable[[], bool], summary: str) -> bool:
        """Wait until it is done, however long that takes; whether it was in time."""
        _show(attributes.DEADLINE.value_set(self._due_at), attributes.DEADLINE_RULE.value_set(self._rule))
        for at, tell in self._steps:
            if not await _by(at, done, summary):
                await tell()
        in_time = workflow.now() < self._due_at
        await workflow.wait_condition(done)
        _show(attributes.DEADLINE.value_unset(), attributes.DEADLINE_RULE.value_unset())
        return in_time


async def _by(at: datetime, done: Callable[[], bool], summary: str) -> bool:
    left = at - workflow.now()
    if left.total_seconds() > 0 and not done():
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(done, timeout=left, timeout_summary=summary)
    return done()


def _show(*updates: SearchAttributeUpdate[Any]) -> None:
    workflow.upsert_search_attributes(list(updates))
