"""The bank's books: payouts, accounts of the personas, the lender's balance, the statement."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from infra.counterparties.errors import Refusal
from infra.counterparties.world import World
from rules.calendar import local_date
from rules.money import Money
from rules.partners import PARTNERS

_STATEMENT_FAULTS = frozenset({"extra_line", "missing_line"})
_SHOWN = ("payout_id", "order_id", "amount", "currency", "iban", "card_token", "recipient", "status", "bank_ref",
          "value_date", "code", "reason")  # fmt: skip


class Settings(BaseModel):
    """How this bank behaves; seconds unless the name says otherwise."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["keyed", "lookup_only", "neither"] = "keyed"
    key_ttl: float = Field(default=24 * 3600.0, ge=0)
    posting_lag: float = Field(default=0.0, ge=0)
    settle_ms: float = Field(default=200.0, ge=0)
    opening: Money = Money("10000000000.00")


def settings(world: World) -> Settings:
    """The bank's present settings."""
    return Settings.model_validate(world.store.get("setting", "bank") or {})


def keep(world: World, payout: dict[str, Any]) -> None:
    """Store a payout."""
    world.store.put("payout", payout["payout_id"], payout, ref=payout["order_id"])


def shown(payout: dict[str, Any]) -> dict[str, Any]:
    """A payout as the bank tells it."""
    return {name: payout[name] for name in _SHOWN if payout.get(name) is not None}


def open_account(world: World, place: str, account: dict[str, Any]) -> None:
    """An account, or a card, under its IBAN or token; one that is known keeps its balance. iin: or the BIN."""
    before = world.store.get("account", place)
    kept = {"balance": before["balance"]} if before else {}
    world.store.put("account", place, account | kept | {"place": place}, ref=account["iin"])


def account_of(world: World, place: str) -> dict[str, Any] | None:
    """A planted account or card, or the account of one of the lender's partners."""
    if known := world.store.get("account", place):
        return known
    for seller in PARTNERS:
        if seller.iban == place:
            told = {"iban": place, "balance": "0.00", "closed": False, "owner": None}
            open_account(world, place, told | {"iin": seller.bin, "name": seller.name("ru")})
    return world.store.get("account", place)


def balance(world: World) -> Money:
    """What the lender has."""
    booked = world.store.get("setting", "booked") or {"total": "0.00"}
    return settings(world).opening + Money(booked["total"])


def settle(world: World, payout_id: str, *, announce: bool = True) -> dict[str, Any]:
    """An accepted payout becomes DONE (or REJECTED where a fault said so); a settled one stays as it is."""
    payout = world.store.get("payout", payout_id) or {}
    if payout.get("status") != "ACCEPTED":
        return payout
    if payout.get("reject_with"):
        return move(world, payout_id, "REJECTED", payout["reject_with"], announce=announce)
    return move(world, payout_id, "DONE", "", announce=announce)


def move(world: World, payout_id: str, status: str, why: str, *, announce: bool = True) -> dict[str, Any]:
    """To DONE, REJECTED or RETURNED, with its lines in the books and its callback."""
    with world.store.transaction():
        payout = world.store.get("payout", payout_id)
        if payout is None:
            raise Refusal(404, "NOT_FOUND")
        before, payout["status"] = payout["status"], status
        if status == "DONE" and before == "ACCEPTED":
            day = local_date(world.store.now()).isoformat()
            payout |= {"bank_ref": f"B{uuid4().hex[:14].upper()}", "value_date": day}
            book(world, payout, "D", payout["bank_ref"])
        elif status == "REJECTED":
            payout["code"] = why
        elif status == "RETURNED":
            payout["reason"] = why
            if before == "DONE":
                book(world, payout, "C", f"R{uuid4().hex[:14].upper()}")
        keep(world, payout)
        if announce:
            _announce(world, payout)
    return payout


def _announce(world: World, payout: dict[str, Any]) -> None:
    news, key = shown(payout), payout["order_id"]
    world.agenda.callback("bank", "payout.updated", news, key=key)
    swapped = world.faults.take("bank", "callback", keys=[key], kinds={"out_of_order"})
    if swapped:
        older = {name: value for name, value in news.items() if name not in ("bank_ref", "value_date")}
        older["status"] = "IN_PROGRESS"
        delay = swapped.number("ms", 500) / 1000
        world.agenda.callback("bank", "payout.updated", older, key=key, delay_seconds=delay)


def book(world: World, line: dict[str, Any], side: str, bank_ref: str) -> None:
    """One line of the lender's statement. side: D (money leaves the lender) | C."""
    now = world.store.now()
    entry = {
        "bank_ref": bank_ref,
        "order_id": line.get("order_id"),
        "amount": line["amount"],
        "side": side,
        "counterparty": {"name": line["name"], "iin": line["iin"], "iban": line["iban"] or ""},
        "purpose": line["purpose"],
        "booked_at": now.isoformat(),
        "currency": line.get("currency", "KZT"),
    }
    world.store.put("entry", bank_ref, entry, ref=local_date(now).isoformat())
    if entry["currency"] != "KZT":
        return
    amount = Money(line["amount"])
    booked = world.store.get("setting", "booked") or {"total": "0.00"}
    total = Money(booked["total"]) + (amount if side == "C" else -amount)
    world.store.put("setting", "booked", {"total": str(total)})
    account = account_of(world, line["iban"] or line["card_token"])
    if account:
        account["balance"] = str(Money(account["balance"]) + (-amount if side == "C" else amount))
        world.store.put("account", account["place"], account, ref=account["iin"])


def statement(world: World, day: str) -> dict[str, Any]:
    """A day's lines. Today's is open still: it holds what is booked so far."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise Refusal(400, "BAD_REQUEST", "date") from None
    if wanted > local_date(world.store.now()):
        raise Refusal(404, "NOT_READY")
    entries = world.store.where("entry", day)
    later = [line for line in world.store.all("entry") if _day(line) > day]
    closing = balance(world) - _sum(later)
    answer = {"date": day, "opening": str(closing - _sum(entries)), "closing": str(closing), "entries": entries}
    fault = world.faults.take("bank", "statement", keys=[day], kinds=_STATEMENT_FAULTS)
    if fault and fault.fault == "missing_line":
        answer["entries"] = entries[:-1]
    if fault and fault.fault == "extra_line":
        stranger = {"name": "UNKNOWN PAYER", "iin": "", "iban": ""}
        line: dict[str, Any] = {
            "bank_ref": f"X{uuid4().hex[:14].upper()}",
            "order_id": None,
            "side": str(fault.params.get("side", "C")),
            "purpose": "unknown",
        }
        line |= {
            "booked_at": world.store.now().isoformat(),
            "amount": str(fault.params.get("amount", "777.00")),
            "counterparty": stranger,
        }
        answer |= {"entries": [*entries, line], "closing": str(closing + _sum([line]))}
    return answer


def _day(line: dict[str, Any]) -> str:
    return local_date(datetime.fromisoformat(line["booked_at"])).isoformat()


def _sum(lines: list[dict[str, Any]]) -> Money:
    tenge = [line for line in lines if line.get("currency", "KZT") == "KZT"]
    return Money.total(Money(line["amount"]) if line["side"] == "C" else -Money(line["amount"]) for line in tenge)
