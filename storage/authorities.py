"""Papers by which a person may sign for a legal entity: as they were shown, and which one an officer confirmed.

Rules: para 6, part 2.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.client import AuthorityKind
from rules.errors import Conflict, NotFound
from rules.evidence import Frozen, StepOutcome
from storage.clock import now
from storage.tables import Check, ClientAuthority

STEP = "authority"


class Paper(Frozen):
    """What stands on the paper. valid_until: its last day, of a power of attorney alone."""

    kind: AuthorityKind
    number: str
    issued_on: date
    valid_until: date | None = None


async def check_tries(session: AsyncSession, client_id: UUID, most: int) -> None:
    """Whether a client may show one more paper. most: papers of one client.

    Raises:
        Conflict: `authority-tries`.
    """
    if await _count(session, client_id) >= most:
        raise Conflict("authority-tries")


async def keep(
    session: AsyncSession, client_id: UUID, authority_id: UUID, paper: Paper, scans: list[UUID]
) -> ClientAuthority:
    """Keep a paper that a client shows; the same id again is the same paper."""
    known = await session.get(ClientAuthority, authority_id)
    if known is not None:
        return known
    made = ClientAuthority(
        id=authority_id,
        client_id=client_id,
        n=1 + await _count(session, client_id),
        kind=paper.kind.value,
        number=paper.number,
        issued_on=paper.issued_on,
        valid_until=paper.valid_until,
        scans=scans,
        received_at=await now(session),
    )
    session.add(made)
    await session.flush()
    return made


async def _count(session: AsyncSession, client_id: UUID) -> int:
    query = select(func.count()).where(col(ClientAuthority.client_id) == client_id)
    return int((await session.exec(query)).one())


async def get(session: AsyncSession, client_id: UUID, authority_id: UUID) -> ClientAuthority:
    """A paper of this client.

    Raises:
        NotFound: `authority-unknown`.
    """
    found = await session.get(ClientAuthority, authority_id)
    if found is None or found.client_id != client_id:
        raise NotFound("authority-unknown")
    return found


async def under_review(session: AsyncSession, client_id: UUID) -> ClientAuthority | None:
    """The paper that the case has put before an officer last; one that the case did not take is none."""
    return await _checked(session, client_id, StepOutcome.REVIEW)


async def confirmed(session: AsyncSession, client_id: UUID) -> ClientAuthority | None:
    """The paper that an officer confirmed last, whether it is still good or not."""
    return await _checked(session, client_id, StepOutcome.PASSED)


async def _checked(session: AsyncSession, client_id: UUID, outcome: StepOutcome) -> ClientAuthority | None:
    query = select(Check.evidence).where(
        col(Check.client_id) == client_id, col(Check.step) == STEP, col(Check.outcome) == outcome
    )
    evidence = (await session.exec(query.order_by(col(Check.at).desc()).limit(1))).one_or_none()
    return None if evidence is None else await get(session, client_id, UUID(evidence["asked"]["authority"]))
