"""Incidents in the database: their rows, found and held.

Rules: para 13, part 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotFound
from storage.database import run
from storage.tables import (
    Incident,
    IncidentClosing,
    IncidentDocument,
    IncidentRound,
    IncidentTask,
    IncidentText,
    WatchPosition,
)

OPEN = "OPEN"


async def add(session: AsyncSession, incident: Incident) -> Incident | None:
    """Keep a new incident; the one with the same cause, where there is one."""
    await run(session, "select pg_advisory_xact_lock(hashtextextended(:key, 13))", key=f"incident:{incident.key}")
    known = (await session.exec(select(Incident).where(col(Incident.key) == incident.key))).one_or_none()
    if known is None:
        session.add(incident)
        await session.flush()
    return known


async def get(session: AsyncSession, incident_id: UUID) -> Incident:
    """An incident.

    Raises:
        NotFound: `incident-unknown`.
    """
    found = await session.get(Incident, incident_id)
    if found is None:
        raise NotFound("incident-unknown")
    return found


async def locked(session: AsyncSession, incident_id: UUID) -> Incident:
    """An incident, and nobody else changes it or what belongs to it in this transaction.

    Raises:
        NotFound: `incident-unknown`.
    """
    query = select(Incident).where(col(Incident.id) == incident_id).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("incident-unknown")
    return found


async def open_one(session: AsyncSession, incident_id: UUID) -> Incident:
    """An incident that is not over, held.

    Raises:
        NotFound: `incident-unknown`. Conflict: `incident-closed`.
    """
    found = await locked(session, incident_id)
    if found.state != OPEN:
        raise Conflict("incident-closed")
    return found


async def listed(session: AsyncSession, state: str | None, limit: int) -> list[Incident]:
    """Incidents, newest first."""
    query = select(Incident).order_by(col(Incident.entered_at).desc()).limit(limit)
    if state is not None:
        query = query.where(col(Incident.state) == state)
    return list((await session.exec(query)).all())


async def without_case(session: AsyncSession, limit: int) -> list[Incident]:
    """Open incidents whose case has not begun, oldest first."""
    query = select(Incident).where(col(Incident.state) == OPEN, col(Incident.begun_at).is_(None))
    return list((await session.exec(query.order_by(col(Incident.entered_at)).limit(limit))).all())


async def rounds(session: AsyncSession, incident_id: UUID) -> list[IncidentRound]:
    """The rounds of an incident, in order."""
    query = select(IncidentRound).where(col(IncidentRound.incident_id) == incident_id)
    return list((await session.exec(query.order_by(col(IncidentRound.n)))).all())


async def round_of(session: AsyncSession, incident_id: UUID, n: int, *, lock: bool = False) -> IncidentRound:
    """One round.

    Raises:
        NotFound: `incident-unknown`.
    """
    query = select(IncidentRound).where(col(IncidentRound.incident_id) == incident_id, col(IncidentRound.n) == n)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise NotFound("incident-unknown")
    return found


async def tasks(session: AsyncSession, incident_id: UUID) -> list[IncidentTask]:
    """The tasks of an incident, in the order they were made."""
    query = select(IncidentTask).where(col(IncidentTask.incident_id) == incident_id)
    return list((await session.exec(query.order_by(col(IncidentTask.created_at), col(IncidentTask.id)))).all())


async def task(session: AsyncSession, incident_id: UUID, task_id: UUID) -> IncidentTask:
    """A task of an incident.

    Raises:
        NotFound: `incident-task-unknown`.
    """
    found = await session.get(IncidentTask, task_id)
    if found is None or found.incident_id != incident_id:
        raise NotFound("incident-task-unknown")
    return found


async def documents(session: AsyncSession, incident_id: UUID) -> list[IncidentDocument]:
    """Archived evidence, oldest first."""
    query = select(IncidentDocument).where(col(IncidentDocument.incident_id) == incident_id)
    return list((await session.exec(query.order_by(col(IncidentDocument.added_at)))).all())


async def closings(session: AsyncSession, incident_id: UUID) -> list[IncidentClosing]:
    """Proposals to close, oldest first."""
    query = select(IncidentClosing).where(col(IncidentClosing.incident_id) == incident_id)
    return list((await session.exec(query.order_by(col(IncidentClosing.proposed_at)))).all())


async def closing(session: AsyncSession, incident_id: UUID, closing_id: UUID) -> IncidentClosing:
    """A proposal to close that waits for its second person, held.

    Raises:
        NotFound: `incident-closing-unknown`. Conflict: `incident-closing-decided`.
    """
    query = select(IncidentClosing).where(
        col(IncidentClosing.id) == closing_id, col(IncidentClosing.incident_id) == incident_id
    )
    found = (await session.exec(query.with_for_update().execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("incident-closing-unknown")
    if found.state != "PROPOSED":
        raise Conflict("incident-closing-decided")
    return found


async def texts(session: AsyncSession, incident_id: UUID) -> dict[str, UUID]:
    """Archived words to the clients, by language."""
    query = select(IncidentText).where(col(IncidentText.incident_id) == incident_id)
    return {one.language: one.document_id for one in (await session.exec(query)).all()}


async def position(session: AsyncSession, name: str) -> dict[str, Any]:
    """How far a watch has come, held until the transaction ends; empty before its first look."""
    await run(session, "select pg_advisory_xact_lock(hashtextextended(:name, 13))", name=f"watch:{name}")
    found = await session.get(WatchPosition, name, populate_existing=True)
    return {} if found is None else found.position


async def move(session: AsyncSession, name: str, to: dict[str, Any]) -> None:
    """Note how far a watch has come."""
    found = await session.get(WatchPosition, name)
    at = (await run(session, "select clock_timestamp()")).scalar_one()
    if found is None:
        session.add(WatchPosition(name=name, position=to, at=at))
    else:
        found.position, found.at = to, at
        session.add(found)
    await session.flush()


async def first_audit_row(session: AsyncSession, at: Any) -> int:
    """The first row of the audit trail at or after an instant; behind the last where there is none.

    Rows are in order of time, so some look-ups by number find it: there is no index to be kept for it.
    """
    last = cast(int | None, (await run(session, "select max(n) from audit_entry")).scalar())
    low, high = 1, (last or 0) + 1
    while low < high:
        middle = (low + high) // 2
        query = "select n, at from audit_entry where n >= :middle order by n limit 1"
        row: Sequence[Any] | None = (await run(session, query, middle=middle)).one_or_none()
        if row is None or row[1] >= at:
            high = middle
        else:
            low = int(row[0]) + 1
    return low
