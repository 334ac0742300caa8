"""Statutory clocks in the database, and the calendar with the days that acts have moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.days_off import CALENDAR, Calendar, DayChange, YearOff
from rules.errors import NotFound
from rules.policy import Certainty
from storage.database import run
from storage.tables import CalendarChange, ClockEvent, StatutoryClock

OPEN = ("RUNNING", "MISSED")
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK = "select pg_advisory_xact_lock{kind}(hashtextextended('calendar', 13))"


async def calendar(session: AsyncSession) -> Calendar:
    """The table of days off with the confirmed changes."""
    query = select(CalendarChange).where(col(CalendarChange.state) == "CONFIRMED")
    rows = (await session.exec(query.order_by(col(CalendarChange.decided_at)))).all()
    changes = [DayChange(row.day, bool(row.works), row.act) for row in rows if row.day is not None]
    return CALENDAR.changed(changes, [year_of(row) for row in rows if row.year is not None]) if rows else CALENDAR


def year_of(row: CalendarChange) -> YearOff:
    """A whole year as staff entered it."""
    off = {date.fromisoformat(day): f"holiday: {name}" for day, name in (row.off or {}).items()}
    worked = {date.fromisoformat(day): row.act for day in row.worked or []}
    return YearOff(row.year or 0, off, worked, row.act, Certainty.B)


async def settled_calendar(session: AsyncSession) -> Calendar:
    """The calendar, and none is confirmed until this transaction ends: no clock starts by one that is out of date."""
    await run(session, _LOCK.format(kind="_shared"))
    return await calendar(session)


async def hold_calendar(session: AsyncSession) -> None:
    """Before a change is confirmed: waits for clocks that are being started by the calendar of before."""
    await run(session, _LOCK.format(kind=""))


async def add(session: AsyncSession, row: StatutoryClock) -> StatutoryClock | None:
    """Keep a new clock; the one that has its key already, where there is one.

    One that fell away does not stand in the way: the same fact may come up again, and has a clock of its own then.
    """
    await run(session, "select pg_advisory_xact_lock(hashtextextended(:key, 13))", key=f"clock:{row.key}")
    key, n = row.key, 1
    while True:
        query = select(StatutoryClock).where(col(StatutoryClock.key) == row.key)
        known = (await session.exec(query)).one_or_none()
        if known is None:
            session.add(row)
            await session.flush()
        if known is None or known.state != "CANCELLED":
            return known
        n += 1
        row.key = f"{key}#{n}"


async def get(session: AsyncSession, clock_id: UUID) -> StatutoryClock:
    """The clock.

    Raises:
        NotFound: `clock-unknown`.
    """
    row = await session.get(StatutoryClock, clock_id)
    if row is None:
        raise NotFound("clock-unknown")
    return row


async def locked(session: AsyncSession, clock_id: UUID) -> StatutoryClock:
    """The clock, and nobody else changes it in this transaction.

    Raises:
        NotFound: `clock-unknown`.
    """
    query = select(StatutoryClock).where(col(StatutoryClock.id) == clock_id).with_for_update()
    row = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise NotFound("clock-unknown")
    return row


async def open_after(session: AsyncSession, after: UUID | None, limit: int) -> Sequence[StatutoryClock]:
    """Open clocks by their ids, a slice at a time, each held until the transaction ends."""
    query = select(StatutoryClock).where(col(StatutoryClock.state).in_(OPEN))
    if after is not None:
        query = query.where(col(StatutoryClock.id) > after)
    query = query.order_by(col(StatutoryClock.id)).limit(limit).with_for_update()
    return (await session.exec(query.execution_options(populate_existing=True))).all()


async def nearest(
    session: AsyncSession,
    *,
    states: Sequence[str],
    undated: bool = False,
    rule: str | None = None,
    after: StatutoryClock | None = None,
    limit: int,
) -> Sequence[StatutoryClock]:
    """Clocks in these states: those without a last day first, then the nearest. after: the last of the part before."""
    due = func.coalesce(col(StatutoryClock.due_at), _BEFORE_ALL)
    query = select(StatutoryClock).where(col(StatutoryClock.state).in_(states))
    if undated:
        query = query.where(col(StatutoryClock.due_at).is_(None))
    if rule is not None:
        query = query.where(col(StatutoryClock.rule) == rule)
    if after is not None:
        last = after.due_at if after.due_at is not None else _BEFORE_ALL
        query = query.where(or_(due > last, (due == last) & (col(StatutoryClock.id) > after.id)))
    return (await session.exec(query.order_by(due, col(StatutoryClock.id)).limit(limit))).all()


async def undated(session: AsyncSession) -> int:
    """How many open clocks have no last day."""
    query = select(func.count()).where(col(StatutoryClock.state).in_(OPEN), col(StatutoryClock.due_at).is_(None))
    return int((await session.exec(query)).one())


async def note(session: AsyncSession, clock_id: UUID, kind: str, at: datetime, detail: dict[str, Any]) -> bool:
    """Append what happened to a clock; False where it is known already since the clock was last moved."""
    moves = await _moves(session, clock_id)
    n = moves + 1 if kind == "MOVED" else moves
    query = select(ClockEvent.id).where(
        col(ClockEvent.clock_id) == clock_id, col(ClockEvent.kind) == kind, col(ClockEvent.n) == n
    )
    if (await session.exec(query)).one_or_none() is not None:
        return False
    session.add(ClockEvent(id=uuid4(), clock_id=clock_id, kind=kind, n=n, at=at, detail=detail))
    await session.flush()
    return True


async def rung(session: AsyncSession, clock_id: UUID) -> tuple[int, dict[str, tuple[int, datetime]]]:
    """How often a clock was moved; after how many moves, and when, each kind of thing last happened to it."""
    query = select(ClockEvent.kind, func.max(ClockEvent.n), func.max(ClockEvent.at))
    rows = await session.exec(query.where(col(ClockEvent.clock_id) == clock_id).group_by(col(ClockEvent.kind)))
    last = {kind: (n, at) for kind, n, at in rows}
    return last["MOVED"][0] if "MOVED" in last else 0, last


async def last_move(session: AsyncSession, clock_id: UUID) -> ClockEvent:
    """How a clock that was moved was moved last."""
    query = select(ClockEvent).where(col(ClockEvent.clock_id) == clock_id, col(ClockEvent.kind) == "MOVED")
    return (await session.exec(query.order_by(col(ClockEvent.n).desc()).limit(1))).one()


async def moved_by(session: AsyncSession, change_id: UUID, clock_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these clocks a change of the calendar has moved."""
    query = select(ClockEvent.clock_id).where(
        col(ClockEvent.clock_id).in_(clock_ids),
        col(ClockEvent.kind) == "MOVED",
        col(ClockEvent.detail)["change"].astext == str(change_id),
    )
    return set((await session.exec(query)).all())


async def history(session: AsyncSession, clock_id: UUID) -> list[ClockEvent]:
    """All that happened to a clock, oldest first."""
    query = select(ClockEvent).where(col(ClockEvent.clock_id) == clock_id)
    return list((await session.exec(query.order_by(col(ClockEvent.at), col(ClockEvent.n)))).all())


async def _moves(session: AsyncSession, clock_id: UUID) -> int:
    query = select(func.count()).where(col(ClockEvent.clock_id) == clock_id, col(ClockEvent.kind) == "MOVED")
    return int((await session.exec(query)).one())
