"""Requests for other terms as staff work on them: the queue by last day, one request, the decision.

The law on microfinance, art. 9-2. Rules: para 27.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from sqlmodel import col, select

from activities import restructuring_requests as requests
from activities.context import Moment
from activities.loan_book import position_of
from activities.restructuring import REQUESTED
from api.actions import Call
from api.routes.problems import problems
from api.schemas_requests import AnswerBody, AnswerGiven, RequestShown
from api.services import Kit
from api.staff import Reviewer
from rules.restructuring import Ground, rate_of
from storage import audit, fraud, loans, reviews
from storage.tables import RestructuringRequest
from workflows.messages import ReviewDecided

router = APIRouter(prefix="/staff/api/restructuring", tags=["staff"])

_SHOWN = 200


@router.get("", responses=problems(401, 403))
async def queue(kit: Kit, member: Reviewer) -> list[RequestShown]:
    """Requests that are not answered yet, the nearest last day first."""
    async with kit.records.moment() as moment:
        query = (
            select(RestructuringRequest)
            .where(col(RestructuringRequest.state).in_(("RECEIVED", "DECIDED")))
            .order_by(col(RestructuringRequest.answer_due), col(RestructuringRequest.received_at))
            .limit(_SHOWN)
        )
        return [await _shown(moment, one) for one in (await moment.session.exec(query)).all()]


@router.get("/{request_id}", responses=problems(401, 403, 404))
async def one(request_id: UUID, kit: Kit, member: Reviewer) -> RequestShown:
    """One request with the borrower's own words; that they were read is audited."""
    async with kit.records.moment() as moment:
        found = await requests.locked(moment.session, request_id)
        shown = await _shown(moment, found)
        client = await kit.records.clients.get(moment.session, shown.client_id)
        text = kit.records.vault.open(client.data_key, found.text, requests.text_context(found.id)).decode()
        await audit.record(
            moment.session,
            actor=member.who,
            action="restructuring-read",
            subject=f"loan:{found.loan_id}",
            paragraph="27",
            detail={"request": str(found.id)},
        )
        return shown.model_copy(update={"text": text})


async def _shown(moment: Moment, found: RestructuringRequest) -> RequestShown:
    loan = await loans.get(moment.session, found.loan_id)
    debt = await position_of(moment.session, loan.id, max(moment.day, loan.disbursed_on))
    return RequestShown(
        request_id=found.id,
        loan_id=loan.id,
        client_id=loan.client_id,
        n=found.n,
        workflow_id=requests.case_id(found),
        state=found.state,
        ground=Ground(found.ground),
        arrears_since=found.arrears_since,
        received_at=found.received_at,
        answer_due=found.answer_due,
        late=found.answered_at is None and moment.day > found.answer_due,
        held=await fraud.is_held(moment.session, loan.id),
        overdue_days=debt.overdue_days,
        overdue_amount=debt.overdue_amount,
        principal=debt.principal,
        penalty=debt.penalty,
        rate_percent_per_year=rate_of(await loans.events(moment.session, loan.id), loans.terms(loan)),
    )


@router.post("/{request_id}/answer", responses=problems(401, 403, 404, 409, 422))
async def answer(request_id: UUID, body: AnswerBody, kit: Kit, member: Reviewer) -> AnswerGiven:
    """Decide: new terms, never dearer than the contract, or a refusal; the case writes the answer to the borrower."""
    terms = body.terms.new_terms() if body.terms else None
    async with kit.records.moment() as moment:
        found = await requests.locked(moment.session, request_id)
        await requests.decide(moment, found, member.staff_id, terms, body.reason_code)
        loan = await loans.get(moment.session, found.loan_id)
        review = await reviews.open_review(
            moment.session,
            kind="DECISION",
            workflow_id=requests.case_id(found),
            ground=REQUESTED,
            client_id=loan.client_id,
        )
        await reviews.claim(moment.session, review.id, member.staff_id)
        made = await reviews.decide(moment.session, review.id, member.staff_id, body.decision, body.reason_code)
        told = ReviewDecided(review_id=review.id, decision_id=made.id)
        call = Call("Restructuring", review.workflow_id, "review_decided", told, made.id.hex)
        await kit.actions.keep(moment.session, call)  # whoever dies now, the case will be told
    return AnswerGiven(request_id=request_id, decision_id=made.id, delivered=await kit.actions.deliver(call))
