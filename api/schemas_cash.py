"""Shapes of the cashier's API and of what terminals ask. Rules: para 9."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, Digits6, DocumentNumber
from rules.money import Money

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{4,12}$")]


class CashOrderAnswer(Answer):
    """An order as a cashier sees it. receiver: who must stand at the desk.

    second_person: the amount needs a colleague's approval; approved: it has one. code_shown: the client has a code.
    """

    order: str
    channel: Literal["cash-desk", "terminal"]
    desk: str | None
    state: str
    amount: Money
    expires_at: datetime
    receiver: str
    power_of_attorney: bool = Field(description="the receiver acts for a legal entity and must show one")
    second_person: bool
    approved: bool
    code_shown: bool


class PayBody(Body):
    """What the cashier saw: the document's number, or that the digital documents service showed it; and the code.

    authority_id: the archived power of attorney, for a legal entity.
    """

    code: Code
    document_number: DocumentNumber | None = None
    digital_document: bool = Field(default=False, strict=True)
    authority_id: UUID | None = None

    @model_validator(mode="after")
    def _one_identification(self) -> PayBody:
        if (self.document_number is None) != self.digital_document:
            code = {"code": "one-identification", "field": "/document_number"}
            raise PydanticCustomError("business", "{code}", code)
        return self


class CashPaid(Answer):
    """The money may be handed over now."""

    order: str
    amount: Money
    loan_id: UUID
    contract: str


class DigitalDocumentBody(Body):
    """The code in the receiver's telephone."""

    code: Digits6


class DigitalDocumentAnswer(Answer):
    """Whether the service showed the client's own document. ground: why not."""

    shown: bool
    ground: str | None = None
    ground_title: str | None = None


class AuthorityAnswer(Answer):
    """A power of attorney, archived."""

    authority_id: UUID
    sha256: str


class TerminalAsks(Body):
    """A terminal wants to know whether to count the money out."""

    order: str = Field(pattern=r"^CO-[0-9A-F]{12}$")
    code: Code
    terminal_id: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")


class TerminalPaid(Body):
    """A terminal has counted the money out, under this receipt."""

    order: str = Field(pattern=r"^CO-[0-9A-F]{12}$")
    terminal_id: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")
    receipt: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")


class TerminalFailed(Body):
    """A terminal could not count the money out."""

    order: str = Field(pattern=r"^CO-[0-9A-F]{12}$")
    terminal_id: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")


class TerminalAnswer(Answer):
    """What the terminal does: pay this amount, or tell the person why not."""

    pay: bool
    amount: Money | None = None
    reason: str | None = None
