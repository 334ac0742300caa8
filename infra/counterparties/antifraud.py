"""The National Bank's anti-fraud centre."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from infra.counterparties.world import World
from rules.money import Money


class Check(BaseModel):
    """A transfer about to be made."""

    iin: str
    iban: str | None = None
    card_hash: str | None = None
    msisdn: str | None = None
    amount: Money


def router(world: World) -> APIRouter:
    """One question; a stranger is not listed."""
    routes = APIRouter(tags=["antifraud"])

    @routes.post("/antifraud/check")
    async def check(wanted: Check) -> dict[str, Any]:
        persona = world.persona(wanted.iin)
        listed = persona is not None and persona.antifraud.listed
        return {
            "iin": wanted.iin,
            "listed": listed,
            "list_id": "AF-1" if listed else None,
            "since": "2026-01-01T00:00:00+05:00" if listed else None,
            "reason": persona.antifraud.reason if persona and listed else None,
            "concurrent_1h": persona.credit.applications_last_hour if persona else 0,
        }

    return routes
