"""What the trials of the archive's lock found, kept in the database; a broken lock stops what needs it.

While the newest trial says that a vital rule does not hold, no contract is drawn up, signed or sealed: its bytes
could be altered afterwards. Everything else goes on. Before the first trial nothing is known to be broken.

Rules: para 11; para 34.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import BrokenContract
from storage import audit
from storage.archive_lock import HELD, LockCheck, lock_is_sound
from storage.clock import now
from storage.tables import ArchiveConformance


class ArchiveLockBroken(BrokenContract):
    """The archive let a locked document be altered; the work goes on by itself once a trial holds again."""


async def record(session: AsyncSession, endpoint: str, checks: Sequence[LockCheck]) -> ArchiveConformance:
    """Keep one trial's result, audited in the same transaction.

    Args:
        endpoint: host and port of the store that was tried.
    """
    row = ArchiveConformance(
        at=await now(session),
        endpoint=endpoint,
        held=lock_is_sound(list(checks)),
        checks=[check.model_dump() for check in checks],
    )
    session.add(row)
    await session.flush()
    await audit.record(
        session,
        actor="system:archive",
        action="archive-lock-held" if row.held else "archive-lock-broken",
        subject=f"archive:{endpoint}",
        paragraph="34",
        detail={"conformance": str(row.id), "broken": broken_rules(row)},
    )
    return row


async def newest(session: AsyncSession) -> ArchiveConformance | None:
    """The last trial, None before the first."""
    query = select(ArchiveConformance).order_by(col(ArchiveConformance.at).desc()).limit(1)
    return (await session.exec(query)).first()


async def last_held(session: AsyncSession, endpoint: str) -> ArchiveConformance | None:
    """The last trial of this store in which the lock held."""
    query = select(ArchiveConformance).where(
        col(ArchiveConformance.endpoint) == endpoint, col(ArchiveConformance.held).is_(True)
    )
    return (await session.exec(query.order_by(col(ArchiveConformance.at).desc()).limit(1))).first()


def broken_rules(row: ArchiveConformance) -> list[str]:
    """The vital rules that did not hold."""
    return [check["rule"] for check in row.checks if check["vital"] and check["result"] != HELD]


async def require_lock(session: AsyncSession) -> None:
    """Stop before a contract that could be altered.

    Raises:
        ArchiveLockBroken: with the rules that did not hold; tried again by whoever waits for it.
    """
    row = await newest(session)
    if row is not None and not row.held:
        rules = "; ".join(broken_rules(row)) or "see the checks"
        raise ArchiveLockBroken(
            f"archive-lock-broken: on {row.endpoint} at {row.at:%Y-%m-%d %H:%M} UTC these rules did not hold: {rules}."
            " No contract is drawn up or signed until `nesie archive verify-lock` says that the lock is sound"
        )
