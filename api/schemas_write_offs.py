"""Shapes of what a write-off needs from staff: proof that a verdict is in force, claims that are kept open."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.fields import Answer, Body, Day
from rules.money import Money


class ForceBody(Body):
    """What shows a verdict to be in force: since which day, and when it reached us. The clock runs from the receipt."""

    in_force_on: Day
    received_at: AwareDatetime


class ForceAnswer(Answer):
    """A proof that a verdict is in force. delivered: the case has heard of it; otherwise it will."""

    force_id: UUID
    paper_id: UUID
    in_force_on: date
    received_at: datetime
    state: Literal["ENTERED", "CONFIRMED", "REFUSED", "WITHDRAWN"]
    entered_by: UUID
    entered_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    reason_code: str | None
    scan: str = Field(description="where the scan's bytes are")
    delivered: bool | None = None


class ClaimAnswer(Answer):
    """What may still be demanded of a client whom a court found guilty; amount is the sum of its parts.

    returned: what the client had paid and gets back. basis: act and article. Rules: para 13, part 5.
    """

    claim_id: UUID
    paper_id: UUID
    loan_id: UUID
    contract_number: str
    client_id: UUID = Field(description="against whom")
    amount: Money
    principal: Money
    interest: Money
    penalty: Money
    returned: Money
    basis: str
    opened_at: datetime
