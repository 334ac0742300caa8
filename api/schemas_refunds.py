"""Shapes of money that goes back to a client, and of the account they name for it. Rules: para 9, part 2."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, Iban
from api.schemas_receiving import CardToken
from rules.money import Money
from storage.refunds import Named


class RefundAccountBody(Body):
    """The client's own account, or their card by the token of the bank's own form; one of the two."""

    iban: Iban | None = None
    card_token: CardToken | None = None

    @model_validator(mode="after")
    def _one(self) -> RefundAccountBody:
        if (self.iban is None) == (self.card_token is None):
            code = "iban-missing" if self.iban is None else "field-of-another-method"
            raise PydanticCustomError("business", "{code}", {"code": code, "field": "/iban"})
        return self

    def named(self) -> Named:
        """As it is kept."""
        return Named(kind="iban", value=self.iban) if self.iban else Named(kind="card", value=self.card_token or "")


class RefundPaid(Answer):
    """Money that went back. on: the day on which it left us."""

    on: date
    amount: Money


class RefundAnswer(Answer):
    """What is owed back under a microcredit. state: none, account-wanted (name one), under-way, paid.

    ground: why an account is wanted. account: masked, where one was named and shown to be the client's.
    """

    loan_id: UUID
    state: Literal["none", "account-wanted", "under-way", "paid"]
    owed: Money
    ground: str | None
    ground_title: str | None
    asked_at: datetime | None
    account: str | None
    paid: list[RefundPaid]


class RefundWaiting(Answer):
    """A refund that waits for its client to name an account. letters: written to the client; tried: accounts that the
    bank did not show to be theirs.
    """

    loan_id: UUID
    client_id: UUID
    contract_number: str
    payment_key: str
    workflow_id: str
    owed: Money
    ground: str
    ground_title: str
    asked_at: datetime
    letters: int
    noticed_at: datetime | None
    tried: int
