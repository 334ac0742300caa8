"""Shapes of the response to a leak of a client's personal data."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.fields import Answer, Body, FreeText
from rules.leaks import Measure


class LeakBody(Body):
    """What is known of a leak. source: where it was learnt from, a code."""

    client_id: UUID
    source: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")
    story: FreeText
    known_at: AwareDatetime


class MeasureBody(Body):
    """What a colleague has seen: the call, or what a machine could not say. Rules: para 36, point 3."""

    measure: Measure
    is_client: bool
    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")


class LeakAnswer(Answer):
    """A leak and its measures. last_day: of the clock. block_proposed: one person wants the client blocked.

    incidents: those that it is the response to.
    """

    leak_id: UUID
    client_id: UUID
    workflow_id: str
    source: str
    known_at: datetime
    state: Literal["OPEN", "CONFIRMED", "BLOCKED"]
    open: list[Measure]
    failed: list[Measure]
    block_proposed: bool
    last_day: str | None = None
    incidents: list[UUID] = []


class OwnLeak(Answer):
    """What the client sees: what is still to be done, and by whom."""

    state: Literal["OPEN", "BLOCKED"]
    face_needed: bool
    call_awaited: bool
