"""The SMS gateway, with an outbox that a test reads as if it were the phone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from infra.counterparties.errors import Refusal
from infra.counterparties.world import World

_FAULTS = frozenset({"late", "twice", "never", "no_balance"})


class Message(BaseModel):
    """One message; ttl_s: after so many seconds it is not worth delivering."""

    to: str
    text: str = Field(min_length=1, max_length=1000)
    sender: str
    ttl_s: int = Field(gt=0)


def router(world: World) -> APIRouter:
    """Sending, status and the outbox."""
    routes = APIRouter(tags=["sms"])

    @routes.post("/sms/v1/messages")
    async def send(request: Request, message: Message) -> JSONResponse:
        def work() -> tuple[int, dict[str, Any]]:
            if not re.fullmatch(r"\+7[0-9]{10}", message.to):
                raise Refusal(422, "BAD_NUMBER")
            fault = world.faults.take("sms", "send", keys=[message.to], kinds=_FAULTS)
            kind = fault.fault if fault else ""
            if kind == "no_balance":
                raise Refusal(402, "NO_BALANCE")
            delay = fault.number("ms", 61_000) / 1000 if fault and kind == "late" else 0.0
            entry = message.model_dump() | {
                "message_id": uuid4().hex,
                "accepted_at": world.store.now().isoformat(),
                "arrives_at": (world.store.now() + timedelta(seconds=delay)).isoformat(),
                "lost": kind == "never",
                "copies": 2 if kind == "twice" else 1,
            }
            world.store.put("sms", entry["message_id"], entry, ref=message.to)
            return 202, {"message_id": entry["message_id"]}

        return await world.keyed(request, "sms.send", work)

    @routes.get("/sms/v1/messages/{message_id}")
    async def status(message_id: str) -> dict[str, Any]:
        entry = world.store.get("sms", message_id)
        if entry is None:
            raise Refusal(404, "NOT_FOUND")
        return {"message_id": message_id, "status": _status(world, entry)}

    @routes.get("/_control/sms")
    async def outbox(to: str) -> list[dict[str, Any]]:
        """What the phone has received, oldest first. to: with the plus (encoded as %2B) or without."""
        number = "+" + to.strip().removeprefix("+")
        entries = world.store.where("sms", number)
        return [
            {name: entry[name] for name in ("message_id", "to", "text", "sender", "accepted_at")}
            for entry in entries
            if _status(world, entry) == "DELIVERED"
            for _ in range(entry["copies"])
        ]

    return routes


def _status(world: World, entry: dict[str, Any]) -> str:
    if entry["lost"]:
        expires = datetime.fromisoformat(entry["accepted_at"]) + timedelta(seconds=entry["ttl_s"])
        return "EXPIRED" if world.store.now() >= expires else "SENT"
    return "DELIVERED" if world.store.now() >= datetime.fromisoformat(entry["arrives_at"]) else "SENT"
