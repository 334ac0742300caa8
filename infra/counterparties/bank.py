"""The lender's bank: owner check, payouts, statement, signed callbacks.

Settings (PUT /_control/bank/settings): mode keyed | lookup_only (keys are ignored) | neither (no lookup
either: 501); key_ttl seconds; posting_lag seconds in which a payout cannot be found yet; settle_ms until a
payout is DONE; opening balance of the lender.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from infra.counterparties import bank_books as books
from infra.counterparties.bank_books import Settings
from infra.counterparties.errors import Refusal
from infra.counterparties.faults import Fault
from infra.counterparties.world import World
from rules.contacts import validate_iban
from rules.errors import InvalidInput
from rules.money import Money

_PAY_FAULTS = frozenset({"refused", "rejected", "returned", "other_amount", "other_iban", "before_answer"})
_LOOKUP_FAULTS = frozenset({"other_amount", "other_iban"})
_OWNER_FAULTS = frozenset({"owner"})


class OwnerQuestion(BaseModel):
    """Whose account is it?"""

    iban: str
    iin: str
    full_name: str


class Recipient(BaseModel):
    """Who is to receive."""

    iin: str
    name: str
    kbe: str


class PayoutOrder(BaseModel):
    """One payout."""

    order_id: str = Field(min_length=1, max_length=100)
    amount: Money
    currency: Literal["KZT"]
    iban: str
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
        try:
            validate_iban(question.iban)
        except InvalidInput:
            raise Refusal(422, "BAD_IBAN") from None
        account = world.store.get("account", question.iban)
        if account is None or account["closed"]:
            raise Refusal(404, "NO_ACCOUNT")
        fault = world.faults.take("bank", "verify_owner", iin=question.iin, keys=[question.iban], kinds=_OWNER_FAULTS)
        own = "MATCH" if account["iin"] == question.iin else "MISMATCH"
        return {
            "iban": question.iban,
            "iin": question.iin,
            "result": str(fault.params.get("result", "UNKNOWN")) if fault else account["owner"] or own,
            "bank_bic": "NESIKZKA",
            "checked_at": world.store.now().isoformat(),
            "ref": uuid4().hex,
        }

    @routes.post("/bank/v1/payouts")
    async def pay(request: Request, order: PayoutOrder) -> JSONResponse:
        settings = books.settings(world)
        early: list[dict[str, Any]] = []

        def work() -> tuple[int, dict[str, Any]]:
            fault = world.faults.take("bank", "pay", iin=order.recipient.iin, keys=[order.order_id], kinds=_PAY_FAULTS)
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
        "iban": order.iban,
        "iin": order.recipient.iin,
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
    account = world.store.get("account", order.iban)
    if order.amount <= Money("0.00"):
        return "BAD_AMOUNT"
    if account is None:
        return "NO_ACCOUNT"
    if account["closed"]:
        return "ACCOUNT_CLOSED"
    if account["iin"] != order.recipient.iin:
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
    if fault and fault.fault == "other_amount":
        answer |= {"amount": str(fault.params.get("amount", "1.00"))}
    if fault and fault.fault == "other_iban":
        answer |= {"iban": str(fault.params.get("iban", "KZ86125KZT5004100100"))}
    return answer
