"""Statutory clocks, what happened to each, and the days that acts of the year moved.

Rules: para 13; para 32.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class StatutoryClock(SQLModel, table=True):
    """One running or ended term of the law.

    key: the business fact, so that a retry starts no second clock. subject: `loan:{id}`, `incident:{id}` ...
    received_at: of the document that started it. last_day, due_at: None while the days off of a year that it reaches
    into are not known. state: RUNNING | MET | MISSED (still to be done) | MET_LATE | CANCELLED | RAN_OUT (of a term
    that had to pass before something may be done).
    A clock that was met before the first day of such a year has none for ever. evidence: what shows that it was met;
    ids, numbers, instants, no personal data. The database lets a clock change its state in these ways only:
    RUNNING to any other, MISSED to MET_LATE, CANCELLED, and back to RUNNING with a later end.
    """

    __tablename__ = "statutory_clock"
    __table_args__ = (Index("statutory_clock_open", "due_at", postgresql_where=text("state in ('RUNNING', 'MISSED')")),)

    id: UUID = primary_id()
    key: str = Field(unique=True)
    rule: str = Field(description="a name of rules.clocks")
    subject: str = Field(index=True)
    workflow_id: str = Field(index=True)
    client_id: UUID | None = reference("client", optional=True)
    loan_id: UUID | None = reference("loan", optional=True)
    document_id: UUID | None = Field(default=None, description="the archived paper that started it")
    received_at: datetime = Field(sa_type=Instant)
    days: int
    unit: str
    policy_row: str
    last_day: date | None = None
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    calendar_version: str
    state: str = "RUNNING"
    ended_at: datetime | None = Field(default=None, sa_type=Instant, description="when it was met or cancelled")
    evidence: dict[str, Any] | None = Field(default=None, sa_type=Json(none_as_null=True))
    started_at: datetime = Field(sa_type=Instant)


class ClockEvent(SQLModel, table=True):
    """What happened to a clock, appended. kind: STARTED | HALF_WAY | WARNING | MOVED | MISSED | MET |
    CANCELLED | RAN_OUT.

    n: counts the MOVED of a clock; every other kind happens once for each number of moves.
    """

    __tablename__ = "clock_event"
    __table_args__ = (UniqueConstraint("clock_id", "kind", "n"),)

    id: UUID = primary_id()
    clock_id: UUID = reference("statutory_clock")
    kind: str
    n: int = 0
    at: datetime = Field(sa_type=Instant)
    detail: dict[str, Any] = Field(sa_type=Json)


class CalendarChange(SQLModel, table=True):
    """A day that an act moved, or the days off of a whole year: proposed by one person, decided by another.

    state: PROPOSED | CONFIRMED | REFUSED. Either day and works (whether it is a working day by the act), or year with
    off (weekdays off and what they are for) and worked (weekend days worked). act: its number. Rules: para 28.
    """

    __tablename__ = "calendar_change"
    __table_args__ = (
        Index("calendar_change_one_open", "day", unique=True, postgresql_where=text("state = 'PROPOSED'")),
        Index("calendar_change_one_year", "year", unique=True, postgresql_where=text("state <> 'REFUSED'")),
    )

    id: UUID = primary_id()
    day: date | None = Field(default=None, index=True)
    works: bool | None = None
    year: int | None = None
    off: dict[str, str] | None = Field(default=None, sa_type=Json(none_as_null=True))
    worked: list[str] | None = Field(default=None, sa_type=Json(none_as_null=True))
    act: str
    state: str = "PROPOSED"
    proposed_by: UUID = reference("staff")
    proposed_at: datetime = Field(sa_type=Instant)
    decided_by: UUID | None = reference("staff", optional=True)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
