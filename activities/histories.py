"""At its end a case's history goes into the archive: Temporal forgets closed cases, the law does not.

Rules: para 34.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.context import Records
from activities.retention import planned_end
from rules.evidence import Frozen
from storage.tables import Document


class HistoryWanted(Frozen):
    """Which workflow's history, and whose file it belongs to."""

    workflow_id: str
    client_id: UUID
    application_id: UUID | None = None


class Histories:
    """Archives histories.

    Args:
        fetch: the history of (workflow id, run id) as JSON; payloads in it are encrypted already.
    """

    def __init__(self, records: Records, fetch: Callable[[str, str], Awaitable[bytes]]) -> None:
        self._records, self._fetch = records, fetch

    @activity.defn
    async def archive_history(self, wanted: HistoryWanted) -> UUID:
        """Store the history so far, once."""
        info = activity.info()
        content = await self._fetch(wanted.workflow_id, info.workflow_run_id or "")
        async with self._records.moment() as moment:
            kept = await self._kept(moment.session, wanted)
            if kept is not None:
                return kept
            client = await self._records.clients.get(moment.session, wanted.client_id)
            document = await self._records.documents.keep(
                moment.session,
                content,
                kind="history",
                media_type="application/json",
                direction="made",
                client=client,
                application_id=wanted.application_id,
                retain_until=moment.retain_until(await planned_end(moment.session, wanted.application_id)),
            )
            return document.id

    async def _kept(self, session: AsyncSession, wanted: HistoryWanted) -> UUID | None:
        query = select(Document.id).where(
            col(Document.kind) == "history",
            col(Document.client_id) == wanted.client_id,
            col(Document.application_id) == wanted.application_id,
        )
        return (await session.exec(query)).first()
