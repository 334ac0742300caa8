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
    """Which workflow's history, and whose file it belongs to: the client's, an application's, a loan's or nobody's.

    kind: of the document. A loan's case lives in several runs, and a loan may have several cases: the history of each
    run is a document of its own, and bears the run's name behind its kind. So does that of a case without client.
    """

    workflow_id: str
    client_id: UUID | None
    application_id: UUID | None = None
    loan_id: UUID | None = None
    kind: str = "history"


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
        run_id = activity.info().workflow_run_id or ""
        of_a_run = wanted.loan_id is not None or wanted.client_id is None
        kind = f"{wanted.kind}_{run_id[-12:]}" if of_a_run else wanted.kind
        content = await self._fetch(wanted.workflow_id, run_id)
        async with self._records.moment() as moment:
            application_id, end = await self._belongs(moment, wanted)
            kept = await self._kept(moment.session, wanted.client_id, application_id, kind)
            if kept is not None:
                return kept
            client = None
            if wanted.client_id is not None:
                client = await self._records.clients.get(moment.session, wanted.client_id)
            document = await self._records.documents.keep(
                moment.session,
                content,
                kind=kind,
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

    async def _kept(
        self, session: AsyncSession, client_id: UUID | None, application_id: UUID | None, kind: str
    ) -> UUID | None:
        query = select(Document.id).where(
            col(Document.kind) == kind,
            col(Document.client_id) == client_id,
            col(Document.application_id) == application_id,
        )
        return (await session.exec(query)).first()
