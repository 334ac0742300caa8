"""Shapes of notices of web resources, mobile applications and terminals."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.fields import Answer, Body
from rules.resources import ResourceFacts


class NoticeBody(Body):
    """What the regulator is to be told. change: of a resource that is open; otherwise it is an opening."""

    facts: ResourceFacts
    change: bool = False


class NoticeRefusal(Body):
    """Why a notice is not given: a code."""

    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")


class NoticeAnswer(Answer):
    """A notice. last_day: of the term after which it is in force. registration_number, received_at: by the receipt."""

    notice_id: UUID
    workflow_id: str
    rule: str
    state: str
    facts: ResourceFacts
    entered_at: datetime
    registration_number: str | None = None
    received_at: datetime | None = None
    last_day: str | None = None
    in_force_at: datetime | None = None


class ResourceAnswer(Answer):
    """A resource that may lend. taken_over: it lent before the system came, under that notice."""

    facts: ResourceFacts
    opened_at: str
    notice: str
    taken_over: bool
