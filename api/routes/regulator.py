"""What the regulator reads: reports that were handed in, notices, receipts, and the proof of one loan.

A role of its own that reads and nothing else; that something was read is audited.

Rules: para 4; para 13, part 1; para 32.
"""

from __future__ import annotations

from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlmodel import col, select

from activities import report_reading
from activities.bundles import orders
from activities.context import Moment
from api import papers
from api.actions import Call
from api.routes import staff_reports
from api.routes.problems import problems
from api.routes.staff_reports import Code, Period, Version
from api.schemas_regulator import BundleShown, NoticeShown, TrailShown
from api.schemas_reports import Format, ReportLine, ReportShown
from api.schemas_staff import Role
from api.services import Kit
from api.staff import Member, needs
from rules.editions import edition
from rules.errors import NotFound
from storage import audit, reports, seals
from storage.tables import Document, ProofBundle, RegulatorNotice, ReportVersion
from workflows.proof_bundle import MakeBundle, id_of

router = APIRouter(prefix="/regulator/api", tags=["regulator"])
Regulator = Annotated[Member, Depends(needs(Role.REGULATOR))]
_HANDED_IN = ("SENT", "REJECTED", "ACCEPTED")
_SHOWN = 500
_ASK = problems(401, 403, 404, 422)


@router.get("/reports", responses=problems(401, 403))
async def handed_in(kit: Kit, member: Regulator) -> list[ReportLine]:
    """Reports that were handed in, the newest period first."""
    async with kit.records.moment() as moment:
        begun = await reports.periods(moment.session, None, _SHOWN)
        await _read(moment, member, "reports", "reports")
    return [staff_reports.line(row) for row in begun if row.state in _HANDED_IN]


@router.get("/reports/{code}/{period}", responses=_ASK)
async def one(code: Code, period: Period, kit: Kit, member: Regulator) -> ReportShown:
    """One report: the versions that were handed in, with their receipts."""
    shown = await staff_reports.one(code, period, kit, member)
    versions = [version for version in shown.versions if version.uploaded_at is not None]
    if not versions:
        raise NotFound("report-unknown")
    async with kit.records.moment() as moment:
        await _read(moment, member, "report", f"report:{code}:{period}")
    return shown.model_copy(update={"versions": versions})


@router.get("/reports/{code}/{period}/files/{format}", response_class=Response, responses=_ASK)
async def file(
    code: Code, period: Period, format: Format, kit: Kit, member: Regulator, version: Version = None
) -> Response:
    """One file of a version that was handed in, as it was signed."""
    await _uploaded(kit, code, period, version)
    return await staff_reports.file(code, period, format, kit, member, version)


@router.get("/reports/{code}/{period}/receipt", response_class=Response, responses=_ASK)
async def receipt(code: Code, period: Period, kit: Kit, member: Regulator, version: Version = None) -> Response:
    """The receipt of a version as the lender keeps it."""
    made = await _uploaded(kit, code, period, version)
    return await _document(kit, member, made.receipt_document_id)


async def _uploaded(kit: Kit, code: str, period: str, version: int | None) -> ReportVersion:
    kept = await report_reading.kept(kit.records, code, period, version)
    if kept.version.uploaded_at is None:
        raise NotFound("report-unknown")
    return kept.version


@router.get("/notices", responses=problems(401, 403))
async def notices(kit: Kit, member: Regulator) -> list[NoticeShown]:
    """What the lender told of incidents, openings and changes, the newest first."""
    async with kit.records.moment() as moment:
        query = select(RegulatorNotice).order_by(col(RegulatorNotice.made_at).desc()).limit(_SHOWN)
        found = (await moment.session.exec(query)).all()
        await _read(moment, member, "notices", "notices")
    return [
        NoticeShown(
            notice_id=row.id,
            kind=row.kind,
            state=row.state,
            made_at=row.made_at,
            sent_at=row.sent_at,
            registration_number=row.registration_number,
            received_at=row.received_at,
            has_receipt=row.receipt_document_id is not None,
        )
        for row in found
    ]


@router.get("/notices/{notice_id}/document", response_class=Response, responses=_ASK)
async def notice(notice_id: UUID, kit: Kit, member: Regulator) -> Response:
    """The words that were signed and sent."""
    return await _document(kit, member, (await _notice(kit, notice_id)).document_id)


@router.get("/notices/{notice_id}/receipt", response_class=Response, responses=_ASK)
async def notice_receipt(notice_id: UUID, kit: Kit, member: Regulator) -> Response:
    """The receipt as the lender keeps it."""
    return await _document(kit, member, (await _notice(kit, notice_id)).receipt_document_id)


async def _notice(kit: Kit, notice_id: UUID) -> RegulatorNotice:
    async with kit.records.moment() as moment:
        found = await moment.session.get(RegulatorNotice, notice_id)
    if found is None:
        raise NotFound("regulator-notice-unknown")
    return found


@router.post("/loans/{loan_id}/bundles", status_code=202, responses=_ASK)
async def ask_bundle(loan_id: UUID, kit: Kit, member: Regulator) -> BundleShown:
    """Have the proof of a loan put together; it is fetched once it is made."""
    async with kit.records.moment() as moment:
        asked = await orders.ask(moment, loan_id, member.staff_id)
        start = MakeBundle(bundle_id=asked.id, loan_id=loan_id, n=asked.n, edition=edition(moment.day).name)
        call = Call("ExportBundle", id_of(loan_id, asked.n), "run", start, asked.id.hex, operation="start")
        await kit.actions.keep(moment.session, call)  # whoever dies now, it will be made
        shown = _bundle(asked)
    await kit.actions.begin(call)
    return shown


@router.get("/bundles/{bundle_id}", responses=_ASK)
async def bundle(bundle_id: UUID, kit: Kit, member: Regulator) -> BundleShown:
    """Whether it is made."""
    async with kit.records.moment() as moment:
        return _bundle(await orders.get(moment, bundle_id))


@router.get("/bundles/{bundle_id}/file", response_class=Response, responses=_ASK)
async def bundle_file(bundle_id: UUID, kit: Kit, member: Regulator) -> Response:
    """The file; `nesie bundle verify` checks it without our database."""
    async with kit.records.moment() as moment:
        made = await orders.get(moment, bundle_id)
    return await _document(kit, member, made.document_id)


def _bundle(row: ProofBundle) -> BundleShown:
    return BundleShown(
        bundle_id=row.id,
        loan_id=row.loan_id,
        n=row.n,
        workflow_id=id_of(row.loan_id, row.n),
        asked_at=row.asked_at,
        made_at=row.made_at,
        sha256=row.sha256,
    )


@router.get("/audit", responses=_ASK)
async def trail(kit: Kit, member: Regulator) -> TrailShown:
    """The newest seal over the audit trail."""
    async with kit.records.moment() as moment:
        seal = await seals.last_seal(moment.session)
        await _read(moment, member, "audit-seal", "audit")
    if seal is None:
        raise NotFound("seal-unknown")
    return TrailShown(
        seal=seal.n,
        first_row=seal.first,
        last_row=seal.last,
        root=seal.root,
        head=seal.head,
        sealed_at=seal.sealed_at,
        document_id=seal.document_id,
        signature_document_id=seal.cms_document_id,
    )


async def _document(kit: Kit, member: Member, document_id: UUID | None) -> Response:
    if document_id is None:
        raise NotFound("not-found")
    async with kit.records.moment() as moment:
        await _read(moment, member, "document", f"document:{document_id}")
        return await papers.serve(kit, moment, cast(Document, await moment.session.get_one(Document, document_id)))


async def _read(moment: Moment, member: Member, what: str, subject: str) -> None:
    await audit.record(
        moment.session,
        actor=member.who,
        action=f"regulator-read-{what}",
        subject=subject,
        paragraph="32",
    )
