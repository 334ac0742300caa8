"""The lender's bank: owner check, payouts to accounts and cards, statement, signed callbacks.

A card is named by its token, never by its number; a receiver is a person (iin) or an organisation (bin).
Settings (PUT /_control/bank/settings): mode keyed | lookup_only (keys are ignored) | neither (no lookup either: 501);
key_ttl seconds; posting_lag seconds in which a payout cannot be found yet; settle_ms until a payout is DONE; opening
balance of the lender.
"""

from __future__ import annotations

from typing import Any, Literal, Self
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, model_validator

from infra.counterparties import bank_books as books
from infra.counterparties.bank_books import Settings
from infra.counterparties.errors import Refusal
from infra.counterparties.faults import Fault
from infra.counterparties.world import World
from rules.contacts import validate_iban
from rules.errors import InvalidInput
from rules.money import Money

_OTHER = {
    "other_amount": ("amount", "1.00"),
    "other_iban": ("iban", "KZ86125KZT5004100100"),
    "other_currency": ("currency", "USD"),
    "other_recipient": ("iin", "910203300023"),
}
_PAY_FAULTS = frozenset({"refused", "rejected", "returned", "before_answer", *_OTHER})
_LOOKUP_FAULTS = frozenset(_OTHER)
_OWNER_FAULTS = frozenset({"owner"})


class Place(BaseModel):
    """An account or a card."""

    iban: str | None = None
    card_token: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.iban) == bool(self.card_token):
            raise ValueError("either iban or card_token")
        return self

    @property
    def place(self) -> str:
        """The number, or the token."""
        return self.iban or self.card_token or ""


class Party(BaseModel):
    """A person or an organisation."""

    iin: str | None = None
    bin: str | None = None

    @model_validator(mode="after")
    def _one_number(self) -> Self:
        if bool(self.iin) == bool(self.bin):
            raise ValueError("either iin or bin")
        return self

    @property
    def number(self) -> str:
        """The IIN or the BIN."""
        return self.iin or self.bin or ""

    @property
    def numbers(self) -> dict[str, str]:
        """As the lender named it."""
        return {"bin": self.bin} if self.bin else {"iin": self.number}


class OwnerQuestion(Place, Party):
    """Whose account or card is it?"""

    full_name: str


class Recipient(Party):
    """Who is to receive."""

    name: str
    kbe: str


class PayoutOrder(Place):
    """One payout."""

    order_id: str = Field(min_length=1, max_length=100)
    amount: Money
    currency: Literal["KZT"]
    recipient: Recipient
    knp: str
    purpose: str


def router(world: World) -> APIRouter:
    """What the lender calls; the control calls are in `bank_control.py`."""
    routes = APIRouter(tags=["bank"])
    world.agenda.on("settle", lambda body: books.settle(world, body["payout_id"]))
    world.agenda.on("return", lambda body: books.move(world, body["payout_id"], "RETURNED", body["reason"]))

    @routes.post("/bank/v1/accounts/verify")
    async def verify(question: OwnerQuestion) -> dict[str, Any]:
        return _owner(world, question)

    @routes.post("/bank/v1/payouts")
    async def pay(request: Request, order: PayoutOrder) -> JSONResponse:
        settings = books.settings(world)
        early: list[dict[str, Any]] = []

        def work() -> tuple[int, dict[str, Any]]:
            fault = world.faults.take(
                "bank", "pay", iin=order.recipient.number, keys=[order.order_id], kinds=_PAY_FAULTS
            )
            payout = _accept(world, order, settings, fault)
            if fault and fault.fault == "before_answer":
                early.append(books.settle(world, payout["payout_id"], announce=False))
            return 202, _spoiled(books.shown(payout), fault)

        answer = await world.keyed(
            request, "bank.pay", work, life_seconds=settings.key_ttl, ignored=settings.mode != "keyed"
        )
        for payout in early:
            event = world.agenda.event("payout.updated", books.shown(payout))
            if not await world.agenda.send("bank", event):
                world.agenda.plan("callback", {"service": "bank", "event": event})
        return answer

    @routes.get("/bank/v1/payouts/{payout_id}")
    async def payout(payout_id: str) -> dict[str, Any]:
        found = world.store.get("payout", payout_id)
        return _lookup(world, [found] if found else [])

    @routes.get("/bank/v1/payouts")
    async def by_order(order_id: str) -> dict[str, Any]:
        return _lookup(world, world.store.where("payout", order_id))

    @routes.get("/bank/v1/statement")
    async def statement(date: str) -> dict[str, Any]:
        return books.statement(world, date)

    return routes


def _owner(world: World, question: OwnerQuestion) -> dict[str, Any]:
    if question.iban:
        try:
            validate_iban(question.iban)
        except InvalidInput:
            raise Refusal(422, "BAD_IBAN") from None
    account = books.account_of(world, question.place)
    if account is None or account["closed"]:
        raise Refusal(404, "NO_ACCOUNT")
    number = question.number
    fault = world.faults.take("bank", "verify_owner", iin=number, keys=[question.place], kinds=_OWNER_FAULTS)
    own = "MATCH" if account["iin"] == number else "MISMATCH"
    return {
        **question.model_dump(exclude_none=True, exclude={"full_name"}),
        "result": str(fault.params.get("result", "UNKNOWN")) if fault else account["owner"] or own,
        "bank_bic": "NESIKZKA",
        "checked_at": world.store.now().isoformat(),
        "ref": uuid4().hex,
    }


def _accept(world: World, order: PayoutOrder, settings: Settings, fault: Fault | None) -> dict[str, Any]:
    reason = _objection(world, order)
    if fault and fault.fault == "refused":
        reason = str(fault.params.get("reason", "LIMIT"))
    if reason:
        raise Refusal(422, "REFUSED", reason=reason)
    now = world.store.now()
    payout = {
        "payout_id": uuid4().hex,
        "order_id": order.order_id,
        "amount": str(order.amount),
        "currency": order.currency,
        "iban": order.iban,
        "card_token": order.card_token,
        "recipient": order.recipient.numbers,
        "iin": order.recipient.number,
        "name": order.recipient.name,
        "purpose": order.purpose,
        "status": "ACCEPTED",
        "accepted_at": now.isoformat(),
        "visible_from": now.timestamp() + settings.posting_lag,
        "reject_with": str(fault.params.get("code", "CLOSED")) if fault and fault.fault == "rejected" else None,
    }
    books.keep(world, payout)
    world.agenda.plan("settle", {"payout_id": payout["payout_id"]}, settings.settle_ms / 1000)
    if fault and fault.fault == "returned":
        reason = str(fault.params.get("reason", "ACCOUNT_BLOCKED"))
        delay = fault.number("after_seconds", 2 * 86400)
        world.agenda.plan("return", {"payout_id": payout["payout_id"], "reason": reason}, delay)
    return payout


def _objection(world: World, order: PayoutOrder) -> str | None:
    """Why the bank will not pay, for certain."""
    account = books.account_of(world, order.place)
    if order.amount <= Money("0.00"):
        return "BAD_AMOUNT"
    if account is None:
        return "NO_ACCOUNT"
    if account["closed"]:
        return "ACCOUNT_CLOSED"
    if account["iin"] != order.recipient.number:
        return "RECIPIENT_MISMATCH"
    return "INSUFFICIENT_FUNDS" if books.balance(world) < order.amount else None


def _lookup(world: World, payouts: list[dict[str, Any]]) -> dict[str, Any]:
    settings = books.settings(world)
    if settings.mode == "neither":
        raise Refusal(501, "NOT_SUPPORTED")
    seen = [payout for payout in payouts if world.store.now().timestamp() >= payout["visible_from"]]
    if not seen:
        raise Refusal(404, "NOT_FOUND")
    if len(seen) > 1:
        raise Refusal(409, "MANY_PAYOUTS")
    return _spoiled(
        books.shown(seen[0]), world.faults.take("bank", "payout", keys=[seen[0]["order_id"]], kinds=_LOOKUP_FAULTS)
    )


def _spoiled(answer: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
    """The answer with another amount, account, currency or receiver than ordered."""
    if fault is None or fault.fault not in _OTHER:
        return answer
    name, usual = _OTHER[fault.fault]
    told = str(fault.params.get(name, usual))
    if name == "iin":
        return answer | {"recipient": {"iin": told}}
    other = {"card_token": None} if name == "iban" else {}  # nosec B105
    return {**answer, **other, name: told}
