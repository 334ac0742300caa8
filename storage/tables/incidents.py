"""Incidents: what happened, whom it touches, who was told, what was done, and what was learnt.

Rules: para 13, part 1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class Incident(SQLModel, table=True):
    """One incident, entered by staff or found by the system.

    key: the cause, so that the same one is no second incident. kind, severity: of rules.incidents.
    found_by: STAFF | SYSTEM. story: sealed; what happened, what is done about it, words to the clients.
    facts: what the system found; ids and numbers, no personal data. certain_at: since when it is no suspicion only.
    state: OPEN | CLOSED | DISMISSED (it was nothing). begun_at: its case runs. document_id: the archived entry.
    """

    __tablename__ = "incident"
    __table_args__ = (Index("incident_open", "entered_at", postgresql_where=text("state = 'OPEN'")),)

    id: UUID = primary_id()
    key: str = Field(unique=True)
    kind: str
    severity: str
    found_by: str
    story: bytes
    facts: dict[str, Any] = Field(sa_type=Json)
    occurred_at: datetime = Field(sa_type=Instant)
    detected_at: datetime = Field(sa_type=Instant)
    certain_at: datetime | None = Field(default=None, sa_type=Instant)
    certain_by: UUID | None = reference("staff", optional=True)
    state: str = "OPEN"
    entered_by: UUID | None = reference("staff", optional=True)
    entered_at: datetime = Field(sa_type=Instant)
    begun_at: datetime | None = Field(default=None, sa_type=Instant)
    document_id: UUID | None = None
    closed_at: datetime | None = Field(default=None, sa_type=Instant)


class IncidentRound(SQLModel, table=True):
    """Clients found to be touched at one time; they and the regulator are told together.

    n: 1 is of the incident itself. query: whom to look for (storage.incident_clients), None for a list.
    looked_up_to: the last client the query has come to; found_at: all are known.
    """

    __tablename__ = "incident_round"
    __table_args__ = (UniqueConstraint("incident_id", "n"),)

    id: UUID = primary_id()
    incident_id: UUID = reference("incident")
    n: int
    query: dict[str, Any] | None = Field(default=None, sa_type=Json)
    detected_at: datetime = Field(sa_type=Instant)
    added_by: UUID | None = reference("staff", optional=True)
    added_at: datetime = Field(sa_type=Instant)
    looked_up_to: UUID | None = None
    found_at: datetime | None = Field(default=None, sa_type=Instant)


class IncidentClient(SQLModel, table=True):
    """A client whom an incident touches, and how they were told.

    leak_id links both ways: a client whose response runs already is in the same one for every incident.
    told_at, message_id: in the personal account. texted_at, sms_id: by SMS. Without message or SMS `ground` says why.
    """

    __tablename__ = "incident_client"
    __table_args__ = (
        ForeignKeyConstraint(["incident_id", "round_n"], ["incident_round.incident_id", "incident_round.n"]),
        Index(
            "incident_client_to_tell",
            "incident_id", "round_n", "client_id",
            postgresql_where=text("told_at is null"),
        ),
        Index(
            "incident_client_to_text",
            "incident_id", "round_n", "client_id",
            postgresql_where=text("texted_at is null"),
        ),
    )  # fmt: skip

    incident_id: UUID = Field(foreign_key="incident.id", primary_key=True)
    client_id: UUID = Field(foreign_key="client.id", primary_key=True, index=True)
    round_n: int
    told_at: datetime | None = Field(default=None, sa_type=Instant)
    message_id: UUID | None = None
    texted_at: datetime | None = Field(default=None, sa_type=Instant)
    sms_id: str | None = None
    ground: str | None = None
    leak_id: UUID | None = Field(
        default=None, foreign_key="leak.id", index=True, description="of a leak of data: the response to it"
    )


class IncidentText(SQLModel, table=True):
    """What clients are told in one language, archived before anybody is told."""

    __tablename__ = "incident_text"
    __table_args__ = (UniqueConstraint("incident_id", "language"),)

    id: UUID = primary_id()
    incident_id: UUID = reference("incident")
    language: str
    document_id: UUID = reference("document", index=False)
    made_at: datetime = Field(sa_type=Instant)


class IncidentTask(SQLModel, table=True):
    """Something to be done about an incident. code: of rules.incidents, or `other` with sealed words.

    part: CAUSE | CONSEQUENCE. owner: who has taken it. evidence: sealed words of whoever did it.
    """

    __tablename__ = "incident_task"
    __table_args__ = (
        Index("incident_task_once", "incident_id", "code", unique=True, postgresql_where=text("code <> 'other'")),
    )

    id: UUID = primary_id()
    incident_id: UUID = reference("incident")
    code: str
    part: str
    words: bytes | None = None
    owner: UUID | None = reference("staff", optional=True)
    created_at: datetime = Field(sa_type=Instant)
    done_by: UUID | None = reference("staff", optional=True)
    done_at: datetime | None = Field(default=None, sa_type=Instant)
    evidence: bytes | None = None


class IncidentDocument(SQLModel, table=True):
    """Archived evidence of an incident, or of one of its tasks. kind: evidence | report (at its end)."""

    __tablename__ = "incident_document"

    id: UUID = primary_id()
    incident_id: UUID = reference("incident")
    task_id: UUID | None = reference("incident_task", optional=True)
    document_id: UUID = reference("document", index=False)
    kind: str
    added_by: UUID | None = reference("staff", optional=True)
    added_at: datetime = Field(sa_type=Instant)


class IncidentClosing(SQLModel, table=True):
    """The end of an incident: proposed by one person with what was learnt, confirmed or refused by another.

    outcome: RESOLVED | FALSE_ALARM. words: sealed; causes and lessons. state: PROPOSED | CONFIRMED | REFUSED.
    """

    __tablename__ = "incident_closing"
    __table_args__ = (
        Index(
            "incident_closing_one", "incident_id", unique=True,
            postgresql_where=text("state in ('PROPOSED', 'CONFIRMED')"),
        ),
    )  # fmt: skip

    id: UUID = primary_id()
    incident_id: UUID = reference("incident")
    outcome: str
    words: bytes
    state: str = "PROPOSED"
    proposed_by: UUID = reference("staff")
    proposed_at: datetime = Field(sa_type=Instant)
    decided_by: UUID | None = reference("staff", optional=True)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)


class RegulatorNotice(SQLModel, table=True):
    """Something the lender tells the regulator, signed, archived and with its receipt.

    key: the business fact. kind: INCIDENT | RESOURCE_OPENING | CHANGE. subject: `incident:{id}`, `notice:{id}` ...
    document_id: the signed bytes (rules.regulator_notices); cms_document_id: the signature over them.
    attempt: each signature is sent under a key of its own. state: MADE | SENT | REFUSED.
    """

    __tablename__ = "regulator_notice"

    id: UUID = primary_id()
    key: str = Field(unique=True)
    kind: str
    subject: str = Field(index=True)
    document_id: UUID = reference("document", index=False)
    attachments: list[str] = Field(sa_type=Json, description="ids of archived documents, in their order")
    cms_document_id: UUID = reference("document", index=False)
    attempt: int = 1
    state: str = "MADE"
    ground: str | None = None
    made_at: datetime = Field(sa_type=Instant)
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    registration_number: str | None = None
    received_at: datetime | None = Field(default=None, sa_type=Instant)
    receipt_document_id: UUID | None = None


class WatchPosition(SQLModel, table=True):
    """How far a watch has come. name: access | audit | scrub. position: rows, hashes, ids."""

    __tablename__ = "watch_position"

    name: str = Field(primary_key=True)
    position: dict[str, Any] = Field(sa_type=Json)
    at: datetime = Field(sa_type=Instant)
