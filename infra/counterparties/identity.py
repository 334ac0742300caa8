"""The identity centre (/kisc) and the state's register of persons (/gbdfl).

The centre's similarity is played: a persona carries it. Faces are decided by the lender's own engine.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from infra.counterparties.errors import Refusal
from infra.counterparties.world import World

VENDORS = ["VENDOR-A", "VENDOR-B"]
_FAULTS = frozenset({"similarity", "percent", "state_db_error"})
_IMAGES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}


class PersonWanted(BaseModel):
    """A question to the register; the consent is named by its hash."""

    iin: str
    consent_sha256: str = Field(pattern="^[0-9a-f]{64}$")


def router(world: World) -> APIRouter:
    """Both services."""
    routes = APIRouter(tags=["identity"])

    @routes.post("/kisc/identity/1.1.0/verify")
    async def verify(request: Request, iin: str, vendor: str) -> dict[str, Any]:
        key = request.headers.get("x-idempotency-key", "")
        image = await request.body()
        signature = _IMAGES.get(request.headers.get("content-type", ""))
        if signature is None:
            raise Refusal(415, "UNSUPPORTED_MEDIA")
        if not key or vendor not in VENDORS:
            raise Refusal(400, "BAD_REQUEST")
        known = world.store.answer("idec.verify", key, 24 * 3600.0)
        if known:
            return known[2]
        fault = world.faults.take("idec", "verify", iin=iin, keys=[key], kinds=_FAULTS)
        if fault and fault.fault == "state_db_error":
            raise Refusal(502, "STATE_DB_ERROR")
        persona = world.persona(iin)
        if persona is None:
            raise Refusal(404, "IIN_NOT_FOUND")
        if persona.idec_no_face or not image.startswith(signature):
            raise Refusal(422, "NO_FACE")
        similarity = persona.idec_similarity
        if fault:
            similarity = fault.number("value", 0.5) if fault.fault == "similarity" else similarity * 100
        answer = {"result": similarity, "vendor": vendor, "x_idempotency_key": key}
        with world.store.transaction():
            world.store.keep_answer("idec.verify", key, "", 200, answer)
        return answer

    @routes.get("/kisc/identity/1.1.0/vendors")
    async def vendors() -> list[str]:
        return VENDORS

    @routes.post("/gbdfl/v1/person")
    async def person(wanted: PersonWanted) -> dict[str, Any]:
        persona = world.persona(wanted.iin)
        if persona is None:
            raise Refusal(404, "IIN_NOT_FOUND")
        return {
            "person": {
                "iin": persona.iin,
                "last": persona.surname,
                "first": persona.given_name,
                "middle": persona.patronymic,
                "dob": persona.birth_date.isoformat(),
                "deceased": persona.deceased,
            },
            "document": persona.document.model_dump(mode="json"),
        }

    return routes
