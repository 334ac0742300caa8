"""Cases that wait for a person, and what people decided. Doubts about money or a listed person need two.

Where two are needed, a decision is final when two different people chose the same; until then it proposes.
Two who differ wait for a third. The database checks it too.

Rules: para 10; para 28.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, InvalidInput, NotAllowed, NotFound
from storage.clock import now
from storage.database import run
from storage.tables import Review, ReviewDecision

TWO_PEOPLE = frozenset({"AML", "MONEY"})
LARGE = "amount-needs-two-people"  # the ground of a review that lets a large amount out
_CLAIM_LASTS_SECONDS = 30 * 60


class Evidence(NamedTuple):
    """The line of the bank's books that shows a payment, and its day there."""

    bank_reference: str
    value_date: date


async def open_review(
    session: AsyncSession,
    *,
    kind: str,
    workflow_id: str,
    ground: str,
    client_id: UUID | None = None,
    application_id: UUID | None = None,
    payment_key: str | None = None,
) -> Review:
    """Put a case into the queue; while it is undecided, the same case is the same row.

    Args:
        payment_key: of the outgoing payment that the case is about.
    """
    query = select(Review).where(
        col(Review.workflow_id) == workflow_id,
        col(Review.kind) == kind,
        col(Review.ground) == ground,
        col(Review.state) != "decided",
    )
    while True:
        await run(
            session,
            "insert into review (id, kind, workflow_id, client_id, application_id, ground, payment_key, state,"
            " created_at)"
            " values (:id, :kind, :workflow, :client, :application, :ground, :payment, 'open', clock_timestamp())"
            " on conflict (workflow_id, kind, ground) where state <> 'decided' do nothing",
            id=uuid4(),
            kind=kind,
            workflow=workflow_id,
            client=client_id,
            application=application_id,
            ground=ground,
            payment=payment_key,
        )
        found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
        if found is not None:  # else it was decided between the two statements, and the case is a new one
            return found


async def get(session: AsyncSession, review_id: UUID) -> Review:
    """The review as it stands in the database now.

    Raises:
        NotFound: `review-unknown`.
    """
    query = select(Review).where(col(Review.id) == review_id).execution_options(populate_existing=True)
    review = (await session.exec(query)).one_or_none()
    if review is None:
        raise NotFound("review-unknown")
    return review


async def queue(session: AsyncSession, limit: int = 100) -> list[Review]:
    """Undecided reviews, oldest first."""
    query = select(Review).where(col(Review.state) != "decided").order_by(col(Review.created_at)).limit(limit)
    return list((await session.exec(query)).all())


async def claim(session: AsyncSession, review_id: UUID, staff_id: UUID) -> Review:
    """Take a review. A claim that led to nothing for half an hour may be taken over.

    Raises:
        Conflict: `review-decided`, or `review-claimed` by somebody else.
        NotAllowed: `second-person-needed`: this person has decided on it already.
    """
    if await _decisions(session, review_id, staff_id):
        raise NotAllowed("second-person-needed")
    taken = await run(
        session,
        "update review set state = 'claimed', claimed_by = :staff, claimed_at = clock_timestamp() where id = :id and"
        " (state = 'open' or (state = 'claimed' and (claimed_by = :staff"
        " or claimed_at < clock_timestamp() - make_interval(secs => :lasts)))) returning 1",
        id=review_id,
        staff=staff_id,
        lasts=_CLAIM_LASTS_SECONDS,
    )
    is_taken = taken.one_or_none() is not None
    review = await get(session, review_id)
    if not is_taken:
        raise Conflict("review-decided" if review.state == "decided" else "review-claimed")
    return review


async def decide(
    session: AsyncSession,
    review_id: UUID,
    staff_id: UUID,
    decision: str,
    reason_code: str,
    evidence: Evidence | None = None,
) -> ReviewDecision:
    """One person's decision on a review that the person has claimed.

    Not final: it proposes, and the review goes back into the queue for another person.

    Args:
        decision: approve | refuse | retry.
        evidence: with "it was paid", what the person saw in the bank's books; the second must have seen the same.

    Raises:
        Conflict: `review-not-claimed` by this person, `review-decided`, or `bank-reference-used` by another payment.
        InvalidInput: `bank-reference-missing`, `bank-reference-not-asked`.
        NotAllowed: `second-person-needed`: this person has decided on it already.
    """
    await run(session, "select 1 from review where id = :id for update", id=review_id)  # one decision at a time
    review = await get(session, review_id)
    if review.state == "decided":
        raise Conflict("review-decided")
    earlier = await _decisions(session, review_id)
    if any(one.staff_id == staff_id for one in earlier):
        raise NotAllowed("second-person-needed")
    if review.claimed_by != staff_id:
        raise Conflict("review-not-claimed")
    await _check_evidence(session, review, decision, evidence)
    reference, value_date = evidence or (None, None)
    same = any(
        (one.decision, one.bank_reference, one.value_date) == (decision, reference, value_date) for one in earlier
    )
    final = review.kind not in TWO_PEOPLE or same
    made = ReviewDecision(
        review_id=review_id,
        staff_id=staff_id,
        decision=decision,
        reason_code=reason_code,
        bank_reference=reference,
        value_date=value_date,
        final=final,
        at=await now(session),
    )
    session.add(made)
    review.state = "decided" if final else "open"
    if not final:
        review.claimed_by = review.claimed_at = None
    session.add(review)
    await session.flush()
    return made


async def _check_evidence(session: AsyncSession, review: Review, decision: str, evidence: Evidence | None) -> None:
    """ "It was paid" names a line of the bank's books that is no other payment's; nothing else names one."""
    about_outcome = review.payment_key is not None and review.ground != LARGE
    if evidence is None and about_outcome and decision == "approve":
        raise InvalidInput("bank-reference-missing", field="/bank_reference")
    if evidence is None:
        return
    if not about_outcome or decision != "approve":
        raise InvalidInput("bank-reference-not-asked", field="/bank_reference")
    used = await run(
        session,
        "select 1 from outbound_payment where bank_reference = :reference and key <> :key",
        reference=evidence.bank_reference,
        key=review.payment_key,
    )
    if used.one_or_none() is not None:
        raise Conflict("bank-reference-used")


async def close_of_payment(session: AsyncSession, payment_key: str) -> int:
    """Take what waits about a payment out of the queue: its outcome is known. How many there were."""
    closed = await run(
        session,
        "update review set state = 'decided', claimed_by = null, claimed_at = null"
        " where payment_key = :key and state <> 'decided' returning 1",
        key=payment_key,
    )
    return len(closed.all())


async def close_of_case(session: AsyncSession, workflow_id: str, ground: str) -> None:
    """Take what waits about a case on this ground out of the queue: the ground is gone."""
    await run(
        session,
        "update review set state = 'decided', claimed_by = null, claimed_at = null"
        " where workflow_id = :workflow and ground = :ground and state <> 'decided'",
        workflow=workflow_id,
        ground=ground,
    )


async def decision(session: AsyncSession, review_id: UUID, decision_id: UUID) -> ReviewDecision | None:
    """The final decision with this id on this review; a proposal, and an id that was made up, are None."""
    query = select(ReviewDecision).where(
        col(ReviewDecision.id) == decision_id,
        col(ReviewDecision.review_id) == review_id,
        col(ReviewDecision.final).is_(True),
    )
    return (await session.exec(query)).one_or_none()


async def _decisions(session: AsyncSession, review_id: UUID, staff_id: UUID | None = None) -> list[ReviewDecision]:
    query = select(ReviewDecision).where(col(ReviewDecision.review_id) == review_id)
    if staff_id is not None:
        query = query.where(col(ReviewDecision.staff_id) == staff_id)
    return list((await session.exec(query)).all())


async def approved_by(session: AsyncSession, workflow_id: str, ground: str) -> UUID | None:
    """The member of staff who let a case pass in spite of a ground; None where nobody did."""
    query = (
        select(ReviewDecision.staff_id)
        .join(Review, col(Review.id) == col(ReviewDecision.review_id))
        .where(
            col(Review.workflow_id) == workflow_id,
            col(Review.ground) == ground,
            col(ReviewDecision.final),
            col(ReviewDecision.decision) == "approve",
        )
    )
    return (await session.exec(query.order_by(col(ReviewDecision.at).desc()))).first()
