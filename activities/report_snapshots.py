"""Taking the snapshot of a report: everything it is made of, as one state of the database had it.

One transaction, repeatable read and read only. What it reads is written as it comes, so a million loans are never held
as objects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from activities import report_portfolio
from activities.report_portfolio import Changed, Debts
from rules.errors import Conflict, NotSettled
from rules.lender import Lender
from rules.policy import policy
from rules.report_facts import COLUMNS
from rules.report_snapshot import Head, Snapshot, Writer
from rules.report_words import labels
from rules.reports import Report, Span
from storage import report_books
from storage.clock import now
from storage.database import Database, run
from storage.report_facts import READERS, Values

_TRIES = 5  # facts of a past period come seldom; a valuation takes seconds


@dataclass(frozen=True)
class Taken:
    """A snapshot with what is noted beside it. taken_at: when it was read."""

    snapshot: Snapshot
    taken_at: datetime
    facts: int


@dataclass(frozen=True)
class SnapshotSource:
    """Where snapshots come from. database, url: of the readers' role, whose transactions may take their time."""

    database: Database
    url: str
    lender: Lender

    async def take(self, definition: Report, period: Span) -> Taken:
        """The snapshot of a period that is over.

        Raises:
            Conflict: `report-period-not-over`.
            NotSettled: facts of the period keep coming while it is read; try again later.
        """
        for _ in range(_TRIES):
            try:
                async with self.database.begin() as session:
                    await run(session, "set transaction isolation level repeatable read, read only")
                    return await self._read(session, definition, period)
            except Changed:
                continue
        raise NotSettled(f"facts of {period.code} keep coming while the report {definition.code} is read")

    async def _read(self, session: AsyncSession, definition: Report, period: Span) -> Taken:
        at = await now(session)
        if at < period.window[1]:
            raise Conflict("report-period-not-over")
        days = report_portfolio.days_of(definition.kinds, period)
        debts = []
        if days:
            debts = await report_portfolio.valued(session, self.database, self.url, period, days)
        head = Head(
            report=definition.code,
            layout=definition.layout,
            period=period.code,
            taken_at=at,
            lender_bin=self.lender.bin,
            lender=self.lender.names,
            policy=policy(period.last).version,
            labels=labels(),
            books=await _books(session, definition, period),
            columns={kind: COLUMNS[kind] for kind in definition.kinds},
        )
        writer = Writer(head)
        for kind in definition.kinds:
            async for values in _facts(kind, session, period, debts):
                writer.add(kind, values)
        return Taken(writer.end(), at, writer.facts)


def _facts(kind: str, session: AsyncSession, period: Span, debts: list[Debts]) -> AsyncIterator[Values]:
    if kind == "loan":
        return report_portfolio.open_loans(session, period, debts[-1])
    if kind == "movement":
        return report_portfolio.movements(session, period, debts[0], debts[-1])
    return READERS[kind](session, period)


async def _books(session: AsyncSession, definition: Report, period: Span) -> dict[str, int]:
    """The totals that the checks of this report ask for."""
    books: dict[str, int] = {}
    if set(definition.kinds) & {"movement", "issue", "burden"}:
        books["issued_in_ledger"] = await report_books.issued_in_ledger(session, period)
    if "movement" in definition.kinds:
        received, given_back = await report_books.money_by_facts(session, period)
        books |= {"received_by_facts": received, "given_back_by_facts": given_back}
    return books
