"""Staff: the days off. One person enters what an act has moved, or a whole year; another one confirms it.

Rules: para 27; para 28.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, cast
from uuid import UUID

from fastapi import APIRouter

from activities.context import Moment
from api.actions import Call
from api.routes.problems import problems
from api.schemas_clocks import CalendarAnswer, CalendarBody, CalendarChangeAnswer
from api.services import Kit
from api.staff import Member, Reviewer
from storage import audit, calendar_changes, clocks
from storage.tables import CalendarChange
from workflows.calendar_change import ChangeConfirmed, id_of

router = APIRouter(prefix="/staff/api/calendar", tags=["staff"])

_MOST_SHOWN = 200


@router.get("", responses=problems(401, 403))
async def calendar(kit: Kit, member: Reviewer) -> CalendarAnswer:
    """Which years are known, and the changes: those that wait for a second person first."""
    async with kit.records.moment() as moment:
        known = await clocks.calendar(moment.session)
        changes = await calendar_changes.listed(moment.session, _MOST_SHOWN)
        return CalendarAnswer(
            version=known.version,
            years=list(known.years),
            undated_clocks=await clocks.undated(moment.session),
            changes=[_told(one) for one in changes],
        )


@router.post("", status_code=201, responses=problems(401, 403, 409, 422))
async def propose(body: CalendarBody, kit: Kit, member: Reviewer) -> CalendarChangeAnswer:
    """The first person's word. Nothing counts by it before another one has confirmed it."""
    async with kit.records.moment() as moment:
        if body.day is not None:
            row = await calendar_changes.propose_day(
                moment.session, body.day, bool(body.works), body.act, member.staff_id
            )
        else:
            off, worked = body.off or {}, body.worked or []
            row = await calendar_changes.propose_year(
                moment.session, body.year or 0, off, worked, body.act, member.staff_id
            )
        await _record(moment, member, "calendar-change-proposed", row)
        return _told(row)


@router.post("/{change_id}/confirm", responses=problems(401, 403, 404, 409, 422))
async def confirm(change_id: UUID, kit: Kit, member: Reviewer) -> CalendarChangeAnswer:
    """A second, different person agrees: new clocks count by it at once, and the open ones are moved."""
    async with kit.records.moment() as moment:
        row = await calendar_changes.confirm(moment.session, change_id, member.staff_id)
        await _record(moment, member, "calendar-change-confirmed", row)
        start = ChangeConfirmed(change_id=row.id)
        call = Call("CalendarChange", id_of(row.id), "", start, row.id.hex, operation="start")
        await kit.actions.keep(moment.session, call)
    await kit.actions.begin(call)
    return _told(row)


@router.post("/{change_id}/refuse", responses=problems(401, 403, 404, 409, 422))
async def refuse(change_id: UUID, kit: Kit, member: Reviewer) -> CalendarChangeAnswer:
    """Somebody says no, or the one who proposed it takes it back: another proposal can be made."""
    async with kit.records.moment() as moment:
        row = await calendar_changes.refuse(moment.session, change_id, member.staff_id)
        await _record(moment, member, "calendar-change-refused", row)
        return _told(row)


def _told(row: CalendarChange) -> CalendarChangeAnswer:
    return CalendarChangeAnswer(
        change_id=row.id,
        act=row.act,
        day=row.day,
        works=row.works,
        year=row.year,
        off=None if row.off is None else {date.fromisoformat(day): why for day, why in row.off.items()},
        worked=None if row.worked is None else [date.fromisoformat(day) for day in row.worked],
        state=cast(Literal["PROPOSED", "CONFIRMED", "REFUSED"], row.state),
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


async def _record(moment: Moment, member: Member, action: str, row: CalendarChange) -> None:
    await audit.record(
        moment.session,
        actor=member.who,
        action=action,
        subject=f"calendar:{row.day or row.year}",
        reason=row.act,
        paragraph="28",
        detail={"change": str(row.id), "works": row.works, "off": row.off, "worked": row.worked},
    )
