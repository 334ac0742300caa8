"""Where people say that an unmatched payment belongs: one proposes, another one confirms or refuses.

One proposal without its second word stands at a time; the database checks it, and that two people did it.

Rules: para 27; para 28.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotAllowed, NotFound
from storage import incoming
from storage.clock import now
from storage.database import is_duplicate
from storage.tables import PaymentAssignment


async def propose(
    session: AsyncSession, payment_id: UUID, loan_id: UUID | None, reason: str, staff_id: UUID
) -> PaymentAssignment:
    """The first person's word. loan_id: None sends the money back to its payer.

    Raises:
        NotFound: `payment-unknown`.
        Conflict: `payment-not-unmatched`, or `assignment-open`: another proposal waits for its second word.
    """
    payment = await incoming.get(session, payment_id, lock=True)
    if payment.state != "UNMATCHED":
        raise Conflict("payment-not-unmatched")
    made = PaymentAssignment(
        id=uuid4(),
        payment_id=payment_id,
        loan_id=loan_id,
        reason=reason,
        proposed_by=staff_id,
        proposed_at=await now(session),
    )
    try:
        async with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise Conflict("assignment-open") from None
    return made


async def confirm(session: AsyncSession, payment_id: UUID, assignment_id: UUID, staff_id: UUID) -> PaymentAssignment:
    """The second person agrees.

    Raises:
        NotFound: `assignment-unknown`.
        NotAllowed: `second-person-needed`: the same person proposed it.
        Conflict: `assignment-decided`, or `payment-not-unmatched`.
    """
    found = await _undecided(session, payment_id, assignment_id)
    if found.proposed_by == staff_id:
        raise NotAllowed("second-person-needed")
    found.confirmed_by, found.confirmed_at = staff_id, await now(session)
    session.add(found)
    await session.flush()
    return found


async def refuse(session: AsyncSession, payment_id: UUID, assignment_id: UUID, staff_id: UUID) -> PaymentAssignment:
    """Somebody says no, or the one who proposed it takes it back: another proposal can be made.

    Raises:
        NotFound: `assignment-unknown`.
        Conflict: `assignment-decided`, or `payment-not-unmatched`.
    """
    found = await _undecided(session, payment_id, assignment_id)
    found.refused_by, found.refused_at = staff_id, await now(session)
    session.add(found)
    await session.flush()
    return found


async def _undecided(session: AsyncSession, payment_id: UUID, assignment_id: UUID) -> PaymentAssignment:
    payment = await incoming.get(session, payment_id, lock=True)  # one word at a time
    found = await session.get(PaymentAssignment, assignment_id, populate_existing=True)
    if found is None or found.payment_id != payment_id:
        raise NotFound("assignment-unknown")
    if found.confirmed_by is not None or found.refused_by is not None:
        raise Conflict("assignment-decided")
    if payment.state != "UNMATCHED":
        raise Conflict("payment-not-unmatched")
    return found


async def confirmed(session: AsyncSession, payment_id: UUID) -> PaymentAssignment | None:
    """The newest word of two people on a payment."""
    query = (
        select(PaymentAssignment)
        .where(col(PaymentAssignment.payment_id) == payment_id, col(PaymentAssignment.confirmed_at).is_not(None))
        .order_by(col(PaymentAssignment.confirmed_at).desc())
        .limit(1)
    )
    return (await session.exec(query.execution_options(populate_existing=True))).first()


async def of_payments(session: AsyncSession, payment_ids: list[UUID]) -> dict[UUID, list[PaymentAssignment]]:
    """Every word on these payments, oldest first."""
    query = select(PaymentAssignment).where(col(PaymentAssignment.payment_id).in_(payment_ids))
    found: dict[UUID, list[PaymentAssignment]] = {}
    for row in await session.exec(query.order_by(col(PaymentAssignment.proposed_at))):
        found.setdefault(row.payment_id, []).append(row)
    return found
