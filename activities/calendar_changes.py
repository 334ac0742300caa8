"""A confirmed change of the calendar: the open clocks are computed anew, a slice at a time, and their cases told.

A second run of a slice moves nothing, and tells the same cases again: word of a move may come twice, never not at all.

Rules: para 13; para 28.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from temporalio import activity

from activities.clocks import MISSED, RUNNING, set_term, tell, terms_of
from activities.context import Moment, Records
from rules.days_off import Calendar
from rules.errors import Conflict
from rules.evidence import Frozen
from storage import calendar_changes, clocks
from storage.tables import CalendarChange, StatutoryClock

SLICE = 200
Teller = Callable[[str, UUID], Awaitable[None]]


class SliceWanted(Frozen):
    """Open clocks behind an id, because of a change."""

    change_id: UUID
    after: UUID | None = None


class MovedClock(Frozen):
    """A clock with another term, and whose it is."""

    clock_id: UUID
    workflow_id: str


class SliceMoved(Frozen):
    """What a slice has moved. last: its last id, None where there was no more; act: of the change."""

    act: str
    moved: list[MovedClock] = []
    last: UUID | None = None


class ClocksToTell(Frozen):
    """Clocks whose cases are told."""

    moved: list[MovedClock]


class CalendarChanges:
    """Moves clocks. teller: says to a case that a clock of its own has moved; a closed case is no error."""

    def __init__(self, records: Records, teller: Teller) -> None:
        self._records, self._teller = records, teller

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.move_clocks, self.tell_clocks]

    @activity.defn
    async def move_clocks(self, wanted: SliceWanted) -> SliceMoved:
        """Compute a slice of open clocks by the calendar as it is confirmed now.

        Raises:
            NotFound: `calendar-change-unknown`.
            Conflict: `calendar-change-not-confirmed`.
        """
        async with self._records.moment() as moment:
            change = await calendar_changes.get(moment.session, wanted.change_id)
            if change.state != "CONFIRMED":
                raise Conflict("calendar-change-not-confirmed")
            calendar = await clocks.calendar(moment.session)
            rows = await clocks.open_after(moment.session, wanted.after, SLICE)
            for row in rows:
                await _move(moment, row, calendar, change)
            moved = await clocks.moved_by(moment.session, change.id, [row.id for row in rows])
            return SliceMoved(
                act=change.act,
                moved=[MovedClock(clock_id=row.id, workflow_id=row.workflow_id) for row in rows if row.id in moved],
                last=rows[-1].id if len(rows) == SLICE else None,
            )

    @activity.defn
    async def tell_clocks(self, told: ClocksToTell) -> None:
        """Say to their cases that these clocks have moved."""
        for one in told.moved:
            await self._teller(one.workflow_id, one.clock_id)


async def _move(moment: Moment, row: StatutoryClock, calendar: Calendar, change: CalendarChange) -> None:
    before, last_day = terms_of(row), row.last_day
    if not set_term(row, calendar):
        return
    if row.state == MISSED and row.due_at is not None and row.due_at > moment.at:
        row.state = RUNNING
    moment.session.add(row)
    detail = {
        "change": str(change.id),
        "act": change.act,
        "before": before["due"],
        "after": terms_of(row)["due"],
        "last_day_before": last_day.isoformat() if last_day else None,
    }
    await clocks.note(moment.session, row.id, "MOVED", moment.at, {**terms_of(row), **detail})
    await tell(moment, row, "clock-moved", detail)
