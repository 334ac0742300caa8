"""Verdicts through the staff's API: proof that one is in force, by two people, and claims that are kept open.

Real: PostgreSQL, the archive, the routes, the write-off's own activities. A stand-in: the door to Temporal.

Rules: para 13, part 4; para 13, part 5; para 28.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlmodel import col, select

from activities.context import Records
from activities.write_offs import WriteOffRef, WriteOffs
from rules.calendar import local_date
from rules.money import Money
from storage import audit
from storage.clock import now
from storage.tables import OutboxAction
from tests.api.test_official_papers import PDF, decide, entered
from tests.support.api_world import ORIGIN, Colleague, StandInDoor, assert_problem, new_key
from tests.support.servicing_world import LENDER, Borrowed, Stamp, borrowed

VERDICT = {"kind": "COURT_VERDICT", "authority": "суд № 2 города Алматы"}


@pytest.fixture
async def loan(records: Records) -> Borrowed:
    return await borrowed(records)


@pytest.fixture
async def officer(new_colleague: Callable[..., Any]) -> Colleague:
    made: Colleague = await new_colleague("officer")
    assert (await made.log_in()).status_code == 201
    return made


@pytest.fixture
async def second(new_colleague: Callable[..., Any]) -> Colleague:
    made: Colleague = await new_colleague("compliance")
    assert (await made.log_in()).status_code == 201
    return made


async def prove(who: Colleague, paper: dict[str, Any], key: str | None = None, **changes: Any) -> httpx.Response:
    """A proof received a minute ago that the verdict is in force since that day."""
    changes = {"in_force_on": paper["today"], "received_at": paper["lately"]} | changes
    return await who.http.post(
        f"/staff/api/papers/{paper['paper_id']}/force",
        files={"scan": ("scan.pdf", changes.pop("scan", PDF), "application/pdf")},
        data={"force": json.dumps(changes)},
        headers={"Origin": ORIGIN, "Idempotency-Key": key or new_key()},
    )


async def answer_to(who: Colleague, proof: dict[str, Any], what: str = "confirm") -> httpx.Response:
    path = f"/staff/api/papers/{proof['paper_id']}/force/{proof['force_id']}/{what}"
    body = None if what == "confirm" else {"reason_code": "not-legible"}
    return await who.http.post(path, json=body, headers={"Origin": ORIGIN})


async def verdict(who: Colleague, loan: Borrowed, **changes: Any) -> dict[str, Any]:
    """A verdict that does not show itself to be in force."""
    paper = await entered(who, loan, number=uuid4().hex[:8], **(VERDICT | changes))
    async with loan.world.database.begin() as session:
        at = await now(session) - timedelta(minutes=1)
    return paper | {"today": local_date(at).isoformat(), "lately": at.isoformat()}


class TestProofOfForce:
    async def test_it_is_archived_and_the_case_hears_of_both_words(
        self, officer: Colleague, second: Colleague, loan: Borrowed, door: StandInDoor, records: Records
    ) -> None:
        paper = await verdict(officer, loan)
        case = f"write-off/{loan.ref.loan_id}/1"
        assert door.started[case][0] == "WriteOff"
        made = await prove(officer, paper)
        assert made.status_code == 201, made.text
        proof = made.json()
        assert (proof["state"], proof["in_force_on"], proof["delivered"]) == ("ENTERED", paper["today"], True)
        scan = await second.http.get(proof["scan"])
        assert scan.content == PDF
        done = await answer_to(second, proof)
        assert (done.status_code, done.json()["state"], done.json()["decided_by"]) == (
            200, "CONFIRMED", str(second.staff_id),
        )  # fmt: skip
        assert [(where, name) for where, name, _ in door.updates] == [(case, "proof_of_force")] * 2
        (listed,) = (await officer.http.get(f"/staff/api/papers/{paper['paper_id']}/force")).json()
        assert listed["force_id"] == proof["force_id"]
        async with records.moment() as moment:
            trail = [one["action"] for one in await audit.of_subject(moment.session, f"loan:{loan.ref.loan_id}")]
        assert {"verdict-force-entered", "verdict-force-confirmed", "paper-read"} <= set(trail)

    async def test_where_temporal_is_away_the_case_is_told_later(
        self, officer: Colleague, loan: Borrowed, door: StandInDoor, records: Records
    ) -> None:
        paper = await verdict(officer, loan)
        door.away = True
        made = await prove(officer, paper)
        assert (made.status_code, made.json()["delivered"]) == (201, False)
        async with records.moment() as moment:
            query = select(OutboxAction).where(
                col(OutboxAction.workflow_id) == paper["workflow_id"], col(OutboxAction.operation) == "update"
            )
            (kept,) = (await moment.session.exec(query)).all()
        assert (kept.name, kept.state) == ("proof_of_force", "waiting")

    async def test_once_whatever_is_repeated_and_one_at_a_time(
        self, officer: Colleague, second: Colleague, loan: Borrowed
    ) -> None:
        paper, key = await verdict(officer, loan), new_key()
        first, again = [await prove(officer, paper, key) for _ in range(2)]
        assert again.json() == first.json()
        assert_problem(await prove(officer, paper), 409, "verdict-force-entered")
        assert (await answer_to(second, first.json(), "refuse")).json()["state"] == "REFUSED"
        assert_problem(await answer_to(second, first.json()), 409, "paper-decided")
        assert (await prove(officer, paper)).status_code == 201

    async def test_nobody_confirms_what_they_entered(self, officer: Colleague, loan: Borrowed) -> None:
        proof = (await prove(officer, await verdict(officer, loan))).json()
        assert_problem(await answer_to(officer, proof), 403, "second-person-needed")
        assert (await answer_to(officer, proof, "refuse")).json()["state"] == "WITHDRAWN"

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"in_force_on": "2099-01-01"}, 422, "verdict-not-in-force"),
            ({"in_force_on": "2026-02-19"}, 422, "verdict-not-in-force"),  # a day before it was passed
            ({"received_at": "2099-01-01T10:00:00+05:00"}, 422, "received-in-the-future"),
            ({"received_at": "2026-02-19T10:00:00+05:00", "in_force_on": "2026-02-19"}, 422, "paper-day-after-receipt"),
            ({"received_at": "2026-03-01T10:00:00"}, 422, "field-format"),
            ({"in_force_on": None}, 422, "field-format"),
            ({"scan": b"MZ\x90\x00 a program"}, 415, "image-type"),
        ],
    )
    async def test_what_cannot_be_is_refused_before_it_is_archived(
        self, officer: Colleague, loan: Borrowed, changes: dict[str, Any], status: int, code: str
    ) -> None:
        paper = await verdict(officer, loan)
        assert_problem(await prove(officer, paper, **changes), status, code)
        assert (await officer.http.get(f"/staff/api/papers/{paper['paper_id']}/force")).json() == []

    async def test_other_papers_need_none(self, officer: Colleague, second: Colleague, loan: Borrowed) -> None:
        breach = await verdict(officer, loan, kind="LENDER_BREACH")
        assert_problem(await prove(officer, breach), 409, "verdict-force-not-needed")
        assert_problem(await prove(officer, breach | {"paper_id": str(uuid4())}), 404, "paper-unknown")
        refused = await verdict(officer, loan)
        assert (await decide(second, refused["paper_id"], "refuse")).status_code == 200
        assert_problem(await prove(officer, refused), 409, "paper-decided")
        proof = (await prove(officer, await verdict(officer, loan))).json()
        elsewhere = proof | {"paper_id": breach["paper_id"]}
        assert_problem(await answer_to(second, elsewhere), 404, "verdict-force-unknown")


async def test_a_claim_is_shown_with_its_parts_and_against_whom(
    officer: Colleague, second: Colleague, loan: Borrowed, records: Records
) -> None:
    paper = await verdict(officer, loan, guilty_client=True, in_force_on="2026-02-20", day="2026-02-20")
    assert (await decide(second, paper["paper_id"])).status_code == 200
    ref = WriteOffRef(paper_id=paper["paper_id"], loan_id=loan.ref.loan_id, client_id=loan.client.id)
    await WriteOffs(records, Stamp(), LENDER).write_off(ref)
    (claim,) = (await second.http.get("/staff/api/claims", params={"contract_number": loan.loan.number})).json()
    assert (claim["client_id"], claim["paper_id"]) == (str(loan.client.id), paper["paper_id"])
    parts = [Money(claim[name]) for name in ("principal", "interest", "penalty", "returned")]
    assert Money(claim["amount"]) == Money.total(parts)
    assert parts[0] == Money(150_000)
    assert claim["claim_id"] in [one["claim_id"] for one in (await second.http.get("/staff/api/claims")).json()]
    assert (await second.http.get("/staff/api/claims", params={"contract_number": "MK-2026-NONE"})).json() == []
    shown = (await second.http.get(f"/staff/api/papers/{paper['paper_id']}")).json()
    assert [one["name"] for one in shown["duties"]] == ["decision", "written-off", "claim-kept"]
