"""Reports to the regulator with everything that went into them, and clients' complaints.

Rules: para 7, part 7; para 34.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class Report(SQLModel, table=True):
    """One report for one period. code: a name of rules.reports. version: the number of the one in work, 0 for none.

    state: BUILDING | FAULTY (a control check refused it) | READY (waits for the portal) | SENT (no receipt yet) |
    REJECTED (by the regulator) | ACCEPTED.
    """

    __tablename__ = "report"
    __table_args__ = (UniqueConstraint("code", "period"),)

    id: UUID = primary_id()
    code: str
    period: str
    first_day: date
    last_day: date
    state: str = "BUILDING"
    version: int = 0
    created_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)


class ReportVersion(SQLModel, table=True):
    """One snapshot of a report and what came of it. The snapshot never changes; a correction is another version.

    draft: made by hand to be looked at; never delivered. layout: of the forms, as rules.reports had it.
    snapshot_sha256: of the canonical lines; the archive holds them compressed. facts: how many of them.
    figures: {form: {row: {column: shown}}}. faults, control_errors: [{form, cell, rule, reason}], ours and theirs.
    state: TAKEN | FAULTY | CHECKED | READY | SENT | REJECTED | ACCEPTED.
    """

    __tablename__ = "report_version"
    __table_args__ = (UniqueConstraint("report_id", "n"),)

    id: UUID = primary_id()
    report_id: UUID = reference("report", index=False)
    n: int
    draft: bool = False
    layout: int
    taken_at: datetime = Field(sa_type=Instant)
    snapshot_document_id: UUID = reference("document", index=False)
    snapshot_sha256: str
    facts: int
    state: str = "TAKEN"
    figures: dict[str, Any] | None = Field(default=None, sa_type=Json)
    faults: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    upload_id: str | None = None
    uploaded_at: datetime | None = Field(default=None, sa_type=Instant, description="when the portal had it")
    delivery_document_id: UUID | None = Field(default=None, description="what the portal said when it took it")
    asked_at: datetime | None = Field(default=None, sa_type=Instant, description="when the receipt was asked for last")
    answered_at: datetime | None = Field(default=None, sa_type=Instant)
    accepted_at: datetime | None = Field(default=None, sa_type=Instant, description="by the regulator's clock")
    control_errors: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    receipt_document_id: UUID | None = Field(default=None, description="the receipt as archived")


class ReportFile(SQLModel, table=True):
    """One rendering of a version, archived. format: XLSX | JSON | PDF. sha256: of its bytes.

    cms_document_id: the lender's detached signature over exactly these bytes.
    """

    __tablename__ = "report_file"
    __table_args__ = (UniqueConstraint("version_id", "format"),)

    id: UUID = primary_id()
    version_id: UUID = reference("report_version", index=False)
    format: str
    document_id: UUID = reference("document", index=False)
    sha256: str
    size: int
    cms_document_id: UUID | None = None


class ReportRetry(SQLModel, table=True):
    """A person's word that what was wrong with a version is mended and another one may be made; appended."""

    __tablename__ = "report_retry"

    id: UUID = primary_id()
    version_id: UUID = reference("report_version")
    reason_code: str
    staff_id: UUID = reference("staff", index=False)
    at: datetime = Field(sa_type=Instant)


class Complaint(SQLModel, table=True):
    """A client's complaint and the lender's written answer. Rules: para 7, part 7.

    topic, outcome: as rules.complaints names them. state: RECEIVED | ANSWERED. answer_due: last day for the answer.
    """

    __tablename__ = "complaint"
    __table_args__ = (Index("complaint_open", "answer_due", postgresql_where=text("state = 'RECEIVED'")),)

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    loan_id: UUID | None = reference("loan", optional=True)
    topic: str
    text: bytes = Field(description="the client's words, sealed under the client's key")
    document_id: UUID = reference("document", index=False)
    received_at: datetime = Field(sa_type=Instant)
    answer_due: date
    state: str = "RECEIVED"
    outcome: str | None = None
    answered_by: UUID | None = reference("staff", optional=True, index=False)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)
    answer_document_id: UUID | None = None
    message_id: UUID | None = None
