"""Shapes of how a borrower receives the money: account, card, seller, cash desk, terminal. Rules: para 8, part 6."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, Iban, checked
from api.schemas_common import Challenge
from rules.errors import Conflict
from rules.money import Money
from rules.products import ReceivingMethod
from rules.receiving import Receiving, validate_card_token
from storage.refunds import Named

CardToken = Annotated[str, StringConstraints(min_length=1, max_length=128), checked(validate_card_token)]
PlaceCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,40}$")]

_KEPT = {ReceivingMethod.OWN_ACCOUNT: "iban", ReceivingMethod.OWN_CARD: "card"}
# Which field goes with which method, and the code where it is missing.
_FIELDS = {
    ReceivingMethod.OWN_ACCOUNT: ("iban", "iban-missing"),
    ReceivingMethod.OWN_CARD: ("card_token", "card-token-missing"),
    ReceivingMethod.MERCHANT: ("merchant_id", "merchant-missing"),
    ReceivingMethod.CASH_DESK: ("desk", "desk-missing"),
}


class ReceivingBody(Body):
    """How the money is to come.

    kept: with OWN_ACCOUNT or OWN_CARD, the bank details that the client keeps with us, in place of iban or card_token.
    iban: with OWN_ACCOUNT, the client's own. card_token: with OWN_CARD, from the bank's own form, never a number.
    merchant_id: with MERCHANT, one of GET /merchants. desk: with CASH_DESK, one of GET /cash-desks.
    """

    method: ReceivingMethod
    iban: Iban | None = None
    card_token: CardToken | None = None
    merchant_id: PlaceCode | None = None
    desk: PlaceCode | None = None
    kept: bool = False

    @model_validator(mode="after")
    def _what_the_method_needs_and_nothing_else(self) -> ReceivingBody:
        wanted, missing = _FIELDS.get(self.method, (None, ""))
        for name, _ in _FIELDS.values():
            if name == wanted and getattr(self, name) is None and not self.kept:
                raise PydanticCustomError("business", "{code}", {"code": missing, "field": f"/{name}"})
            if (name != wanted or self.kept) and getattr(self, name) is not None:
                code = {"code": "field-of-another-method", "field": f"/{name}"}
                raise PydanticCustomError("business", "{code}", code)
        if self.kept and self.method not in _KEPT:
            raise PydanticCustomError("business", "{code}", {"code": "field-of-another-method", "field": "/kept"})
        return self

    def receiving(self, kept: Named | None = None) -> Receiving:
        """As it is sealed with the application. kept: the bank details that the client keeps with us.

        Raises:
            Conflict: `account-not-kept`: none are, or they are of the other kind.
        """
        if self.kept:
            if kept is None or kept.kind != _KEPT[self.method]:
                raise Conflict("account-not-kept", field="/receiving/kept")
            return Receiving(method=self.method, value=kept.value)
        name = _FIELDS.get(self.method, (None, ""))[0]
        return Receiving(method=self.method, value=getattr(self, name) if name else "")


class MerchantAnswer(Answer):
    """A seller that a microcredit for goods can be paid to."""

    merchant_id: str
    name: str
    bin: str


class DeskAnswer(Answer):
    """A cash desk of the lender."""

    desk: str
    address: str


class MerchantCheck(Answer):
    """What is to be confirmed: this sum to this seller. Film the challenge and send it back with a selfie."""

    amount: Money
    merchant: MerchantAnswer
    iban: str = Field(description="the seller's account, masked")
    challenge: Challenge


class CollectionState(Answer):
    """Money that waits to be collected. state: waiting, paying (a terminal counts it out), paid, annulled.

    code_shown: a collection code was given out; ask for a new one where it was lost, the old one then opens nothing.
    """

    order: str
    channel: Literal["cash-desk", "terminal"]
    desk: DeskAnswer | None
    amount: Money
    state: str
    expires_at: datetime
    code_shown: bool


class CollectionCode(Answer):
    """The code to tell at the desk or to type at the terminal. It is shown this once and kept nowhere in the clear."""

    order: str
    code: str
    expires_at: datetime
