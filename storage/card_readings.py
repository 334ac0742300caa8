"""Finds what was read of a card for the review that it led to. Rules: para 6, part 3."""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.tables import Check, Review


async def of_review(session: AsyncSession, review: Review) -> UUID | None:
    """The archived reading of the check that put this case before a person; None where it is about something else."""
    if review.client_id is None or review.kind != "IDENTITY":
        return None
    query = (
        select(Check)
        .where(
            col(Check.client_id) == review.client_id,
            col(Check.step) == "document",
            col(Check.ground) == review.ground,
            col(Check.outcome) == "review",
            col(Check.at) <= review.created_at,
        )
        .order_by(col(Check.at).desc())
        .limit(1)
    )
    check = (await session.exec(query)).first()
    reading = check.evidence.get("inputs", {}).get("reading") if check else None
    return UUID(reading) if reading else None
