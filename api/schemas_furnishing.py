"""Shapes of the queue of records for the credit bureau."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.fields import Answer, Body, FreeText


class FurnishingDecisionAnswer(Answer):
    """What somebody says should become of a record that the bureau refuses for ever.

    tell_as: of a replacement, what it is told as. record_id: the record that it is about; told_by: the record that is
    told instead, once the second person has confirmed it. words: why, as the first person wrote it.
    """

    decision_id: UUID
    record_id: UUID
    way: Literal["drop", "replace"]
    tell_as: str | None
    reason: str
    words: str = Field(repr=False)
    proposed_by: UUID
    proposed_at: datetime
    state: Literal["open", "confirmed", "refused"]
    decided_by: UUID | None
    decided_at: datetime | None
    told_by: UUID | None = None


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
    state: str = Field(description="waiting | sent | accepted | rejected | superseded | dropped")
    batch_id: UUID | None
    rejection_code: str | None
    rejection_message: str | None
    supersedes: UUID | None
    attempts: int
    created_at: datetime
    answered_at: datetime | None
    decisions: list[FurnishingDecisionAnswer] = []


class SendAgainBody(Body):
    """reason_code: what was the matter and is corrected, from the list of reasons."""

    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")


class FurnishingDecisionBody(Body):
    """drop: the bureau is never told it. replace: it is told how the loan stands now, in the old record's place.

    tell_as: of a replacement, NEW instead of UPDATE or UPDATE instead of NEW, where the bureau has lost the contract or
    knows it already. reason_code: from the list of reasons. words: why, for the second person and for whoever looks
    later; no names.
    """

    way: Literal["drop", "replace"]
    tell_as: Literal["NEW", "UPDATE"] | None = None
    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")
    words: Annotated[FreeText, Field(min_length=10, max_length=1000)]
