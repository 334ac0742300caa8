"""Papers about fraud in the database: entered, decided by a second person, what was proved to be done, holds.

A case of a loan stands while its hold does: the first of its duties places it, its end lifts it. The caller holds the
loan's lock wherever something is written.

Rules: para 13, part 2; para 27.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import case
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotAllowed, NotFound
from rules.suspension import SUSPENDING, Duty, PaperKind
from storage.database import is_duplicate
from storage.tables import CollectionHold, FraudDuty, OfficialPaper

CANCELLATION = PaperKind.CANCELLATION


async def add(session: AsyncSession, paper: OfficialPaper) -> OfficialPaper:
    """Keep an entered paper under the loan's next number.

    Raises:
        Conflict: `paper-known`: it was entered already.
    """
    query = select(func.max(OfficialPaper.n)).where(col(OfficialPaper.loan_id) == paper.loan_id)
    paper.n = ((await session.exec(query)).one() or 0) + 1
    try:
        async with session.begin_nested():
            session.add(paper)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise Conflict("paper-known") from None
    return paper


async def get(session: AsyncSession, paper_id: UUID, *, lock: bool = False) -> OfficialPaper:
    """A paper as it stands in the database now.

    Raises:
        NotFound: `paper-unknown`.
    """
    query = select(OfficialPaper).where(col(OfficialPaper.id) == paper_id)
    query = query.with_for_update() if lock else query
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("paper-unknown")
    return found


async def locked(session: AsyncSession, paper_id: UUID) -> OfficialPaper:
    """The paper, and nobody else decides on it in this transaction.

    Raises:
        NotFound: `paper-unknown`.
    """
    return await get(session, paper_id, lock=True)


async def decide(
    session: AsyncSession, paper_id: UUID, staff_id: UUID, at: datetime, *, confirmed: bool, reason_code: str | None
) -> OfficialPaper:
    """The second person's word; a no of the one who entered it takes the paper back.

    Raises:
        NotFound: `paper-unknown`.
        NotAllowed: `second-person-needed`: nobody confirms what they entered.
        Conflict: `paper-decided` already.
    """
    paper = await locked(session, paper_id)
    if paper.state != "ENTERED":
        raise Conflict("paper-decided")
    own = paper.entered_by == staff_id
    if confirmed and own:
        raise NotAllowed("second-person-needed")
    paper.state = "CONFIRMED" if confirmed else "WITHDRAWN" if own else "REFUSED"
    paper.decided_by, paper.decided_at, paper.reason_code = staff_id, at, reason_code
    session.add(paper)
    await session.flush()
    return paper


async def of_loan(session: AsyncSession, loan_id: UUID) -> list[OfficialPaper]:
    """All papers about a loan, oldest case first."""
    query = select(OfficialPaper).where(col(OfficialPaper.loan_id) == loan_id).order_by(col(OfficialPaper.n))
    return list((await session.exec(query.execution_options(populate_existing=True))).all())


async def cancellation_of(session: AsyncSession, paper_id: UUID) -> OfficialPaper | None:
    """The confirmed paper that cancels this one; the first where there are several."""
    query = (
        select(OfficialPaper)
        .where(col(OfficialPaper.cancels) == paper_id, col(OfficialPaper.state) == "CONFIRMED")
        .order_by(col(OfficialPaper.decided_at))
        .limit(1)
    )
    return (await session.exec(query.execution_options(populate_existing=True))).first()


async def waiting_cases(session: AsyncSession, loan_ids: Iterable[UUID]) -> list[str]:
    """Ids of the workflows begun by these loans' papers that may still wait for the bureau's word."""
    last = case((col(OfficialPaper.kind).in_(SUSPENDING), Duty.BUREAU_ENDED), else_=Duty.BUREAU)
    told = select(FraudDuty.id).where(col(FraudDuty.paper_id) == col(OfficialPaper.id), col(FraudDuty.name) == last)
    query = select(OfficialPaper).where(
        col(OfficialPaper.loan_id).in_(list(loan_ids)), col(OfficialPaper.kind) != CANCELLATION, ~told.exists()
    )
    return sorted(case_id(one) for one in await session.exec(query))


def case_id(paper: OfficialPaper) -> str:
    """The id of the workflow that a paper begins."""
    kind = "suspension" if paper.kind in SUSPENDING else "write-off"
    return f"{kind}/{paper.loan_id}/{paper.n}"


# ---- proofs


async def prove(session: AsyncSession, paper_id: UUID, name: str, at: datetime, evidence: dict[str, Any]) -> bool:
    """Append the proof of a duty once; False where it stands already."""
    await session.flush()
    row = insert(FraudDuty).values(id=uuid4(), paper_id=paper_id, name=name, done_at=at, evidence=evidence)
    made = await session.exec(row.on_conflict_do_nothing().returning(col(FraudDuty.id)))
    return made.first() is not None


async def duties_of(session: AsyncSession, paper_id: UUID) -> dict[str, FraudDuty]:
    """What was proved for a paper, by name."""
    query = select(FraudDuty).where(col(FraudDuty.paper_id) == paper_id).order_by(col(FraudDuty.done_at))
    return {row.name: row for row in await session.exec(query)}


# ---- holds


async def hold(session: AsyncSession, paper: OfficialPaper, at: datetime) -> CollectionHold:
    """Stop collection and claims for a paper, once. One that was lifted stays lifted."""
    row = insert(CollectionHold).values(paper_id=paper.id, loan_id=paper.loan_id, placed_at=at)
    await session.exec(row.on_conflict_do_nothing())
    found = await hold_of(session, paper.id)
    assert found is not None
    return found


async def hold_of(session: AsyncSession, paper_id: UUID) -> CollectionHold | None:
    """The hold of a paper, standing or lifted."""
    query = select(CollectionHold).where(col(CollectionHold.paper_id) == paper_id)
    return (await session.exec(query.execution_options(populate_existing=True))).one_or_none()


async def lift(session: AsyncSession, paper_id: UUID, at: datetime, why: str) -> CollectionHold | None:
    """Let collection go on as far as this paper is concerned; None where it never held."""
    found = await hold_of(session, paper_id)
    if found is not None and found.lifted_at is None:
        found.lifted_at, found.lifted_why = at, why
        session.add(found)
        await session.flush()
    return found


async def standing(session: AsyncSession, loan_id: UUID) -> list[CollectionHold]:
    """Holds that stand on a loan, oldest first."""
    query = select(CollectionHold).where(
        col(CollectionHold.loan_id) == loan_id, col(CollectionHold.lifted_at).is_(None)
    )
    return list((await session.exec(query.order_by(col(CollectionHold.placed_at)))).all())


async def is_held(session: AsyncSession, loan_id: UUID) -> bool:
    """Whether nothing may be collected or claimed of a loan now. Rules: para 13, part 2."""
    return bool(await standing(session, loan_id))


async def held_among(session: AsyncSession, loan_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these loans are held."""
    query = select(CollectionHold.loan_id).where(
        col(CollectionHold.loan_id).in_(list(loan_ids)), col(CollectionHold.lifted_at).is_(None)
    )
    return set((await session.exec(query)).all())
