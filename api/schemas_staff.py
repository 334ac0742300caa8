"""Shapes of the staff's API."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.fields import Answer, Body, Digits6, GivenPassword


class Role(StrEnum):
    """What a member of staff may do. Rules: para 27."""

    OFFICER = "officer"
    COMPLIANCE = "compliance"
    ONCALL = "oncall"
    AUDITOR = "auditor"


class StaffLogInBody(Body):
    """Password and the six digits of the authenticator."""

    login: str = Field(pattern=r"^[a-z0-9._-]{2,40}$")
    password: GivenPassword
    totp: Digits6


class StaffMe(Answer):
    """Who is logged in."""

    staff_id: UUID
    login: str
    roles: list[Role]


class DecisionRecord(Answer):
    """One person's decision."""

    decision_id: UUID
    staff_id: UUID
    decision: str
    reason_code: str
    final: bool
    at: datetime


class ReviewAnswer(Answer):
    """A case that waits for a person. second_person: a different person must confirm."""

    review_id: UUID
    kind: Literal["IDENTITY", "AML", "MONEY", "DECISION"]
    workflow_id: str
    client_id: UUID | None
    application_id: UUID | None
    ground: str
    ground_title: str
    state: Literal["open", "claimed", "decided"]
    claimed_by: UUID | None
    claimed_at: datetime | None
    created_at: datetime
    second_person: bool
    decisions: list[DecisionRecord]


class DecisionBody(Body):
    """reason_code: why, from the list of reasons."""

    decision: Literal["approve", "refuse", "retry"]
    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")


class DecisionAnswer(Answer):
    """final false: a second, different person must still decide. delivered: the workflow has taken it."""

    review_id: UUID
    decision_id: UUID
    final: bool
    delivered: bool
