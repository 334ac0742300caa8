"""At its end a case's history goes into the archive: Temporal forgets closed cases, the law does not.

Rules: para 34.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.context import Moment, Records
from activities.retention import loan_end, planned_end
from rules.evidence import Frozen
from storage import loans
from storage.tables import Document


class HistoryWanted(Frozen):
    """Which workflow's history, and whose file it belongs to: the client's, an application's or a loan's.

    kind: of the document; part: of a case whose life is cut into several runs, each has a history of its own.
    """

    workflow_id: str
    client_id: UUID
    application_id: UUID | None = None
    loan_id: UUID | None = None
    kind: str = "history"
    part: int | None = None

    @property
    def document_kind(self) -> str:
        """What the archived history is called."""
        return self.kind if self.part is None else f"{self.kind}_{self.part}"


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
            application_id, end = await self._belongs(moment, wanted)
            kept = await self._kept(moment.session, wanted, application_id)
            if kept is not None:
                return kept
            client = await self._records.clients.get(moment.session, wanted.client_id)
            document = await self._records.documents.keep(
                moment.session,
                content,
                kind=wanted.document_kind,
                media_type="application/json",
                direction="made",
                client=client,
                application_id=application_id,
                retain_until=moment.retain_until(end),
            )
            return document.id

    async def _belongs(self, moment: Moment, wanted: HistoryWanted) -> tuple[UUID | None, date | None]:
        """The application whose papers it lies with, and when their obligations end."""
        if wanted.loan_id is None:
            return wanted.application_id, await planned_end(moment.session, wanted.application_id)
        loan = await loans.get(moment.session, wanted.loan_id)
        return loan.application_id, await loan_end(moment.session, loan, moment.day)

    async def _kept(self, session: AsyncSession, wanted: HistoryWanted, application_id: UUID | None) -> UUID | None:
        query = select(Document.id).where(
            col(Document.kind) == wanted.document_kind,
            col(Document.client_id) == wanted.client_id,
            col(Document.application_id) == application_id,
        )
        return (await session.exec(query)).first()
