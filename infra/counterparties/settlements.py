"""The operator of the terminals sends the lender what was paid at them, less what they handed out.

Control: `POST /_control/terminals/settlements` {date, until?, withheld?} books one transfer for a day or for several;
withheld: what the operator keeps back.
"""

from __future__ import annotations

from datetime import date as Day
from datetime import timedelta
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from infra.counterparties import bank_books
from infra.counterparties.errors import Refusal
from infra.counterparties.world import World
from rules.money import Money
from rules.terminal_operators import OPERATORS


class Settlement(BaseModel):
    """For which days. until: the last one, where there are several."""

    model_config = ConfigDict(extra="forbid")

    date: Day
    until: Day | None = None
    withheld: Money = Money(0)


def router(world: World) -> APIRouter:
    """The control."""
    routes = APIRouter(prefix="/_control/terminals", tags=["terminals"])

    @routes.post("/settlements", status_code=201)
    async def settle(wanted: Settlement) -> dict[str, Any]:
        operator, days = OPERATORS[0], _days(wanted)
        amount = _taken(world, days) - wanted.withheld
        if amount <= Money(0):
            raise Refusal(422, "NOTHING_TO_SETTLE")
        named = " - ".join(dict.fromkeys(day.strftime("%d.%m.%Y") for day in (days[0], days[-1])))
        line = {"amount": str(amount), "iban": operator.iban, "iin": operator.bin, "name": operator.names["ru"]}
        line["purpose"] = f"Платежи, принятые за {named}, дог. {operator.agreement}"
        reference = f"S{uuid4().hex[:14].upper()}"
        with world.store.transaction():
            bank_books.book(world, line | {"card_token": None}, "C", reference)  # nosec B105  # no card
            entry = world.store.get("entry", reference) or {}
            world.agenda.callback("bank", "payment.received", entry, key=(reference, operator.iban))
        return entry

    return routes


def _days(wanted: Settlement) -> list[Day]:
    last = wanted.until or wanted.date
    return [wanted.date + timedelta(days=n) for n in range((last - wanted.date).days + 1)] or [wanted.date]


def _taken(world: World, days: list[Day]) -> Money:
    """Receipts less payouts of these days, in tenge."""
    total = Money(0)
    for day in days:
        receipts = [one for one in world.store.where("receipt", day.isoformat()) if one["currency"] == "KZT"]
        total += Money.total(Money(one["amount"]) for one in receipts)
        total -= Money.total(Money(one["amount"]) for one in world.store.where("cash_out", day.isoformat()))
    return total
