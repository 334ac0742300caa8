"""Shapes of money that goes back to a client, and of the account they name for it. Rules: para 9, part 2."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, Iban
from api.schemas_receiving import CardToken
from rules.errors import Conflict
from rules.money import Money
from storage.refunds import Named


class RefundAccountBody(Body):
    """The client's own account, their card by the token of the bank's own form, or the bank details that they keep
    with us; one of the three.
    """

    iban: Iban | None = None
    card_token: CardToken | None = None
    kept: bool = False

    @model_validator(mode="after")
    def _one(self) -> RefundAccountBody:
        named = [one for one in (self.iban, self.card_token, self.kept or None) if one is not None]
        if len(named) != 1:
            code = "field-of-another-method" if named else "iban-missing"
            raise PydanticCustomError("business", "{code}", {"code": code, "field": "/iban"})
        return self

    @property
    def field(self) -> str:
        """Which of the three it is."""
        return "/kept" if self.kept else "/iban" if self.iban else "/card_token"

    def named(self, kept: Named | None = None) -> Named:
        """As it is kept for the refund. kept: the bank details that the client keeps with us.

        Raises:
            Conflict: `account-not-kept`.
        """
        if self.kept:
            if kept is None:
                raise Conflict("account-not-kept", field="/kept")
            return kept
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
