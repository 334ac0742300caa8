"""A loan's first facts, its record at the credit bureau, and how long its documents stay locked.

Each loan goes to the bureau by the law on microfinance, art. 4.

Rules: para 7, part 5; para 34.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.context import Moment, Records
from activities.ports import CreditBureau
from activities.retention import planned_end, shorter_locks
from rules.errors import BrokenContract, NotFound, NotSettled
from rules.evidence import Frozen
from storage import audit
from storage.tables import Application, Contract, Loan, LoanEvent

_AT_ONCE = 20  # documents extended in one transaction: a try that is cut off loses little


class LoanRef(Frozen):
    """Which loan."""

    loan_id: UUID
    client_id: UUID


class Loans:
    """Furnishes loans to the state bureau, and keeps their documents long enough."""

    def __init__(self, records: Records, bureau: CreditBureau) -> None:
        self._records, self._bureau = records, bureau

    @activity.defn
    async def furnish_new(self, ref: LoanRef) -> str:
        """Send the NEW record and see it accepted; the batch id is the business fact, so a retry sends nothing new.

        Raises:
            NotSettled: the bureau is still working on the batch.
            BrokenContract: the bureau rejected the record: an alarm, tried again after the cause is mended.
        """
        batch = f"new-{ref.loan_id}"
        async with self._records.moment() as moment:
            loan = await get_loan(moment.session, ref.loan_id)
            client = await self._records.clients.get(moment.session, ref.client_id)
        record = {
            "op": "NEW",
            "contract_no": loan.number,
            "iin": self._records.clients.person(client).iin,
            "principal": loan.terms["principal"],
            "outstanding": loan.terms["principal"],
            "overdue_days": 0,
            "overdue_amount": "0.00",
            "status": "ACTIVE",
            "as_of": loan.disbursed_on.isoformat(),
        }
        await self._bureau.submit(batch, [record])
        state = await self._bureau.submission(batch)
        if state["state"] != "DONE":
            raise NotSettled("the bureau is still working on the batch")
        if state["rejected"]:
            raise BrokenContract("the bureau rejected the record")
        async with self._records.moment() as moment:
            await audit.record(
                moment.session,
                actor="system:worker",
                action="furnished-new",
                subject=f"loan:{loan.id}",
                paragraph="8",
                detail={"batch": batch},
            )
        return batch

    @activity.defn
    async def extend_documents(self, ref: LoanRef) -> int:
        """Lock what the loan stands on until its planned end and the years after it; the number of locks moved.

        The client's own documents (card, face, statement, signature) and the application's. What another, refused
        application left keeps its own, shorter time. A retry goes on where the last try stopped.

        Rules: para 11; para 34.
        """
        moved = 0
        while True:
            async with self._records.moment() as moment:
                loan = await get_loan(moment.session, ref.loan_id)
                until = moment.retain_until(await planned_end(moment.session, loan.application_id))
                due = await shorter_locks(moment.session, ref.client_id, loan.application_id, until, _AT_ONCE)
                for document_id in due:
                    await self._records.documents.extend(moment.session, document_id, until, f"loan:{loan.id}")
            moved += len(due)
            if len(due) < _AT_ONCE:
                return moved


async def get_loan(session: AsyncSession, loan_id: UUID) -> Loan:
    """The loan's row."""
    loan = await session.get(Loan, loan_id)
    if loan is None:
        raise NotFound("loan-unknown")
    return loan


async def open_loan(moment: Moment, application: Application, value_date: date) -> Loan:
    """The loan's row and its first event, in the transaction of the bank's answer."""
    query = select(Contract).where(col(Contract.application_id) == application.id)
    contract = (await moment.session.exec(query)).one()
    loan = Loan(
        application_id=application.id,
        client_id=application.client_id,
        contract_id=contract.id,
        number=contract.number,
        terms=contract.terms,
        disbursed_on=value_date,
        created_at=moment.at,
    )
    moment.session.add(loan)
    await moment.session.flush()
    moment.session.add(
        LoanEvent(
            loan_id=loan.id,
            key=f"disbursed:{application.id}",
            kind="disbursed",
            value_date=value_date,
            known_at=moment.at,
            payload={"amount": str(application.amount)},
        )
    )
    return loan
