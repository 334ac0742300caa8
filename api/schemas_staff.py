"""Shapes of the staff's API."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, Digits6, GivenPassword
from rules.client import AuthorityKind
from rules.money import Money


class Role(StrEnum):
    """What a member of staff may do. Rules: para 27."""

    OFFICER = "officer"
    COMPLIANCE = "compliance"
    ONCALL = "oncall"
    AUDITOR = "auditor"
    CASHIER = "cashier"
    REGULATOR = "regulator"


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
    bank_reference: str | None
    value_date: date | None
    final: bool
    at: datetime


class PaymentShown(Answer):
    """An outgoing payment that people look at. sent_at: the last time it may have gone to the bank."""

    key: str
    order_id: str
    purpose: str
    channel: str
    amount: Money
    state: str
    sent_at: datetime | None
    payout_id: str | None


class ReviewAnswer(Answer):
    """A case that waits for a person. second_person: a different person must confirm. payment: what it is about."""

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
    payment: PaymentShown | None
    decisions: list[DecisionRecord]


class DecisionBody(Body):
    """reason_code: why, from the list of reasons.

    About an amount above the limit: approve lets it out, refuse ends it. About the outcome of a payment: approve says
    that it was paid, and names the line of the bank's books and its day; refuse, that it was not; retry asks the bank.
    """

    decision: Literal["approve", "refuse", "retry"]
    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")
    bank_reference: str | None = Field(default=None, pattern=r"^[A-Za-z0-9./_-]{1,64}$")
    value_date: date | None = None

    @model_validator(mode="after")
    def _whole_evidence(self) -> DecisionBody:
        if (self.bank_reference is None) != (self.value_date is None):
            missing = "/bank_reference" if self.bank_reference is None else "/value_date"
            raise PydanticCustomError("business", "{code}", {"code": "bank-reference-missing", "field": missing})
        return self


class DecisionAnswer(Answer):
    """final false: a second, different person must still decide. delivered: the workflow has taken it."""

    review_id: UUID
    decision_id: UUID
    final: bool
    delivered: bool


class AuthorityShown(Answer):
    """By which paper a person signs for an organisation, and whom it must name. scans: where they are read.

    signatory_iin stands here in full: it is compared with the paper. Rules: para 6, part 2.
    """

    authority_id: UUID
    client_id: UUID
    kind: AuthorityKind
    number: str
    issued_on: date
    valid_until: date | None
    organisation: str | None
    bin: str
    signatory: str
    signatory_iin: str
    scans: list[str]
