"""A report signed, on its way into the regulator's inbox, and the receipt back.

A portal that is closed, an upload without a word on it and a refusal are answers: the case decides what follows.
The same version is uploaded under the same key with the same bytes, so a step that ran twice is one upload. What the
portal said when it took it is archived: it shows when the report was delivered, whenever the receipt comes.

Rules: para 34.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from temporalio import activity

from activities.context import Moment, Records
from activities.report_snapshots import SnapshotSource
from activities.reports import Reports, VersionRef, archive, tell
from rules.errors import BusinessError, Conflict, Fault
from rules.evidence import Frozen
from rules.lender import Lender
from rules.report_snapshot import canonical
from rules.reports import report
from storage import reports
from storage.database import Database
from storage.tables import Report, ReportVersion

AWAY, SENT, ACCEPTED, REJECTED = "AWAY", "SENT", "ACCEPTED", "REJECTED"
CMS = "application/pkcs7-signature"
_SHOWN = 20


class Signer(Protocol):
    """The lender's signature (activities.lender_signature)."""

    async def sign(self, content: bytes) -> bytes:
        """A detached CMS over the content."""


class UploadState(Protocol):
    """What became of an upload."""

    @property
    def state(self) -> str:
        """IN_WORK | ACCEPTED | REJECTED."""

    @property
    def at(self) -> datetime | None:
        """When, by the regulator's clock."""

    @property
    def control_errors(self) -> Sequence[dict[str, Any]]:
        """Form, cell, rule, message of each."""


class TakenUpload(Protocol):
    """The portal's word that it has a file."""

    @property
    def upload_id(self) -> str:
        """The portal's id of it."""

    @property
    def received_at(self) -> datetime | None:
        """When, by the regulator's clock."""


class Inbox(Protocol):
    """The regulator's portal (activities.integrations.regulator)."""

    async def upload(self, key: str, form: str, period: str, branch: str, file: bytes, cms: bytes) -> TakenUpload:
        """Hand in a file; the same word for the same key. Raises BusinessError where it is refused at once."""

    async def report_state(self, upload_id: str) -> UploadState:
        """What became of it."""


class Delivered(Frozen):
    """How a delivery stands. state: AWAY (the portal does not answer) | SENT (no receipt yet) | ACCEPTED | REJECTED.

    uploaded_at: when it was delivered; delivery: the archived proof of that.
    errors: what the regulator refused. accepted_at, receipt: of an accepted one.
    """

    state: str
    upload_id: str | None = None
    uploaded_at: datetime | None = None
    delivery: UUID | None = None
    accepted_at: datetime | None = None
    receipt: UUID | None = None
    errors: list[dict[str, str]] = []


class ReportInbox:
    """Signs reports, hands them in and asks for their receipts."""

    def __init__(self, records: Records, inbox: Inbox, signer: Signer) -> None:
        self._records, self._inbox, self._signer = records, inbox, signer

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.sign_files, self.upload_report, self.ask_receipt]

    @activity.defn
    async def sign_files(self, ref: VersionRef) -> None:
        """The lender's signature over the bytes of each file, archived beside it; then the version may leave."""
        async with self._records.database.begin() as session:
            made = await reports.version(session, ref.version_id)
            unsigned = [one for one in (await reports.files(session, made.id)).values() if one.cms_document_id is None]
            contents = {
                one.format: (await self._records.documents.load(session, one.document_id))[1] for one in unsigned
            }
        signatures = {name: await self._signer.sign(content) for name, content in contents.items()}
        async with self._records.moment() as moment:
            made = await reports.version(moment.session, ref.version_id, lock=True)
            row = await moment.session.get_one(Report, made.report_id)
            kept = await reports.files(moment.session, made.id)
            for name, cms in signatures.items():
                if kept[name].cms_document_id is None:
                    document = await archive(self._records, moment, cms, "report_cms", CMS, row.last_day)
                    kept[name].cms_document_id = document.id
                    moment.session.add(kept[name])
            if made.state == "CHECKED":
                await reports.reach(moment.session, made, "READY", moment.at)
                await tell(moment, row, "report-signed", made, signer=report(row.code).signer)

    @activity.defn
    async def upload_report(self, ref: VersionRef) -> Delivered:
        """Hand in the file of the report's format with its signature; once a version."""
        async with self._records.moment() as moment:
            made = await reports.version(moment.session, ref.version_id)
            row = await moment.session.get_one(Report, made.report_id)
            if made.state not in ("READY", "SENT", "ACCEPTED", "REJECTED"):
                raise Conflict("report-not-signed")
            if made.upload_id is not None or made.state == "REJECTED":
                return _told(made)
            definition = report(row.code)
            kept = (await reports.files(moment.session, made.id))[definition.format]
            _, file = await self._records.documents.load(moment.session, kept.document_id)
            _, cms = await self._records.documents.load(moment.session, kept.cms_document_id or kept.document_id)
        key = f"report/{row.code}/{row.period}/{made.n}"
        try:
            taken = await self._inbox.upload(key, row.code, row.period, definition.recipient.branch, file, cms)
        except BusinessError as error:
            refused = [{"form": row.code, "cell": "", "rule": error.code, "message": str(error)}]
            return await self._answered(ref, REJECTED, None, refused)
        except Fault:
            return Delivered(state=AWAY)
        return await self._uploaded(ref, key, kept.sha256, taken)

    async def _uploaded(self, ref: VersionRef, key: str, sha256: str, taken: TakenUpload) -> Delivered:
        async with self._records.moment() as moment:
            made = await reports.version(moment.session, ref.version_id, lock=True)
            if made.upload_id is None:
                row = await moment.session.get_one(Report, made.report_id)
                made.upload_id, made.uploaded_at = taken.upload_id, delivered_at(made.taken_at, moment.at, taken)
                proof = {
                    "report": row.code, "period": row.period, "version": made.n, "key": key, "file_sha256": sha256,
                    "upload_id": taken.upload_id, "answered_at": moment.at.isoformat(),
                    "received_at": taken.received_at.isoformat() if taken.received_at else None,
                }  # fmt: skip
                made.delivery_document_id = await self._archive(moment, row, proof, "regulator_delivery")
                await reports.reach(moment.session, made, SENT, moment.at)
                await tell(
                    moment, row, "report-uploaded", made, upload=taken.upload_id,
                    delivered=made.uploaded_at.isoformat(), delivery=str(made.delivery_document_id),
                )  # fmt: skip
            return _told(made)

    @activity.defn
    async def ask_receipt(self, ref: VersionRef) -> Delivered:
        """Ask what became of the upload; a receipt or a refusal is archived as it was told."""
        async with self._records.moment() as moment:
            made = await reports.version(moment.session, ref.version_id)
        if made.state in (ACCEPTED, REJECTED) or made.upload_id is None:
            return _told(made)
        try:
            found = await self._inbox.report_state(made.upload_id)
        except Fault:
            return Delivered(state=AWAY)
        except BusinessError as error:  # the portal has lost it
            return await self._answered(ref, REJECTED, None, [{"rule": error.code, "message": str(error)}])
        if found.state == "IN_WORK":
            return await self._still_in_work(ref)
        return await self._answered(ref, found.state, found.at, list(found.control_errors))

    async def _still_in_work(self, ref: VersionRef) -> Delivered:
        async with self._records.moment() as moment:
            made = await reports.version(moment.session, ref.version_id, lock=True)
            made.asked_at = moment.at
            moment.session.add(made)
            return _told(made)

    async def _answered(
        self, ref: VersionRef, state: str, at: datetime | None, errors: list[dict[str, Any]]
    ) -> Delivered:
        async with self._records.moment() as moment:
            made = await reports.version(moment.session, ref.version_id, lock=True)
            if made.state in (ACCEPTED, REJECTED):
                return _told(made)
            row = await moment.session.get_one(Report, made.report_id)
            made.control_errors = [_plain(row.code, one) for one in errors]
            made.answered_at, made.accepted_at = moment.at, at if state == ACCEPTED else None
            made.receipt_document_id = await self._receipt(moment, row, made, state, at)
            await reports.reach(moment.session, made, state, moment.at)
            await tell(
                moment, row, f"report-{state.lower()}", made, upload=made.upload_id,
                receipt=str(made.receipt_document_id), errors=made.control_errors[:_SHOWN],
            )  # fmt: skip
            return _told(made)

    async def _receipt(
        self, moment: Moment, row: Report, made: ReportVersion, state: str, at: datetime | None
    ) -> UUID:  # fmt: skip
        content = {
            "report": row.code, "period": row.period, "version": made.n, "upload_id": made.upload_id, "state": state,
            "at": at.isoformat() if at else None, "control_errors": made.control_errors,
        }  # fmt: skip
        return await self._archive(moment, row, content, "regulator_receipt")

    async def _archive(self, moment: Moment, row: Report, content: dict[str, Any], kind: str) -> UUID:
        kept = await archive(self._records, moment, canonical(content), kind, "application/json", row.last_day)
        return kept.id


def delivered_at(made_at: datetime, answered_at: datetime, taken: TakenUpload) -> datetime:
    """When the portal had the upload: by its own clock where that can be, else when its answer was here.

    The answer of a first try may have been lost; the portal then says the same again, and its instant counts.
    """
    told = taken.received_at
    return told if told is not None and made_at <= told <= answered_at else answered_at


def _plain(form: str, error: dict[str, Any]) -> dict[str, str]:
    """A control error of the regulator's: four short texts, whatever came."""
    named = {"form": form} | {name: str(value) for name, value in error.items()}
    return {name: named.get(name, "")[:200] for name in ("form", "cell", "rule", "message")}


def _told(made: ReportVersion) -> Delivered:
    state = {"READY": AWAY}.get(made.state, made.state)
    return Delivered(
        state=state,
        upload_id=made.upload_id,
        uploaded_at=made.uploaded_at,
        delivery=made.delivery_document_id,
        accepted_at=made.accepted_at,
        receipt=made.receipt_document_id if made.state == ACCEPTED else None,
        errors=(made.control_errors or [])[:_SHOWN] if made.state == REJECTED else [],
    )


def report_activities(
    records: Records, url: str, inbox: Inbox, signer: Signer, lender: Lender
) -> list[Callable[..., Any]]:  # fmt: skip
    """Everything of reports. url: of a role that may read loans."""
    made = Reports(records, SnapshotSource(Database(url, pool_size=2), url, lender))
    return [*made.all(), *ReportInbox(records, inbox, signer).all()]
