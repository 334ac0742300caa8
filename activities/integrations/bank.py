"""The lender's bank: owner check, payouts, statement. Rules: para 9, part 2.

Only an explicit refusal of a payout means "not paid". Everything else that is not an answer leaves the outcome
unknown: ask by order id, never pay under a new key.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import httpx
from pydantic import Field

from activities.integrations.http import Refusals, Service, Wire
from activities.money_ports import AccountOwner, BankStatement, Destination, Payout, Recipient
from rules.errors import BrokenContract, InvalidInput, NotAllowed, NotFound, NotSettled
from rules.money import Money


class _Owner(Wire):
    iban: str | None = None
    card_token: str | None = None
    iin: str | None = None
    bin: str | None = None
    result: Literal["MATCH", "MISMATCH", "UNKNOWN"]
    ref: str


class _Receiver(Wire):
    iin: str | None = None
    bin: str | None = None


class _Payout(Wire):
    payout_id: str = Field(min_length=1)
    order_id: str
    amount: Money
    currency: str = "KZT"
    iban: str | None = None
    card_token: str | None = None
    recipient: _Receiver = _Receiver()
    status: Literal["ACCEPTED", "IN_PROGRESS", "DONE", "REJECTED", "RETURNED"]
    bank_ref: str | None = None
    value_date: date | None = None
    code: str | None = None
    reason: str | None = None

    def as_payout(self) -> Payout:
        """In the words of the port."""
        if self.status == "DONE" and not (self.bank_ref and self.value_date):
            raise BrokenContract("bank-unreadable")
        if bool(self.iban) == bool(self.card_token):
            raise BrokenContract("bank-unreadable")
        return Payout(
            payout_id=self.payout_id,
            order_id=self.order_id,
            amount=self.amount,
            currency=self.currency,
            destination=Destination(kind="iban" if self.iban else "card", value=self.iban or self.card_token or ""),
            receiver=self.recipient.iin or self.recipient.bin,
            status=self.status,
            bank_reference=self.bank_ref,
            value_date=self.value_date,
            code=self.code or self.reason,
        )


class _Party(Wire):
    name: str
    iin: str
    iban: str


class _Line(Wire):
    bank_ref: str = Field(min_length=1)
    order_id: str | None = None
    amount: Money
    side: Literal["D", "C"]
    counterparty: _Party
    purpose: str
    booked_at: str
    currency: str = "KZT"


class _Statement(Wire):
    date: date
    opening: Money
    closing: Money
    entries: list[_Line]


_PAY_REFUSALS: Refusals = {
    "422 REFUSED": lambda: NotAllowed("payout-refused"),
    "409 IN_PROGRESS": lambda: NotSettled("bank-still-at-work"),
}
_FIND_REFUSALS: Refusals = {
    # the bank's own word: a 404 of anything else on the way is no "not found"
    "404 NOT_FOUND": lambda: NotFound("payout-not-found"),
    "409 MANY_PAYOUTS": lambda: BrokenContract("bank-several-payouts"),
    "501 NOT_SUPPORTED": lambda: NotSettled("bank-cannot-be-asked"),
}


# КБЕ of the receiver: a resident individual, and a resident organisation that is no financial one
_BENEFICIARY = {False: "19", True: "17"}


def _place(destination: Destination) -> str:
    return "iban" if destination.kind == "iban" else "card_token"


def _number(party: Recipient) -> dict[str, str]:
    return {"bin": party.bin} if party.bin is not None else {"iin": party.number}


class LenderBank:
    """The bank.

    Args:
        timeout_seconds: keep it below the time-out of the activity that pays.
        purpose_code: the КНП of a payout.
    """

    def __init__(
        self,
        url: str,
        token: str,
        client: httpx.AsyncClient | None = None,
        *,
        timeout_seconds: float = 10.0,
        purpose_code: str = "119",
    ) -> None:
        self._service = Service("bank", url, token, client, timeout_seconds=timeout_seconds)
        self._purpose_code = purpose_code

    async def verify_owner(self, destination: Destination, owner: Recipient) -> AccountOwner:
        """Whether the account or the card is this person's or organisation's.

        Raises:
            NotFound: `account-unknown`: no such account, or a closed one.
            InvalidInput: `iban-invalid`.
            BrokenContract: `bank-mismatch`: the answer is about another account or person.
        """
        whose = {_place(destination): destination.value, **_number(owner)}
        answer = await self._service.ask(
            _Owner,
            "POST",
            "/v1/accounts/verify",
            json={**whose, "full_name": owner.name},
            refusals={
                "404 NO_ACCOUNT": lambda: NotFound("account-unknown"),
                "422 BAD_IBAN": lambda: InvalidInput("iban-invalid", field="/iban"),
            },
        )
        if answer.model_dump(include=set(whose)) != whose:
            raise BrokenContract("bank-mismatch")
        return AccountOwner(result=answer.result, reference=answer.ref)

    async def pay(
        self, key: str, order_id: str, amount: Money, destination: Destination, recipient: Recipient, purpose: str
    ) -> Payout:
        """Send one payout. The answer is what the bank says it took: the caller compares it with its own order.

        Raises:
            NotAllowed: `payout-refused`: certainly not paid.
            NotSettled: the same payout is still at work at the bank.
            Unavailable: the outcome is unknown.
            BrokenContract: an answer we cannot read, or about another order (`bank-mismatch`): the outcome is unknown.
        """
        order = {
            "order_id": order_id,
            "amount": str(amount),
            "currency": "KZT",
            _place(destination): destination.value,
            "recipient": {**_number(recipient), "name": recipient.name, "kbe": _BENEFICIARY[recipient.bin is not None]},
            "knp": self._purpose_code,
            "purpose": purpose,
        }
        answer = await self._service.ask(_Payout, "POST", "/v1/payouts", key=key, json=order, refusals=_PAY_REFUSALS)
        if answer.order_id != order_id:
            raise BrokenContract("bank-mismatch")
        return answer.as_payout()

    async def find(self, order_id: str) -> Payout | None:
        """The payout of an order; None means the bank's books do not show it yet.

        Raises:
            NotSettled: the bank offers no way to ask.
            BrokenContract: `bank-several-payouts`: the order was paid more than once; `bank-mismatch`: the answer is
                about another order. The caller compares amount and account with its own record.
        """
        try:
            answer = await self._service.ask(
                _Payout, "GET", "/v1/payouts", params={"order_id": order_id}, refusals=_FIND_REFUSALS
            )
        except NotFound:
            return None
        if answer.order_id != order_id:
            raise BrokenContract("bank-mismatch")
        return answer.as_payout()

    async def statement(self, day: date) -> BankStatement | None:
        """A day's statement, None while the bank has none. Whether it adds up is for the reconciliation to say."""
        try:
            answer = await self._service.ask(
                _Statement,
                "GET",
                "/v1/statement",
                params={"date": day.isoformat()},
                refusals={"404 NOT_READY": lambda: NotFound("statement-not-ready")},
            )
        except NotFound:
            return None
        if answer.date != day:
            raise BrokenContract("bank-mismatch")
        entries = [line.model_dump(mode="json") for line in answer.entries]
        return BankStatement(day=day, opening=answer.opening, closing=answer.closing, entries=entries)
