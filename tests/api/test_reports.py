"""Reports and complaints through the API: where each stands, what is behind a figure, another version; a client's
complaint and its answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from activities.clocks import Clocks, ClockWanted
from activities.complaints import ComplaintRef, Complaints
from activities.context import Records
from activities.report_inbox import ReportInbox
from activities.report_snapshots import SnapshotSource
from activities.reports import ReportRef, Reports, SnapshotWanted, VersionRef
from api import outbox
from api.actions import Actions
from rules.calendar import local_date
from rules.days_off import CALENDAR
from rules.errors import NotFound
from rules.lender import EXAMPLE
from storage import audit, reports
from storage.database import Database, run
from storage.tables import Complaint, Document, ReportRetry
from tests.support.api_world import ORIGIN, Borrower, Colleague, StandInDoor, assert_problem, new_key
from tests.support.report_world import Key, Portal, State

BASE = "/staff/api/reports"
CODE, PERIOD = "complaints", "2026-09"


@pytest.fixture
async def compliance(new_colleague: Callable[..., Any]) -> Colleague:
    made: Colleague = await new_colleague("compliance")
    assert (await made.log_in()).status_code == 201
    return made


@pytest.fixture
async def made(records: Records, database_urls: dict[str, str]) -> Any:
    """Makes a version of a report and hands it in; the regulator answers what it is told to answer."""
    reading = Database(database_urls["read"], pool_size=2)

    async def make(state: str, code: str = CODE, period: str = PERIOD) -> VersionRef:
        steps = Reports(records, SnapshotSource(reading, database_urls["read"], EXAMPLE))
        portal = Portal()
        error = {"form": "CO-1", "cell": "total/late", "rule": "C-7", "message": "sums differ"}
        portal.states = [State(state, None, [error] if state == "REJECTED" else [])]
        inbox = ReportInbox(records, portal, Key())
        ref = VersionRef(version_id=uuid4())
        await steps.take_snapshot(SnapshotWanted(version_id=ref.version_id, ref=ReportRef(code=code, period=period)))
        await steps.check_forms(ref)
        await steps.make_files(ref)
        await inbox.sign_files(ref)
        await inbox.upload_report(ref)
        await inbox.ask_receipt(ref)
        return ref

    yield make
    await reading.close()


async def get(who: Colleague, path: str, **params: Any) -> httpx.Response:
    return await who.http.get(f"{BASE}{path}", params=params)


async def retry(who: Colleague, path: str = f"/{CODE}/{PERIOD}", reason: str = "books-corrected") -> httpx.Response:
    return await who.http.post(f"{BASE}{path}/retry", json={"reason_code": reason}, headers={"Origin": ORIGIN})


class TestReports:
    async def test_every_report_of_the_registry_is_listed_with_its_periods(
        self, compliance: Colleague, made: Any
    ) -> None:
        await made("ACCEPTED", period="2026-05")
        listed = {one["code"]: one for one in (await get(compliance, "")).json()}
        assert len(listed) == 10
        one = listed[CODE]
        assert (one["every"], one["clock"], one["recipient"], one["format"]) == ("month", "report", "NBK", "XLSX")
        (line,) = [line for line in one["periods"] if line["period"] == "2026-05"]
        assert (line["state"], line["workflow_id"]) == ("ACCEPTED", f"report/{CODE}/2026-05")

    async def test_one_shows_its_versions_files_and_what_the_regulator_refused(
        self, compliance: Colleague, made: Any
    ) -> None:
        await made("REJECTED", period="2026-06")
        shown = (await get(compliance, f"/{CODE}/2026-06")).json()
        (version,) = shown["versions"]
        assert (shown["line"]["state"], version["state"], version["upload_id"]) == ("REJECTED", "REJECTED", "up-0")
        assert version["control_errors"] == [
            {"form": "CO-1", "cell": "total/late", "rule": "C-7", "reason": "sums differ"}
        ]
        assert [(one["format"], one["signed"]) for one in version["files"]] == [
            ("JSON", True), ("PDF", True), ("XLSX", True),
        ]  # fmt: skip

    async def test_figures_files_and_the_facts_behind_a_figure(
        self, compliance: Colleague, made: Any, borrower: Borrower, records: Records
    ) -> None:
        body = {"topic": "collection", "text": "Түнде қоңырау шалды"}
        sent = (await borrower.call("POST", "/complaints", json=body)).json()
        async with records.moment() as moment:
            period = f"{moment.day:%Y-%m}"
        assert_problem(await get(compliance, f"/{CODE}/{period}"), 404, "report-not-built")
        await made("ACCEPTED", period="2026-04")
        figures = (await get(compliance, f"/{CODE}/2026-04/figures")).json()
        assert figures["figures"]["CO-1"]["collection"]["received"] == 0
        for name in ("XLSX", "JSON", "PDF"):
            answer = await get(compliance, f"/{CODE}/2026-04/files/{name}")
            digest = answer.headers["digest"].removeprefix("sha-256=")
            assert hashlib.sha256(answer.content).hexdigest() == digest
        found = (await get(compliance, f"/{CODE}/2026-04/facts", cell="total/received")).json()
        assert (found["form"], found["count"], found["facts"]) == ("CO-1", 0, [])
        assert_problem(await get(compliance, f"/{CODE}/2026-04/facts", cell="total/zz"), 404, "report-cell-unknown")
        assert sent["answer_due"]

    async def test_facts_come_in_parts_and_a_look_is_audited(
        self, compliance: Colleague, made: Any, records: Records
    ) -> None:
        await made("ACCEPTED", code="audit-head", period="2026-04")
        answer = await get(compliance, "/audit-head/2026-04/facts", cell="head/number", most=1)
        assert (answer.json()["count"], answer.json()["facts"][0]["whole"]) == (1, True)
        beyond = await get(compliance, "/audit-head/2026-04/facts", cell="head/number", skip=1)
        assert (beyond.json()["count"], beyond.json()["facts"]) == (1, [])
        async with records.moment() as moment:
            trail = await audit.of_subject(moment.session, "report:audit-head:2026-04")
        looks = [one for one in trail if one["action"] == "report-looked-at"]
        assert [(one["actor"], one["detail"]["cell"]) for one in looks] == [
            (f"staff:{compliance.staff_id}", "head/number")
        ] * 2  # fmt: skip

    @pytest.mark.parametrize(
        ("path", "status", "code"),
        [
            ("/weather/2026-09", 404, "report-unknown"),
            (f"/{CODE}/2026-Q3", 422, "report-period-wrong"),
            (f"/{CODE}/2020-01", 404, "report-not-built"),
            (f"/{CODE}/2020-01/figures", 404, "report-not-built"),
        ],
    )
    async def test_what_is_not_there(self, compliance: Colleague, path: str, status: int, code: str) -> None:
        assert_problem(await get(compliance, path), status, code)

    async def test_another_version_is_asked_for_and_its_case_is_told(
        self, compliance: Colleague, made: Any, records: Records, door: StandInDoor
    ) -> None:
        ref = await made("REJECTED")
        door.answers["retry"] = {"stage": "REJECTED", "version": 1}
        answer = await retry(compliance)
        assert (answer.status_code, answer.json()["delivered"]) == (201, True), answer.text
        ((workflow_id, name, _),) = door.updates
        assert (workflow_id, name) == (f"report/{CODE}/{PERIOD}", "retry")
        async with records.moment() as moment:
            word = await moment.session.get_one(ReportRetry, answer.json()["retry_id"])
            trail = await audit.of_subject(moment.session, f"report:{CODE}:{PERIOD}")
        assert (word.version_id, word.staff_id, word.reason_code) == (
            ref.version_id, compliance.staff_id, "books-corrected",
        )  # fmt: skip
        assert [one["actor"] for one in trail if one["action"] == "report-retried"] == [word_of(compliance)]

    async def test_one_that_waits_for_nobody_is_not_made_again(self, compliance: Colleague, made: Any) -> None:
        await made("ACCEPTED", period="2026-07")
        assert_problem(await retry(compliance, f"/{CODE}/2026-07"), 409, "report-not-waiting")
        assert_problem(await retry(compliance, reason="Why not"), 422, "field-format")

    async def test_the_word_is_kept_where_temporal_is_away(
        self, compliance: Colleague, made: Any, door: StandInDoor, records: Records
    ) -> None:
        await made("REJECTED", period="2026-08")
        door.away = True
        answer = await retry(compliance, f"/{CODE}/2026-08")
        assert (answer.status_code, answer.json()["delivered"]) == (201, False)
        async with records.moment() as moment:
            row = await reports.get(moment.session, CODE, "2026-08")
            assert row.state == "REJECTED"
            sql = "update outbox_action set state = 'failed' where workflow_id = :id returning id"
            assert (await run(moment.session, sql, id=f"report/{CODE}/2026-08")).all()


def word_of(who: Colleague) -> str:
    return f"staff:{who.staff_id}"


class TestComplaints:
    BODY = {"topic": "payments", "text": "Төлемім ескерілмеді"}

    async def complain(self, borrower: Borrower, **more: Any) -> httpx.Response:
        return await borrower.call("POST", "/complaints", json=self.BODY | more.pop("body", {}), **more)

    async def test_it_is_archived_and_answered_by_the_fifteenth_working_day(
        self, borrower: Borrower, records: Records
    ) -> None:
        answer = await self.complain(borrower)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        async with records.moment() as moment:
            found = await moment.session.get_one(Complaint, told["complaint_id"])
            _, content = await records.documents.load(moment.session, found.document_id)
        assert content.decode() == self.BODY["text"]
        assert self.BODY["text"].encode() not in found.text
        assert date.fromisoformat(told["answer_due"]) == CALENDAR.add_working_days(local_date(found.received_at), 15)
        assert (await borrower.call("GET", "/complaints")).json() == [told]

    async def test_the_same_one_sent_twice_is_one(self, borrower: Borrower) -> None:
        key = new_key()
        first, second = [await self.complain(borrower, key=key) for _ in range(2)]
        assert first.json() == second.json()
        assert len((await borrower.call("GET", "/complaints")).json()) == 1

    @pytest.mark.parametrize(
        ("body", "code"), [({"topic": "weather"}, "field-not-allowed"), ({"text": ""}, "field-too-short")]
    )
    async def test_what_cannot_be_right(self, borrower: Borrower, body: dict[str, str], code: str) -> None:
        assert_problem(await self.complain(borrower, body=body), 422, code)

    async def test_about_another_clients_loan_it_is_refused_as_absent(self, borrower: Borrower) -> None:
        assert_problem(await self.complain(borrower, body={"loan_id": str(uuid4())}), 404, "not-found")

    async def test_staff_read_it_and_the_client_reads_the_answer(
        self, borrower: Borrower, compliance: Colleague, records: Records
    ) -> None:
        told = (await self.complain(borrower)).json()
        path = f"/staff/api/complaints/{told['complaint_id']}"
        queue = (await compliance.http.get("/staff/api/complaints")).json()
        (listed,) = [one for one in queue if one["complaint_id"] == told["complaint_id"]]
        assert (listed["text"], listed["late"]) == (None, False)
        assert (await compliance.http.get(path)).json()["text"] == self.BODY["text"]
        reply = {"outcome": "partly", "text": "Төлем 2 қазанда ескерілді"}
        answered = await compliance.http.post(f"{path}/answer", json=reply, headers={"Origin": ORIGIN})
        assert (answered.status_code, answered.json()["state"]) == (200, "ANSWERED"), answered.text
        again = await compliance.http.post(f"{path}/answer", json=reply, headers={"Origin": ORIGIN})
        assert_problem(again, 409, "complaint-answered")
        (mine,) = (await borrower.call("GET", "/complaints")).json()
        assert (mine["outcome"], mine["state"]) == ("partly", "ANSWERED")
        content = await borrower.call("GET", mine["answer"]["content"].removeprefix("/api/v1"))
        assert content.content.decode() == reply["text"]
        messages = (await borrower.call("GET", "/messages")).json()
        assert [one["text"] for one in messages] == [reply["text"]]
        async with records.moment() as moment:
            actions = [
                one["action"] for one in await audit.of_subject(moment.session, f"complaint:{told['complaint_id']}")
            ]
        assert actions == ["complaint-received", "complaint-answered"]

    async def test_its_case_begins_with_it_and_hears_of_the_answer(
        self, borrower: Borrower, compliance: Colleague, door: StandInDoor, records: Records
    ) -> None:
        told = (await self.complain(borrower)).json()
        case = f"complaint/{told['complaint_id']}"
        workflow, start = door.started[case]
        assert (workflow, str(start.complaint_id)) == ("ComplaintCase", told["complaint_id"])
        clocks = Clocks(records)
        clock = await clocks.start_clock(
            ClockWanted(
                key=f"complaint:{told['complaint_id']}", rule="complaint-answer", subject="complaint:x",
                workflow_id=case, received_at=datetime.fromisoformat(told["received_at"]),
            )
        )  # fmt: skip
        assert clock.last_day == told["answer_due"]
        async with records.database.begin() as session:  # an act has given a day off
            await run(
                session,
                "update statutory_clock set last_day = last_day + 1, due_at = due_at + interval '1 day' where id = :id",
                id=clock.clock_id,
            )
        moved = str(date.fromisoformat(told["answer_due"]) + timedelta(days=1))
        (mine,) = (await borrower.call("GET", "/complaints")).json()
        queue = (await compliance.http.get("/staff/api/complaints")).json()
        assert [one["answer_due"] for one in queue if one["complaint_id"] == told["complaint_id"]] == [moved]
        assert mine["answer_due"] == moved
        door.answers["answer_given"] = "taken"
        reply = {"outcome": "satisfied", "text": "Түзетілді"}
        path = f"/staff/api/complaints/{told['complaint_id']}/answer"
        answered = await compliance.http.post(path, json=reply, headers={"Origin": ORIGIN})
        assert answered.status_code == 200, answered.text
        assert (case, "answer_given") in {(to, name) for to, name, _ in door.updates}
        seen = await Complaints(records).see_complaint(ComplaintRef(complaint_id=told["complaint_id"]))
        assert (seen.state, seen.outcome, str(seen.client_id)) == ("ANSWERED", "satisfied", str(borrower.client_id))
        async with records.moment() as moment:
            proof = await moment.session.get_one(Document, seen.answer_document_id)
            assert proof.kind == "complaint_answer"
            assert proof.created_at <= moment.at
            found = await moment.session.get_one(Complaint, seen_id := UUID(told["complaint_id"]))
            assert (found.id, found.answered_at) == (seen_id, seen.answered_at)
        with pytest.raises(NotFound, match="complaint-unknown"):
            await Complaints(records).see_complaint(ComplaintRef(complaint_id=uuid4()))

    async def test_while_temporal_is_away_its_case_waits_in_the_outbox(
        self, borrower: Borrower, door: StandInDoor, records: Records
    ) -> None:
        door.away = True
        told = (await self.complain(borrower)).json()
        case = f"complaint/{told['complaint_id']}"
        assert case not in door.started
        door.away = False
        async with records.database.begin() as session:
            await run(session, "update outbox_action set next_attempt_at = now() where workflow_id = :id", id=case)
        while await outbox.send_one(records, Actions(records, door)):
            pass
        assert door.started[case][0] == "ComplaintCase"

    async def test_one_that_is_not_there(self, compliance: Colleague) -> None:
        assert_problem(await compliance.http.get(f"/staff/api/complaints/{uuid4()}"), 404, "complaint-unknown")
