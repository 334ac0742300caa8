"""The audit trail: who did what, when, why, on which paragraph; each row holds the hash of the one before.

The database appends and chains the rows itself, when the transaction commits; the application can do
neither. `verify` computes every hash again outside of the database. A chain shows changed, missing and
inserted rows; that rows were cut off its end, or all of it made anew, only a head kept elsewhere shows.

Rules: para 32.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from pydantic import BaseModel
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import run

START = "0" * 64
_ROWS_AT_ONCE = 5_000
_INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
# the very text that the database hashed, written again by PostgreSQL's own functions
_ROWS = """
    select n, previous, hash, jsonb_build_array(n, to_char(at at time zone 'UTC', :instant), actor, action, subject,
        reason, paragraph, detail, previous)::text as hashed
    from audit_entry
"""
_CHAIN = f"{_ROWS} order by n"
_SLICE = f"{_ROWS} where n > :after order by n limit :limit"


class AuditReport(BaseModel):
    """The state of the chain. head: hash of the last row. forged_row: the first row that does not fit."""

    rows: int
    head: str
    verified: bool
    forged_row: int | None = None
    problem: str | None = None


async def record(
    session: AsyncSession,
    *,
    actor: str,
    action: str,
    subject: str,
    reason: str | None = None,
    paragraph: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append an entry in the caller's transaction: no commit, no entry.

    It may be called anywhere in a transaction; the chain is locked only while that commits.

    Args:
        actor: ``client:{id}``, ``staff:{id}`` or ``system:{part}``.
        subject: what it was done to, for example ``application:{id}``.
        detail: ids, versions, scores; no personal data.
    """
    await run(
        session,
        "select audit_append(:actor, :action, :subject, :reason, :paragraph, cast(:detail as jsonb))",
        actor=actor,
        action=action,
        subject=subject,
        reason=reason,
        paragraph=paragraph,
        detail=json.dumps(detail or {}, default=str, ensure_ascii=False),
    )


async def verify(session: AsyncSession, expected: tuple[int, str] | None = None) -> AuditReport:
    """Compute the whole chain again, row by row, without holding it in memory.

    Args:
        expected: number and hash of a row noted earlier, elsewhere; a chain made anew does not have it.
    """
    count, head = 0, START
    connection = await session.connection()
    chain = text(_CHAIN).bindparams(instant=_INSTANT).execution_options(yield_per=_ROWS_AT_ONCE)
    async with connection.stream(chain) as rows:
        async for n, previous, stored, hashed in rows:
            problem = _problem(count + 1, head, n, previous, stored, hashed)
            if problem is None and expected is not None and n == expected[0] and stored != expected[1]:
                problem = "the row is not the one noted earlier"
            if problem is not None:
                return AuditReport(rows=count, head=head, verified=False, forged_row=n, problem=problem)
            count, head = n, stored
    if expected is not None and count < expected[0]:
        missing = f"the chain ends before row {expected[0]}, which was noted earlier"
        return AuditReport(rows=count, head=head, verified=False, forged_row=count + 1, problem=missing)
    return AuditReport(rows=count, head=head, verified=True)


class AuditSlice(BaseModel):
    """Some rows of the chain. last, head: number and hash of the last of them. forged: rows that do not fit, and why.

    over: there is nothing behind them.
    """

    last: int
    head: str
    forged: list[tuple[int, str]]
    over: bool


async def verify_slice(session: AsyncSession, last: int, head: str, limit: int) -> AuditSlice:
    """Compute the next rows again, behind the row with this number and hash (0 and START: from the first).

    Behind a row that does not fit it goes on with that row's own hash, so that one forgery hides no other.
    """
    rows = (await run(session, _SLICE, instant=_INSTANT, after=last, limit=limit)).all()
    forged = []
    for row in rows:
        problem = _problem(last + 1, head, row.n, row.previous, row.hash, row.hashed)
        if problem is not None:
            forged.append((row.n, problem))
        last, head = row.n, row.hash
    return AuditSlice(last=last, head=head, forged=forged, over=len(rows) < limit)


async def hash_of(session: AsyncSession, n: int) -> str | None:
    """The hash of a row, None where there is no such row."""
    return (await run(session, "select hash from audit_entry where n = :n", n=n)).scalar_one_or_none()


def _problem(due: int, head: str, n: int, previous: str, stored: str, hashed: str) -> str | None:
    """Why this row cannot follow the one before; None where it does."""
    if n != due:
        return f"row {due} is missing"
    if previous != head:
        return "the hash of the row before is another one"
    if sha256(hashed.encode()).hexdigest() != stored:
        return "the row was changed"
    return None


async def of_subject(session: AsyncSession, subject: str) -> list[dict[str, Any]]:
    """All entries of one subject, oldest first, as plain values."""
    rows = await run(session, "select * from audit_entry where subject = :subject order by n", subject=subject)
    return [dict(row) for row in rows.mappings()]
