"""Where a microcredit may be applied for, and by whom: resources by two people, leaks, and what the client is told."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api_world import ORIGIN, Borrower, Colleague, StandInDoor, application_body, assert_problem, new_key

PDF = b"%PDF-1.7 procedures"


@pytest.fixture
async def two(new_colleague: Callable[..., Any]) -> tuple[Colleague, Colleague]:
    made = [await new_colleague("compliance") for _ in range(2)]
    for one in made:
        assert (await one.log_in()).status_code == 201
    return made[0], made[1]


def head() -> dict[str, str]:
    return {"Origin": ORIGIN, "Idempotency-Key": new_key()}


async def entered(who: Colleague, code: str, **changes: Any) -> Any:
    facts = {
        "code": code, "kind": "WEB", "name": "Second site", "place": "https://two.example", "services": ["APPLICATION"],
    }  # fmt: skip
    return await who.http.post(
        "/staff/api/resources/notices",
        files={"procedures": ("rules.pdf", PDF, "application/pdf")},
        data={"notice": json.dumps({"facts": facts | changes})},
        headers=head(),
    )


async def test_a_notice_by_two_people_starts_its_case(two, door: StandInDoor) -> None:
    code = f"site-{secrets.token_hex(4)}"
    made = await entered(two[0], code)
    assert made.status_code == 201, made.text
    path = f"/staff/api/resources/notices/{made.json()['notice_id']}"
    assert_problem(await two[0].http.post(f"{path}/confirm", headers=head()), 403, "second-person-needed")
    assert (await two[1].http.post(f"{path}/confirm", headers=head())).json()["state"] == "CONFIRMED"
    workflow, start = door.started[made.json()["workflow_id"]]
    assert (workflow, start.rule, start.code) == ("ResourceNotice", "P4", code)
    assert_problem(await two[1].http.post(f"{path}/confirm", headers=head()), 409, "resource-notice-decided")
    listed = {one["notice_id"] for one in (await two[0].http.get("/staff/api/resources/notices")).json()}
    assert made.json()["notice_id"] in listed
    assert {"site", "app", "terminals"} <= {
        one["facts"]["code"] for one in (await two[0].http.get("/staff/api/resources")).json()
    }


async def test_a_wrong_notice_is_named_by_its_field(two) -> None:
    answer = await entered(two[0], "UPPER", services=[])
    assert answer.status_code == 422
    assert (await entered(two[0], "site")).json()["code"] == "resource-known"


async def test_by_a_resource_that_is_not_open_nobody_applies(borrower: Borrower) -> None:
    refused = await borrower.call(
        "POST", "/applications", json=application_body(), headers={"X-Resource": "not-told-of"}
    )
    assert_problem(refused, 409, "resource-not-open")
    taken = await borrower.call("POST", "/applications", json=application_body(), headers={"X-Resource": "app"})
    assert taken.status_code == 201, taken.text


async def test_who_is_told_of_in_a_leak_borrows_nothing_until_it_is_over(
    two, borrower: Borrower, door: StandInDoor
) -> None:
    assert_problem(await borrower.call("GET", "/account/leak"), 404, "not-found")
    body = {
        "client_id": str(borrower.client_id), "source": "police", "story": "seen on a market",
        "known_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    made = await two[0].http.post("/staff/api/leaks", json=body, headers=head())
    assert made.status_code == 201, made.text
    leak = made.json()
    assert leak["open"] == ["BIOMETRICS", "PHONE_OWNER", "CALL"]
    assert door.started[leak["workflow_id"]][0] == "LeakResponse"
    assert_problem(
        await borrower.call("POST", "/applications", json=application_body()), 409, "identity-to-be-confirmed"
    )
    shown = (await borrower.call("GET", "/account/leak")).json()
    assert shown == {"state": "OPEN", "face_needed": True, "call_awaited": True}
    challenge = await borrower.call("POST", "/account/leak/challenges")
    assert challenge.status_code == 201
    path = f"/staff/api/leaks/{leak['leak_id']}"
    call = {"measure": "CALL", "is_client": False, "reason_code": "another-voice"}
    assert (await two[0].http.post(f"{path}/measures", json=call, headers=head())).json()["failed"] == ["CALL"]
    assert (leak["workflow_id"], "measure_noted") in {(to, name) for to, name, _ in door.updates}
    assert (await two[0].http.post(f"{path}/block", headers=head())).json()["block_proposed"] is True
    assert_problem(await two[0].http.post(f"{path}/block", headers=head()), 403, "second-person-needed")
    assert (await two[1].http.post(f"{path}/block", headers=head())).json()["state"] == "BLOCKED"
    assert_problem(await two[0].http.post(f"{path}/measures", json=call, headers=head()), 409, "leak-ended")
    assert (await borrower.call("GET", "/account/leak")).json()["state"] == "BLOCKED"
