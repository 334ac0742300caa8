"""Shapes of the queue of records for the credit bureau."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from api.fields import Answer, Body


class FurnishingAnswer(Answer):
    """One record. figures: what it tells of the loan. rejection_message: the bureau's words, numbers masked.

    attempts: how often the bureau has taken it to work, the records it supersedes included.
    """

    record_id: UUID
    loan_id: UUID
    contract_no: str
    op: str = Field(description="NEW | UPDATE | CLOSE | CORRECTION | SUSPEND_REPORTING | RESUME")
    as_of: date
    figures: dict[str, Any]
    state: str = Field(description="waiting | sent | accepted | rejected | superseded")
    batch_id: UUID | None
    rejection_code: str | None
    rejection_message: str | None
    supersedes: UUID | None
    attempts: int
    created_at: datetime
    answered_at: datetime | None


class SendAgainBody(Body):
    """reason_code: what was the matter and is corrected, from the list of reasons."""

    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")
