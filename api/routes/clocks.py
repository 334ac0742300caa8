"""Staff: the statutory clocks, those that need a person first.

Rules: para 13; para 27.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from api.routes.problems import problems
from api.schemas_clocks import ClockAnswer, ClockEventAnswer, ClockFilter, ClockHistoryAnswer
from api.services import Kit
from api.staff import Reviewer
from rules.clocks import CLOCKS
from rules.errors import InvalidInput
from storage import clocks
from storage.tables import StatutoryClock

router = APIRouter(prefix="/staff/api/clocks", tags=["staff"])

_MOST_SHOWN = 100
_STATES = {
    ClockFilter.OPEN: clocks.OPEN,
    ClockFilter.MISSED: ("MISSED",),
    ClockFilter.UNDATED: clocks.OPEN,
    ClockFilter.ENDED: ("MET", "MET_LATE", "CANCELLED", "RAN_OUT"),
}


@router.get("", responses=problems(401, 403, 404, 422))
async def listed(
    kit: Kit,
    member: Reviewer,
    state: Annotated[ClockFilter, Query()] = ClockFilter.OPEN,
    rule: Annotated[str | None, Query(max_length=60)] = None,
    after: Annotated[UUID | None, Query(description="the last clock of the part before")] = None,
) -> list[ClockAnswer]:
    """Clocks, a hundred at a time: those without a last day first, then the nearest."""
    if rule is not None and rule not in CLOCKS:
        raise InvalidInput("clock-rule-unknown", field="/rule")
    async with kit.records.moment() as moment:
        last = None if after is None else await clocks.get(moment.session, after)
        found = await clocks.nearest(
            moment.session,
            states=_STATES[state],
            undated=state is ClockFilter.UNDATED,
            rule=rule,
            after=last,
            limit=_MOST_SHOWN,
        )
        return [ClockAnswer(**_told(one, moment.at)) for one in found]


@router.get("/{clock_id}", responses=problems(401, 403, 404, 422))
async def one(clock_id: UUID, kit: Kit, member: Reviewer) -> ClockHistoryAnswer:
    """A clock with its history."""
    async with kit.records.moment() as moment:
        row = await clocks.get(moment.session, clock_id)
        events = await clocks.history(moment.session, clock_id)
        return ClockHistoryAnswer(
            **_told(row, moment.at),
            document_id=row.document_id,
            client_id=row.client_id,
            loan_id=row.loan_id,
            evidence=row.evidence,
            history=[ClockEventAnswer(kind=event.kind, at=event.at, detail=event.detail) for event in events],
        )


def _told(row: StatutoryClock, at: datetime) -> dict[str, Any]:
    rule, is_open = CLOCKS[row.rule], row.state in clocks.OPEN
    return {
        "clock_id": row.id,
        "rule": row.rule,
        "title": rule.title,
        "paragraph": rule.paragraph,
        "subject": row.subject,
        "workflow_id": row.workflow_id,
        "received": row.received_at,
        "days": row.days,
        "unit": row.unit,
        "policy_row": row.policy_row,
        "last_day": row.last_day,
        "due": row.due_at,
        "calendar_version": row.calendar_version,
        "state": row.state,
        "needs_person": is_open and (row.due_at is None or row.due_at <= at),
        "ended_at": row.ended_at,
    }
