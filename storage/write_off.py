"""Proofs that verdicts are in force, and claims against guilty clients, in the database.

Rules: para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotAllowed, NotFound
from storage.database import is_duplicate
from storage.tables import Claim, StatutoryClock, VerdictForce

STANDING = ("ENTERED", "CONFIRMED")


async def enter_force(session: AsyncSession, proof: VerdictForce) -> None:
    """Keep a proof that waits for its second person.

    Raises:
        Conflict: `verdict-force-entered`: one stands already.
    """
    try:
        async with session.begin_nested():
            session.add(proof)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise Conflict("verdict-force-entered") from None


async def decide_force(
    session: AsyncSession, proof_id: UUID, staff_id: UUID, at: datetime, *, confirmed: bool, reason_code: str | None
) -> VerdictForce:
    """The second person's word; a no of the one who entered it takes the proof back.

    Raises:
        NotFound: `verdict-force-unknown`.
        NotAllowed: `second-person-needed`: nobody confirms what they entered.
        Conflict: `paper-decided` already.
    """
    query = select(VerdictForce).where(col(VerdictForce.id) == proof_id).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("verdict-force-unknown")
    if found.state != "ENTERED":
        raise Conflict("paper-decided")
    own = found.entered_by == staff_id
    if confirmed and own:
        raise NotAllowed("second-person-needed")
    found.state = "CONFIRMED" if confirmed else "WITHDRAWN" if own else "REFUSED"
    found.decided_by, found.decided_at, found.reason_code = staff_id, at, reason_code
    session.add(found)
    await session.flush()
    return found


async def force_of(session: AsyncSession, paper_id: UUID) -> VerdictForce | None:
    """The proof that stands, confirmed or not yet; None where none was brought or all were refused."""
    query = select(VerdictForce).where(
        col(VerdictForce.paper_id) == paper_id, col(VerdictForce.state).in_(STANDING)
    )  # fmt: skip
    return (await session.exec(query.execution_options(populate_existing=True))).one_or_none()


async def forces_of(session: AsyncSession, paper_id: UUID) -> list[VerdictForce]:
    """Every proof of a verdict, oldest first."""
    query = select(VerdictForce).where(col(VerdictForce.paper_id) == paper_id)
    return list((await session.exec(query.order_by(col(VerdictForce.entered_at)))).all())


async def claims(session: AsyncSession, limit: int, loan_id: UUID | None = None) -> list[Claim]:
    """Claims that are kept open, newest first."""
    query = select(Claim).order_by(col(Claim.opened_at).desc()).limit(limit)
    if loan_id is not None:
        query = query.where(col(Claim.loan_id) == loan_id)
    return list((await session.exec(query)).all())


async def claim_of(session: AsyncSession, loan_id: UUID) -> Claim | None:
    """The newest claim about a loan."""
    return next(iter(await claims(session, 1, loan_id)), None)


async def last_day(session: AsyncSession, clock_key: str | None) -> date | None:
    """The last day of the clock with this key; None where it has not begun or has none yet."""
    found = (await session.exec(select(StatutoryClock).where(col(StatutoryClock.key) == clock_key))).one_or_none()
    return None if found is None else found.last_day
