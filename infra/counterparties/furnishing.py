"""What the state bureau (/gkb) is told of loans: batches, a word on each record, and what it holds of each contract.

A batch with a record out of schema is refused whole; of the others every record gets its own answer. The same batch
id with the same records changes nothing, however late; the same record in another batch is taken and counted only.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.counterparties.errors import Refusal
from infra.counterparties.faults import Fault
from infra.counterparties.world import World
from rules.money import Money

_SUBMIT = "state_bureau.submit"
_FAULTS = frozenset({"partly_accepted", "never_done", "in_work"})
_FIGURES = ("principal", "outstanding", "overdue_days", "overdue_amount")
_REASONED = ("CORRECTION", "SUSPEND_REPORTING", "RESUME")


class Record(BaseModel):
    """One record; which fields an operation needs is asked later, record by record."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["NEW", "UPDATE", "CLOSE", "CORRECTION", "SUSPEND_REPORTING", "RESUME"]
    contract_no: str = Field(min_length=1)
    iin: str = Field(pattern=r"^[0-9]{12}$")
    as_of: date
    status: Literal["ACTIVE", "OVERDUE", "SUSPENDED", "CLOSED", "WRITTEN_OFF"] | None = None
    principal: Money | None = None
    outstanding: Money | None = None
    overdue_days: int | None = Field(default=None, ge=0)
    overdue_amount: Money | None = None
    reason: str | None = None
    legal_basis: str | None = None


class Batch(BaseModel):
    """A batch of records, kept as they came."""

    batch_id: str
    records: list[dict[str, Any]] = Field(min_length=1)


def router(world: World) -> APIRouter:
    """Submissions, and the control over what came of them."""
    routes = APIRouter(tags=["bureau"])

    @routes.post("/gkb/v1/submissions")
    async def submit(request: Request, batch: Batch) -> JSONResponse:
        """Idempotent by batch id: the same batch again changes nothing, another content is refused."""
        return await world.keyed(request, _SUBMIT, lambda: _taken(world, batch))

    @routes.get("/gkb/v1/submissions/{batch_id}")
    async def submission(batch_id: str) -> dict[str, Any]:
        with world.store.transaction():
            batch = world.store.get("batch", batch_id)
            if batch is None:
                raise Refusal(404, "NOT_FOUND")
            if batch["askings_left"] != 0:
                world.store.put("batch", batch_id, batch | {"askings_left": batch["askings_left"] - 1})
                return {"batch_id": batch_id, "state": "IN_WORK", "accepted": 0, "rejected": []}
            rejected = _worked_through(world, batch)
        accepted = len(batch["records"]) - len(rejected)
        return {"batch_id": batch_id, "state": "DONE", "accepted": accepted, "rejected": rejected}

    @routes.get("/_control/bureau/contracts", tags=["control"])
    async def contracts(contract_no: str | None = None) -> list[dict[str, Any]]:
        """What the bureau holds of each contract, with every record that it took."""
        held = world.store.all("furnished")
        return [one for one in held if contract_no in (None, one["contract_no"])]

    @routes.delete("/_control/bureau/batches/{batch_id}", tags=["control"])
    async def forget(batch_id: str) -> dict[str, bool]:
        """The bureau loses a batch: it never came."""
        world.store.forget_answer(_SUBMIT, batch_id)
        return {"forgotten": world.store.remove("batch", batch_id)}

    return routes


def _taken(world: World, batch: Batch) -> tuple[int, dict[str, Any]]:
    for record in batch.records:
        _in_schema(record)
    known = world.store.get("batch", batch.batch_id)
    if known and known["records"] != batch.records:
        raise Refusal(422, "KEY_REUSED", "this batch id was used for other records")
    if not known:
        fault = world.faults.take("state_bureau", "submit", keys=[batch.batch_id], kinds=_FAULTS)
        kept = batch.model_dump() | {"rejected": None, "refused": -1, "askings_left": 0} | _played(fault)
        world.store.put("batch", batch.batch_id, kept)
        if kept["askings_left"] == 0:
            _worked_through(world, kept)
    return 202, {"batch_id": batch.batch_id}


def _played(fault: Fault | None) -> dict[str, int]:
    if fault is None:
        return {}
    match fault.fault:
        case "partly_accepted":
            return {"refused": int(fault.number("index", 0))}
        case "in_work":
            return {"askings_left": int(fault.number("askings", 1))}
        case "never_done":
            return {"askings_left": -1}
    return {}


def _worked_through(world: World, batch: dict[str, Any]) -> list[dict[str, Any]]:
    """The refusals of a batch; its records are entered at the first asking for them."""
    rejected: list[dict[str, Any]] | None = batch["rejected"]
    if rejected is None:
        rejected = []
        for index, record in enumerate(_in_schema(one) for one in batch["records"]):
            code = "E100" if index == batch["refused"] else _entered(world, batch["batch_id"], record)
            if code is not None:
                rejected.append({"index": index, "code": code, "message": f"{_WORDS[code]}: {record.iin}"})
        world.store.put("batch", batch["batch_id"], batch | {"rejected": rejected})
    return rejected


def _in_schema(record: dict[str, Any]) -> Record:
    try:
        return Record.model_validate(record)
    except ValidationError:
        raise Refusal(422, "SCHEMA", "a record does not follow the schema") from None


_WORDS = {
    "E100": "refused by the control of the bureau",
    "E101": "a field that the operation needs is missing",
    "E102": "the contract is not known",
    "E103": "the contract is known already",
    "E104": "the contract is another person's",
    "E105": "reporting of the contract is suspended",
}


def _entered(world: World, batch_id: str, record: Record) -> str | None:
    """Take a record into the books; the code of the refusal where it cannot be."""
    if any(getattr(record, name) is None for name in _needed(record)):
        return "E101"
    held = world.store.get("furnished", record.contract_no)
    plain = record.model_dump(mode="json", exclude_none=True)
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    if held and digest in [one["hash"] for one in held["records"]]:
        world.store.put("furnished", record.contract_no, held | {"duplicates": held["duplicates"] + 1})
        return None
    code = _conflict(held, record)
    if code is None:
        _enter(world, batch_id, record, held or {}, digest)
    return code


def _needed(record: Record) -> tuple[str, ...]:
    basis = ("reason", "legal_basis") if record.op in _REASONED else ()
    return (*basis, "status", *(() if record.op == "SUSPEND_REPORTING" else _FIGURES))


def _conflict(held: dict[str, Any] | None, record: Record) -> str | None:
    if held is None:
        return None if record.op == "NEW" else "E102"
    if held["iin"] != record.iin:
        return "E104"
    if record.op == "NEW":
        return "E103"
    return "E105" if record.op == "UPDATE" and held["reporting_suspended"] else None


def _enter(world: World, batch_id: str, record: Record, held: dict[str, Any], digest: str) -> None:
    """A suspension leaves the last figures out of the reports; every other record replaces them."""
    entry = {"op": record.op, "as_of": record.as_of.isoformat(), "batch_id": batch_id, "hash": digest}
    now = record.model_dump(mode="json", include={"status", *_FIGURES}, exclude_none=True)
    suspended = {"SUSPEND_REPORTING": True, "RESUME": False}.get(record.op, held.get("reporting_suspended", False))
    whose = {"contract_no": record.contract_no, "iin": record.iin, "as_of": entry["as_of"]}
    records = [*held.get("records", []), entry]
    world.store.put(
        "furnished",
        record.contract_no,
        {"duplicates": 0} | held | whose | now | {"reporting_suspended": suspended, "records": records},
    )
