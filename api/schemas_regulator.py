"""What the regulator reads."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from api.fields import Answer


class NoticeShown(Answer):
    """A notice that the lender sent, and the receipt of it.

    kind: INCIDENT | RESOURCE_OPENING | CHANGE. state: MADE | SENT | REFUSED.
    """

    notice_id: UUID
    kind: str
    state: str
    made_at: datetime
    sent_at: datetime | None
    registration_number: str | None
    received_at: datetime | None
    has_receipt: bool


class BundleShown(Answer):
    """A loan's proof that was asked for. made_at: None while it is being made."""

    bundle_id: UUID
    loan_id: UUID
    n: int
    workflow_id: str
    asked_at: datetime
    made_at: datetime | None
    sha256: str | None


class TrailShown(Answer):
    """How far the audit trail is sealed: the newest seal."""

    seal: int
    first_row: int
    last_row: int
    root: str
    head: str
    sealed_at: datetime
    document_id: UUID
    signature_document_id: UUID
