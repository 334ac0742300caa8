"""What a write-off does to the books: the fact of the loan with its postings, and the claim against a guilty client.

Rules: para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

from uuid import UUID

from activities import loan_book
from activities.context import Moment
from activities.write_off_papers import Decision, fact_key
from rules.loan_events import WrittenOff
from rules.write_off import CLAIM_KEPT, Ground, Loss
from storage import audit, fraud
from storage.tables import Claim, OfficialPaper

CLAIM_BASIS = "Rules 217, para 13, part 5"


async def book(moment: Moment, paper: OfficialPaper, ground: Ground, decision: Decision, order_id: UUID) -> None:
    """The debt is written off in the loan's books, on the order with this document."""
    fact = WrittenOff(
        key=fact_key(paper.id),
        value_date=moment.day,
        known_at=moment.at,
        ground=ground.name,
        return_paid=decision.returns,
    )
    detail = {"paper": str(paper.id), "order": str(order_id), "confirmed_by": str(paper.decided_by)}
    await loan_book.record(
        moment,
        paper.loan_id,
        fact,
        actor="system:write-off",
        paragraph=ground.number,
        reason=paper.kind,
        detail=detail,
    )


async def keep_claim(moment: Moment, paper: OfficialPaper, loss: Loss) -> None:
    """What the lender may still demand of a client whom the court found guilty. Rules: para 13, part 5."""
    claim = Claim(
        paper_id=paper.id,
        loan_id=paper.loan_id,
        client_id=paper.client_id,
        amount=loss.total,
        principal=loss.principal,
        interest=loss.interest,
        penalty=loss.penalty,
        returned=loss.returned,
        basis=CLAIM_BASIS,
        opened_at=moment.at,
    )
    moment.session.add(claim)
    await fraud.prove(moment.session, paper.id, CLAIM_KEPT, moment.at, {"claim": str(claim.id)})
    await audit.record(
        moment.session,
        actor="system:write-off",
        action="claim-kept",
        subject=f"loan:{paper.loan_id}",
        reason=paper.kind,
        paragraph="13",
        detail={"claim": str(claim.id), "paper": str(paper.id), "amount": str(claim.amount)},
    )
