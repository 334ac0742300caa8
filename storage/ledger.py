"""The double-entry ledger. Postings are appended, keyed by the business fact, and balanced: the database checks.

Amounts of an account are told debit-positive: what was debited less what was credited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.accounts import CHART
from rules.calendar import end_of_day
from rules.errors import Conflict
from rules.money import Money
from storage.database import run
from storage.tables import LedgerEntry, LedgerPosting

_NOTHING = Money(0)

Legs = Mapping[str, Money]


async def post(
    session: AsyncSession,
    key: str,
    description: str,
    value_date: date,
    debit: str,
    credit: str,
    amount: Money,
    *,
    loan_id: UUID | None = None,
) -> LedgerPosting:
    """Book an amount from one account to another, once a key.

    Args:
        key: the business fact, for example ``incoming:bank:77``.
        debit: account debited, for example ``cash:bank``.
        credit: account credited, for example ``clients:unmatched``.

    Raises:
        Conflict: as post_legs.
    """
    legs = {debit: amount, credit: -amount}
    return await post_legs(session, key, description, value_date, legs, loan_id=loan_id)


async def post_legs(
    session: AsyncSession,
    key: str,
    description: str,
    value_date: date,
    legs: Legs,
    *,
    loan_id: UUID | None = None,
) -> LedgerPosting:
    """Book any number of legs, once a key; the same booking again changes nothing.

    Args:
        key: the business fact, for example ``disburse:{application_id}``.
        legs: account -> amount, plus is debited, minus is credited; together zero.
        loan_id: the one loan that the booking is about.

    Raises:
        Conflict: `ledger-key-reused`: the key stands for another booking.
    """
    fresh = await run(
        session,
        "insert into ledger_posting (id, key, description, value_date, posted_at, loan_id)"
        " values (:id, :key, :description, :value_date, clock_timestamp(), :loan)"
        " on conflict (key) do nothing returning id",
        id=uuid4(),
        key=key,
        description=description,
        value_date=value_date,
        loan=loan_id,
    )
    is_fresh = fresh.one_or_none() is not None
    posting = (await session.exec(select(LedgerPosting).where(col(LedgerPosting.key) == key))).one()
    wanted = {account: amount for account, amount in legs.items() if amount != _NOTHING}
    if is_fresh:
        session.add_all(_entry(posting.id, account, amount) for account, amount in wanted.items())
        await session.flush()
        return posting
    query = select(LedgerEntry).where(col(LedgerEntry.posting_id) == posting.id)
    stored = {entry.account: _signed(entry) for entry in (await session.exec(query)).all()}
    if (stored, posting.value_date, posting.loan_id) != (wanted, value_date, loan_id):
        raise Conflict("ledger-key-reused")
    return posting


def _entry(posting_id: UUID, account: str, amount: Money) -> LedgerEntry:
    side, positive = ("D", amount) if amount > _NOTHING else ("C", -amount)
    return LedgerEntry(posting_id=posting_id, account=account, side=side, amount=positive)


def _signed(entry: LedgerEntry) -> Money:
    return entry.amount if entry.side == "D" else -entry.amount


async def posted(session: AsyncSession, key: str) -> LedgerPosting | None:
    """The booking of a fact, where there is one."""
    return (await session.exec(select(LedgerPosting).where(col(LedgerPosting.key) == key))).one_or_none()


async def totals(session: AsyncSession) -> tuple[Money, Money]:
    """Sum of all debits and of all credits; they are equal at any moment."""
    row: Any = (
        await run(
            session,
            "select coalesce(sum(amount) filter (where side = 'D'), 0) as debits,"
            " coalesce(sum(amount) filter (where side = 'C'), 0) as credits from ledger_entry",
        )
    ).one()
    return Money(row.debits), Money(row.credits)


async def balance(session: AsyncSession, account: str) -> Money:
    """Debits less credits of one account."""
    row = await run(
        session,
        "select coalesce(sum(case side when 'D' then amount else -amount end), 0) from ledger_entry"
        " where account = :account",
        account=account,
    )
    return Money(row.scalar_one())


class AccountTurnover(BaseModel):
    """What one account was debited and credited. balance: debits less credits."""

    model_config = ConfigDict(frozen=True)

    account: str
    kind: str
    debit: Money
    credit: Money

    @property
    def balance(self) -> Money:
        """Debits less credits."""
        return self.debit - self.credit


async def trial_balance(
    session: AsyncSession, on: date | None = None, *, known_on: date | None = None
) -> tuple[AccountTurnover, ...]:
    """Every account of the chart with its turnover, in the order of the chart.

    Args:
        on: postings that count for this day or an earlier one; all where none is given.
        known_on: only what had been written down by the end of this day in Almaty: the books as they were seen then.
    """
    rows = await run(
        session,
        """
        select code, kind, coalesce(sum(amount) filter (where side = 'D'), 0) as debit,
            coalesce(sum(amount) filter (where side = 'C'), 0) as credit
        from account left join (
            select account, side, amount from ledger_entry join ledger_posting on ledger_posting.id = posting_id
            where value_date <= coalesce(cast(:on as date), 'infinity')
                and posted_at < coalesce(cast(:until as timestamptz), 'infinity')
        ) as entry on account = code
        group by code
        """,
        on=on,
        until=None if known_on is None else end_of_day(known_on),
    )
    order = {one.code: place for place, one in enumerate(CHART)}
    told = [
        AccountTurnover(account=row.code, kind=row.kind, debit=Money(row.debit), credit=Money(row.credit))
        for row in rows
    ]
    return tuple(sorted(told, key=lambda one: order.get(one.account, len(order))))


async def of_loans(session: AsyncSession, loan_ids: Iterable[UUID]) -> dict[UUID, dict[str, Money]]:
    """The balances of each loan's postings, zero ones left out."""
    rows = await run(
        session,
        """
        select loan_id, account, sum(case side when 'D' then amount else -amount end) as balance
        from ledger_entry join ledger_posting on ledger_posting.id = posting_id
        where loan_id = any(:loans) group by loan_id, account
        """,
        loans=list(loan_ids),
    )
    found: dict[UUID, dict[str, Money]] = {}
    for row in rows:
        if row.balance:
            found.setdefault(row.loan_id, {})[row.account] = Money(row.balance)
    return found


async def of_loan(session: AsyncSession, loan_id: UUID) -> dict[str, Money]:
    """The balances of one loan's postings, zero ones left out."""
    return (await of_loans(session, [loan_id])).get(loan_id, {})


async def booked_until(session: AsyncSession, loan_ids: Iterable[UUID]) -> dict[UUID, date]:
    """The last day that each loan has a booking for; loans without one are left out."""
    rows = await run(
        session,
        "select loan_id, max(value_date) as day from ledger_posting where loan_id = any(:loans) group by loan_id",
        loans=list(loan_ids),
    )
    return {row.loan_id: row.day for row in rows}
