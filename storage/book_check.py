"""The ledger against the loans' own facts: every loan's postings must add up to what its fold says.

The comparison is of each loan's last booked day, and of one state of the database; loans are read a part at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import BusinessError
from rules.loan_books import balances
from rules.loan_events import LoanEvent
from rules.money import Money
from storage import ledger, loans
from storage.database import run
from storage.tables import Loan

_AT_ONCE = 1_000
_NOTHING = Money(0)


class Difference(BaseModel):
    """One account of one loan. problem: why the loan's facts give no balances at all; its account is empty then."""

    model_config = ConfigDict(frozen=True)

    loan_id: UUID
    on: date | None
    account: str = ""
    in_ledger: Money = _NOTHING
    in_loan: Money = _NOTHING
    problem: str | None = None


class BookCheck(BaseModel):
    """What was compared. behind: loans to which days have done something that is not booked yet; no error.

    unmatched_in_ledger, unmatched_payments: money received that has no place, by the ledger and by the payments.
    """

    loans: int = 0
    behind: int = 0
    differs: list[Difference] = []
    debit: Money = _NOTHING
    credit: Money = _NOTHING
    unmatched_in_ledger: Money = _NOTHING
    unmatched_payments: Money = _NOTHING

    @property
    def ok(self) -> bool:
        """Whether ledger, loans and payments say the same."""
        return not self.differs and self.debit == self.credit and self.unmatched_in_ledger == self.unmatched_payments


async def check(session: AsyncSession, today: date) -> BookCheck:
    """Compare everything; call it first in a transaction, which then sees one state of the database."""
    await run(session, "set transaction isolation level repeatable read, read only")
    result = BookCheck()
    async for part in _parts(session):
        await _compare(session, part, today, result)
    result.debit, result.credit = await ledger.totals(session)
    result.unmatched_in_ledger = -await ledger.balance(session, "clients:unmatched")
    waiting = await run(
        session, "select coalesce(sum(amount), 0) from incoming_payment where state in ('UNMATCHED', 'RETURNING')"
    )
    result.unmatched_payments = Money(waiting.scalar_one())
    return result


async def _parts(session: AsyncSession) -> AsyncIterator[Sequence[Loan]]:
    last = UUID(int=0)
    while True:
        query = select(Loan).where(col(Loan.id) > last).order_by(col(Loan.id)).limit(_AT_ONCE)
        part = (await session.exec(query)).all()
        if not part:
            return
        yield part
        last = part[-1].id
        session.expunge_all()


async def _compare(session: AsyncSession, part: Sequence[Loan], today: date, result: BookCheck) -> None:
    ids = [row.id for row in part]
    events = await loans.events_of(session, ids)
    booked = await ledger.of_loans(session, ids)
    until = await ledger.booked_until(session, ids)
    for row in part:
        result.loans += 1
        facts, on = events.get(row.id, []), until.get(row.id)
        in_ledger = booked.get(row.id, {})
        try:
            in_loan = _of_facts(row, facts, on)
            result.behind += _of_facts(row, facts, max(today, on or today)) != in_loan
        except BusinessError as error:
            result.differs.append(Difference(loan_id=row.id, on=on, problem=error.code))
            continue
        for account in sorted({*in_ledger, *in_loan}):
            theirs, ours = in_ledger.get(account, _NOTHING), in_loan.get(account, _NOTHING)
            if theirs != ours:
                result.differs.append(
                    Difference(loan_id=row.id, on=on, account=account, in_ledger=theirs, in_loan=ours)
                )


def _of_facts(row: Loan, facts: Sequence[LoanEvent], on: date | None) -> dict[str, Money]:
    if on is None or not any(event.value_date <= on for event in facts):
        return {}
    return balances(facts, loans.terms(row), on)
