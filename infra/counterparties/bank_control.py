"""Control of the bank, for tests: settings, what was really paid, returns, incoming payments."""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, Field

from infra.counterparties import bank_books as books
from infra.counterparties.errors import Refusal
from infra.counterparties.world import World
from rules.money import Money


class Move(BaseModel):
    """What becomes of a payout. why: the code or the reason."""

    status: Literal["DONE", "REJECTED", "RETURNED"]
    why: str = ""


class Incoming(BaseModel):
    """Money that a person sends to the lender. purpose: what the payer wrote. bank_ref: made up if absent.

    Money in another currency shows in the statement and leaves the balance in tenge alone.
    """

    iban: str
    amount: Money = Field(gt=Money("0.00"))
    purpose: str = "loan repayment"
    currency: str = "KZT"
    bank_ref: str | None = Field(default=None, min_length=1, max_length=60)


def router(world: World) -> APIRouter:
    """Mounted under /_control/bank."""
    routes = APIRouter(prefix="/_control/bank", tags=["control"])

    @routes.get("/settings")
    async def settings() -> dict[str, Any]:
        return books.settings(world).model_dump(mode="json")

    @routes.put("/settings")
    async def change(wanted: books.Settings) -> dict[str, Any]:
        world.store.put("setting", "bank", wanted.model_dump(mode="json"))
        return wanted.model_dump(mode="json")

    @routes.get("/payouts")
    async def payouts(order_id: str | None = None) -> list[dict[str, Any]]:
        """Every payout that was accepted, doubles included, whatever the mode hides."""
        found = world.store.all("payout") if order_id is None else world.store.where("payout", order_id)
        return [books.shown(payout) for payout in found]

    @routes.post("/payouts/{payout_id}")
    async def move(payout_id: str, wanted: Move) -> dict[str, Any]:
        return books.shown(books.move(world, payout_id, wanted.status, wanted.why))

    @routes.get("/accounts/{iban}")
    async def account(iban: str) -> dict[str, Any]:
        found = books.account_of(world, iban)
        if found is None:
            raise Refusal(404, "NO_ACCOUNT")
        return found

    @routes.post("/incoming")
    async def incoming(payment: Incoming) -> dict[str, Any]:
        payer = world.store.get("account", payment.iban) or {"iin": "", "name": "UNKNOWN"}
        line = {"amount": str(payment.amount), "iban": payment.iban, "iin": payer["iin"], "name": payer["name"]}
        reference = payment.bank_ref or f"P{uuid4().hex[:14].upper()}"
        with world.store.transaction():
            if world.store.get("entry", reference) is None:  # the same line again only tells the lender again
                books.book(world, line | {"purpose": payment.purpose, "currency": payment.currency}, "C", reference)
            entry = world.store.get("entry", reference) or {}
            world.agenda.callback("bank", "payment.received", entry, key=(reference, payment.iban))
        return entry

    return routes
