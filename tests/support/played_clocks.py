"""Played statutory clocks: kept in memory; terms, reminders and endings are those of the real rules.

`calendar` may be changed by a test: `move()` then computes the open clocks anew and says whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio import activity

from activities.clocks import (
    ClockEnded,
    ClockRang,
    ClockRef,
    ClockState,
    ClockWanted,
    ending,
    rings,
    row_of,
    set_term,
    state_of,
)
from rules.calendar import local_date
from rules.days_off import CALENDAR, Calendar
from rules.policy import policy
from storage.tables import StatutoryClock


@dataclass
class PlayedClock:
    """One clock. told: what happened to it, in order: STARTED, HALF_WAY, WARNING, MOVED, MISSED, MET ..."""

    row: StatutoryClock
    told: list[tuple[str, datetime]] = field(default_factory=list)
    moved: dict[str, str | None] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """What happened to it, without the instants."""
        return [kind for kind, _ in self.told]


class PlayedClocks:
    """The clocks of a played world, by their keys."""

    def __init__(self) -> None:
        self.calendar: Calendar = CALENDAR
        self.kept: dict[str, PlayedClock] = {}
        self.within: dict[str, timedelta] = {}  # of a rule: its clocks end so soon, whatever the calendar says
        self.asked_to_end = 0

    def of(self, rule: str) -> PlayedClock:
        """The one clock of a rule."""
        (found,) = [one for one in self.kept.values() if one.row.rule == rule]
        return found

    def move(self, calendar: Calendar) -> list[StatutoryClock]:
        """Another calendar: the open clocks that it moves, whose workflows must be told."""
        self.calendar, moved = calendar, []
        for one in self.kept.values():
            last_day = one.row.last_day
            if one.row.state in ("RUNNING", "MISSED") and set_term(one.row, calendar):
                one.moved = {"moved_by": "order 9", "moved_from": last_day.isoformat() if last_day else None}
                one.row.state = "RUNNING"
                one.told.append(("MOVED", one.told[-1][1]))
                moved.append(one.row)
        return moved

    def activities(self) -> Sequence[Callable[..., Any]]:
        """The real names and shapes."""

        @activity.defn
        async def start_clock(wanted: ClockWanted) -> ClockState:
            key, n = wanted.key, 1
            while key in self.kept and self.kept[key].row.state == "CANCELLED":
                n += 1
                key = f"{wanted.key}#{n}"
            if key not in self.kept:
                self.kept[key] = self._started(wanted)
            return self._state(self.kept[key])

        @activity.defn
        async def read_clock(ref: ClockRef) -> ClockState:
            return self._state(self._by_id(ref.clock_id))

        @activity.defn
        async def ring_clock(rang: ClockRang) -> ClockState:
            one = self._by_id(rang.clock_id)
            if rings(one.row, rang):
                one.told.append((rang.kind, rang.at))
                one.row.state = "MISSED" if rang.kind == "MISSED" else one.row.state
            return self._state(one)

        @activity.defn
        async def end_clock(ended: ClockEnded) -> ClockState:
            one = self._by_id(ended.clock_id)
            self.asked_to_end += 1
            if one.row.state in ("RUNNING", "MISSED"):
                one.row.state = ending(one.row, ended, self.calendar)
                if one.row.state != "RUNNING":
                    one.row.ended_at, one.row.evidence = ended.at, ended.evidence
                    one.told.append((one.row.state, ended.at))
            return self._state(one)

        return [start_clock, read_clock, ring_clock, end_clock]

    def _started(self, wanted: ClockWanted) -> PlayedClock:
        row = row_of(wanted, self.calendar, wanted.received_at)
        row.state = "RUNNING"
        if wanted.rule in self.within:
            row.due_at = activity.info().scheduled_time + self.within[wanted.rule]
        return PlayedClock(row, [("STARTED", wanted.received_at)])

    def _by_id(self, clock_id: UUID) -> PlayedClock:
        (found,) = [one for one in self.kept.values() if one.row.id == clock_id]
        return found

    def _state(self, one: PlayedClock) -> ClockState:
        moves, last = 0, {}
        for kind, at in one.told:
            moves += kind == "MOVED"
            last[kind] = (moves, at)
        state = state_of(one.row, self.calendar, policy(local_date(one.row.received_at)), moves, last)
        return state.model_copy(update=one.moved)
