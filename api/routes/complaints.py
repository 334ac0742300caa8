"""A client complains, and reads the lender's answer. Rules: para 7, part 7."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from fastapi import APIRouter
from fastapi.responses import Response
from sqlmodel import col, select

from activities import complaints
from activities.complaints import AnswerComplaint
from activities.context import Moment
from api import papers
from api.actions import Call
from api.lending import own_loan
from api.once import Outcome, fingerprint
from api.routes.problems import ASK, DO
from api.schemas_reports import ComplaintAnswer, ComplaintBody
from api.services import Kit
from api.sessions import ClientCaller, OnceDep
from rules.calendar import local_date
from rules.complaints import Outcome as Decided
from rules.complaints import Topic
from rules.editions import edition
from storage.tables import Complaint, Document

router = APIRouter(prefix="/complaints", tags=["personal account"])

_SHOWN = 100


@router.post("", status_code=201, response_model=ComplaintAnswer, responses=DO)
async def complain(body: ComplaintBody, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Complain; we answer in writing by `answer_due`."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            if body.loan_id is not None:
                await own_loan(moment.session, caller.client_id, body.loan_id)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            made = await complaints.receive(
                kit.records, moment, client, body.topic, body.text, body.loan_id, once.new_id
            )
            call = begin_call(made)
            await kit.actions.keep(moment.session, call)  # whoever dies now, the term will be watched
            answer = (await _told(moment, [made]))[0]
        await kit.actions.begin(call)
        return Outcome(answer, 201)

    return await once.run(fingerprint(body), work)


@router.get("", responses=ASK)
async def mine(kit: Kit, caller: ClientCaller) -> list[ComplaintAnswer]:
    """The client's complaints, newest first, with our answers."""
    async with kit.records.moment() as moment:
        query = select(Complaint).where(col(Complaint.client_id) == caller.client_id)
        query = query.order_by(col(Complaint.received_at).desc()).limit(_SHOWN)
        return await _told(moment, (await moment.session.exec(query)).all())


def begin_call(made: Complaint) -> Call:
    """The start of a complaint's case."""
    start = AnswerComplaint(complaint_id=made.id, edition=edition(local_date(made.received_at)).name)
    action_id = complaints.begin_action(made.id)
    return Call("ComplaintCase", complaints.id_of(made.id), "run", start, action_id, "start")


async def _told(moment: Moment, found: Sequence[Complaint]) -> list[ComplaintAnswer]:
    dues = await complaints.dues(moment.session, found)
    return [await _answer(moment, one, dues[one.id]) for one in found]


async def _answer(moment: Moment, made: Complaint, due: date) -> ComplaintAnswer:
    document = None if made.answer_document_id is None else await moment.session.get(Document, made.answer_document_id)
    return ComplaintAnswer(
        complaint_id=made.id,
        loan_id=made.loan_id,
        topic=Topic(made.topic),
        state=made.state,
        received_at=made.received_at,
        answer_due=due,
        outcome=None if made.outcome is None else Decided(made.outcome),
        answered_at=made.answered_at,
        answer=None if document is None else papers.told(document),
    )
