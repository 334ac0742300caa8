"""Papers about fraud through the staff's API: who may enter and decide, wrong uploads, the case is always told.

Real: PostgreSQL, the archive, the routes. A stand-in: the door to Temporal.

Rules: para 13, part 2; para 27; para 28.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from activities.context import Records
from activities.suspension import PaperRef, Suspensions
from rules.calendar import local_date
from storage import audit
from storage.clock import now
from storage.tables import OfficialPaper, OutboxAction
from tests.support.api_world import ORIGIN, Colleague, StandInDoor, assert_problem, new_key
from tests.support.servicing_world import TERMS, Borrowed, borrowed, lent_to

PAPERS = "/staff/api/papers"
PDF, JPEG = b"%PDF-1.7 scan", b"\xff\xd8\xff" + b"\x00" * 64
PLAIN = {"kind": "VICTIM_RESOLUTION", "number": "1-234/26", "day": "2026-02-20", "authority": "ДП города Алматы"}


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


async def enter(
    who: Colleague, loan: Borrowed, *, scan: bytes = PDF, key: str | None = None, **changes: Any
) -> httpx.Response:
    async with loan.world.database.begin() as session:
        received = await now(session) - timedelta(hours=1)
    paper = PLAIN | {"contract_number": loan.loan.number, "received_at": received.isoformat()} | changes
    return await who.http.post(
        PAPERS,
        files={"scan": ("scan.pdf", scan, "application/pdf")},
        data={"paper": json.dumps({name: value for name, value in paper.items() if value is not None})},
        headers={"Origin": ORIGIN, "Idempotency-Key": key or new_key()},
    )


async def decide(who: Colleague, paper_id: str, what: str = "confirm") -> httpx.Response:
    body = None if what == "confirm" else {"reason_code": "wrong-loan"}
    return await who.http.post(f"{PAPERS}/{paper_id}/{what}", json=body, headers={"Origin": ORIGIN})


async def entered(who: Colleague, loan: Borrowed, **changes: Any) -> dict[str, Any]:
    answer = await enter(who, loan, **changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


class TestEntering:
    async def test_a_paper_is_archived_waits_for_a_second_person_and_its_case_begins(
        self, officer: Colleague, loan: Borrowed, door: StandInDoor, records: Records
    ) -> None:
        paper = await entered(officer, loan)
        assert (paper["state"], paper["n"], paper["entered_by"]) == ("ENTERED", 1, str(officer.staff_id))
        workflow, start = door.started[f"suspension/{loan.ref.loan_id}/1"]
        assert (workflow, str(start.paper_id), start.loan_id) == (
            "FraudSuspension", paper["paper_id"], loan.ref.loan_id,
        )  # fmt: skip
        assert paper["workflow_id"] == f"suspension/{loan.ref.loan_id}/1"
        scan = await officer.http.get(paper["scan"])
        assert (scan.content, scan.headers["content-type"]) == (PDF, "application/pdf")
        async with records.moment() as moment:
            trail = [one["action"] for one in await audit.of_subject(moment.session, f"loan:{loan.ref.loan_id}")]
        assert {"paper-entered", "paper-read"} <= set(trail)

    async def test_it_is_entered_once_whatever_is_repeated(
        self, officer: Colleague, loan: Borrowed, door: StandInDoor
    ) -> None:
        paper = PLAIN | {"contract_number": loan.loan.number, "received_at": "2026-02-21T10:00:00+05:00"}
        same = {
            "files": {"scan": ("scan.jpg", JPEG, "image/jpeg")}, "data": {"paper": json.dumps(paper)},
            "headers": {"Origin": ORIGIN, "Idempotency-Key": new_key()},
        }  # fmt: skip
        first, again = [await officer.http.post(PAPERS, **same) for _ in range(2)]  # type: ignore[arg-type]
        assert (first.status_code, again.json()) == (201, first.json())
        other = same | {"headers": {"Origin": ORIGIN, "Idempotency-Key": new_key()}}
        assert_problem(await officer.http.post(PAPERS, **other), 409, "paper-known")  # type: ignore[arg-type]
        assert [one for one in door.started if str(loan.ref.loan_id) in one] == [f"suspension/{loan.ref.loan_id}/1"]

    async def test_where_temporal_is_away_the_case_begins_later(
        self, officer: Colleague, loan: Borrowed, door: StandInDoor, records: Records
    ) -> None:
        door.away = True
        paper = await entered(officer, loan)
        async with records.moment() as moment:
            query = select(OutboxAction).where(col(OutboxAction.workflow_id) == paper["workflow_id"])
            (kept,) = (await moment.session.exec(query)).all()
        assert (kept.workflow, kept.operation, kept.state) == ("FraudSuspension", "start", "waiting")

    @pytest.mark.parametrize(
        ("scan", "status", "code"),
        [
            (b"", 422, "file-empty"),
            (b"MZ\x90\x00 a program", 415, "image-type"),
            (b"%PDF-" + b"0" * (10 * 1024 * 1024), 413, "file-too-large"),
        ],
    )
    async def test_a_scan_that_is_none(
        self, officer: Colleague, loan: Borrowed, scan: bytes, status: int, code: str
    ) -> None:
        assert_problem(await enter(officer, loan, scan=scan), status, code, "/scan")

    @pytest.mark.parametrize(
        ("changes", "status", "code", "pointer"),
        [
            ({"contract_number": "MK-2026-NONE"}, 422, "contract-unknown", "/contract_number"),
            ({"kind": "LETTER"}, 422, "field-not-allowed", "/kind"),
            ({"day": "2026-02-30"}, 422, "field-format", "/day"),
            ({"day": None}, 422, "field-missing", "/day"),
            ({"received_at": "2026-02-21T10:00:00"}, 422, "field-format", "/received_at"),
            ({"received_at": "2100-01-01T00:00:00+05:00"}, 422, "received-in-the-future", "/received_at"),
            ({"received_at": "0001-01-01T00:00:00+14:00"}, 422, "field-out-of-range", "/received_at"),
            ({"day": "2126-02-21"}, 422, "paper-day-after-receipt", "/day"),
            ({"number": ""}, 422, "field-too-short", "/number"),
            ({"number": "1" * 201}, 422, "field-too-long", "/number"),
            ({"iin": "880412401006"}, 422, "unknown-field", "/iin"),
            ({"cancels": str(uuid4())}, 422, "paper-field-not-of-kind", "/cancels"),
            ({"kind": "CANCELLATION", "charge_later": False}, 422, "cancelled-paper-missing", "/cancels"),
            ({"kind": "CANCELLATION", "cancels": str(uuid4())}, 422, "charge-later-missing", "/charge_later"),
        ],
    )
    async def test_fields_that_cannot_be(
        self, officer: Colleague, loan: Borrowed, changes: dict[str, Any], status: int, code: str, pointer: str
    ) -> None:
        assert_problem(await enter(officer, loan, **changes), status, code, pointer)

    async def test_forms_that_are_none(self, officer: Colleague, loan: Borrowed) -> None:
        headers = {"Origin": ORIGIN, "Idempotency-Key": new_key()}
        send = officer.http.post
        assert_problem(await send(PAPERS, json={}, headers=headers), 415, "content-type")
        no_words = await send(PAPERS, files={"scan": PDF}, headers=headers | {"Idempotency-Key": new_key()})
        assert_problem(no_words, 422, "field-missing", "/paper")
        broken = await send(
            PAPERS, files={"scan": PDF}, data={"paper": "{"}, headers=headers | {"Idempotency-Key": new_key()}
        )
        assert broken.status_code in (400, 422)
        unkeyed = await send(PAPERS, files={"scan": PDF}, data={"paper": "{}"}, headers={"Origin": ORIGIN})
        assert_problem(unkeyed, 400, "key-missing")

    async def test_other_kinds_begin_the_other_case_or_none(
        self, officer: Colleague, second: Colleague, loan: Borrowed, door: StandInDoor
    ) -> None:
        paper = await entered(officer, loan)
        verdict = await entered(officer, loan, kind="LENDER_BREACH", number="2")
        assert door.started[f"write-off/{loan.ref.loan_id}/2"][0] == "WriteOff"
        assert verdict["workflow_id"] == f"write-off/{loan.ref.loan_id}/2"
        await decide(second, paper["paper_id"])
        end = await entered(
            officer, loan, kind="CANCELLATION", number="3", cancels=paper["paper_id"], charge_later=False
        )
        assert (end["workflow_id"], end["n"], f"suspension/{loan.ref.loan_id}/3" in door.started) == (None, 3, False)


class TestDeciding:
    async def test_a_second_person_confirms_and_the_case_is_told(
        self, officer: Colleague, second: Colleague, loan: Borrowed, door: StandInDoor
    ) -> None:
        paper = await entered(officer, loan)
        assert_problem(await decide(officer, paper["paper_id"]), 403, "second-person-needed")
        assert door.updates == []
        answer = await decide(second, paper["paper_id"])
        assert answer.status_code == 200, answer.text
        assert (answer.json()["state"], answer.json()["delivered"]) == ("CONFIRMED", True)
        assert door.updates == [(paper["workflow_id"], "paper_decided", UUID(paper["paper_id"]).hex)]
        assert_problem(await decide(second, paper["paper_id"]), 409, "paper-decided")
        assert_problem(await decide(officer, paper["paper_id"], "refuse"), 409, "paper-decided")

    @pytest.mark.parametrize(("by", "state"), [("officer", "WITHDRAWN"), ("second", "REFUSED")])
    async def test_a_no_ends_it(
        self, officer: Colleague, second: Colleague, loan: Borrowed, door: StandInDoor, by: str, state: str
    ) -> None:
        paper = await entered(officer, loan)
        answer = await decide({"officer": officer, "second": second}[by], paper["paper_id"], "refuse")
        assert (answer.json()["state"], answer.json()["reason_code"]) == (state, "wrong-loan")
        assert len(door.updates) == 1

    async def test_a_cancellation_is_told_to_the_case_of_what_it_cancels(
        self, officer: Colleague, second: Colleague, loan: Borrowed, door: StandInDoor, records: Records
    ) -> None:
        paper = await entered(officer, loan)
        more = {"kind": "CANCELLATION", "number": "9", "cancels": paper["paper_id"], "charge_later": True}
        end = await entered(officer, loan, **more)
        assert_problem(await decide(second, end["paper_id"]), 409, "paper-not-confirmed")
        await decide(second, paper["paper_id"])
        assert (await decide(second, end["paper_id"])).json()["charge_later"] is True
        assert door.updates[-1] == (paper["workflow_id"], "paper_decided", UUID(end["paper_id"]).hex)
        ref = PaperRef(paper_id=UUID(paper["paper_id"]), loan_id=loan.ref.loan_id)
        assert (await Suspensions(records).read_paper(ref)).ended == "CANCELLED"
        assert_problem(await enter(officer, loan, **more | {"number": "10"}), 409, "paper-cancelled")

    async def test_a_refused_cancellation_changes_nothing(
        self, officer: Colleague, second: Colleague, loan: Borrowed, door: StandInDoor
    ) -> None:
        paper = await entered(officer, loan)
        await decide(second, paper["paper_id"])
        end = await entered(
            officer, loan, kind="CANCELLATION", number="9", cancels=paper["paper_id"], charge_later=False
        )
        told = len(door.updates)
        answer = await decide(second, end["paper_id"], "refuse")
        assert (answer.json()["state"], answer.json()["delivered"]) == ("REFUSED", None)
        assert len(door.updates) == told

    async def test_the_queue_shows_what_waits_and_one_shows_its_proofs(
        self, officer: Colleague, second: Colleague, loan: Borrowed, records: Records
    ) -> None:
        paper = await entered(officer, loan)
        waiting = (await second.http.get(PAPERS)).json()
        assert paper["paper_id"] in [one["paper_id"] for one in waiting]
        await decide(second, paper["paper_id"])
        ref = PaperRef(paper_id=UUID(paper["paper_id"]), loan_id=loan.ref.loan_id)
        await Suspensions(records).hold_collection(ref)
        await Suspensions(records).suspend_accrual(ref)
        query = {"state": "CONFIRMED", "contract_number": loan.loan.number}
        (shown,) = (await second.http.get(PAPERS, params=query)).json()
        assert [one["name"] for one in shown["duties"]] == ["collection", "accrual"]
        assert (shown["held_since"] is not None, shown["released_at"]) == (True, None)
        assert (await second.http.get(f"{PAPERS}/{paper['paper_id']}")).json() == shown
        for secret in (loan.person.iin, loan.person.surname, loan.person.phone):
            assert secret not in json.dumps(shown, ensure_ascii=False)
        assert_problem(await second.http.get(f"{PAPERS}/{uuid4()}"), 404, "paper-unknown")


class TestRoles:
    @pytest.mark.parametrize("role", ["compliance", "oncall", "auditor", "cashier"])
    async def test_only_an_officer_enters(
        self, new_colleague: Callable[..., Any], loan: Borrowed, records: Records, role: str
    ) -> None:
        other: Colleague = await new_colleague(role)
        await other.log_in()
        assert_problem(await enter(other, loan), 403, "role-needed")
        async with records.moment() as moment:
            query = select(OfficialPaper).where(col(OfficialPaper.loan_id) == loan.ref.loan_id)
            assert (await moment.session.exec(query)).all() == []

    @pytest.mark.parametrize("role", ["oncall", "auditor", "cashier"])
    async def test_only_officer_and_compliance_look_and_decide(
        self, new_colleague: Callable[..., Any], officer: Colleague, loan: Borrowed, role: str
    ) -> None:
        paper = await entered(officer, loan)
        other: Colleague = await new_colleague(role)
        await other.log_in()
        for answer in (
            await other.http.get(PAPERS),
            await other.http.get(f"{PAPERS}/{paper['paper_id']}"),
            await other.http.get(paper["scan"]),
            await decide(other, paper["paper_id"]),
            await decide(other, paper["paper_id"], "refuse"),
        ):
            assert_problem(answer, 403, "role-needed")

    async def test_another_officer_may_confirm(
        self, new_colleague: Callable[..., Any], officer: Colleague, loan: Borrowed
    ) -> None:
        paper = await entered(officer, loan)
        other: Colleague = await new_colleague("officer")
        await other.log_in()
        assert (await decide(other, paper["paper_id"])).json()["state"] == "CONFIRMED"


async def test_the_borrower_sees_that_interest_stands_still(
    new_borrower: Callable[[], Any], officer: Colleague, second: Colleague, records: Records
) -> None:
    borrower = await new_borrower()
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, borrower.client_id)
        loan = await lent_to(moment, client, TERMS)
        today = local_date(moment.at)
    lent = await borrowed(records)
    lent.loan, lent.client = loan, client
    paper = await entered(officer, lent)
    await decide(second, paper["paper_id"])
    ref = PaperRef(paper_id=UUID(paper["paper_id"]), loan_id=loan.id)
    await Suspensions(records).hold_collection(ref)
    await Suspensions(records).suspend_accrual(ref)
    assert (await borrower.call("GET", f"/loans/{loan.id}")).json()["status"] == "SUSPENDED"
    debt = (await borrower.call("GET", f"/loans/{loan.id}/debt")).json()
    later = (
        await borrower.call("GET", f"/loans/{loan.id}/debt", params={"on": (today + timedelta(days=60)).isoformat()})
    ).json()
    assert (debt["suspended"], later["total_to_close"]) == (True, debt["total_to_close"])
    assert_problem(await borrower.call("GET", f"/documents/{paper['paper_id']}/content"), 404, "not-found")
    asked = {"ground": "income-lost", "text": "Жұмысымнан айырылдым"}
    refused = await borrower.call("POST", f"/loans/{loan.id}/restructuring", json=asked)
    assert_problem(refused, 409, "collection-held")
