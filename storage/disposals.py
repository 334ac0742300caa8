"""The destruction of clients' data after its retention: one person proposes, another confirms, the database destroys.

Whose time is over is asked of the index of retentions when staff look; nothing runs over all clients.

Rules: para 28; para 34.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotAllowed, NotFound
from storage.clock import now
from storage.database import is_duplicate, run
from storage.tables import Client, Disposal, DisposalObject, Document, LegalHold

_DUE = """
    select d.client_id, count(*) as documents, max(d.retain_until) as ended, disposal_obstacle(d.client_id) as obstacle
    from document d join client c on c.id = d.client_id and c.status <> 'DESTROYED'
    where d.retain_until <= :at
        and not exists (select 1 from document l where l.client_id = d.client_id and l.retain_until > :at)
        and not exists (select 1 from disposal p where p.client_id = d.client_id
                        and p.state not in ('REFUSED', 'STOPPED'))
    group by d.client_id order by max(d.retain_until), d.client_id limit :most
"""


class Due(NamedTuple):
    """A client whose last retention has ended. obstacle: a code where something forbids to destroy the data still."""

    client_id: UUID
    documents: int
    ended: datetime
    obstacle: str | None


async def due(session: AsyncSession, limit: int) -> list[Due]:
    """Clients whose last retention has ended and whom nobody has proposed yet, the longest ago first."""
    rows = await run(session, _DUE, at=await now(session), most=limit)
    return [Due(row.client_id, row.documents, row.ended, row.obstacle) for row in rows]


async def obstacle(session: AsyncSession, client_id: UUID) -> str | None:
    """The code of what forbids to destroy a client's data now; None where nothing does."""
    found: str | None = (await run(session, "select disposal_obstacle(:id)", id=client_id)).scalar_one()
    return found


async def propose(session: AsyncSession, client_id: UUID, reason: str, staff_id: UUID) -> Disposal:
    """The first person's word.

    Raises:
        NotFound: `client-unknown`.
        Conflict: what forbids it, see `obstacle`; `disposal-open`: it was proposed already.
    """
    if await session.get(Client, client_id) is None:
        raise NotFound("client-unknown")
    await _refuse_what_is_forbidden(session, client_id)
    earlier = select(func.count()).where(col(Disposal.client_id) == client_id)
    made = Disposal(
        id=uuid4(),
        client_id=client_id,
        n=1 + int((await session.exec(earlier)).one()),
        reason=reason,
        proposed_by=staff_id,
        proposed_at=await now(session),
    )
    try:
        async with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise Conflict("disposal-open") from None
    return made


async def confirm(session: AsyncSession, disposal_id: UUID, staff_id: UUID) -> Disposal:
    """The second person agrees: the data may be destroyed.

    Raises:
        NotFound: `disposal-unknown`.
        NotAllowed: `second-person-needed`: the same person proposed it.
        Conflict: `disposal-decided`, or what forbids it.
    """
    found = await locked(session, disposal_id)
    if found.state != "PROPOSED":
        raise Conflict("disposal-decided")
    if found.proposed_by == staff_id:
        raise NotAllowed("second-person-needed")
    await _refuse_what_is_forbidden(session, found.client_id)
    return await _decided(session, found, "CONFIRMED", staff_id)


async def refuse(session: AsyncSession, disposal_id: UUID, staff_id: UUID) -> Disposal:
    """Somebody says no, or the one who proposed it takes it back.

    Raises:
        NotFound: `disposal-unknown`.
        Conflict: `disposal-decided`.
    """
    found = await locked(session, disposal_id)
    if found.state != "PROPOSED":
        raise Conflict("disposal-decided")
    return await _decided(session, found, "REFUSED", staff_id)


async def destroy(session: AsyncSession, disposal_id: UUID) -> str | None:
    """Take the client's data key away, and all that is sealed for the client; the code of what forbade it, if any.

    The database checks that two people decided it and that nothing forbids it. Nothing is destroyed where it refuses.
    """
    await session.flush()
    try:
        async with session.begin_nested():
            await run(session, "select destroy_client_data(:id)", id=disposal_id)
    except IntegrityError as error:
        return _refusal_of(error)
    session.expire_all()
    return None


def _refusal_of(error: IntegrityError) -> str:
    diagnostic = getattr(error.orig, "diag", None)
    named = getattr(diagnostic, "constraint_name", None)
    return "disposal-not-confirmed" if named in (None, "disposal_two_people") else str(named)


async def locked(session: AsyncSession, disposal_id: UUID) -> Disposal:
    """A disposal's row, held until the transaction ends.

    Raises:
        NotFound: `disposal-unknown`.
    """
    query = select(Disposal).where(col(Disposal.id) == disposal_id).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("disposal-unknown")
    return found


async def listed(session: AsyncSession, limit: int) -> Sequence[Disposal]:
    """Disposals, those that wait for their second word first, then the newest."""
    query = select(Disposal).order_by(col(Disposal.state) != "PROPOSED", col(Disposal.proposed_at).desc())
    return (await session.exec(query.limit(limit))).all()


async def left(session: AsyncSession, disposal: Disposal, limit: int) -> Sequence[Document]:
    """Documents of the client whose objects nobody has tried to remove yet, oldest first."""
    tried = select(DisposalObject.document_id).where(col(DisposalObject.disposal_id) == disposal.id)
    query = select(Document).where(col(Document.client_id) == disposal.client_id, col(Document.id).not_in(tried))
    return (await session.exec(query.order_by(col(Document.created_at), col(Document.id)).limit(limit))).all()


async def objects(session: AsyncSession, disposal: Disposal) -> list[tuple[Document, DisposalObject]]:
    """Every document of a disposal and what became of its object, oldest first."""
    query = (
        select(Document, DisposalObject)
        .join(DisposalObject, col(DisposalObject.document_id) == col(Document.id))
        .where(col(DisposalObject.disposal_id) == disposal.id)
        .order_by(col(Document.created_at), col(Document.id))
    )
    return [(document, tried) for document, tried in await session.exec(query)]


async def _refuse_what_is_forbidden(session: AsyncSession, client_id: UUID) -> None:
    forbidden = await obstacle(session, client_id)
    if forbidden is not None:
        raise Conflict(forbidden)


async def _decided(session: AsyncSession, row: Disposal, state: str, staff_id: UUID) -> Disposal:
    row.state, row.decided_by, row.decided_at = state, staff_id, await now(session)
    session.add(row)
    await session.flush()
    return row


# ---- who is kept longer


async def hold(session: AsyncSession, client_id: UUID, reason: str, staff_id: UUID) -> LegalHold:
    """Keep a client's data longer than its term, until another person lifts the hold.

    Raises:
        NotFound: `client-unknown`.
    """
    if await session.get(Client, client_id) is None:
        raise NotFound("client-unknown")
    made = LegalHold(client_id=client_id, reason=reason, placed_by=staff_id, placed_at=await now(session))
    session.add(made)
    await session.flush()
    return made


async def lift(session: AsyncSession, hold_id: UUID, staff_id: UUID) -> LegalHold:
    """Another person than the one who placed it lifts a hold.

    Raises:
        NotFound: `hold-unknown`.
        NotAllowed: `second-person-needed`.
        Conflict: `hold-lifted` already.
    """
    query = select(LegalHold).where(col(LegalHold.id) == hold_id).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("hold-unknown")
    if found.lifted_at is not None:
        raise Conflict("hold-lifted")
    if found.placed_by == staff_id:
        raise NotAllowed("second-person-needed")
    found.lifted_by, found.lifted_at = staff_id, await now(session)
    session.add(found)
    await session.flush()
    return found


async def holds(session: AsyncSession, limit: int) -> Sequence[LegalHold]:
    """Holds that stand, the oldest first."""
    query = select(LegalHold).where(col(LegalHold.lifted_at).is_(None)).order_by(col(LegalHold.placed_at)).limit(limit)
    return (await session.exec(query)).all()
