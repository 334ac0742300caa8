"""Clients' complaints as staff work on them: the queue by last day, one complaint, the written answer.

Rules: para 7, part 7; para 27.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import col, select

from activities import complaints
from activities.context import Moment
from api.actions import Call
from api.routes.complaints import begin_call
from api.routes.problems import problems
from api.schemas_reports import ComplaintReply, ComplaintShown
from api.services import Kit
from api.staff import Reviewer
from rules.calendar import local_date
from rules.complaints import Outcome, Topic
from storage import audit
from storage.tables import Complaint

router = APIRouter(prefix="/staff/api/complaints", tags=["staff"])

_SHOWN = 200


@router.get("", responses=problems(401, 403, 422))
async def queue(
    kit: Kit, member: Reviewer, state: Annotated[Literal["RECEIVED", "ANSWERED"], Query()] = "RECEIVED"
) -> list[ComplaintShown]:
    """Complaints in a state, the nearest last day first; without the clients' words."""
    async with kit.records.moment() as moment:
        query = select(Complaint).where(col(Complaint.state) == state)
        query = query.order_by(col(Complaint.answer_due), col(Complaint.received_at)).limit(_SHOWN)
        shown = await _shown(moment, (await moment.session.exec(query)).all())
    return sorted(shown, key=lambda one: one.answer_due)


@router.get("/{complaint_id}", responses=problems(401, 403, 404, 422))
async def one(complaint_id: UUID, kit: Kit, member: Reviewer) -> ComplaintShown:
    """One complaint with the client's own words; that they were read is audited."""
    async with kit.records.moment() as moment:
        found = await complaints.locked(moment.session, complaint_id)
        client = await kit.records.clients.get(moment.session, found.client_id)
        await audit.record(
            moment.session,
            actor=member.who,
            action="complaint-read",
            subject=f"client:{found.client_id}",
            paragraph="27",
            detail={"complaint": str(found.id)},
        )
        (shown,) = await _shown(moment, [found])
        return shown.model_copy(update={"text": complaints.words(kit.records, client, found)})


@router.post("/{complaint_id}/answer", responses=problems(401, 403, 404, 409, 422))
async def answer(complaint_id: UUID, body: ComplaintReply, kit: Kit, member: Reviewer) -> ComplaintShown:
    """Answer: the client reads it in the personal account."""
    async with kit.records.moment() as moment:
        found = await complaints.locked(moment.session, complaint_id)
        await complaints.answer(kit.records, moment, found, member.staff_id, body.outcome, body.text)
        begin = begin_call(found)
        call = Call("ComplaintCase", complaints.id_of(found.id), "answer_given", None, f"complaint-answered:{found.id}")
        for one in (begin, call):  # one received before complaints had cases has its case now
            await kit.actions.keep(moment.session, one)
        (shown,) = await _shown(moment, [found])
    await kit.actions.begin(begin)
    await kit.actions.deliver(call)
    return shown


async def _shown(moment: Moment, found: Sequence[Complaint]) -> list[ComplaintShown]:
    dues = await complaints.dues(moment.session, found)
    return [_line(moment, one, dues[one.id]) for one in found]


def _line(moment: Moment, found: Complaint, due: date) -> ComplaintShown:
    day = moment.day if found.answered_at is None else local_date(found.answered_at)
    return ComplaintShown(
        complaint_id=found.id,
        client_id=found.client_id,
        loan_id=found.loan_id,
        topic=Topic(found.topic),
        state=found.state,
        received_at=found.received_at,
        answer_due=due,
        late=day > due,
        outcome=None if found.outcome is None else Outcome(found.outcome),
        answered_at=found.answered_at,
    )
