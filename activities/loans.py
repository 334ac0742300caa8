"""A loan's row and its first facts.

Rules: para 7, part 5; para 9.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities import loan_book
from activities.context import Moment, Records
from activities.furnishing_queue import FurnishWanted, enqueue_in
from rules.evidence import Frozen
from rules.furnishing import Op
from rules.loan_events import Disbursed
from rules.payment_keys import disbursement_key
from storage import loans
from storage.tables import Application, Contract, Loan


class LoanRef(Frozen):
    """Which loan."""

    loan_id: UUID
    client_id: UUID


class Loans:
    """What cases of earlier releases still call."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def furnish_new(self, ref: LoanRef) -> str:
        """Enqueue the NEW record; the id of the record."""
        async with self._records.moment() as moment:
            wanted = FurnishWanted(key=f"new:{ref.loan_id}", loan_id=ref.loan_id, op=Op.NEW)
            return str(await enqueue_in(moment, wanted))


async def get_loan(session: AsyncSession, loan_id: UUID) -> Loan:
    """The loan's row."""
    return await loans.get(session, loan_id)


async def open_loan(moment: Moment, application: Application, value_date: date, through: str = "bank") -> Loan:
    """The loan's row, its first event and its booking, in the transaction of the answer that the money has left.

    Once for an application: the second call gives the same loan and books nothing.

    Args:
        value_date: the day on which the money left; interest runs from the night after it.
        through: the cash account it left by.
    """
    session = moment.session
    contract = (await session.exec(select(Contract).where(col(Contract.application_id) == application.id))).one()
    row = insert(Loan).values(
        id=uuid4(),
        application_id=application.id,
        client_id=application.client_id,
        contract_id=contract.id,
        number=contract.number,
        status="ACTIVE",
        terms=contract.terms,
        disbursed_on=value_date,
        created_at=moment.at,
    )
    await session.exec(row.on_conflict_do_nothing())
    loan = (await session.exec(select(Loan).where(col(Loan.application_id) == application.id))).one()
    event = Disbursed(
        key=disbursement_key(application.id),
        value_date=loan.disbursed_on,
        known_at=moment.at,
        amount=application.amount,
        through=through,
    )
    await loan_book.record(moment, loan.id, event, actor="system:worker", paragraph="9")
    return loan
