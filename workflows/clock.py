"""A statutory clock inside a case: staff are reminded before its last day ends and told when it has passed undone.

One durable timer at a time, to a computed instant; nothing polls. The term is kept in the database, so a day off that
moves moves it: whoever moves it signals `clock_moved`, and the clock reads its term anew.

Use::

    clocks = Clocks()                                      # in __init__: it hears `clock_moved`
    in_time = await clocks.guard(wanted, self._do_it())    # the work returns its evidence

Rules: para 13.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from activities.clocks import ClockEnded, ClockRang, ClockRef, ClockState, ClockWanted
from activities.clocks import Clocks as Kept
from rules.clocks import Alarm
from rules.evidence import Frozen
from workflows import attributes, options
from workflows.cases import do

SIGNAL = "clock_moved"
MOVED, NO_CALENDAR = "MOVED", "NO_CALENDAR"
_RUNNING, _MISSED = "RUNNING", "MISSED"
Tell = Callable[[str], Awaitable[None]]
Evidence = dict[str, Any]


class ClockMoved(Frozen):
    """The term of a clock is another one now: read it."""

    clock_id: UUID


class Clocks:
    """The clocks of one case.

    Args:
        rang: called when staff may want to see another page: with HALF_WAY, WARNING or MISSED after that was kept,
            with MOVED after a term has become another one, with NO_CALENDAR where a clock has no last day.
    """

    def __init__(self, rang: Tell | None = None) -> None:
        self._rang = rang
        self._moves: dict[UUID, int] = {}  # words of a move that have come
        self._seen: dict[UUID, int] = {}  # how many of them the state below knows of
        self._running: dict[UUID, ClockState] = {}
        workflow.set_signal_handler(SIGNAL, self._moved)

    async def guard(
        self, wanted: ClockWanted, work: Coroutine[Any, Any, Evidence | None], *, done_at: str | None = None
    ) -> bool | None:
        """Do something by the last day of a clock; whether it was in time, None where it fell away (no evidence).

        done_at: where the evidence has the instant at which it was done; else that is when we hear of it.
        """
        try:
            clock = await self.start(wanted)
        except BaseException:
            work.close()
            raise
        doing = asyncio.create_task(work)
        try:
            await self.watch(clock, doing.done)
            evidence = await doing
        finally:
            doing.cancel()
        at = datetime.fromisoformat(evidence[done_at]) if evidence and done_at else None
        return await self.end(clock, evidence, at)

    async def start(self, wanted: ClockWanted) -> UUID:
        """Start the clock; once, by its key."""
        state = await do(Kept.start_clock, wanted, f"срок {wanted.rule}: начат", options.LOAN)
        self._keep(state, seen=0)
        if state.due_at is None:
            await self._tell(NO_CALENDAR)
        return state.clock_id

    async def watch(self, clock_id: UUID, done: Callable[[], bool]) -> None:
        """Wait until it is done, however long that takes; remind and escalate meanwhile."""
        while not done():
            state = self._running[clock_id]
            alarm = _next(state)
            if await _by(alarm.at if alarm else None, lambda: done() or self._stale(clock_id), f"срок {state.rule}"):
                if not done():
                    await self._read(clock_id)
            elif alarm is not None:
                seen = self._moves.get(clock_id, 0)
                rang = ClockRang(clock_id=clock_id, kind=alarm.kind, at=workflow.now())
                summary = f"срок {state.rule}: {_WORDS[alarm.kind]}"
                self._keep(await do(Kept.ring_clock, rang, summary, options.LOAN), seen)
                missed = self._running[clock_id].state == _MISSED
                await self._tell(MOVED if alarm.kind == _MISSED and not missed else alarm.kind)

    async def run_out(self, clock_id: UUID, evidence: Evidence) -> None:
        """Wait until the last day has ended: for terms before which something may not be done."""
        while self._running[clock_id].state == _RUNNING:
            await self._term(clock_id)
            seen = self._moves.get(clock_id, 0)
            ended = ClockEnded(clock_id=clock_id, at=workflow.now(), evidence=evidence, ran_out=True)
            self._keep(await do(Kept.end_clock, ended, "срок прошёл", options.LOAN), seen)
        del self._running[clock_id]
        self._show()

    async def _term(self, clock_id: UUID) -> None:
        while (due_at := self._running[clock_id].due_at) is None or due_at > workflow.now() or self._stale(clock_id):
            if await _by(due_at, lambda: self._stale(clock_id), f"срок {self._running[clock_id].rule}"):
                await self._read(clock_id)

    async def end(self, clock_id: UUID, evidence: Evidence | None, at: datetime | None = None) -> bool | None:
        """Met, with what shows it, or (None) cancelled; whether it was in time.

        Where that cannot be said because a year's days off are unknown, it waits until staff have added the year.
        """
        at = at or workflow.now()
        while True:
            seen = self._moves.get(clock_id, 0)
            ended = ClockEnded(clock_id=clock_id, at=at, evidence=evidence or {}, cancelled=evidence is None)
            summary = f"срок {self._running[clock_id].rule}: закрыт"
            self._keep(await do(Kept.end_clock, ended, summary, options.LOAN), seen)
            state = self._running[clock_id].state
            if state not in (_RUNNING, _MISSED):
                break
            await workflow.wait_condition(lambda: self._stale(clock_id))
        del self._running[clock_id]
        self._show()
        return None if evidence is None else state == "MET"

    def due_at(self, rule: str) -> datetime | None:
        """The first instant at which the running clock of a rule is missed; None while it has no last day."""
        return next((one.due_at for one in self._running.values() if one.rule == rule), None)

    def lines(self) -> list[str]:
        """The running clocks for the case's page, the nearest first."""
        return [_described(state) for state in sorted(self._running.values(), key=_nearest)]

    @property
    def needs_person(self) -> bool:
        """Whether one was missed, or has no last day because a year's days off are unknown."""
        return any(one.state == _MISSED or one.due_at is None for one in self._running.values())

    async def _moved(self, moved: ClockMoved) -> None:
        self._moves[moved.clock_id] = self._moves.get(moved.clock_id, 0) + 1

    def _stale(self, clock_id: UUID) -> bool:
        """Whether word of a move has come since the state was asked for: also while an answer was on its way."""
        return self._moves.get(clock_id, 0) != self._seen[clock_id]

    async def _read(self, clock_id: UUID) -> None:
        seen, before = self._moves.get(clock_id, 0), self._running[clock_id]
        state = await do(Kept.read_clock, ClockRef(clock_id=clock_id), f"срок {before.rule}: перенесён", options.LOAN)
        self._keep(state, seen)
        if (state.due_at, state.state) != (before.due_at, before.state):
            await self._tell(MOVED)

    async def _tell(self, kind: str) -> None:
        if self._rang is not None:
            await self._rang(kind)

    def _keep(self, state: ClockState, seen: int) -> None:
        self._running[state.clock_id], self._seen[state.clock_id] = state, seen
        self._show()

    def _show(self) -> None:
        """The nearest one in the lists of Temporal UI."""
        dated = [one for one in self._running.values() if one.due_at is not None]
        first = min(dated, key=_nearest, default=None)
        updates: list[SearchAttributeUpdate[Any]] = [
            attributes.DEADLINE.value_unset() if first is None else attributes.DEADLINE.value_set(_due(first)),
            attributes.DEADLINE_RULE.value_unset() if first is None else attributes.DEADLINE_RULE.value_set(first.rule),
        ]
        workflow.upsert_search_attributes(updates)


_WORDS = {"HALF_WAY": "половина прошла", "WARNING": "напоминание", _MISSED: "пропущен"}


def _due(state: ClockState) -> datetime:
    assert state.due_at is not None
    return state.due_at


def _nearest(state: ClockState) -> tuple[bool, datetime | None]:
    return state.due_at is None, state.due_at


def _next(state: ClockState) -> Alarm | None:
    """What the clock waits for: its next alarm, then its end; None once it is missed or while it has no last day."""
    if state.due_at is None or state.state != _RUNNING:
        return None
    return min([*state.alarms, Alarm(kind=_MISSED, at=state.due_at)], key=lambda one: one.at)


def _described(state: ClockState) -> str:
    head = f"**{state.rule}** — {state.title}"
    if state.due_at is None:
        return f"{head}: нет календаря на этот год, нужен сотрудник"
    moved = f"; перенесён ({state.moved_by}), было до {state.moved_from or '—'}" if state.moved_by else ""
    missed = " **ПРОПУЩЕН**" if state.state == _MISSED else ""
    return f"{head}: до конца {state.last_day} (Алматы){moved}{missed}"


async def _by(at: datetime | None, stirred: Callable[[], bool], summary: str) -> bool:
    """Wait for something, until an instant at the longest; whether it came."""
    if at is None:
        await workflow.wait_condition(stirred)
        return True
    left = at - workflow.now()
    if left.total_seconds() > 0 and not stirred():
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(stirred, timeout=left, timeout_summary=summary)
    return stirred()
