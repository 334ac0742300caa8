"""Identifications of clients: what belongs to one, and the records that were made of them.

Rules: para 34; para 35.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import NotFound
from storage.database import run
from storage.tables import Check, Document, Identification


async def last(session: AsyncSession, client_id: UUID, act: str, application_id: UUID | None) -> Identification | None:
    """The newest identification of a client for an act."""
    query = select(Identification).where(
        col(Identification.client_id) == client_id,
        col(Identification.act) == act,
        col(Identification.application_id).is_not_distinct_from(application_id),
    )
    return (await session.exec(query.order_by(col(Identification.n).desc()).limit(1))).one_or_none()


async def checks(
    session: AsyncSession, client_id: UUID, act: str, application_id: UUID | None, after: datetime | None
) -> Sequence[Check]:
    """The checks of a client for an act since an instant, in the order they were made."""
    query = select(Check).where(
        col(Check.client_id) == client_id,
        col(Check.act) == act,
        col(Check.application_id).is_not_distinct_from(application_id),
    )
    if after is not None:
        query = query.where(col(Check.at) > after)
    return (await session.exec(query.order_by(col(Check.at), col(Check.id)))).all()


async def decisions(
    session: AsyncSession, client_id: UUID, application_id: UUID | None, begin: datetime, end: datetime
) -> list[dict[str, Any]]:
    """What staff decided about a client's identity in a span of time."""
    found = await run(
        session,
        "select r.id as review, r.workflow_id, r.ground, r.created_at, d.decision, d.reason_code, d.staff_id, d.at"
        " from review r join review_decision d on d.review_id = r.id where r.client_id = :client and d.final"
        " and r.kind = 'IDENTITY' and r.application_id is not distinct from cast(:application as uuid)"
        " and r.created_at >= :begin and d.at <= :end order by d.at, r.id",
        client=client_id,
        application=application_id,
        begin=begin,
        end=end,
    )
    return [dict(row) for row in found.mappings()]


async def get(session: AsyncSession, identification_id: UUID) -> Identification:
    """One record's row.

    Raises:
        NotFound: `identification-unknown`.
    """
    row = await session.get(Identification, identification_id)
    if row is None:
        raise NotFound("identification-unknown")
    return row


async def of_client(session: AsyncSession, client_id: UUID) -> Sequence[Identification]:
    """Every identification of a client, oldest first."""
    query = select(Identification).where(col(Identification.client_id) == client_id)
    return (await session.exec(query.order_by(col(Identification.ended_at), col(Identification.id)))).all()


async def hashes(session: AsyncSession, documents: Sequence[UUID]) -> dict[str, str]:
    """sha256 of archived documents, by id."""
    query = select(Document.id, Document.sha256).where(col(Document.id).in_(documents))
    return {str(document_id): sha256 for document_id, sha256 in (await session.exec(query)).all()}
