"""Shapes of statutory clocks and of the calendar's changes, for staff. Rules: para 13; para 28."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, Day

Act = Annotated[str, StringConstraints(min_length=3, max_length=120, pattern=r"^[^\x00-\x1f]+$")]
HolidayName = Annotated[str, StringConstraints(min_length=2, max_length=60, pattern=r"^[^\x00-\x1f]+$")]


class ClockFilter(StrEnum):
    """Which clocks. open: not done yet; missed, undated: those of the open ones; ended: met, late or cancelled."""

    OPEN = "open"
    MISSED = "missed"
    UNDATED = "undated"
    ENDED = "ended"


class ClockAnswer(Answer):
    """A clock. due: the first instant at which it is missed; None while the days off of a year are not known.

    needs_person: it was missed, has passed, or has no last day.
    """

    clock_id: UUID
    rule: str
    title: str
    paragraph: str
    subject: str
    workflow_id: str
    received: datetime
    days: int
    unit: str
    policy_row: str
    last_day: date | None
    due: datetime | None
    calendar_version: str
    state: Literal["RUNNING", "MISSED", "MET", "MET_LATE", "CANCELLED", "RAN_OUT"]
    needs_person: bool
    ended_at: datetime | None


class ClockEventAnswer(Answer):
    """What happened to a clock. MOVED: before, after and the act are in the detail."""

    kind: str
    at: datetime
    detail: dict[str, Any]


class ClockHistoryAnswer(ClockAnswer):
    """A clock with all that happened to it, and the proof that it was met."""

    document_id: UUID | None
    client_id: UUID | None
    loan_id: UUID | None
    evidence: dict[str, Any] | None
    history: list[ClockEventAnswer]


class CalendarBody(Body):
    """Either a day that an act moves, or the days off of the next year. act: its number.

    works: whether people work on the day by the act. off: weekdays off and what they are for; worked: weekend days
    worked.
    """

    act: Act
    day: Day | None = None
    works: bool | None = None
    year: Annotated[int, Field(ge=2000, le=2199)] | None = None
    off: dict[date, HolidayName] | None = Field(default=None, max_length=60)
    worked: list[date] | None = Field(default=None, max_length=30)

    @model_validator(mode="after")
    def _day_or_year(self) -> CalendarBody:
        day, year = [self.day, self.works], [self.year, self.off, self.worked]
        given = [all(part is not None for part in one) for one in (day, year)]
        absent = [all(part is None for part in one) for one in (day, year)]
        if not ((given[0] and absent[1]) or (absent[0] and given[1])):
            raise PydanticCustomError("business", "{code}", {"code": "calendar-day-or-year", "field": "/day"})
        return self


class CalendarChangeAnswer(Answer):
    """A change and what two people said of it."""

    change_id: UUID
    act: str
    day: date | None
    works: bool | None
    year: int | None
    off: dict[date, str] | None
    worked: list[date] | None
    state: Literal["PROPOSED", "CONFIRMED", "REFUSED"]
    proposed_by: UUID
    proposed_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None


class CalendarAnswer(Answer):
    """The calendar as it counts now. undated_clocks: open ones that wait for a year to be added."""

    version: str
    years: list[int]
    undated_clocks: int
    changes: list[CalendarChangeAnswer]
