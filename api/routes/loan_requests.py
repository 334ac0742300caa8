"""What a borrower asks for while a loan runs: early repayment, what money is for, the certificate, notices.

Rules: para 7, part 5; para 7, part 6; para 7, part 7.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from sqlmodel import col, select

from activities import wishes
from activities.closing import certificate_of
from activities.context import Moment
from api import papers
from api.lending import own_loan
from api.once import Outcome, fingerprint
from api.routes.problems import ASK, DO, problems
from api.schemas_requests import (
    EarlyRepaymentAnswer,
    EarlyRepaymentBody,
    NoticeAnswer,
    PlanAnswer,
    WishAnswer,
    WishBody,
)
from api.services import Kit
from api.sessions import ClientCaller, OnceDep
from rules.early_repayment import NewPlan, preview
from rules.errors import Conflict, InvalidInput, NotFound
from storage import loans
from storage.tables import Document, LoanNotice, RepaymentWish

router = APIRouter(prefix="/loans", tags=["loans"])


@router.post("/{loan_id}/early-repayment/preview", responses={**ASK, **problems(409)})
async def early_repayment(
    loan_id: UUID, body: EarlyRepaymentBody, kit: Kit, caller: ClientCaller
) -> EarlyRepaymentAnswer:
    """What it costs to close, and what a sum would do under each choice. Nothing is booked or promised by asking."""
    async with kit.records.moment() as moment:
        loan = await own_loan(moment.session, caller.client_id, loan_id)
        today = max(moment.day, loan.disbursed_on)
        on = body.on or today
        if on < today:
            raise InvalidInput("day-in-the-past", field="/on")
        found = preview(await loans.events(moment.session, loan.id), loans.terms(loan), on, body.amount)
    return EarlyRepaymentAnswer(
        loan_id=loan.id,
        on=found.on,
        total_to_close=found.total_to_close,
        due=found.due,
        amount=body.amount,
        closes=found.closes,
        left_over=found.left_over,
        plans=[_plan(one) for one in found.plans],
    )


def _plan(plan: NewPlan) -> PlanAnswer:
    return PlanAnswer(
        choice=plan.choice,
        instalments=len(plan.rows),
        next_due=plan.rows[0].due,
        next_payment=plan.rows[0].payment,
        last_due=plan.rows[-1].due,
        interest=plan.interest,
        rows=list(plan.rows),
    )


@router.put("/{loan_id}/repayment-wish", response_model=WishAnswer, responses=DO)
async def repayment_wish(loan_id: UUID, body: WishBody, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Choose what the next money above the debt due is for."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            loan = await own_loan(moment.session, caller.client_id, loan_id)
            if loan.closed_at is not None:
                raise Conflict("loan-closed")
            kept = await wishes.wish(moment, loan.id, body.choice, wish_id=once.new_id, actor=caller.who)
        return Outcome(_wish(kept))

    return await once.run(fingerprint(body), work)


def _wish(kept: RepaymentWish) -> WishAnswer:
    return WishAnswer(loan_id=kept.loan_id, choice=kept.choice, since=kept.since, until=kept.until)


@router.get("/{loan_id}/certificate", response_class=Response, responses=ASK)
async def certificate(loan_id: UUID, kit: Kit, caller: ClientCaller) -> Response:
    """The certificate of no debt, a sealed PDF; 404 while something is owed."""
    async with kit.records.moment() as moment:
        loan = await own_loan(moment.session, caller.client_id, loan_id)
        document = await certificate_of(moment, loan)
        if document is None:
            raise NotFound("certificate-not-ready")
        return await papers.serve(kit, moment, document)


@router.get("/{loan_id}/notices", responses=ASK)
async def notices(loan_id: UUID, kit: Kit, caller: ClientCaller) -> list[NoticeAnswer]:
    """Written notices about this microcredit, newest first."""
    async with kit.records.moment() as moment:
        loan = await own_loan(moment.session, caller.client_id, loan_id)
        query = select(LoanNotice).where(col(LoanNotice.loan_id) == loan.id).order_by(col(LoanNotice.sent_at).desc())
        return [await _notice(moment, one) for one in (await moment.session.exec(query.limit(100))).all()]


async def _notice(moment: Moment, notice: LoanNotice) -> NoticeAnswer:
    document = await moment.session.get_one(Document, notice.document_id)
    return NoticeAnswer(
        notice_id=notice.id,
        kind=notice.kind,
        sent_at=notice.sent_at,
        due_on=notice.due_on,
        document=papers.told(document),
    )
