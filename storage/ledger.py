"""The double-entry ledger. Postings are appended, keyed by the business fact, and balanced: the database checks."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict
from rules.money import Money
from storage.database import run
from storage.tables import LedgerEntry, LedgerPosting


async def post(
    session: AsyncSession, key: str, description: str, value_date: date, debit: str, credit: str, amount: Money
) -> LedgerPosting:
    """Book an amount from one account to another, once a key.

    Args:
        key: the business fact, for example ``disburse:{application_id}``.
        debit: account debited, for example ``loans:principal``.
        credit: account credited, for example ``bank:settlement``.

    Raises:
        Conflict: `ledger-key-reused`: the key stands for another booking.
    """
    fresh = await run(
        session,
        "insert into ledger_posting (id, key, description, value_date, posted_at)"
        " values (:id, :key, :description, :value_date, clock_timestamp()) on conflict (key) do nothing returning id",
        id=uuid4(),
        key=key,
        description=description,
        value_date=value_date,
    )
    is_fresh = fresh.one_or_none() is not None
    posting = (await session.exec(select(LedgerPosting).where(col(LedgerPosting.key) == key))).one()
    if is_fresh:
        session.add(LedgerEntry(posting_id=posting.id, account=debit, side="D", amount=amount))
        session.add(LedgerEntry(posting_id=posting.id, account=credit, side="C", amount=amount))
        await session.flush()
        return posting
    entries = (await session.exec(select(LedgerEntry).where(col(LedgerEntry.posting_id) == posting.id))).all()
    stored = {(entry.side, entry.account, entry.amount) for entry in entries}
    if stored != {("D", debit, amount), ("C", credit, amount)} or posting.value_date != value_date:
        raise Conflict("ledger-key-reused")
    return posting


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
