"""The clock of the database: the one clock that all processes share."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import run


async def now(session: AsyncSession) -> datetime:
    """This instant, aware UTC; not the start of the transaction."""
    moment: datetime = (await run(session, "select clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)
