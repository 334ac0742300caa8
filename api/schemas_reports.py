"""Shapes of reports to the regulator, and of complaints."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.fields import Answer, Body, FreeText
from api.schemas_common import DocumentInfo
from rules.complaints import Outcome, Topic

Format = Literal["XLSX", "JSON", "PDF"]


class ReportLine(Answer):
    """A report of one period. state: BUILDING | FAULTY | READY | SENT | REJECTED | ACCEPTED. version: 0 for none."""

    code: str
    period: str
    state: str
    version: int
    workflow_id: str
    updated_at: datetime


class ReportKind(Answer):
    """A report of the registry. clock: its term, a rule of the statutory clocks. signer: who answers for it."""

    code: str
    names: dict[str, str]
    every: str = Field(description="month | quarter")
    clock: str
    recipient: str
    format: Format
    signer: str
    forms: list[str]
    periods: list[ReportLine]


class FileShown(Answer):
    """One file of a version. signed: the lender's signature over it is archived."""

    format: Format
    sha256: str
    size: int
    signed: bool


class FaultShown(Answer):
    """What a control check, or the regulator, refused: form, cell (ROW/COLUMN), rule and reason."""

    form: str
    cell: str
    rule: str
    reason: str


class VersionShown(Answer):
    """One snapshot and what came of it. draft: made by hand, never delivered."""

    n: int
    draft: bool
    state: str
    taken_at: datetime
    snapshot_sha256: str
    facts: int
    faults: list[FaultShown]
    files: list[FileShown]
    upload_id: str | None
    uploaded_at: datetime | None
    delivery_document_id: UUID | None
    accepted_at: datetime | None
    receipt_document_id: UUID | None
    control_errors: list[FaultShown]


class ReportShown(Answer):
    """A report of one period with all its versions, oldest first.

    due, clock_state: of its clock, which is met by a delivery in time; of the newest one after a refusal.
    """

    line: ReportLine
    due: date | None
    clock_state: str | None
    versions: list[VersionShown]


class FiguresShown(Answer):
    """Figures as the forms show them: {form: {row: {column: figure}}}."""

    code: str
    period: str
    version: int
    snapshot_sha256: str
    figures: dict[str, dict[str, dict[str, int | str]]]


class FactsShown(Answer):
    """What is behind a cell. count: in all. facts: loans or cases, no personal data."""

    code: str
    period: str
    version: int
    form: str
    cell: str
    count: int
    facts: list[dict[str, Any]]


class RetryBody(Body):
    """reason_code: what was the matter and is mended, from the list of reasons."""

    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")


class RetryAnswer(Answer):
    """delivered: the report's case has taken it."""

    code: str
    period: str
    version: int
    retry_id: UUID
    delivered: bool


class ComplaintBody(Body):
    """A complaint in the client's own words. loan_id: the microcredit it is about, if it is about one."""

    topic: Topic
    text: FreeText
    loan_id: UUID | None = None


class ComplaintAnswer(Answer):
    """A complaint. state: RECEIVED | ANSWERED. answer_due: last day for the lender's written answer."""

    complaint_id: UUID
    loan_id: UUID | None
    topic: Topic
    state: str
    received_at: datetime
    answer_due: date
    outcome: Outcome | None
    answered_at: datetime | None
    answer: DocumentInfo | None


class ComplaintShown(Answer):
    """A complaint as staff see it. late: not answered, or answered after its day. text: only where one is opened."""

    complaint_id: UUID
    client_id: UUID
    loan_id: UUID | None
    topic: Topic
    state: str
    received_at: datetime
    answer_due: date
    late: bool
    outcome: Outcome | None
    answered_at: datetime | None
    text: str | None = None


class ComplaintReply(Body):
    """outcome: what the lender decided. text: what the client reads."""

    outcome: Outcome
    text: FreeText
