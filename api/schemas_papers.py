"""Shapes of official papers: what an officer reads off one, how it stands, what was done upon it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from api.fields import Answer, Body, ContractNumber, Day, FreeText
from rules.suspension import PaperEntered, PaperKind

Received = Annotated[AwareDatetime, Field(ge=datetime(2021, 1, 1, tzinfo=UTC), le=datetime(2199, 1, 1, tzinfo=UTC))]
Words = Annotated[FreeText, StringConstraints(max_length=200)]


class PaperBody(Body):
    """What stands on a paper, and when it reached us. received_at: an instant with its zone, not in the future.

    in_force_on, guilty_client: of a verdict. cancels, charge_later: of a cancellation: which paper it cancels, and
    whether the interest of the suspended days is charged after all. Rules: para 13, part 3.
    """

    contract_number: ContractNumber
    kind: PaperKind
    number: Words
    day: Day
    authority: Words
    received_at: Received
    in_force_on: Day | None = None
    guilty_client: bool | None = None
    cancels: UUID | None = None
    charge_later: bool | None = None

    def entered(self) -> PaperEntered:
        """As rules.suspension has it."""
        return PaperEntered.model_validate(self.model_dump(exclude={"contract_number"}))


class PaperDecision(Body):
    """Why a paper is refused: a code."""

    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")


class DutyShown(Answer):
    """Something that was done upon a paper, with what shows it: ids, days, instants."""

    name: str
    done_at: datetime
    evidence: dict[str, Any]


class PaperAnswer(Answer):
    """An official paper. n: number of the case of its loan. workflow_id: the case, None of a cancellation.

    held_since, released_at: of the hold on collection. last_day: of the law's clock. delivered: the case has taken the
    decision; otherwise it will.
    """

    paper_id: UUID
    loan_id: UUID
    client_id: UUID
    contract_number: str
    n: int
    workflow_id: str | None
    kind: PaperKind
    number: str
    day: date
    authority: str
    received_at: datetime
    in_force_on: date | None
    guilty_client: bool | None
    cancels: UUID | None
    charge_later: bool | None
    state: Literal["ENTERED", "CONFIRMED", "REFUSED", "WITHDRAWN"]
    entered_by: UUID
    entered_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    reason_code: str | None
    scan: str = Field(description="where the scan's bytes are")
    last_day: date | None = None
    clock: str | None = None
    held_since: datetime | None = None
    released_at: datetime | None = None
    duties: list[DutyShown] = []
    delivered: bool | None = None
