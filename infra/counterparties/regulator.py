"""The regulators' inboxes: reports to the National Bank (/nbk), notices to the agency (/ardfm)."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel

from infra.counterparties.errors import Refusal
from infra.counterparties.world import World

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


def router(world: World) -> APIRouter:
    """Both inboxes."""
    routes = APIRouter(tags=["regulator"])

    @routes.post("/nbk/reports")
    async def upload(request: Request, report: Report) -> JSONResponse:
        return await world.keyed(request, "regulator.report", lambda: _upload(world, report))

    @routes.get("/nbk/reports/{upload_id}")
    async def state(upload_id: str) -> dict[str, Any]:
        report = world.store.get("nbk_report", upload_id)
        if report is None:
            raise Refusal(404, "NOT_FOUND")
        return {"upload_id": upload_id} | dict(report["answer"])

    @routes.post("/ardfm/notices")
    async def notice(request: Request, body: Notice) -> JSONResponse:
        return await world.keyed(request, "regulator.notice", lambda: _notice(world, body))

    return routes


def _upload(world: World, report: Report) -> tuple[int, dict[str, Any]]:
    if not report.cms:
        raise Refusal(403, "SIGNATURE")
    if _sha256(report.file) != report.payload_sha256:
        raise Refusal(422, "FORM", "the file does not have this hash")
    fault = world.faults.take("regulator", "report", keys=[report.form], kinds=_FAULTS)
    kind = fault.fault if fault else ""
    if kind == "closed":
        raise Refusal(503, "UNAVAILABLE", "the portal is closed")
    state: dict[str, Any] = {"state": "ACCEPTED", "at": world.store.now().isoformat()}
    if kind == "no_receipt":
        state = {"state": "IN_WORK"}
    if kind == "rejected":
        errors = [{"form": report.form, "cell": "A1", "rule": "C-1", "message": "sums differ"}]
        state = {"state": "REJECTED", "control_errors": errors}
    upload_id = uuid4().hex
    world.store.put("nbk_report", upload_id, report.model_dump() | {"upload_id": upload_id, "answer": state})
    return 202, {"upload_id": upload_id}


def _sha256(file: str) -> str | None:
    try:
        return hashlib.sha256(b64decode(file, validate=True)).hexdigest()
    except ValueError:
        return None


def _notice(world: World, notice: Notice) -> tuple[int, dict[str, Any]]:
    if not notice.cms:
        raise Refusal(403, "SIGNATURE")
    receipt = {"reg_no": f"ARDFM-{uuid4().hex[:10]}", "received_at": world.store.now().isoformat()}
    world.store.put("notice", receipt["reg_no"], notice.model_dump(mode="json") | receipt)
    return 201, receipt
