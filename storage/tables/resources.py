"""Web resources, mobile applications and terminals, and the notices of them to the regulator.

Rules: para 4; para 5.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class Resource(SQLModel, table=True):
    """One resource as the regulator was told of it last, the term passed. facts: rules.resources.ResourceFacts."""

    __tablename__ = "resource"

    code: str = Field(primary_key=True)
    kind: str
    facts: dict[str, Any] = Field(sa_type=Json)
    notice_id: UUID = Field(description="the notice that these facts come from")
    opened_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)


class ResourceNotice(SQLModel, table=True):
    """What is to be told of a resource: entered by one, confirmed by another, then sent; in force after the term.

    rule: P4 (opening) | P5 (change). facts: what it says. procedures_id: the approved security procedures.
    state: ENTERED | REFUSED | CONFIRMED | SENT | IN_FORCE.
    """

    __tablename__ = "resource_notice"
    __table_args__ = (
        Index(
            "resource_notice_one_open",
            "code",
            unique=True,
            postgresql_where=text("state in ('ENTERED', 'CONFIRMED', 'SENT')"),
        ),
    )

    id: UUID = primary_id()
    code: str
    rule: str
    facts: dict[str, Any] = Field(sa_type=Json)
    procedures_id: UUID = reference("document", index=False)
    state: str = "ENTERED"
    entered_by: UUID = reference("staff", index=False)
    entered_at: datetime = Field(sa_type=Instant)
    decided_by: UUID | None = reference("staff", optional=True, index=False)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    reason_code: str | None = None
    registration_number: str | None = None
    received_at: datetime | None = Field(default=None, sa_type=Instant, description="by the regulator's receipt")
    in_force_at: datetime | None = Field(default=None, sa_type=Instant)
