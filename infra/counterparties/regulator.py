"""The regulators' inboxes: reports to the National Bank (/nbk), notices to the agency (/ardfm).

What is not signed by the lender, over exactly what was sent (the file; rules.regulator_notices), is refused.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel

from infra.counterparties.errors import Refusal
from infra.counterparties.pki.check import signed_by_organisation
from infra.counterparties.pki.registry import Registry
from infra.counterparties.world import World
from rules.lender import EXAMPLE
from rules.regulator_notices import signed_content

_FAULTS = frozenset({"closed", "no_receipt", "rejected"})


class Report(BaseModel):
    """One form for one period. file and cms: base64."""

    form: str
    period: str
    branch: str
    payload_sha256: str
    file: str
    cms: str


class Notice(BaseModel):
    """A notice of an incident, an opening or a change. attachments and cms: base64."""

    type: Literal["INCIDENT", "RESOURCE_OPENING", "CHANGE"]
    occurred_at: AwareDatetime
    detected_at: AwareDatetime
    description: str
    measures: str
    attachments: list[str] = []
    cms: str


def router(world: World, authority: Path) -> APIRouter:
    """Both inboxes. authority: where the certification authority remembers what it issued."""
    routes, registry = APIRouter(tags=["regulator"]), Registry(authority)

    @routes.post("/nbk/reports")
    async def upload(request: Request, report: Report) -> JSONResponse:
        return await world.keyed(request, "regulator.report", lambda: _upload(world, registry, report))

    @routes.get("/nbk/reports/{upload_id}")
    async def state(upload_id: str) -> dict[str, Any]:
        report = world.store.get("nbk_report", upload_id)
        if report is None:
            raise Refusal(404, "NOT_FOUND")
        return {"upload_id": upload_id} | _answer(world, report)

    @routes.post("/ardfm/notices")
    async def notice(request: Request, body: Notice) -> JSONResponse:
        return await world.keyed(request, "regulator.notice", lambda: _notice(world, registry, body))

    @routes.get("/_control/regulator/notices")
    async def notices() -> list[dict[str, Any]]:
        """What the agency was told, with the receipts; every one was signed by the lender."""
        return world.store.all("notice")

    return routes


def _upload(world: World, registry: Registry, report: Report) -> tuple[int, dict[str, Any]]:
    file = _decoded(report.file)
    if hashlib.sha256(file).hexdigest() != report.payload_sha256:
        raise Refusal(422, "FORM", "the file does not have this hash")
    if not signed_by_organisation(registry, report.cms, file, EXAMPLE.bin):
        raise Refusal(403, "SIGNATURE")
    fault = world.faults.take("regulator", "report", keys=[report.form], kinds=_FAULTS)
    kind = fault.fault if fault else ""
    if kind == "closed":
        raise Refusal(503, "UNAVAILABLE", "the portal is closed")
    state: dict[str, Any] = {"state": "ACCEPTED", "at": world.store.now().isoformat()}
    late = fault.number("after_seconds", 0.0) if fault else 0.0
    if kind == "no_receipt" and not late:
        state = {"state": "IN_WORK"}
    if kind == "rejected":
        errors = [{"form": report.form, "cell": "A1", "rule": "C-1", "message": "sums differ"}]
        state = {"state": "REJECTED", "control_errors": errors}
    upload_id, received_at = uuid4().hex, world.store.now().isoformat()
    told = {"answer": state, "answers_at": (world.store.now() + timedelta(seconds=late)).isoformat()}
    world.store.put("nbk_report", upload_id, report.model_dump() | {"upload_id": upload_id} | told)
    return 202, {"upload_id": upload_id, "received_at": received_at}


def _answer(world: World, report: dict[str, Any]) -> dict[str, Any]:
    """What is told of an upload now: nothing yet, or the answer."""
    in_work = world.store.now() < datetime.fromisoformat(report["answers_at"])
    return {"state": "IN_WORK"} if in_work else dict(report["answer"])


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise Refusal(422, "FORM", "not base64") from None


def _notice(world: World, registry: Registry, notice: Notice) -> tuple[int, dict[str, Any]]:
    content = signed_content(
        notice.type,
        notice.occurred_at,
        notice.detected_at,
        notice.description,
        notice.measures,
        [_decoded(one) for one in notice.attachments],
    )
    if not signed_by_organisation(registry, notice.cms, content, EXAMPLE.bin):
        raise Refusal(403, "SIGNATURE")
    receipt = {"reg_no": f"ARDFM-{uuid4().hex[:10]}", "received_at": world.store.now().isoformat()}
    world.store.put("notice", receipt["reg_no"], notice.model_dump(mode="json") | receipt)
    return 201, receipt
