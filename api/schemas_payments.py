"""Shapes of money that came in, for staff. Rules: para 7, part 5; para 27."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Amount, Answer, Body, ContractNumber, Day, Iban
from rules.money import Money


class IncomingState(StrEnum):
    """Where money that came in stands. RETURNING, RETURNED: on its way back to the payer, and there."""

    UNMATCHED = "UNMATCHED"
    BOOKED = "BOOKED"
    RETURNING = "RETURNING"
    RETURNED = "RETURNED"


class AssignmentAnswer(Answer):
    """Where somebody says that a payment belongs.

    to: loan | payer (the money goes back) | queue (it stays where it is). contract_number: of a loan. iban: another
    account of the payer than it came from. attempt: of a confirmed word that sends it back, which try it is.
    """

    assignment_id: UUID
    payment_id: UUID
    to: Literal["loan", "payer", "queue"]
    contract_number: str | None
    iban: str | None = Field(default=None, repr=False)
    attempt: int | None = None
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    state: Literal["open", "confirmed", "refused"]
    decided_by: UUID | None
    decided_at: datetime | None
    delivered: bool | None = None


class ReturnTry(Answer):
    """A try to send the money back. code: why it was refused, by the bank or by two people."""

    attempt: int
    state: str = Field(description="held | sending | accepted | done | refused | returned | unknown")
    code: str | None
    made_at: datetime


class IncomingAnswer(Answer):
    """One sum that came in. The payer's data and words are opened for this look, which is audited.

    readable: false where they cannot be opened because they were damaged; then they are empty.
    """

    payment_id: UUID
    key: str
    channel: Literal["BANK", "TERMINAL", "CASH_DESK"]
    amount: Money
    value_date: date
    received_at: datetime
    state: IncomingState
    matched_by: str | None
    contract_number: str | None
    payer_name: str = Field(repr=False)
    payer_iban: str = Field(repr=False)
    purpose: str = Field(repr=False)
    readable: bool
    assignments: list[AssignmentAnswer]
    returns: list[ReturnTry] = []


class DeskPaymentBody(Body):
    """Money taken at a cash desk. receipt: the number of the receipt that the payer got."""

    receipt: str = Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")
    contract_number: ContractNumber
    amount: Amount
    value_date: Day


class DeskPaymentAnswer(Answer):
    """What was booked. contract_number: as the contract spells it."""

    payment_id: UUID
    receipt: str
    contract_number: str | None
    amount: Money
    value_date: date
    state: IncomingState


class AssignmentBody(Body):
    """Where the money belongs, and why (a code from the list of reasons).

    payer: it goes back; after the bank has refused a try this is another one, by the same account or by `iban`, another
    account that must be shown to be the payer's. queue: it stays, for example until the payer is heard.
    """

    to: Literal["loan", "payer", "queue"]
    contract_number: str | None = Field(default=None, min_length=3, max_length=40)
    iban: Iban | None = Field(default=None, repr=False)
    reason: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")

    @model_validator(mode="after")
    def _one_place(self) -> AssignmentBody:
        if (self.to == "loan") == (self.contract_number is None):
            raise PydanticCustomError("business", "{code}", {"code": "assignment-place", "field": "/contract_number"})
        if self.iban is not None and self.to != "payer":
            raise PydanticCustomError("business", "{code}", {"code": "assignment-place", "field": "/iban"})
        return self
