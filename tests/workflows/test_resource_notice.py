"""A notice of a resource on a real Temporal server with a virtual clock; activities are played.

Proven: nothing opens before the term has passed, on either side of its end, with workers that come and go; a regulator
who refuses gets the notice again; a day off that moves, moves the opening.

Rules: para 4; para 5.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from rules.calendar import local_date
from rules.clocks import deadline
from rules.days_off import CALENDAR, DayChange
from tests.support.played import Played
from tests.support.turned import Patience, worker_of
from tests.workflows.conftest import Starter
from workflows import attributes
from workflows.clock import MOVED, ClockMoved
from workflows.resource_notice import GiveNotice, ResourceNotice, id_of

A_LITTLE = timedelta(minutes=2)


class Given:
    """One notice's case."""

    def __init__(self, start: Starter, played: Played, handle: WorkflowHandle, rule: str) -> None:
        self.start, self.played, self.handle = start, played, handle
        self.opens = deadline(rule, played.resources.received_at).due

    @classmethod
    async def begun(cls, start: Any, played: Played, rule: str = "P4") -> Given:
        notice_id = uuid4()
        begin = GiveNotice(notice_id=notice_id, code="second-site", rule=rule, edition="2025b")
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(ResourceNotice.run, begin, id_of(notice_id))
        return cls(start, played, handle, rule)

    async def until(self, call: str) -> None:
        async for _ in Patience():
            if call in self.played.calls:
                return
        raise AssertionError(f"never {call}: {self.played.calls}")

    async def stands(self, stage: str) -> dict[Any, Any]:
        async for _ in Patience():
            shown = (await self.handle.describe()).typed_search_attributes
            if shown.get(attributes.STAGE) == stage:
                return dict(shown)
        raise AssertionError(f"never {stage}")

    async def turn_to(self, at: Any) -> bool:
        left = at - await self.start.environment.get_current_time(self.handle)
        return bool(await self.start.environment.fast_forward(self.handle, left))


@pytest.mark.parametrize("rule", ["P4", "P5"])
async def test_nothing_opens_before_the_term_has_passed_and_it_opens_then(case, rule) -> None:
    played = Played()
    async with case(played) as start:
        given = await Given.begun(start, played, rule)
        shown = (await given.stands("WAITING"), await given.handle.describe())[1].typed_search_attributes
        assert shown[attributes.DEADLINE] == given.opens
        assert shown[attributes.DEADLINE_RULE] == rule
        assert await given.turn_to(given.opens - A_LITTLE)
        assert played.resources.in_force_at is None
        await given.turn_to(given.opens + A_LITTLE)
        assert (await given.handle.result()).registration_number == "ARDFM-1"
    assert played.resources.in_force_at is not None
    assert played.resources.in_force_at >= given.opens
    assert played.clocks.of(rule).row.state == "RAN_OUT"
    assert played.calls.count("resource:draw") == 1


async def test_a_refused_notice_waits_for_people_and_is_sent_anew(case) -> None:
    played = Played()
    played.incident.refusals = 1
    async with case(played) as start:
        given = await Given.begun(start, played)
        await given.stands("REFUSED")
        assert (await given.handle.describe()).typed_search_attributes[attributes.NEEDS_PERSON] is True
        await given.handle.execute_update(ResourceNotice.retry)
        await given.stands("WAITING")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await given.handle.execute_update(ResourceNotice.retry)
        assert getattr(refused.value.cause, "type", "") == "resource-notice-not-refused"
        await given.turn_to(given.opens + A_LITTLE)
        await given.handle.result()
    assert played.resources.in_force_at is not None


async def test_a_day_off_that_is_added_moves_the_opening(case) -> None:
    played = Played()
    async with case(played) as start:
        given = await Given.begun(start, played)
        await given.stands("WAITING")
        clock = played.clocks.of("P4")
        last = local_date(given.opens - A_LITTLE)
        played.clocks.calendar = CALENDAR.changed([DayChange(last, works=False, act="order 1")])
        later = deadline("P4", played.resources.received_at, played.clocks.calendar).due
        clock.row.due_at, clock.row.last_day = later, local_date(later - A_LITTLE)
        await given.handle.signal(MOVED, ClockMoved(clock_id=clock.row.id))
        async for _ in Patience():
            if (await given.handle.describe()).typed_search_attributes[attributes.DEADLINE] == later:
                break
        assert await given.turn_to(given.opens + A_LITTLE)
        assert played.resources.in_force_at is None
        await given.turn_to(later + A_LITTLE)
        await given.handle.result()
    assert played.resources.in_force_at is not None
    assert played.resources.in_force_at >= later


async def test_another_worker_goes_on_where_the_first_has_stopped(skipping) -> None:
    played, queue = Played(), f"test-{uuid4()}"

    async with worker_of(skipping, queue, played):
        given = await Given.begun(Starter(skipping, queue), played)
        await given.stands("WAITING")
    async with worker_of(skipping, queue, played):
        assert await given.turn_to(given.opens - A_LITTLE)
        assert played.resources.in_force_at is None
    async with worker_of(skipping, queue, played):
        await given.turn_to(given.opens + A_LITTLE)
        await given.handle.result()
    assert played.resources.in_force_at is not None
    assert played.calls.count("resource:draw") == 1
