"""Reports to the regulator as staff work on them: where each stands, its figures, what is behind them, another version.

Rules: para 27; para 34.
"""

from __future__ import annotations

from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from sqlmodel import col, select

from activities import report_reading
from activities.context import Moment
from activities.reports import RetryAsked, subject_of
from api import papers
from api.actions import Call
from api.routes.problems import problems
from api.schemas_reports import (
    FactsShown,
    FaultShown,
    FiguresShown,
    FileShown,
    Format,
    ReportKind,
    ReportLine,
    ReportShown,
    RetryAnswer,
    RetryBody,
    VersionShown,
)
from api.schemas_staff import Role
from api.services import Kit
from api.staff import Member, needs
from rules.errors import NotFound
from rules.reports import REPORTS, report, span
from storage import audit, reports
from storage.tables import Document, Report, ReportFile, ReportVersion, StatutoryClock
from workflows.report import case_id

router = APIRouter(prefix="/staff/api/reports", tags=["staff"])
Reader = Annotated[Member, Depends(needs(Role.OFFICER, Role.COMPLIANCE, Role.AUDITOR))]
Compliance = Annotated[Member, Depends(needs(Role.COMPLIANCE))]
Code = Annotated[str, Path(pattern=r"^[a-z][a-z-]{2,40}$")]
Period = Annotated[str, Path(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2]|Q[1-4])$")]
Version = Annotated[int | None, Query(ge=1, description="the version in work where none is named")]

_PERIODS = 500
_MOST = 1000
_ASK = problems(401, 403, 404, 409, 422)


@router.get("", responses=problems(401, 403))
async def registry(kit: Kit, member: Reader) -> list[ReportKind]:
    """Every report there is, with the periods that were begun, the newest first."""
    async with kit.records.moment() as moment:
        begun = await reports.periods(moment.session, None, _PERIODS)
    return [
        ReportKind(
            code=one.code,
            names=dict(one.names),
            every=one.every.value,
            clock=one.clock,
            recipient=one.recipient.code,
            format=cast(Format, one.format),
            signer=one.signer,
            forms=[form.code for form in one.forms],
            periods=[line(row) for row in begun if row.code == one.code],
        )
        for one in REPORTS.values()
    ]


def line(row: Report) -> ReportLine:
    return ReportLine(
        code=row.code,
        period=row.period,
        state=row.state,
        version=row.version,
        workflow_id=case_id(row.code, row.period),
        updated_at=row.updated_at,
    )


@router.get("/{code}/{period}", responses=_ASK)
async def one(code: Code, period: Period, kit: Kit, member: Reader) -> ReportShown:
    """One report: its versions, what was refused and by whom, its clock."""
    _known(code, period)
    async with kit.records.moment() as moment:
        row = await reports.get(moment.session, code, period)
        clock = await _clock(moment, row)
        made = [await _version(moment, one) for one in await reports.versions(moment.session, row.id)]
    return ReportShown(
        line=line(row),
        due=None if clock is None else clock.last_day,
        clock_state=None if clock is None else clock.state,
        versions=made,
    )


def _known(code: str, period: str) -> None:
    span(report(code).every, period)


async def _clock(moment: Moment, row: Report) -> StatutoryClock | None:
    query = select(StatutoryClock).where(col(StatutoryClock.subject) == subject_of(row.code, row.period))
    query = query.order_by(col(StatutoryClock.started_at).desc())
    return (await moment.session.exec(query)).first()


async def _version(moment: Moment, made: ReportVersion) -> VersionShown:
    return VersionShown(
        n=made.n,
        draft=made.draft,
        state=made.state,
        taken_at=made.taken_at,
        snapshot_sha256=made.snapshot_sha256,
        facts=made.facts,
        faults=[_fault(one) for one in made.faults or []],
        files=[_file(one) for _, one in sorted((await reports.files(moment.session, made.id)).items())],
        upload_id=made.upload_id,
        uploaded_at=made.uploaded_at,
        delivery_document_id=made.delivery_document_id,
        accepted_at=made.accepted_at,
        receipt_document_id=made.receipt_document_id,
        control_errors=[_fault(one) for one in made.control_errors or []],
    )


def _fault(one: dict[str, Any]) -> FaultShown:
    reason = one.get("reason", one.get("message", ""))
    return FaultShown(form=one["form"], cell=one["cell"], rule=one["rule"], reason=reason)


def _file(one: ReportFile) -> FileShown:
    return FileShown(
        format=cast(Format, one.format), sha256=one.sha256, size=one.size, signed=one.cms_document_id is not None
    )


@router.get("/{code}/{period}/figures", responses=_ASK)
async def figures(code: Code, period: Period, kit: Kit, member: Reader, version: Version = None) -> FiguresShown:
    """The figures of a version, as its forms show them."""
    _known(code, period)
    kept = await report_reading.kept(kit.records, code, period, version)
    if kept.version.figures is None:
        raise NotFound("report-not-built")
    return FiguresShown(
        code=code,
        period=period,
        version=kept.version.n,
        snapshot_sha256=kept.version.snapshot_sha256,
        figures=kept.version.figures,
    )


@router.get("/{code}/{period}/facts", responses=_ASK)
async def facts(
    code: Code,
    period: Period,
    kit: Kit,
    member: Reader,
    cell: Annotated[str, Query(max_length=100, description="ROW/COLUMN, for example total/n1-30")],
    version: Version = None,
    skip: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=_MOST)] = 200,
) -> FactsShown:
    """The loans or cases behind one figure. That they were looked at is audited."""
    _known(code, period)
    kept = await report_reading.kept(kit.records, code, period, version)
    found = await report_reading.facts_behind(kit.records, kept.version, cell, skip, most)
    async with kit.records.moment() as moment:
        await audit.record(
            moment.session,
            actor=member.who,
            action="report-looked-at",
            subject=subject_of(code, period),
            paragraph="27",
            detail={"cell": cell, "version": kept.version.n, "facts": len(found.facts)},
        )
    return FactsShown(
        code=code,
        period=period,
        version=kept.version.n,
        form=found.form.code,
        cell=cell,
        count=found.count,
        facts=list(found.facts),
    )


@router.get("/{code}/{period}/files/{format}", response_class=Response, responses=_ASK)
async def file(
    code: Code, period: Period, format: Format, kit: Kit, member: Reader, version: Version = None
) -> Response:
    """One file of a version, as it was archived and signed."""
    _known(code, period)
    kept = await report_reading.kept(kit.records, code, period, version)
    if format not in kept.files:
        raise NotFound("report-not-built")
    async with kit.records.moment() as moment:
        document = await moment.session.get_one(Document, kept.files[format].document_id)
        return await papers.serve(kit, moment, document)


@router.post("/{code}/{period}/retry", status_code=201, responses=_ASK)
async def retry(code: Code, period: Period, body: RetryBody, kit: Kit, member: Compliance) -> RetryAnswer:
    """What was wrong is mended: another version is made of the data as they are now, and handed in."""
    _known(code, period)
    async with kit.records.moment() as moment:
        row = await reports.get(moment.session, code, period, lock=True)
        word = await reports.ask_again(moment.session, row, member.staff_id, body.reason_code, moment.at)
        await audit.record(
            moment.session,
            actor=member.who,
            action="report-retried",
            subject=subject_of(code, period),
            reason=body.reason_code,
            paragraph="27",
            detail={"version": row.version, "retry": str(word.id)},
        )
        call = _call(row, word.id)
        await kit.actions.keep(moment.session, call)  # whoever dies now, the case will be told
    delivered = await kit.actions.deliver(call)
    return RetryAnswer(code=code, period=period, version=row.version, retry_id=word.id, delivered=delivered)


def _call(row: Report, retry_id: UUID) -> Call:
    """The word's id for the case, which reads the word itself in our database."""
    workflow_id = case_id(row.code, row.period)
    return Call("RegulatorReport", workflow_id, "retry", RetryAsked(retry_id=retry_id), retry_id.hex)
