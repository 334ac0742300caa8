"""A network of payment terminals: people pay at a machine, the lender is told, a register lists each day's receipts.

Another register lists what terminals counted out (`cash_outs.py`).

Control: `POST /_control/terminals/payments` is a person who pays at a terminal. A terminal that sends a receipt again
(the same terminal and receipt number) changes nothing, but the lender is told again.
"""

from __future__ import annotations

from datetime import date as Day
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from infra.counterparties.errors import Refusal
from infra.counterparties.world import World
from rules.calendar import local_date
from rules.money import Money

SERVICE = "terminal"  # as in faults, in the journal and in the callback's address
_REGISTER_FAULTS = frozenset({"extra_entry", "missing_entry"})
_PAYOUT_FAULTS = frozenset({"extra_entry", "missing_entry", "other_amount"})


class PaidAtTerminal(BaseModel):
    """What somebody does at a terminal. reference: the contract number as it was typed. receipt: made up if absent."""

    model_config = ConfigDict(extra="forbid")

    reference: str = Field(max_length=200)
    amount: Money = Field(gt=Money("0.00"))
    currency: str = "KZT"
    terminal_id: str = Field(default="T-0001", min_length=1, max_length=40)
    receipt: str | None = Field(default=None, min_length=1, max_length=40)


def router(world: World) -> APIRouter:
    """The register for the lender, and the control of people who pay."""
    routes = APIRouter(tags=["terminals"])

    @routes.get("/terminals/v1/register")
    async def register(date: str) -> dict[str, Any]:
        """A day's receipts; today's holds those so far."""
        return _register(world, date)

    @routes.get("/terminals/v1/payouts")
    async def payouts(date: str) -> dict[str, Any]:
        """What terminals counted out on a day; today's holds those so far."""
        return _payouts(world, date)

    @routes.post("/_control/terminals/payments", status_code=201)
    async def pay(paid: PaidAtTerminal) -> dict[str, Any]:
        return accept(world, paid)

    @routes.get("/_control/terminals/payments")
    async def payments() -> list[dict[str, Any]]:
        return world.store.all("receipt")

    return routes


def accept(world: World, paid: PaidAtTerminal) -> dict[str, Any]:
    """Take the money, print the receipt, tell the lender."""
    receipt = paid.receipt or uuid4().hex[:12].upper()
    key = f"{paid.terminal_id}:{receipt}"
    with world.store.transaction():
        entry = world.store.get("receipt", key)
        if entry is None:
            now = world.store.now()
            entry = {
                "terminal_id": paid.terminal_id,
                "receipt": receipt,
                "reference": paid.reference,
                "amount": str(paid.amount),
                "currency": paid.currency,
                "at": now.isoformat(),
            }
            world.store.put("receipt", key, entry, ref=local_date(now).isoformat())
        world.agenda.callback(SERVICE, "payment.received", entry, key=(receipt, paid.reference, paid.terminal_id))
    return entry


def _check(world: World, day: str) -> None:
    try:
        wanted = Day.fromisoformat(day)
    except ValueError:
        raise Refusal(400, "BAD_REQUEST", "date") from None
    if wanted > local_date(world.store.now()):
        raise Refusal(404, "NOT_READY")


def _payouts(world: World, day: str) -> dict[str, Any]:
    _check(world, day)
    entries = world.store.where("cash_out", day)
    fault = world.faults.take(SERVICE, "payouts", keys=[day], kinds=_PAYOUT_FAULTS)
    if fault and fault.fault == "missing_entry":
        entries = entries[:-1]
    if fault and fault.fault == "other_amount":
        entries = [*entries[:-1], *(one | {"amount": fault.params.get("amount", "1.00")} for one in entries[-1:])]
    if fault and fault.fault == "extra_entry":
        stranger = {"terminal_id": "T-9999", "receipt": uuid4().hex[:12].upper(), "order": "CO-000000000000"}
        amount = str(fault.params.get("amount", "777.00"))
        entries = [*entries, stranger | {"amount": amount, "currency": "KZT", "at": world.store.now().isoformat()}]
    return {"date": day, "entries": entries}


def _register(world: World, day: str) -> dict[str, Any]:
    _check(world, day)
    entries = world.store.where("receipt", day)
    fault = world.faults.take(SERVICE, "register", keys=[day], kinds=_REGISTER_FAULTS)
    if fault and fault.fault == "missing_entry":
        entries = entries[:-1]
    if fault and fault.fault == "extra_entry":
        stranger = {"terminal_id": "T-9999", "receipt": uuid4().hex[:12].upper(), "reference": "unknown"}
        amount = str(fault.params.get("amount", "777.00"))
        entries = [*entries, stranger | {"amount": amount, "currency": "KZT", "at": world.store.now().isoformat()}]
    return {"date": day, "entries": entries}
