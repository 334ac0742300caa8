"""The first credit bureau (/fcb) and the state bureau (/gkb): reports, and the furnishing of records."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError

from infra.counterparties.errors import Refusal
from infra.counterparties.personas import Persona
from infra.counterparties.world import World

_OWN_FAULTS = frozenset({"refusal_set", "contracts_missing"})
_BATCH_FAULTS = frozenset({"partly_accepted", "never_done"})


class Consent(BaseModel):
    """The client's consent to the query."""

    id: str
    signed_at: datetime
    sha256: str


class ReportWanted(BaseModel):
    """A request for a credit report."""

    iin: str
    report_type: str = "FULL"
    consent: Consent | None = None


class Record(BaseModel):
    """One furnished record."""

    op: Literal["NEW", "UPDATE", "CLOSE", "CORRECTION", "SUSPEND_REPORTING", "RESUME"]
    contract_no: str
    iin: str


class Batch(BaseModel):
    """A batch of records, kept as they came."""

    batch_id: str
    records: list[dict[str, Any]]


def router(world: World) -> APIRouter:
    """The two bureaus."""
    routes = APIRouter(tags=["bureau"])

    @routes.post("/fcb/v1/reports")
    async def first(wanted: ReportWanted) -> dict[str, Any]:
        return _report(world, "bureau", wanted)

    @routes.post("/gkb/v1/reports")
    async def state(wanted: ReportWanted) -> dict[str, Any]:
        return _report(world, "state_bureau", wanted)

    @routes.post("/gkb/v1/submissions")
    async def submit(request: Request, batch: Batch) -> JSONResponse:
        """Idempotent by batch id: the same batch again changes nothing, another content is refused."""

        def work() -> tuple[int, dict[str, Any]]:
            for record in batch.records:
                try:
                    Record.model_validate(record)
                except ValidationError:
                    raise Refusal(422, "SCHEMA", "a record does not follow the schema") from None
            known = world.store.get("batch", batch.batch_id)
            if known and known["records"] != batch.records:
                raise Refusal(422, "SCHEMA", "this batch id was used for other records")
            if not known:
                fault = world.faults.take("state_bureau", "submit", keys=[batch.batch_id], kinds=_BATCH_FAULTS)
                rejected = [{"index": 0, "code": "E100", "message": "refused"}] if _is(fault, "partly_accepted") else []
                world.store.put(
                    "batch",
                    batch.batch_id,
                    batch.model_dump()
                    | {"rejected": rejected, "state": "IN_WORK" if _is(fault, "never_done") else "DONE"},
                )
            return 202, {"batch_id": batch.batch_id}

        return await world.keyed(request, "state_bureau.submit", work)

    @routes.get("/gkb/v1/submissions/{batch_id}")
    async def submission(batch_id: str) -> dict[str, Any]:
        batch = world.store.get("batch", batch_id)
        if batch is None:
            raise Refusal(404, "NOT_FOUND")
        if batch["state"] == "IN_WORK":
            return {"batch_id": batch_id, "state": "IN_WORK", "accepted": 0, "rejected": []}
        accepted = len(batch["records"]) - len(batch["rejected"])
        return {"batch_id": batch_id, "state": "DONE", "accepted": accepted, "rejected": batch["rejected"]}

    return routes


def _is(fault: Any, kind: str) -> bool:
    return fault is not None and fault.fault == kind


def _report(world: World, service: str, wanted: ReportWanted) -> dict[str, Any]:
    if wanted.consent is None:
        raise Refusal(403, "NO_CONSENT")
    persona = world.persona(wanted.iin)
    if persona is None or not persona.credit.known:
        raise Refusal(404, "SUBJECT_NOT_FOUND")
    fault = world.faults.take(service, "report", iin=wanted.iin, kinds=_OWN_FAULTS)
    report = _answer(world, persona)
    if _is(fault, "refusal_set"):  # the person forbids lending between two of our questions
        report["voluntary_refusal"] |= {"active": True, "set_at": world.store.now().isoformat()}
    if _is(fault, "contracts_missing"):
        del report["contracts"]
    return report


def _answer(world: World, persona: Persona) -> dict[str, Any]:
    credit = persona.credit
    enquiries = credit.applications_last_hour
    return {
        "report_id": uuid4().hex,
        "generated_at": world.store.now().isoformat(),
        "subject": {"iin": persona.iin, "full_name": persona.full_name, "dob": persona.birth_date.isoformat()},
        "voluntary_refusal": credit.voluntary_refusal.model_dump(mode="json"),
        "contracts": [contract.model_dump(mode="json") for contract in credit.contracts],
        "negative_statuses": credit.negative_statuses,
        "max_overdue_days_12m": credit.max_overdue_days_12m,
        "enquiries": dict.fromkeys(("d30", "d90", "d120", "d180", "d360"), enquiries),
        "income": {"avg6m": str(credit.average_income), "source": "pension fund", "months": []}
        if credit.average_income is not None
        else None,
    }
