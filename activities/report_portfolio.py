"""The loans of a report: every loan valued at the end of a day, and what a period made of it.

The valuation reads through connections of its own, while the caller's transaction holds one state of the database.
Facts are only ever appended, so equal counts of the facts up to the day, in the caller's state before and in the newest
one after, prove that the valuation saw exactly the facts of the caller's state. Otherwise a new state is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel.ext.asyncio.session import AsyncSession

from activities.portfolio.portfolio import Batch, value_portfolio
from rules.loan import WrittenOff, position
from rules.loan_history import effective
from rules.report_facts import UNKNOWN
from rules.reports import Span
from storage import loans, report_books
from storage.database import Database
from storage.report_facts import Values, streamed

Ints = NDArray[np.int64]

_FIGURES = ("principal", "overdue_days", "overdue_principal", "total_to_close", "paid", "refunded")
_DAY = timedelta(days=1)
_LENT = """
    select no, loan.id, number, coalesce(product_code, :unknown) as product, loan.lent, disbursed_on
    from loan left join application on application.id = loan.application_id
    where disbursed_on <= :last order by no
"""


class Changed(Exception):
    """Facts of the period were written while it was valued: another state of the database must be taken."""


@dataclass(frozen=True)
class Debts:
    """Loans by their numbers, in order, and a column of each figure, in tiyn and days."""

    numbers: Ints
    columns: dict[str, Ints]

    def at(self, numbers: Ints, name: str) -> Ints:
        """A figure of these loans; nothing for those that are not here."""
        found = np.zeros(len(numbers), np.int64)
        if len(self.numbers):
            place = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
            known = self.numbers[place] == numbers
            found[known] = self.columns[name][place[known]]
        return found


def columns_of(batch: Batch) -> dict[str, Ints]:
    """What a report needs of a range of loans."""
    return {"no": batch.numbers, **{name: getattr(batch.debts, name) for name in _FIGURES}}


def debts(url: str, on: date) -> Debts:
    """Every loan at the end of a day. It takes seconds for a million loans."""
    parts = list(value_portfolio(url, on, columns_of))
    if not parts:
        return Debts(np.zeros(0, np.int64), {name: np.zeros(0, np.int64) for name in _FIGURES})
    numbers = np.concatenate([part["no"] for part in parts])
    order = np.argsort(numbers)
    return Debts(
        numbers[order], {name: np.concatenate([part[name] for part in parts])[order] for name in _FIGURES}
    )  # fmt: skip


async def valued(session: AsyncSession, database: Database, url: str, period: Span, days: list[date]) -> list[Debts]:
    """The portfolio at the end of each day, as the session's state has it.

    Raises:
        Changed: facts of the period came meanwhile.
    """
    before = await report_books.counted(session, period)
    found = [await asyncio.to_thread(debts, url, day) for day in days]
    async with database.begin() as other:
        if await report_books.counted(other, period) != before:
            raise Changed
    return found


async def open_loans(session: AsyncSession, period: Span, end: Debts) -> AsyncIterator[Values]:
    """Loans on which something is owed at the end of the period."""
    owed = (end.columns["total_to_close"] > 0) | (end.columns["principal"] > 0)
    chosen = np.flatnonzero(owed)
    figures = [end.columns[name][chosen].tolist() for name in _FIGURES[:4]]
    rows = _of_loans(session, period, end.numbers[chosen])
    async for at, row in rows:
        principal, days, overdue, owes = (column[at] for column in figures)
        yield [str(row.id), row.number, row.product, days, principal, overdue, owes]


async def movements(session: AsyncSession, period: Span, start: Debts, end: Debts) -> AsyncIterator[Values]:
    """What the period made of each loan that had a debt or a movement in it. repaid: principal, by clients."""
    numbers = end.numbers
    opening, closing = start.at(numbers, "principal"), end.columns["principal"]
    received = end.columns["paid"] - start.at(numbers, "paid")
    given_back = end.columns["refunded"] - start.at(numbers, "refunded")
    fresh = ~np.isin(numbers, start.numbers)
    chosen = np.flatnonzero(fresh | (opening != 0) | (closing != 0) | (received != 0) | (given_back != 0))
    columns = [one[chosen].tolist() for one in (opening, fresh, closing, received, given_back)]
    lost = await _written_off(session, period)
    async for at, row in _of_loans(session, period, numbers[chosen]):
        had, new, has, got, gave = (column[at] for column in columns)
        issued, gone = row.lent if new else 0, lost.get(int(row.no), 0)
        repaid = had + issued - has - gone
        yield [str(row.id), row.number, row.product, had, bool(new), issued, repaid, gone, has, got, gave]


async def _of_loans(session: AsyncSession, period: Span, numbers: Ints) -> AsyncIterator[tuple[int, Any]]:
    """The rows of some loans, in the order of their numbers."""
    wanted, at = numbers.tolist(), 0
    async for row in streamed(session, _LENT, last=period.last, unknown=UNKNOWN):
        while at < len(wanted) and wanted[at] < row.no:
            at += 1
        if at < len(wanted) and wanted[at] == row.no:
            yield at, row


async def _written_off(session: AsyncSession, period: Span) -> dict[int, int]:
    """Principal that was given up in the period, by the loan's number; there are few such loans."""
    ids = await report_books.written_off(session, period)
    numbers, found = await report_books.by_number(session, ids), {}
    facts = await loans.events_of(session, ids)
    for loan_id in ids:
        terms, history = loans.terms(await loans.get(session, loan_id)), effective(facts[loan_id], period.last)
        first = next((one for one in history if isinstance(one, WrittenOff)), None)
        if first is not None and first.value_date >= period.first:
            before = [one for one in history if one.value_date <= first.value_date and not isinstance(one, WrittenOff)]
            found[numbers[loan_id]] = position(before, terms, first.value_date).principal.tiyn
    return found


def days_of(kinds: tuple[str, ...], period: Span) -> list[date]:
    """The days whose ends must be valued: none, the last of the period, or the one before it as well."""
    if "movement" in kinds:
        return [period.first - _DAY, period.last]
    return [period.last] if "loan" in kinds else []
