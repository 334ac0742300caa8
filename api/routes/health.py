"""Whether the process lives, and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api import problems as answers
from api.routes.problems import problems
from api.services import Kit
from rules.errors import Fault
from storage.clock import now

router = APIRouter(tags=["operation"])


@router.get("/health")
async def health() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/ready", response_class=JSONResponse, responses=problems())
async def ready(request: Request, kit: Kit) -> Response:
    """Database and Temporal answer."""
    try:
        async with kit.records.database.begin() as session:
            await now(session)
        database = True
    except Fault:
        database = False
    if database and await kit.actions.door.alive():
        return JSONResponse({"status": "ok"})
    return answers.unavailable(request.scope)
