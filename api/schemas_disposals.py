"""Shapes of the destruction of data after its retention, for staff. Rules: para 34."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.fields import Answer, Body


class DueAnswer(Answer):
    """A client whose last retention has ended. obstacle: the code of what forbids to destroy the data still."""

    client_id: UUID
    documents: int
    retention_ended: datetime
    obstacle: str | None


class DisposalBody(Body):
    """Whose data is to be destroyed, and why (a code)."""

    client_id: UUID
    reason: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")


class DisposalAnswer(Answer):
    """A disposal and what two people said of it. stopped_why: the code of what forbade it after all."""

    disposal_id: UUID
    client_id: UUID
    state: Literal["PROPOSED", "CONFIRMED", "REFUSED", "STOPPED", "DESTROYED", "CERTIFIED"]
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    stopped_why: str | None
    destroyed_at: datetime | None
    certificate_id: UUID | None


class CertificateAnswer(Answer):
    """The certificate, to the byte, and the lender's detached signature (CMS, base64 of DER) over it."""

    disposal_id: UUID
    sha256: str
    content: str
    cms: str


class HoldAnswer(Answer):
    """A client who is kept longer than the term."""

    hold_id: UUID
    client_id: UUID
    reason: str
    placed_by: UUID
    placed_at: datetime
    lifted_by: UUID | None
    lifted_at: datetime | None
