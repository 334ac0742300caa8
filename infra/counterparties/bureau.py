"""The first credit bureau (/fcb) and the state bureau (/gkb): credit reports. What we tell them: furnishing.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel

from infra.counterparties.errors import Refusal
from infra.counterparties.personas import Persona
from infra.counterparties.world import World

_OWN_FAULTS = frozenset({"refusal_set", "contracts_missing"})


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


def router(world: World) -> APIRouter:
    """The two bureaus."""
    routes = APIRouter(tags=["bureau"])

    @routes.post("/fcb/v1/reports")
    async def first(wanted: ReportWanted) -> dict[str, Any]:
        return _report(world, "bureau", wanted)

    @routes.post("/gkb/v1/reports")
    async def state(wanted: ReportWanted) -> dict[str, Any]:
        return _report(world, "state_bureau", wanted)

    return routes


def _report(world: World, service: str, wanted: ReportWanted) -> dict[str, Any]:
    if wanted.consent is None:
        raise Refusal(403, "NO_CONSENT")
    persona = world.persona(wanted.iin)
    if persona is None or not persona.credit.known:
        raise Refusal(404, "SUBJECT_NOT_FOUND")
    fault = world.faults.take(service, "report", iin=wanted.iin, kinds=_OWN_FAULTS)
    report = _answer(world, persona)
    if fault is not None and fault.fault == "refusal_set":  # the person forbids lending between two of our questions
        report["voluntary_refusal"] |= {"active": True, "set_at": world.store.now().isoformat()}
    if fault is not None and fault.fault == "contracts_missing":
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
