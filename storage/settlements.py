"""What the operator of the terminals sends to the bank account, against what its terminals took less what they paid.

A settlement is for days of the register; several may be for the same days. What is expected is read from our own books.

Rules: para 7, part 5; para 9.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.money import Money
from storage.database import run
from storage.tables import IncomingPayment, TerminalSettlement

_A_DAY = timedelta(days=1)


class Settled(BaseModel):
    """One settlement beside what its days come to. key: of the incoming payment. since, until: the days, with all that
    other settlements of the same days are for. settled: what came for them. difference: what came too much (minus: is
    missing).
    """

    model_config = ConfigDict(frozen=True)

    key: str
    since: date
    until: date
    expected: Money
    settled: Money

    @property
    def difference(self) -> Money:
        """What came above what the terminals' books come to."""
        return self.settled - self.expected


async def keep(
    session: AsyncSession, payment: IncomingPayment, operator: str, days: tuple[date, date] | None
) -> TerminalSettlement:
    """For which days a settlement is. days: as the operator named them; else all since its last settlement."""
    before = payment.value_date - _A_DAY
    since, until = days or (min(await _first_open_day(session, operator, before), before), before)
    kept = TerminalSettlement(
        payment_id=payment.id, operator=operator, since=since, until=until, named=days is not None
    )
    session.add(kept)
    await session.flush()
    return kept


async def _first_open_day(session: AsyncSession, operator: str, before: date) -> date:
    """The day after the last settled one; without one, the first day on which the terminals took anything."""
    last = select(func.max(col(TerminalSettlement.until))).where(col(TerminalSettlement.operator) == operator)
    settled_until = (await session.exec(last)).one()
    if settled_until is not None:
        return settled_until + _A_DAY
    first = select(func.min(col(IncomingPayment.value_date))).where(col(IncomingPayment.channel) == "TERMINAL")
    return (await session.exec(first)).one() or before


async def of_day(session: AsyncSession, day: date) -> list[Settled]:
    """The settlements that came with this value date, each beside what its days come to."""
    query = (
        select(IncomingPayment.key, TerminalSettlement)
        .join(TerminalSettlement, col(TerminalSettlement.payment_id) == col(IncomingPayment.id))
        .where(col(IncomingPayment.value_date) == day)
        .order_by(col(IncomingPayment.key))
    )
    found = []
    for key, row in (await session.exec(query)).all():
        since, until, ids = await _together(session, row)
        same = await session.exec(select(IncomingPayment).where(col(IncomingPayment.id).in_(ids)))
        settled = Money.total(one.amount for one in same)
        expected = await taken(session, since, until)
        found.append(Settled(key=key, since=since, until=until, expected=expected, settled=settled))
    return found


async def _together(session: AsyncSession, row: TerminalSettlement) -> tuple[date, date, list[UUID]]:
    """First and last day of a settlement and of all that share a day with it, and which those are."""
    since, until = row.since, row.until
    while True:
        query = select(TerminalSettlement).where(
            col(TerminalSettlement.operator) == row.operator,
            col(TerminalSettlement.since) <= until,
            col(TerminalSettlement.until) >= since,
        )
        same = (await session.exec(query)).all()
        wider = min(one.since for one in same), max(one.until for one in same)
        if wider == (since, until):
            return since, until, [one.payment_id for one in same]
        since, until = wider


async def is_settled(session: AsyncSession, operator: str, day: date) -> bool:
    """Whether a settlement is for this day."""
    query = select(TerminalSettlement.payment_id).where(
        col(TerminalSettlement.operator) == operator,
        col(TerminalSettlement.since) <= day,
        col(TerminalSettlement.until) >= day,
    )
    return (await session.exec(query.limit(1))).first() is not None


async def taken(session: AsyncSession, since: date, until: date) -> Money:
    """What the terminals took from payers on these days, less what they handed out, by our books."""
    found = await run(
        session,
        """
        select (select coalesce(sum(amount), 0) from incoming_payment
                where channel = 'TERMINAL' and value_date between :since and :until)
             - (select coalesce(sum(amount), 0) from outbound_payment
                where channel = 'terminal' and state = 'done' and value_date between :since and :until)
        """,
        since=since,
        until=until,
    )
    return Money(found.scalar_one())
