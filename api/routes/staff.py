"""Staff: log-in with password and authenticator, the queue of reviews, decisions of one or two people.

Rules: para 27; para 28; para 29.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import col, select

from activities.context import Moment
from api.actions import Call
from api.problems import language_of
from api.routes.problems import problems
from api.schemas_staff import (
    DecisionAnswer,
    DecisionBody,
    DecisionRecord,
    PaymentShown,
    ReviewAnswer,
    Role,
    StaffLogInBody,
    StaffMe,
)
from api.services import Kit
from api.staff import COOKIE, AnyMember, Reviewer, log_in, log_out
from api.titles import title
from rules.errors import InvalidInput, NotFound
from storage import audit, payments, reviews
from storage.tables import Review, ReviewDecision
from workflows.messages import ReviewDecided

router = APIRouter(prefix="/staff/api", tags=["staff"])

_WORKFLOWS = {  # by the first word of the workflow's id
    "registration": "Registration",
    "application": "Origination",
    "disbursement": "Disbursement",
    "refund": "Refund",
    "loan": "Servicing",
    "restructuring": "Restructuring",
    "collection": "Collection",
    "payment": "IncomingPayment",
    "reconcile": "Reconcile",
    "change": "DetailsChange",
    "recovery": "PasswordRecovery",
}


@router.post("/sessions", status_code=201, response_model=StaffMe, responses=problems(401, 403, 422, 429))
async def open_session(body: StaffLogInBody, kit: Kit) -> Response:
    """Log in. A wrong password, a wrong or used code, an unknown or blocked account: one answer."""
    staff, token = await log_in(kit, body.login, body.password, body.totp)
    me = StaffMe(staff_id=staff.id, login=staff.login, roles=[Role(role) for role in staff.roles])
    response = JSONResponse(me.model_dump(mode="json"), status_code=201)
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=kit.secure_cookies, path="/")
    return response


@router.delete("/sessions/current", status_code=204, response_class=Response, responses=problems(401, 403))
async def end_session(kit: Kit, member: AnyMember) -> Response:
    """Log out: the session ends at once."""
    await log_out(kit, member)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=kit.secure_cookies, path="/")
    return response


@router.get("/me", responses=problems(401))
async def me(member: AnyMember) -> StaffMe:
    """Who is logged in."""
    return StaffMe(staff_id=member.staff_id, login=member.login, roles=sorted(member.roles))


@router.get("/reviews", responses=problems(401, 403, 422))
async def queue(
    request: Request,
    kit: Kit,
    member: Reviewer,
    state: Annotated[Literal["open", "claimed", "decided"] | None, Query()] = None,
) -> list[ReviewAnswer]:
    """Cases that wait for a person, oldest first."""
    async with kit.records.moment() as moment:
        query = select(Review).order_by(col(Review.created_at)).limit(200)
        query = query.where(col(Review.state) == state) if state else query.where(col(Review.state) != "decided")
        found = list((await moment.session.exec(query)).all())
        return [await _told(moment, one, language_of(request.scope)) for one in found]


async def _told(moment: Moment, review: Review, language: str) -> ReviewAnswer:
    query = select(ReviewDecision).where(col(ReviewDecision.review_id) == review.id).order_by(col(ReviewDecision.at))
    decisions = (await moment.session.exec(query)).all()
    return ReviewAnswer(
        review_id=review.id,
        kind=cast(Literal["IDENTITY", "AML", "MONEY", "DECISION"], review.kind),
        workflow_id=review.workflow_id,
        client_id=review.client_id,
        application_id=review.application_id,
        ground=review.ground,
        ground_title=title(review.ground, language),
        state=cast(Literal["open", "claimed", "decided"], review.state),
        claimed_by=review.claimed_by,
        claimed_at=review.claimed_at,
        created_at=review.created_at,
        second_person=review.kind in reviews.TWO_PEOPLE,
        payment=await _payment(moment, review),
        decisions=[
            DecisionRecord(
                decision_id=one.id,
                staff_id=one.staff_id,
                decision=one.decision,
                reason_code=one.reason_code,
                bank_reference=one.bank_reference,
                value_date=one.value_date,
                final=one.final,
                at=one.at,
            )
            for one in decisions
        ],
    )


async def _payment(moment: Moment, review: Review) -> PaymentShown | None:
    """The payment that the case is about; who receives it is asked of the bank, not of this queue."""
    payment = await payments.get(moment.session, review.payment_key) if review.payment_key else None
    if payment is None:
        return None
    return PaymentShown(
        key=payment.key,
        order_id=payment.order_id,
        purpose=payment.purpose,
        channel=payment.channel,
        amount=payment.amount,
        state=payment.state,
        sent_at=payment.sent_at,
        payout_id=payment.payout_id,
    )


async def _review(moment: Moment, review_id: UUID) -> Review:
    review = await moment.session.get(Review, review_id)
    if review is None:
        raise NotFound("not-found")
    return review


@router.post("/reviews/{review_id}/claim", responses=problems(401, 403, 404, 409, 422))
async def claim(review_id: UUID, request: Request, kit: Kit, member: Reviewer) -> ReviewAnswer:
    """Take a case: others see that somebody looks at it."""
    async with kit.records.moment() as moment:
        await _review(moment, review_id)
        await reviews.claim(moment.session, review_id, member.staff_id)
        await audit.record(
            moment.session,
            actor=member.who,
            action="review-claimed",
            subject=f"review:{review_id}",
            paragraph="27",
        )
        review = await reviews.get(moment.session, review_id)
        return await _told(moment, review, language_of(request.scope))


@router.post("/reviews/{review_id}/decide", responses=problems(401, 403, 404, 409, 422))
async def decide(review_id: UUID, body: DecisionBody, kit: Kit, member: Reviewer) -> DecisionAnswer:
    """Decide. Money and AML doubts need a second, different person; the first decision only proposes."""
    async with kit.records.moment() as moment:
        review = await _review(moment, review_id)
        decision = await reviews.decide(
            moment.session, review_id, member.staff_id, body.decision, body.reason_code, _evidence(body, moment)
        )
        await audit.record(
            moment.session,
            actor=member.who,
            action="review-decided" if decision.final else "review-proposed",
            subject=f"review:{review_id}",
            reason=body.reason_code,
            paragraph="27",
            detail={"decision": body.decision, "decision_id": str(decision.id), "workflow": review.workflow_id},
        )
        call = _call(review, decision)
        if decision.final:
            await kit.actions.keep(moment.session, call)  # whoever dies now, the workflow will be told
    delivered = decision.final and await kit.actions.deliver(call)
    return DecisionAnswer(review_id=review_id, decision_id=decision.id, final=decision.final, delivered=delivered)


def _evidence(body: DecisionBody, moment: Moment) -> reviews.Evidence | None:
    """The line of the bank's books that shows a payment, where the decision names one."""
    if body.bank_reference is None or body.value_date is None:
        return None
    if body.value_date > moment.day:
        raise InvalidInput("day-in-the-future", field="/value_date")
    return reviews.Evidence(body.bank_reference, body.value_date)


def _call(review: Review, decision: ReviewDecision) -> Call:
    """The decision's id for the workflow, which reads the decision itself in our database."""
    return Call(
        _WORKFLOWS[re.split("[/-]", review.workflow_id, maxsplit=1)[0]],
        review.workflow_id,
        "review_decided",
        ReviewDecided(review_id=review.id, decision_id=decision.id),
        decision.id.hex,
    )
