"""The state bureau as it is played: schema, refusals record by record, batches that repeat, what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from outside_world import Outside, iin, outside

SUSPENSION = {"reason": "fraud-suspected", "legal_basis": "resolution 217, para 13, part 2"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with outside(tmp_path_factory.mktemp("outside")) as world:
        yield world


@pytest.fixture
def world(running: Outside) -> Outside:
    running.control.post("/_control/reset").raise_for_status()
    return running


def record(op: str = "NEW", **changes: Any) -> dict[str, Any]:
    body = {
        "op": op, "contract_no": "C-1", "iin": iin(1), "as_of": "2026-01-15", "status": "ACTIVE",
        "principal": "150000.00", "outstanding": "150000.00", "overdue_days": 0, "overdue_amount": "0.00",
    } | changes  # fmt: skip
    return {name: value for name, value in body.items() if value is not None}


def submit(world: Outside, batch_id: str, *records: dict[str, Any], key: str | None = None) -> httpx.Response:
    body = {"batch_id": batch_id, "records": list(records)}
    headers = {"Idempotency-Key": key or batch_id}
    return world.control.post("/gkb/v1/submissions", json=body, headers=headers)


def refusals(world: Outside, batch_id: str) -> list[tuple[int, str]]:
    answer = world.control.get(f"/gkb/v1/submissions/{batch_id}").json()
    assert answer["state"] == "DONE"
    return [(one["index"], one["code"]) for one in answer["rejected"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"op": "DELETE"},
        {"contract_no": None},
        {"iin": "88041"},
        {"as_of": "yesterday"},
        {"outstanding": 150000.5},
        {"surname": "СЕРІКОВА"},
    ],
)
def test_a_record_out_of_schema_refuses_the_whole_batch(world: Outside, wrong: dict[str, Any]) -> None:
    answer = submit(world, "b-1", record(contract_no="C-2"), record(**wrong))
    assert (answer.status_code, answer.json()["code"]) == (422, "SCHEMA")
    assert world.contracts() == []


def test_each_record_gets_its_own_word(world: Outside) -> None:
    submit(world, "b-1", record()).raise_for_status()
    submit(
        world,
        "b-2",
        record("UPDATE", as_of="2026-02-15"),
        record("UPDATE", contract_no="C-9"),
        record("UPDATE", outstanding=None),
        record("UPDATE", iin=iin(2)),
        record("NEW", outstanding="1.00"),
        record("SUSPEND_REPORTING", principal=None, outstanding=None, overdue_days=None, overdue_amount=None),
    ).raise_for_status()
    assert refusals(world, "b-2") == [(1, "E102"), (2, "E101"), (3, "E104"), (4, "E103"), (5, "E101")]


def test_a_suspended_contract_takes_no_debt_until_it_is_resumed(world: Outside) -> None:
    submit(world, "b-1", record()).raise_for_status()
    suspend = record("SUSPEND_REPORTING", status="SUSPENDED", principal=None, outstanding=None, **SUSPENSION)
    submit(world, "b-2", suspend).raise_for_status()
    assert world.contracts()[0]["reporting_suspended"] is True
    submit(world, "b-3", record("UPDATE", as_of="2026-02-15")).raise_for_status()
    assert refusals(world, "b-3") == [(0, "E105")]
    submit(world, "b-4", record("RESUME", **SUSPENSION), record("UPDATE", as_of="2026-02-16")).raise_for_status()
    assert refusals(world, "b-4") == []
    (held,) = world.contracts()
    assert (held["reporting_suspended"], [one["op"] for one in held["records"]]) == (
        False,
        ["NEW", "SUSPEND_REPORTING", "RESUME", "UPDATE"],
    )


def test_the_same_batch_and_the_same_record_change_nothing(world: Outside) -> None:
    for key in ("b-1", "b-1", "long-after-the-key-has-died"):
        assert submit(world, "b-1", record(), key=key).status_code == 202
    submit(world, "b-2", record()).raise_for_status()
    assert refusals(world, "b-2") == []
    (held,) = world.contracts()
    assert (len(held["records"]), held["duplicates"]) == (1, 1)


def test_a_batch_id_stands_for_its_records(world: Outside) -> None:
    submit(world, "b-1", record()).raise_for_status()
    answer = submit(world, "b-1", record(outstanding="1.00"), key="another-key")
    assert (answer.status_code, answer.json()["code"]) == (422, "KEY_REUSED")


def test_a_batch_in_work_is_entered_when_it_is_done(world: Outside) -> None:
    world.fault("state_bureau", "submit", "in_work", askings=2)
    submit(world, "b-1", record()).raise_for_status()
    states = []
    for _ in range(3):
        states.append((world.control.get("/gkb/v1/submissions/b-1").json()["state"], len(world.contracts())))
    assert states == [("IN_WORK", 0), ("IN_WORK", 0), ("DONE", 1)]


def test_a_lost_batch_is_unknown_until_it_comes_again(world: Outside) -> None:
    submit(world, "b-1", record()).raise_for_status()
    world.control.delete("/_control/bureau/batches/b-1").raise_for_status()
    assert world.control.get("/gkb/v1/submissions/b-1").status_code == 404
    submit(world, "b-1", record()).raise_for_status()
    assert refusals(world, "b-1") == []
