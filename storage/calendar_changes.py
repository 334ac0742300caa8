"""Changes of the calendar: one person proposes, another one confirms or refuses. The database checks it too.

Rules: para 27; para 28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.calendar_changes import check_day, check_year
from rules.errors import Conflict, NotAllowed, NotFound
from storage import clocks
from storage.clock import now
from storage.database import is_duplicate
from storage.tables import CalendarChange


async def propose_day(session: AsyncSession, day: date, works: bool, act: str, staff_id: UUID) -> CalendarChange:
    """The first person's word: an act moves this day.

    Raises:
        InvalidInput, Conflict: see rules.calendar_changes.check_day.
        Conflict: `calendar-change-open`: another proposal for this day waits for its second word.
    """
    check_day(await clocks.calendar(session), day, works)
    return await _kept(
        session, CalendarChange(day=day, works=works, act=act, proposed_by=staff_id, proposed_at=await now(session))
    )


async def propose_year(
    session: AsyncSession, year: int, off: Mapping[date, str], worked: Sequence[date], act: str, staff_id: UUID
) -> CalendarChange:
    """The first person's word: these are the days off of the next year.

    Args:
        off: weekdays off and what they are for. worked: weekend days worked.

    Raises:
        InvalidInput: see rules.calendar_changes.check_year.
        Conflict: `calendar-change-open`: another proposal for this year waits for its second word.
    """
    check_year(await clocks.calendar(session), year, off, worked)
    row = CalendarChange(
        year=year,
        off={day.isoformat(): why for day, why in sorted(off.items())},
        worked=sorted(day.isoformat() for day in worked),
        act=act,
        proposed_by=staff_id,
        proposed_at=await now(session),
    )
    return await _kept(session, row)


async def _kept(session: AsyncSession, row: CalendarChange) -> CalendarChange:
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise Conflict("calendar-change-open") from None
    return row


async def confirm(session: AsyncSession, change_id: UUID, staff_id: UUID) -> CalendarChange:
    """The second person agrees: from the end of this transaction every new clock counts by it.

    Raises:
        NotFound: `calendar-change-unknown`.
        NotAllowed: `second-person-needed`: the same person proposed it.
        Conflict: `calendar-change-decided`, or it changes nothing any more, as proposing it would say.
    """
    await clocks.hold_calendar(session)
    found = await _undecided(session, change_id)
    if found.proposed_by == staff_id:
        raise NotAllowed("second-person-needed")
    if found.day is not None:
        check_day(await clocks.calendar(session), found.day, bool(found.works))
    return await _decided(session, found, "CONFIRMED", staff_id)


async def refuse(session: AsyncSession, change_id: UUID, staff_id: UUID) -> CalendarChange:
    """Somebody says no, or the one who proposed it takes it back: another proposal can be made.

    Raises:
        NotFound: `calendar-change-unknown`.
        Conflict: `calendar-change-decided`.
    """
    return await _decided(session, await _undecided(session, change_id), "REFUSED", staff_id)


async def get(session: AsyncSession, change_id: UUID) -> CalendarChange:
    """The change.

    Raises:
        NotFound: `calendar-change-unknown`.
    """
    found = await session.get(CalendarChange, change_id)
    if found is None:
        raise NotFound("calendar-change-unknown")
    return found


async def listed(session: AsyncSession, limit: int) -> Sequence[CalendarChange]:
    """Changes, those that wait for their second word first, then the newest."""
    open_first = col(CalendarChange.state) != "PROPOSED"
    query = select(CalendarChange).order_by(open_first, col(CalendarChange.proposed_at).desc()).limit(limit)
    return (await session.exec(query)).all()


async def _undecided(session: AsyncSession, change_id: UUID) -> CalendarChange:
    query = select(CalendarChange).where(col(CalendarChange.id) == change_id).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("calendar-change-unknown")
    if found.state != "PROPOSED":
        raise Conflict("calendar-change-decided")
    return found


async def _decided(session: AsyncSession, row: CalendarChange, state: str, staff_id: UUID) -> CalendarChange:
    row.state, row.decided_by, row.decided_at = state, staff_id, await now(session)
    session.add(row)
    await session.flush()
    return row
