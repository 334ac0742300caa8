"""The mobile operators' base: does this number belong to this person?"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from infra.counterparties.world import World


class OwnerCheck(BaseModel):
    """msisdn: digits with the leading plus or without."""

    iin: str
    msisdn: str


def router(world: World) -> APIRouter:
    """YES for a persona's own number, NO for another's, UNKNOWN for a number nobody was planted with."""
    routes = APIRouter(tags=["operator"])

    @routes.post("/operator/owner-check")
    async def owner(check: OwnerCheck) -> dict[str, Any]:
        number = "+" + check.msisdn.removeprefix("+")
        persona = world.persona(check.iin)
        if persona and persona.phone_owner:
            match = persona.phone_owner
        elif persona and persona.phone == number:
            match = "YES"
        else:
            match = "NO" if world.store.where("persona", number) else "UNKNOWN"
        return {"iin": check.iin, "msisdn": check.msisdn, "match": match}

    return routes
