"""Shapes of changes of the phone number and of the bank details."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, Iban, Phone
from api.schemas_common import DocumentInfo
from api.schemas_receiving import CardToken
from storage.refunds import Named


class PhoneChangeBody(Body):
    """The new mobile number. Nothing else of a person is changed this way. Rules: para 6, part 5; para 6, part 6."""

    phone: Phone


class AccountChangeBody(Body):
    """The client's own account, or their card by the token of the bank's own form; one of the two.

    Rules: para 6, part 5.
    """

    iban: Iban | None = None
    card_token: CardToken | None = None

    @model_validator(mode="after")
    def _one(self) -> AccountChangeBody:
        if (self.iban is None) == (self.card_token is None):
            code = "iban-missing" if self.iban is None else "field-of-another-method"
            raise PydanticCustomError("business", "{code}", {"code": code, "field": "/iban"})
        return self

    def named(self) -> Named:
        """As it is kept."""
        return Named(kind="iban", value=self.iban) if self.iban else Named(kind="card", value=self.card_token or "")


class BankDetails(Answer):
    """What the client keeps with us. kind: iban | card. account: masked. Nulls where nothing is kept."""

    kind: Literal["iban", "card"] | None = None
    account: str | None = None
    since: datetime | None = None


class DetailsChangeAnswer(Answer):
    """A wish for another number or for other bank details.

    missing: the proofs still to be shown, in their order: phone (the code), phone-owner (looked up with it) or
    account-owner (the bank is asked at once), face, signature. statement: what is signed, once it is drawn.
    expires_at: what is not done by then is not done.
    """

    change_id: UUID
    state: Literal["OPEN", "CHANGED", "REFUSED", "EXPIRED"]
    ground: str | None
    ground_title: str | None
    missing: list[Literal["phone", "phone-owner", "account-owner", "face", "signature"]]
    asked_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    statement: DocumentInfo | None
