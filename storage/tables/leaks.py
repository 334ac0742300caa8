"""Clients whose personal data is known to have leaked, and what was done about it.

Rules: para 36.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class Leak(SQLModel, table=True):
    """One known leak of a client's data. While it is OPEN or BLOCKED the client gets no new microcredit.

    story: what is known of it, sealed under the client's key. entered_by: None where an incident that the system found
    has made it (source `incident`; which one says incident_client). state: OPEN | CONFIRMED (all measures showed the
    client) | BLOCKED (two people said so).
    """

    __tablename__ = "leak"
    __table_args__ = (
        UniqueConstraint("client_id", "n"),
        Index("leak_one_open", "client_id", unique=True, postgresql_where=text("state in ('OPEN', 'BLOCKED')")),
    )

    id: UUID = primary_id()
    client_id: UUID = reference("client", index=False)
    n: int
    source: str
    story: bytes
    known_at: datetime = Field(sa_type=Instant)
    entered_by: UUID | None = reference("staff", optional=True, index=False)
    entered_at: datetime = Field(sa_type=Instant)
    state: str = "OPEN"
    told_at: datetime | None = Field(default=None, sa_type=Instant)
    block_proposed_by: UUID | None = reference("staff", optional=True, index=False)
    block_confirmed_by: UUID | None = reference("staff", optional=True, index=False)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class LeakMeasure(SQLModel, table=True):
    """One look at whether it is the client, appended; the last of each measure counts.

    measure: of rules.leaks. staff_id: who made the call, or looked at what a machine could not say.
    """

    __tablename__ = "leak_measure"

    id: UUID = primary_id()
    leak_id: UUID = reference("leak")
    measure: str
    is_client: bool
    evidence: dict[str, Any] = Field(sa_type=Json)
    staff_id: UUID | None = reference("staff", optional=True, index=False)
    at: datetime = Field(sa_type=Instant)
