"""Which documents a loan stands on, and until when they must stay.

Rules: para 11; para 34.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.loan import upcoming
from rules.loan_care import ended_on
from rules.schedule import LoanTerms
from storage import loans
from storage.tables import Contract, Document, Loan


async def planned_end(session: AsyncSession, application_id: UUID | None) -> date | None:
    """The last due date of the application's contract; None where none is drawn up yet."""
    query = select(Contract.terms).where(col(Contract.application_id) == application_id)
    terms = (await session.exec(query)).first()
    return None if terms is None else LoanTerms.model_validate(terms).repayment_periods()[-1].due


async def loan_end(session: AsyncSession, loan: Loan, on: date) -> date:
    """When the obligations of a loan end: the day they did, else the last due date of its plan now, at least today."""
    events, terms = await loans.events(session, loan.id), loans.terms(loan)
    ended = ended_on(events, terms, max(on, loan.disbursed_on))
    if ended is not None:
        return ended
    return max(on, *(row.due for row in upcoming(events, terms, max(on, loan.disbursed_on))), loan.disbursed_on)


async def shorter_locks(
    session: AsyncSession, client_id: UUID, application_id: UUID, until: datetime, limit: int
) -> Sequence[UUID]:
    """Documents of the client and of this application that are locked for less than `until`, oldest first."""
    query = (
        select(Document.id)
        .where(
            col(Document.client_id) == client_id,
            or_(col(Document.application_id).is_(None), col(Document.application_id) == application_id),
            col(Document.retain_until) < until,
        )
        .order_by(col(Document.created_at), col(Document.id))
        .limit(limit)
    )
    return (await session.exec(query)).all()
