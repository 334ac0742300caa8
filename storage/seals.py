"""Seals over the audit trail: which rows are not sealed yet, and the seal that covers a row.

Rules: para 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import run
from storage.tables import AuditSeal

_INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
# the very text that the database hashed, as in storage/audit.py
_ROWS = """
    select n, hash, jsonb_build_array(n, to_char(at at time zone 'UTC', :instant), actor, action, subject,
        reason, paragraph, detail, previous)::text as hashed
    from audit_entry where n <= :last and subject = any(:subjects) order by n
"""


class AuditRow(NamedTuple):
    """A row of the trail: its number, its hash, and the text that was hashed."""

    n: int
    hash: str
    hashed: str


async def last_seal(session: AsyncSession) -> AuditSeal | None:
    """The newest seal."""
    return (await session.exec(select(AuditSeal).order_by(col(AuditSeal.n).desc()).limit(1))).one_or_none()


async def lock(session: AsyncSession) -> None:
    """One seal is made at a time."""
    await run(session, "select pg_advisory_xact_lock(3217, 33)")


async def hashes(session: AsyncSession, first: int, last: int | None = None) -> list[bytes]:
    """Hashes of the rows from one number to another, or to the end, in order."""
    found = await run(
        session,
        "select decode(hash, 'hex') from audit_entry where n >= :first and n <= :last order by n",
        first=first,
        last=last if last is not None else 2**62,
    )
    return [bytes(row[0]) for row in found]


async def covering(session: AsyncSession, rows: Sequence[int]) -> list[AuditSeal]:
    """The seals over some rows, in order."""
    if not rows:
        return []
    query = select(AuditSeal).where(col(AuditSeal.last) >= min(rows), col(AuditSeal.first) <= max(rows))
    found = (await session.exec(query.order_by(col(AuditSeal.n)))).all()
    return [seal for seal in found if any(seal.first <= row <= seal.last for row in rows)]


async def rows_of(session: AsyncSession, subjects: Sequence[str], last: int) -> list[AuditRow]:
    """The sealed rows of some subjects, up to a number."""
    found = await run(session, _ROWS, instant=_INSTANT, last=last, subjects=list(subjects))
    return [AuditRow(row.n, row.hash, row.hashed) for row in found]
