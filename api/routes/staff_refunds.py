"""Staff: refunds that wait for their clients to name an account, the longest waiting first. Rules: para 27."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlmodel import col, func, select

from activities.context import Moment
from activities.loan_book import position_of
from api.problems import language_of
from api.routes.problems import problems
from api.schemas_refunds import RefundWaiting
from api.services import Kit
from api.staff import Reviewer
from api.titles import title
from rules.payment_keys import case_of
from storage import loans, refunds
from storage.tables import RefundAccount, RefundRequest

router = APIRouter(prefix="/staff/api/refunds", tags=["staff"])


@router.get("", responses=problems(401, 403))
async def queue(request: Request, kit: Kit, member: Reviewer) -> list[RefundWaiting]:
    """What waits, how long, and how often the client was written to; the accounts themselves are not shown."""
    async with kit.records.moment() as moment:
        found = await refunds.waiting(moment.session)
        return [await _told(moment, one, language_of(request.scope)) for one in found]


async def _told(moment: Moment, one: RefundRequest, language: str) -> RefundWaiting:
    loan = await loans.get(moment.session, one.loan_id)
    debt = await position_of(moment.session, loan.id, max(moment.day, loan.disbursed_on))
    tried = select(func.count()).where(
        col(RefundAccount.payment_key) == one.payment_key, col(RefundAccount.ground).is_not(None)
    )
    return RefundWaiting(
        loan_id=loan.id,
        client_id=loan.client_id,
        contract_number=loan.number,
        payment_key=one.payment_key,
        workflow_id=case_of(one.payment_key),
        owed=debt.overpaid,
        ground=one.ground,
        ground_title=title(one.ground, language),
        asked_at=one.asked_at,
        letters=one.notices,
        noticed_at=one.noticed_at,
        tried=(await moment.session.exec(tried)).one(),
    )
