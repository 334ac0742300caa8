"""The state's service of digital documents: a person shows a code in their telephone, whoever has it sees the document.

Control: `POST /_control/digital-documents {iin}` is the person who opens the application; the answer is the code on the
screen. It is good for three minutes and one look.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from infra.counterparties.errors import Refusal
from infra.counterparties.world import World

LIFE = timedelta(minutes=3)


class Wanted(BaseModel):
    """Whose document, and the code that its owner showed."""

    iin: str
    code: str = Field(pattern="^[0-9]{6}$")


class Opened(BaseModel):
    """Who opens the application."""

    iin: str


def router(world: World) -> APIRouter:
    """The service and its control."""
    routes = APIRouter(tags=["digital documents"])

    @routes.post("/digital-documents")
    async def document(wanted: Wanted) -> dict[str, Any]:
        with world.store.transaction():
            shown = world.store.get("digital_code", f"{wanted.iin}:{wanted.code}")
            persona = world.persona(wanted.iin)
            if shown is None or persona is None:
                raise Refusal(404, "NOT_FOUND")
            if shown["used"] or world.store.now() >= datetime.fromisoformat(shown["until"]):
                raise Refusal(410, "CODE_USED")
            world.store.put("digital_code", f"{wanted.iin}:{wanted.code}", shown | {"used": True})
        return {
            "document": persona.document.model_dump(mode="json"),
            "person": {
                "iin": persona.iin,
                "last": persona.surname,
                "first": persona.given_name,
                "middle": persona.patronymic,
                "dob": persona.birth_date.isoformat(),
            },
        }

    @routes.post("/_control/digital-documents", status_code=201)
    async def open_application(opened: Opened) -> dict[str, str]:
        if world.persona(opened.iin) is None:
            raise Refusal(404, "NOT_FOUND")
        code = f"{secrets.randbelow(10**6):06d}"
        until = (world.store.now() + LIFE).isoformat()
        world.store.put("digital_code", f"{opened.iin}:{code}", {"used": False, "until": until})
        return {"code": code}

    return routes
