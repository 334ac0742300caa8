"""Where people get money in cash or onto a card: terminals that count it out, and the bank's own card form.

Control: `POST /_control/terminals/cash-outs` is a person who types an order and its code into a terminal; the terminal
asks the lender, counts the money out and tells so. Faults of operation `cash_out`: jam (it cannot count, and says so),
silent (it counts and says nothing). `POST /_control/bank/card-form` is a person who types a card's number into the
bank's form; the answer is the token, which alone goes to the lender.
"""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from infra.counterparties import bank_books
from infra.counterparties.errors import Refusal
from infra.counterparties.terminals import SERVICE
from infra.counterparties.world import World
from rules.calendar import local_date

_FAULTS = frozenset({"jam", "silent"})


class CashOut(BaseModel):
    """What somebody types into a terminal."""

    model_config = ConfigDict(extra="forbid")

    order: str
    code: str
    terminal_id: str = Field(default="T-0001", min_length=1, max_length=40)


class CardForm(BaseModel):
    """What somebody types into the bank's form, after the bank has asked them to prove that the card is theirs."""

    model_config = ConfigDict(extra="forbid")

    iin: str
    card_number: str = Field(pattern="^[0-9]{16}$")


def router(world: World) -> APIRouter:
    """Both controls."""
    routes = APIRouter(prefix="/_control", tags=["cash and cards"])

    @routes.post("/terminals/cash-outs", status_code=201)
    async def collect(wanted: CashOut) -> dict[str, Any]:
        asked = world.agenda.event("payout.requested", wanted.model_dump())
        answer = await world.agenda.ask(SERVICE, asked)
        if answer is None or not answer.get("pay"):
            return {"paid": False, "reason": (answer or {}).get("reason")}
        return _count_out(world, wanted, str(answer["amount"]))

    @routes.get("/terminals/cash-outs")
    async def collected() -> list[dict[str, Any]]:
        return world.store.all("cash_out")

    @routes.post("/bank/card-form", status_code=201)
    async def card_form(form: CardForm) -> dict[str, str]:
        persona = world.persona(form.iin)
        if persona is None:
            raise Refusal(404, "NOT_FOUND")
        token = f"crd_{secrets.token_urlsafe(18)}"
        card = {"card_token": token, "balance": "0.00", "closed": False, "owner": None}
        bank_books.open_account(world, token, card | {"iin": persona.iin, "name": persona.full_name})
        return {"card_token": token}

    return routes


def _count_out(world: World, wanted: CashOut, amount: str) -> dict[str, Any]:
    fault = world.faults.take(SERVICE, "cash_out", keys=[wanted.order], kinds=_FAULTS)
    told: dict[str, Any] = {"order": wanted.order, "terminal_id": wanted.terminal_id}
    with world.store.transaction():
        if fault and fault.fault == "jam":
            world.agenda.callback(SERVICE, "payout.failed", told, key=(wanted.order, wanted.terminal_id))
            return {"paid": False, "reason": "jam"}
        told["receipt"] = uuid4().hex[:12].upper()
        now = world.store.now()
        entry = told | {"amount": amount, "currency": "KZT", "at": now.isoformat()}
        key = f"{wanted.terminal_id}:{told['receipt']}"
        world.store.put("cash_out", key, entry, ref=local_date(now).isoformat())
        if fault is None:
            world.agenda.callback(SERVICE, "payout.done", told, key=(wanted.order, wanted.terminal_id))
    return {"paid": True, "amount": amount, "receipt": told["receipt"]}
