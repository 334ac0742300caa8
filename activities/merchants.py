"""Whether a seller may be paid: the agreement is in force, and the borrower has shown their face for this payment.

Asked in the database just before the money is ordered: what a workflow believes is not enough to move it.

Rules: para 9.
"""

from __future__ import annotations

from sqlmodel import col, select

from activities.context import Moment, Records
from rules.evidence import StepOutcome
from rules.partners import known_partner
from rules.receiving import Receiving, merchant_act
from storage.tables import Application, Check, Review, ReviewDecision

NOT_CONFIRMED, NO_AGREEMENT = "merchant-not-confirmed", "merchant-agreement-ended"


async def merchant_ground(moment: Moment, records: Records, application: Application) -> str | None:
    """Why the seller gets no money; None where it may go."""
    sealed = records.vault.open_own(application.account, f"application:{application.id}:account").decode()
    seller = known_partner(Receiving.read(sealed).value)
    if seller is None or not seller.holds(moment.day):
        return NO_AGREEMENT
    return None if await _confirmed(moment, application) else NOT_CONFIRMED


async def _confirmed(moment: Moment, application: Application) -> bool:
    """The newest look at the face for this payment was a pass, or an officer approved it afterwards."""
    query = (
        select(Check)
        .where(col(Check.application_id) == application.id, col(Check.act) == merchant_act(application.id))
        .order_by(col(Check.at).desc())
        .limit(1)
    )
    newest = (await moment.session.exec(query)).first()
    if newest is None:
        return False
    if newest.outcome == StepOutcome.PASSED:
        return True
    approved = (
        select(ReviewDecision.id)
        .join(Review, col(Review.id) == col(ReviewDecision.review_id))
        .where(
            col(Review.workflow_id) == f"application/{application.id}",
            col(Review.kind) == "IDENTITY",
            col(Review.created_at) >= newest.at,
            col(ReviewDecision.final).is_(True),
            col(ReviewDecision.decision) == "approve",
        )
    )
    return (await moment.session.exec(approved)).first() is not None
