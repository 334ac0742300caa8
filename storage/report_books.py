"""Totals that a report's figures are held against: counted another way than the figures are.

All in tiyn, in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from rules.loan_events import Paid, Refunded
from rules.loan_history import effective
from rules.reports import Span
from storage import loans
from storage.database import run

_LEDGER = """
    select coalesce(sum(amount), 0) * 100 from ledger_entry join ledger_posting on ledger_posting.id = posting_id
    where account = 'loans:principal' and side = 'D' and starts_with(key, 'disburse:')
        and value_date between :first and :last
"""
_FACTS = """
    select coalesce(sum(tiyn) filter (where code between 1 and 3), 0) as received,
        coalesce(sum(tiyn) filter (where code = 4), 0) as given_back
    from loan_event where value_date between :first and :last
        and not exists (select from loan_event as other where other.loan_id = loan_event.loan_id
            and other.kind = 'corrected')
"""
_CORRECTED = "select distinct loan_id from loan_event where kind = 'corrected'"
_WRITTEN_OFF = """
    select distinct loan_id from loan_event where (kind = 'written_off' and value_date between :first and :last)
        or (kind = 'corrected' and payload -> 'instead' ->> 'kind' = 'written_off')
"""
_COUNTED = """
    select (select count(*) from loan_event where value_date <= :last) as facts,
        (select count(*) from loan where disbursed_on <= :last) as loans
"""


async def issued_in_ledger(session: AsyncSession, period: Span) -> int:
    """What the ledger says was lent in the period."""
    found = await run(session, _LEDGER, first=period.first, last=period.last)
    return int(found.scalar_one())


async def money_by_facts(session: AsyncSession, period: Span) -> tuple[int, int]:
    """What clients paid and what was given back to them in the period, added up from the facts themselves."""
    row = (await run(session, _FACTS, first=period.first, last=period.last)).one()
    received, given_back = int(row.received), int(row.given_back)
    corrected = list((await run(session, _CORRECTED)).scalars())
    for events in (await loans.events_of(session, corrected)).values():
        for fact in effective(events, period.last):
            if fact.value_date >= period.first:
                received += fact.amount.tiyn if isinstance(fact, Paid) else 0
                given_back += fact.amount.tiyn if isinstance(fact, Refunded) else 0
    return received, given_back


async def written_off(session: AsyncSession, period: Span) -> list[UUID]:
    """Loans that may have been written off in the period."""
    found = await run(session, _WRITTEN_OFF, first=period.first, last=period.last)
    return sorted(found.scalars())


async def counted(session: AsyncSession, period: Span) -> tuple[int, int]:
    """How many facts and loans there are up to the end of the period. Neither is ever changed or taken away."""
    row = (await run(session, _COUNTED, last=period.last)).one()
    return int(row.facts), int(row.loans)


async def by_number(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, int]:
    """The numbers under which a portfolio is valued."""
    rows = await run(session, "select id, no from loan where id = any(:ids)", ids=list(ids))
    return {row.id: int(row.no) for row in rows}
