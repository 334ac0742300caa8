"""Shapes of incidents in the staff's API. Rules: para 13, part 1."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, FreeText
from rules.incidents import Kind, Severity

MOST_CLIENTS = 100_000
_LONGEST = timedelta(days=31)  # of looks into records: each row of that time is read


class QueryBody(Body):
    """Whom to look for. DOCUMENT: whose it is. DOCUMENTS: who has one of this kind, made then. LOOKED_AT: whose records
    this member of staff opened then, 31 days at most. ALL: who was known before `until`.
    """

    kind: Literal["DOCUMENT", "DOCUMENTS", "LOOKED_AT", "ALL"]
    document_id: UUID | None = None
    document_kind: str | None = Field(default=None, pattern=r"^[a-z0-9_]{2,60}$")
    staff_id: UUID | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _whole(self) -> QueryBody:
        needed = {
            "DOCUMENT": ("document_id",),
            "DOCUMENTS": ("document_kind", "since", "until"),
            "LOOKED_AT": ("staff_id", "since", "until"),
            "ALL": ("until",),
        }[self.kind]
        given = {name for name in type(self).model_fields if name != "kind" and getattr(self, name) is not None}
        longer = self.since is not None and self.until is not None and self.until - self.since > _LONGEST
        if given != set(needed) or (longer and self.kind == "LOOKED_AT"):
            raise PydanticCustomError("business", "{code}", {"code": "incident-query-wrong"})
        return self

    def plain(self) -> dict[str, Any]:
        """As it is stored (storage.incident_clients)."""
        found = self.model_dump(mode="json", exclude_none=True)
        if self.staff_id is not None:
            found["who"] = f"staff:{found.pop('staff_id')}"
        return found


class TouchedBody(Body):
    """Whom it touches: ids, a CSV whose first column holds ids, or a query; one of them."""

    ids: list[UUID] | None = Field(default=None, min_length=1, max_length=MOST_CLIENTS)
    csv: str | None = Field(default=None, min_length=1, max_length=5_000_000)
    query: QueryBody | None = None

    @model_validator(mode="after")
    def _one(self) -> TouchedBody:
        if sum(one is not None for one in (self.ids, self.csv, self.query)) != 1:
            raise PydanticCustomError("business", "{code}", {"code": "incident-clients-wrong"})
        return self


class ClientTexts(Body):
    """What clients are told, in each language; none means the lender's own words for such an incident."""

    kk: FreeText
    ru: FreeText
    en: FreeText


class IncidentBody(Body):
    """What happened. measures: what is done about it. detected_at: now where it is not given."""

    kind: Kind
    severity: Severity
    what: FreeText
    measures: FreeText | None = None
    occurred_at: AwareDatetime
    detected_at: AwareDatetime | None = None
    texts: ClientTexts | None = None
    clients: TouchedBody | None = None


class TaskBody(Body):
    """Something else to be done."""

    part: Literal["CAUSE", "CONSEQUENCE"]
    about: FreeText


class OwnerBody(Body):
    """Who does it; without one, whoever asks."""

    staff_id: UUID | None = None


class DoneBody(Body):
    """What shows that it was done; documents are added before."""

    evidence: FreeText


class ClosingBody(Body):
    """How it ended, why it happened, what was learnt. FALSE_ALARM: it was nothing, nobody is told any more."""

    outcome: Literal["RESOLVED", "FALSE_ALARM"]
    causes: FreeText
    lessons: FreeText


class IncidentEntered(Answer):
    """The incident is written down and its case begins. new: there was none of this cause."""

    incident_id: UUID
    workflow_id: str
    new: bool


class IncidentLine(Answer):
    """One incident in a list."""

    incident_id: UUID
    workflow_id: str
    kind: Kind
    severity: Severity
    found_by: Literal["STAFF", "SYSTEM"]
    state: Literal["OPEN", "CLOSED", "DISMISSED"]
    certain: bool
    occurred_at: datetime
    detected_at: datetime
    entered_at: datetime
    closed_at: datetime | None


class ClockShown(Answer):
    """A term. last_day, due_at: None while the days off of a year are unknown."""

    rule: str
    title: str
    state: str
    received_at: datetime
    last_day: str | None
    due_at: datetime | None
    ended_at: datetime | None


class NoticeShown(Answer):
    """The notice to the regulator: MADE | SENT | REFUSED (ground)."""

    state: str
    ground: str | None
    registration_number: str | None
    received_at: datetime | None


class RoundShown(Answer):
    """Clients found at one time. found: all of them are known. unreached: could not be written to."""

    n: int
    query: dict[str, Any] | None
    detected_at: datetime
    found: bool
    clients: int
    told: int
    texted: int
    unreached: int
    notice: NoticeShown | None


class TaskShown(Answer):
    """Something to be done. about: for staff. evidence: words of whoever did it."""

    task_id: UUID
    code: str
    part: str
    about: str
    owner: UUID | None
    done_by: UUID | None
    done_at: datetime | None
    evidence: str | None


class EvidenceShown(Answer):
    """An archived document of an incident. kind: evidence | report."""

    document_id: UUID
    task_id: UUID | None
    kind: str
    added_by: UUID | None
    added_at: datetime


class ClosingShown(Answer):
    """A proposal to close, and what became of it."""

    closing_id: UUID
    outcome: str
    causes: str
    lessons: str
    state: str
    proposed_by: UUID
    decided_by: UUID | None


class IncidentShown(IncidentLine):
    """All that is known of an incident."""

    what: str
    measures: str
    facts: dict[str, Any]
    clocks: list[ClockShown]
    rounds: list[RoundShown]
    tasks: list[TaskShown]
    documents: list[EvidenceShown]
    closings: list[ClosingShown]


class TouchedClient(Answer):
    """How a client was told. ground: why not. leak_id: of a leak of data, the client's response to it."""

    client_id: UUID
    round: int
    told_at: datetime | None
    texted_at: datetime | None
    ground: str | None
    leak_id: UUID | None


class IncidentChanged(Answer):
    """Written down. delivered: the case has taken it already."""

    incident_id: UUID
    delivered: bool


class RoundAdded(IncidentChanged):
    """More clients; `round` is theirs."""

    round: int


class TaskAdded(IncidentChanged):
    """The task."""

    task_id: UUID


class EvidenceAdded(IncidentChanged):
    """The archived document."""

    document_id: UUID


class ClosingAnswer(IncidentChanged):
    """The proposal and its state."""

    closing_id: UUID
    state: str
