"""Reports to the regulator: snapshot, control checks, files. Each step once a version.

Every step reads the archived snapshot again: nothing but it decides what a file says. Signature and delivery are in
activities.report_inbox. The duty is that of the National Bank's rules of 24.11.2025.

Rules: para 34.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.context import Moment, Records
from activities.report_files import MEDIA, figures_of, files_of
from activities.report_reading import snapshot_of
from activities.report_snapshots import SnapshotSource, Taken
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.report_checks import Fault
from rules.report_snapshot import Snapshot, build
from rules.reports import Report as Definition
from rules.reports import Span, received_at, report, span
from storage import audit, reports
from storage.tables import Document, Report, ReportFile, ReportVersion

PARAGRAPH = "34"
_SHOWN = 20  # faults that a case's page shows


class ReportRef(Frozen):
    """Which report, for which period."""

    code: str
    period: str


class ReportOpened(Frozen):
    """received_at: what its clock begins with. rule: of the clock. done: it was accepted already."""

    rule: str
    received_at: datetime
    done: bool


class SnapshotWanted(Frozen):
    """A snapshot under an id that the asker has chosen; the same id again is the same version."""

    version_id: UUID
    ref: ReportRef
    draft: bool = False


class VersionRef(Frozen):
    """Which version."""

    version_id: UUID


class VersionTaken(Frozen):
    """n: its number. facts: how many there are behind it."""

    n: int
    facts: int


class FormsChecked(Frozen):
    """What the control checks found: how much, and the first of it. No personal data."""

    count: int
    faults: list[Fault]


class RetryAsked(Frozen):
    """A person's word by its id: the case trusts the row in the database, not this message."""

    retry_id: UUID


class Reports:
    """What a report's case does with our own records."""

    def __init__(self, records: Records, source: SnapshotSource) -> None:
        self._records, self._source = records, source

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.open_report, self.take_snapshot, self.check_forms, self.make_files, self.retry_stands]

    @activity.defn
    async def open_report(self, ref: ReportRef) -> ReportOpened:
        """The row of the report, once.

        Raises:
            NotFound: `report-unknown`. InvalidInput: `report-period-wrong`.
            Conflict: `report-period-not-over`.
        """
        definition, period = known(ref)
        async with self._records.moment() as moment:
            if moment.at < period.window[1]:
                raise Conflict("report-period-not-over")
            row = await reports.opened(moment.session, ref.code, period, moment.at)
            return ReportOpened(
                rule=definition.clock, received_at=received_at(period), done=row.state == "ACCEPTED"
            )  # fmt: skip

    @activity.defn
    async def take_snapshot(self, wanted: SnapshotWanted) -> VersionTaken:
        """Read everything the report is made of, as one state of the database has it, and archive it.

        Raises:
            Conflict: `report-period-not-over`.
            NotSettled: facts of the period keep coming; tried again later.
        """
        definition, period = known(wanted.ref)
        async with self._records.database.begin() as session:
            kept = await session.get(ReportVersion, wanted.version_id)
        if kept is None:
            kept = await self._keep(wanted, definition, period, await self._source.take(definition, period))
        return VersionTaken(n=kept.n, facts=kept.facts)

    async def _keep(self, wanted: SnapshotWanted, definition: Definition, period: Span, taken: Taken) -> ReportVersion:
        async with self._records.moment() as moment:
            row = await reports.opened(moment.session, definition.code, period, moment.at)
            kept = await moment.session.get(ReportVersion, wanted.version_id)
            if kept is not None:  # the same step ran twice at once
                return kept
            document = await archive(
                self._records, moment, taken.snapshot.packed, "report_snapshot", "application/zlib", period.last
            )
            made = ReportVersion(
                id=wanted.version_id,
                report_id=row.id,
                n=0,
                draft=wanted.draft,
                layout=definition.layout,
                taken_at=taken.taken_at,
                snapshot_document_id=document.id,
                snapshot_sha256=taken.snapshot.sha256,
                facts=taken.facts,
            )
            await reports.add_version(moment.session, row, made)
            await reports.reach(moment.session, made, "TAKEN", moment.at)
            await tell(moment, row, "report-snapshot-taken", made, facts=taken.facts, sha256=made.snapshot_sha256)
            return made

    @activity.defn
    async def check_forms(self, ref: VersionRef) -> FormsChecked:
        """Compute the figures and hold them against each other and the books; a faulty form is refused."""
        snapshot = await self.snapshot_of(ref.version_id)
        built = await asyncio.to_thread(build, snapshot)
        faults = list(built.faults)
        async with self._records.moment() as moment:
            made = await reports.version(moment.session, ref.version_id, lock=True)
            if made.state == "TAKEN":
                made.figures, made.faults = figures_of(built), [one.model_dump() for one in faults]
                await reports.reach(moment.session, made, "FAULTY" if faults else "CHECKED", moment.at)
                row = await moment.session.get_one(Report, made.report_id)
                action = "report-refused-by-checks" if faults else "report-checked"
                await tell(moment, row, action, made, faults=len(faults), first=made.faults[:_SHOWN])
        return FormsChecked(count=len(faults), faults=faults[:_SHOWN])

    async def snapshot_of(self, version_id: UUID) -> Snapshot:
        """A version's snapshot as the archive has it.

        Raises:
            NotFound: `report-not-built`.
            BusinessError: `document-damaged`.
        """
        async with self._records.database.begin() as session:
            made = await reports.version(session, version_id)
        return await snapshot_of(self._records, made)

    @activity.defn
    async def make_files(self, ref: VersionRef) -> None:
        """Render XLSX, JSON and PDF and archive them; a form that the checks refused has none.

        Raises:
            Conflict: `report-faulty`.
        """
        snapshot = await self.snapshot_of(ref.version_id)
        built = await asyncio.to_thread(build, snapshot)
        if built.faults:
            raise Conflict("report-faulty")
        contents = await asyncio.to_thread(files_of, built, snapshot.sha256)
        async with self._records.moment() as moment:
            made = await reports.version(moment.session, ref.version_id, lock=True)
            row = await moment.session.get_one(Report, made.report_id)
            if await reports.files(moment.session, made.id):
                return
            for name, content in contents.items():
                document = await archive(
                    self._records, moment, content, f"report_{name.lower()}", MEDIA[name], row.last_day
                )
                moment.session.add(
                    ReportFile(
                        version_id=made.id, format=name, document_id=document.id, sha256=document.sha256,
                        size=document.size,
                    )
                )  # fmt: skip
            await moment.session.flush()
            await tell(moment, row, "report-rendered", made, sha256=await _hashes(moment.session, made.id))

    @activity.defn
    async def retry_stands(self, asked: RetryAsked) -> UUID:
        """The version about which a person has said that another one may be made.

        Raises:
            NotFound: `report-retry-unknown`: nobody has.
        """
        async with self._records.moment() as moment:
            word = await reports.retry_of(moment.session, asked.retry_id)
            return word.version_id


def known(ref: ReportRef) -> tuple[Definition, Span]:
    """The definition of a report and its period.

    Raises:
        NotFound: `report-unknown`. InvalidInput: `report-period-wrong`.
    """
    definition = report(ref.code)
    return definition, span(definition.every, ref.period)


async def archive(
    records: Records, moment: Moment, content: bytes, kind: str, media_type: str, last_day: date
) -> Document:
    """Keep something of a report, locked for the years after it. Rules: para 34."""
    return await records.documents.keep(
        moment.session,
        content,
        kind=kind,
        media_type=media_type,
        direction="made",
        client=None,
        retain_until=moment.retain_until(max(last_day, moment.day)),
    )


async def tell(moment: Moment, row: Report, action: str, made: ReportVersion, **detail: Any) -> None:
    """Note a step of a report in the audit trail."""
    await audit.record(
        moment.session,
        actor="system:worker",
        action=action,
        subject=subject_of(row.code, row.period),
        paragraph=PARAGRAPH,
        detail={"version": made.n, "draft": made.draft, **detail},
    )


def subject_of(code: str, period: str) -> str:
    """How the audit trail and the clocks name a report."""
    return f"report:{code}:{period}"


async def _hashes(session: AsyncSession, version_id: UUID) -> dict[str, str]:
    return {name: one.sha256 for name, one in (await reports.files(session, version_id)).items()}
