"""A loan's facts in the database: read in the order of their days, appended once, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import NotFound
from rules.loan_events import LoanEvent as Event
from rules.loan_events import loan_event
from rules.schedule import LoanTerms
from storage.tables import Loan, LoanEvent

_OF_THE_ROW = {"key", "kind", "value_date", "known_at"}


async def events(session: AsyncSession, loan_id: UUID) -> list[Event]:
    """The loan's facts as rules.loan reads them, by value date."""
    return (await events_of(session, [loan_id])).get(loan_id, [])


async def events_of(session: AsyncSession, loan_ids: Iterable[UUID]) -> dict[UUID, list[Event]]:
    """The facts of several loans at once; loans without any are left out."""
    query = (
        select(LoanEvent)
        .where(col(LoanEvent.loan_id).in_(list(loan_ids)))
        .order_by(col(LoanEvent.value_date), col(LoanEvent.known_at), col(LoanEvent.key))
    )
    found: dict[UUID, list[Event]] = {}
    for row in await session.exec(query):
        found.setdefault(row.loan_id, []).append(_event(row))
    return found


def _event(row: LoanEvent) -> Event:
    fact = {name: getattr(row, name) for name in _OF_THE_ROW}
    return loan_event.validate_python({**row.payload, **fact})


def terms(loan: Loan) -> LoanTerms:
    """What the loan's schedule follows from."""
    return LoanTerms.model_validate(loan.terms)


async def get(session: AsyncSession, loan_id: UUID) -> Loan:
    """The loan's row.

    Raises:
        NotFound: `loan-unknown`.
    """
    found = await session.get(Loan, loan_id)
    if found is None:
        raise NotFound("loan-unknown")
    return found


async def lock(session: AsyncSession, loan_id: UUID) -> Loan:
    """The loan's row as it stands now, held against every other change until the transaction ends.

    Raises:
        NotFound: `loan-unknown`.
    """
    query = select(Loan).where(col(Loan.id) == loan_id).with_for_update().execution_options(populate_existing=True)
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise NotFound("loan-unknown")
    return found


async def append(session: AsyncSession, loan_id: UUID, event: Event) -> bool:
    """Append a fact once; False where its key stands already, for this loan or another."""
    await session.flush()
    values = {name: getattr(event, name) for name in _OF_THE_ROW}
    payload = event.model_dump(mode="json", exclude=_OF_THE_ROW)
    row = insert(LoanEvent).values(id=uuid4(), loan_id=loan_id, payload=payload, **values)
    made = await session.exec(row.on_conflict_do_nothing().returning(col(LoanEvent.id)))
    return made.first() is not None
