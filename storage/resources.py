"""Resources and notices of them in the database.

Rules: para 4; para 5.
"""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import NotFound
from rules.resources import TAKEN_OVER, ResourceFacts
from storage.tables import Resource, ResourceNotice


async def opened(session: AsyncSession) -> set[tuple[str, str]]:
    """Kind and code of every resource that may lend."""
    found = (await session.exec(select(Resource))).all()
    closed = {row.code for row in found if row.closed_at is not None}
    taken = {(str(one.facts.kind), one.facts.code) for one in TAKEN_OVER if one.facts.code not in closed}
    return taken | {(row.kind, row.code) for row in found if row.closed_at is None}


async def facts(session: AsyncSession, code: str) -> ResourceFacts | None:
    """What the regulator was told of a resource last; None where it is unknown."""
    row = await session.get(Resource, code)
    if row is not None:
        return ResourceFacts.model_validate(row.facts)
    return next((one.facts for one in TAKEN_OVER if one.facts.code == code), None)


async def notice(session: AsyncSession, notice_id: UUID, *, lock: bool = False) -> ResourceNotice:
    """A notice, held until the transaction ends where that is wanted.

    Raises:
        NotFound: `resource-notice-unknown`.
    """
    query = select(ResourceNotice).where(col(ResourceNotice.id) == notice_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = (await session.exec(query)).one_or_none()
    if row is None:
        raise NotFound("resource-notice-unknown")
    return row
