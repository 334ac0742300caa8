"""Incidents at the staff's API: entry by list, CSV or query, tasks with evidence, two people at the end.

Real: PostgreSQL and the archive. A stand-in: the door to Temporal, which records what came; the steps of the case are
called as the case would.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from activities.context import Records
from activities.incidents import IncidentRef, RoundRef
from activities.leaks import RespondToLeak
from api import outbox
from api.actions import Actions
from rules.calendar import local_date
from rules.editions import edition
from storage import audit
from tests.support.api_world import ORIGIN, Borrower, Colleague, StandInDoor, application_body, assert_problem, new_key
from tests.support.incident_world import IncidentWorld

HERE = "/staff/api/incidents"
A_QUARTER = {
    "kind": "LOOKED_AT", "staff_id": str(uuid4()), "since": "2026-01-01T00:00:00Z", "until": "2026-04-01T00:00:00Z",
}  # fmt: skip


class Desk:
    """One member of staff at work on incidents."""

    def __init__(self, colleague: Colleague) -> None:
        self.colleague = colleague

    async def ask(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        headers = {"Origin": ORIGIN, "Idempotency-Key": more.pop("key", None) or new_key()}
        return await self.colleague.http.request(method, f"{HERE}{path}", headers=headers, **more)

    async def enter(self, **changes: Any) -> httpx.Response:
        key = changes.pop("key", None)
        now = datetime.now(UTC)
        body = {
            "kind": "UNAUTHORISED_ACCESS", "severity": "HIGH", "what": "Вход под чужой учётной записью.",
            "occurred_at": (now - timedelta(hours=2)).isoformat(),
            "detected_at": (now - timedelta(hours=1)).isoformat(),
        }  # fmt: skip
        return await self.ask("POST", json=body | changes, key=key)

    async def entered(self, **changes: Any) -> str:
        answer = await self.enter(**changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["incident_id"])

    async def shown(self, incident_id: str) -> dict[str, Any]:
        answer = await self.ask("GET", f"/{incident_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def clients(self, incident_id: str) -> set[str]:
        return {one["client_id"] for one in (await self.ask("GET", f"/{incident_id}/clients")).json()}


@pytest.fixture
async def at_work(new_colleague: Callable[..., Any]) -> Callable[..., Any]:
    async def make(*roles: str) -> Desk:
        colleague: Colleague = await new_colleague(*roles)
        assert (await colleague.log_in()).status_code == 201
        return Desk(colleague)

    return make


@pytest.fixture
async def desk(at_work: Callable[..., Any]) -> Desk:
    made: Desk = await at_work("oncall")
    return made


@pytest.fixture
async def second(at_work: Callable[..., Any]) -> Desk:
    made: Desk = await at_work("compliance")
    return made


@pytest.fixture
def world(records: Records) -> IncidentWorld:
    return IncidentWorld(records)


class TestTheEntry:
    async def test_its_case_begins_at_once_and_the_same_key_is_the_same_incident(
        self, desk: Desk, door: StandInDoor
    ) -> None:
        key, occurred = new_key(), "2026-11-02T09:00:00+05:00"
        first = await desk.enter(key=key, occurred_at=occurred, detected_at=occurred)
        again = await desk.enter(key=key, occurred_at=occurred, detected_at=occurred)
        assert first.json() == again.json()
        workflow, argument = door.started[first.json()["workflow_id"]]
        assert (workflow, str(argument.incident_id)) == ("Incident", first.json()["incident_id"])
        assert argument.detected_at == datetime.fromisoformat(occurred)

    async def test_a_start_that_temporal_does_not_take_waits_in_the_outbox(
        self, desk: Desk, door: StandInDoor, records: Records
    ) -> None:
        door.away = True
        incident = await desk.entered()
        async with records.moment() as moment:
            from storage import outbox

            waiting = await outbox.get(moment.session, f"start-{UUID(incident).hex}")
            assert waiting is not None
            assert waiting.state == "waiting"
            await outbox.failed(moment.session, waiting.id, final=True)  # not for other tests' senders

    async def test_it_shows_what_was_entered_its_tasks_and_round(self, desk: Desk) -> None:
        shown = await desk.shown(await desk.entered(kind="UNUSUAL_ACCESS", measures="Доступ закрыт."))
        assert (shown["state"], shown["certain"], shown["found_by"]) == ("OPEN", False, "STAFF")
        assert (shown["what"], shown["measures"]) == ("Вход под чужой учётной записью.", "Доступ закрыт.")
        assert [one["code"] for one in shown["tasks"]] != []
        assert all(one["about"] for one in shown["tasks"])
        assert [(one["n"], one["clients"], one["found"]) for one in shown["rounds"]] == [(1, 0, True)]

    @pytest.mark.parametrize(
        ("changes", "code", "pointer"),
        [
            ({"detected_at": "2100-01-01T00:00:00Z"}, "incident-in-the-future", "/detected_at"),
            ({"occurred_at": "2100-01-01T00:00:00Z"}, "incident-order", "/occurred_at"),
            ({"clients": {}}, "incident-clients-wrong", "/clients"),
            ({"clients": {"ids": [str(uuid4())], "csv": "x"}}, "incident-clients-wrong", "/clients"),
            ({"clients": {"ids": [str(uuid4())]}}, "client-unknown", "/clients/0"),
            ({"clients": {"csv": "client_id\n"}}, "client-id-format", "/clients/csv"),
            ({"clients": {"query": {"kind": "ALL"}}}, "incident-query-wrong", "/clients/query"),
            ({"clients": {"query": A_QUARTER}}, "incident-query-wrong", "/clients/query"),
            ({"texts": {"kk": "x", "ru": "y"}}, "field-missing", "/texts/en"),
        ],
    )
    async def test_what_cannot_be_right_is_named(
        self, desk: Desk, changes: dict[str, Any], code: str, pointer: str
    ) -> None:
        body = assert_problem(await desk.enter(**changes), 422, code)
        assert pointer in [one["pointer"] for one in body.get("errors", [{"pointer": body.get("field")}])], body

    async def test_clients_come_by_list_by_csv_and_by_query(self, desk: Desk, world: IncidentWorld) -> None:
        clients = [str(one) for one in await world.clients(4)]
        by_list = await desk.entered(clients={"ids": [*clients[:2], clients[0]]})
        assert await desk.clients(by_list) == set(clients[:2])
        csv = "\ufeffclient_id;note\n" + "".join(f"{one};x\n" for one in clients) + "\n"
        assert await desk.clients(await desk.entered(clients={"csv": csv})) == set(clients)
        broken = await desk.enter(clients={"csv": f"{clients[0]}\nnobody\n"})
        assert_problem(broken, 422, "client-id-format", "/clients/csv/1")
        async with world.records.moment() as moment:
            client = await world.records.clients.get(moment.session, UUID(clients[3]))
            document = await world.records.documents.keep(
                moment.session, b"x", kind="contract", media_type="t", direction="made", client=client,
                retain_until=moment.at + timedelta(minutes=5),
            )  # fmt: skip
        query = {"kind": "DOCUMENT", "document_id": str(document.id)}
        by_query = await desk.entered(clients={"query": query})
        assert (await desk.shown(by_query))["rounds"][0]["query"] == query
        await world.steps.find_clients(RoundRef(incident_id=UUID(by_query), n=1))
        assert await desk.clients(by_query) == {clients[3]}

    async def test_ten_thousand_ids_are_taken_at_once(self, desk: Desk, world: IncidentWorld) -> None:
        clients = await world.clients(10_000)
        incident = await desk.entered(clients={"csv": "\n".join(str(one) for one in clients)})
        assert (await desk.shown(incident))["rounds"][0]["clients"] == 10_000
        first = (await desk.ask("GET", f"/{incident}/clients")).json()
        after = {"after": first[-1]["client_id"]}
        rest = (await desk.ask("GET", f"/{incident}/clients", params=after)).json()
        assert len({one["client_id"] for one in first + rest}) == 2000


class TestTheWork:
    async def test_more_clients_are_a_round_of_their_own(
        self, desk: Desk, world: IncidentWorld, door: StandInDoor
    ) -> None:
        (client,) = await world.clients(1)
        incident = await desk.entered()
        added = await desk.ask("POST", f"/{incident}/clients", json={"ids": [str(client)]})
        assert (added.status_code, added.json()["round"], added.json()["delivered"]) == (201, 2, True)
        assert [(workflow, name) for workflow, name, _ in door.updates] == [(f"incident/{incident}", "changed")]

    async def test_a_suspicion_is_made_certain(self, desk: Desk, door: StandInDoor) -> None:
        incident = await desk.entered(kind="FAILED_LOG_INS")
        assert (await desk.ask("POST", f"/{incident}/certain")).status_code == 200
        assert (await desk.shown(incident))["certain"] is True
        assert (await desk.ask("POST", f"/{incident}/send-again")).status_code == 200
        assert [name for _, name, _ in door.updates] == ["changed", "send_again"]

    async def test_tasks_are_taken_added_and_done_with_evidence(
        self, desk: Desk, second: Desk, door: StandInDoor
    ) -> None:
        incident = await desk.entered(kind="FRAUD")
        added = await desk.ask("POST", f"/{incident}/tasks", json={"part": "CAUSE", "about": "Спросить банк"})
        task = added.json()["task_id"]
        other = {"staff_id": str(second.colleague.staff_id)}
        assert (await desk.ask("PUT", f"/{incident}/tasks/{task}/owner", json=other)).status_code == 200
        nobody = await desk.ask("PUT", f"/{incident}/tasks/{task}/owner", json={"staff_id": str(uuid4())})
        assert_problem(nobody, 422, "staff-unknown", "/staff_id")
        upload = {"file": ("bank.txt", "Ответ банка", "text/plain")}
        evidence = await second.ask("POST", f"/{incident}/documents", files=upload, data={"task_id": task})
        assert evidence.status_code == 201, evidence.text
        done = await second.ask("POST", f"/{incident}/tasks/{task}/done", json={"evidence": "Ответ приложен"})
        assert done.json()["delivered"] is True
        again = await second.ask("POST", f"/{incident}/tasks/{task}/done", json={"evidence": "Ещё раз"})
        assert_problem(again, 409, "incident-task-done")
        shown = await desk.shown(incident)
        (mine,) = [one for one in shown["tasks"] if one["task_id"] == task]
        assert (mine["about"], mine["evidence"]) == ("Спросить банк", "Ответ приложен")
        assert mine["owner"] == mine["done_by"] == str(second.colleague.staff_id)
        document = shown["documents"][0]
        assert document["task_id"] == task
        content = await desk.ask("GET", f"/{incident}/documents/{document['document_id']}/content")
        assert content.text == "Ответ банка"
        elsewhere = await desk.entered()
        stranger = await desk.ask("GET", f"/{elsewhere}/documents/{document['document_id']}/content")
        assert_problem(stranger, 404, "document-unknown")
        assert len(door.updates) == 2  # the added task and its end; an owner changes nothing for the case

    @pytest.mark.parametrize(
        ("content", "task", "status", "code"),
        [(b"\x00\xff\xfe", "", 415, "evidence-type"), (b"a\0b", "", 415, "evidence-type"),
         (b"log", "x", 422, "field-format"), (b"log", str(uuid4()), 404, "incident-task-unknown")],
    )  # fmt: skip
    async def test_evidence_of_another_kind_or_task_is_refused(
        self, desk: Desk, content: bytes, task: str, status: int, code: str
    ) -> None:
        incident = await desk.entered()
        files = {"file": ("x.bin", content, "application/octet-stream")}
        answer = await desk.ask("POST", f"/{incident}/documents", files=files, data={"task_id": task})
        assert_problem(answer, status, code)


class TestTheEnd:
    async def test_two_people_close_it(self, desk: Desk, second: Desk, world: IncidentWorld, door: StandInDoor) -> None:
        incident = await desk.entered(kind="FAILED_LOG_INS")
        words = {"outcome": "RESOLVED", "causes": "Забыли пароль", "lessons": "Учить"}
        assert_problem(await desk.ask("POST", f"/{incident}/closing", json=words), 409, "incident-tasks-open")
        for task in (await desk.shown(incident))["tasks"]:
            await desk.ask("POST", f"/{incident}/tasks/{task['task_id']}/done", json={"evidence": "Сделано"})
        assert_problem(await desk.ask("POST", f"/{incident}/closing", json=words), 409, "incident-not-informed")
        await world.told_everybody(RoundRef(incident_id=UUID(incident), n=1))
        closing = (await desk.ask("POST", f"/{incident}/closing", json=words)).json()["closing_id"]
        own = await desk.ask("POST", f"/{incident}/closing/{closing}/confirm")
        assert_problem(own, 403, "second-person-needed")
        assert (await second.ask("POST", f"/{incident}/closing/{closing}/confirm")).json()["state"] == "CONFIRMED"
        assert door.updates[-1][:2] == (f"incident/{incident}", "changed")
        shown = await desk.shown(incident)
        assert (shown["state"], shown["closings"][0]["lessons"]) == ("CLOSED", "Учить")
        assert shown["rounds"][0]["notice"]["state"] == "SENT"
        for path, body in (("clients", {"ids": [str(uuid4())]}), ("tasks", {"part": "CAUSE", "about": "x"}),
                           ("certain", None), ("send-again", None), ("closing", words)):  # fmt: skip
            assert_problem(await desk.ask("POST", f"/{incident}/{path}", json=body), 409, "incident-closed")

    async def test_a_proposal_is_taken_back_or_refused_and_made_again(self, desk: Desk, second: Desk) -> None:
        incident = await desk.entered()
        words = {"outcome": "FALSE_ALARM", "causes": "Учения", "lessons": "Предупреждать"}
        for who in (desk, second):
            closing = (await desk.ask("POST", f"/{incident}/closing", json=words)).json()["closing_id"]
            assert (await who.ask("POST", f"/{incident}/closing/{closing}/refuse")).json()["state"] == "REFUSED"
            decided = await second.ask("POST", f"/{incident}/closing/{closing}/confirm")
            assert_problem(decided, 409, "incident-closing-decided")
        unknown = await second.ask("POST", f"/{incident}/closing/{uuid4()}/confirm")
        assert_problem(unknown, 404, "incident-closing-unknown")


class TestWhoReads:
    async def test_an_auditor_reads_and_that_is_audited(
        self, desk: Desk, at_work: Callable[..., Any], records: Records
    ) -> None:
        auditor: Desk = await at_work("auditor")
        incident = await desk.entered()
        assert (await auditor.shown(incident))["incident_id"] == incident
        lines = (await auditor.ask("GET", params={"state": "OPEN"})).json()
        assert incident in [one["incident_id"] for one in lines]
        async with records.moment() as moment:
            trail = await audit.of_subject(moment.session, f"incident:{incident}")
        assert [one["actor"] for one in trail if one["action"] == "incident-read"] == [
            f"staff:{auditor.colleague.staff_id}"
        ]
        assert "чужой" not in str(trail)

    async def test_a_client_reads_the_message_and_its_one_document_and_a_stranger_does_not(
        self, desk: Desk, world: IncidentWorld, new_borrower: Callable[[], Any]
    ) -> None:
        borrower: Borrower = await new_borrower()
        stranger: Borrower = await new_borrower()
        incident = UUID(await desk.entered(kind="DATA_LEAK", clients={"ids": [str(borrower.client_id)]}))
        ref = RoundRef(incident_id=incident, n=1)
        await world.steps.archive_entry(IncidentRef(incident_id=incident))
        await world.told_everybody(ref)
        (message,) = (await borrower.call("GET", "/messages")).json()
        where = f"/documents/{message['document_id']}"
        content = await borrower.call("GET", f"{where}/content")
        assert content.content.decode() == message["text"]
        assert "таралғанын" in message["text"]
        confirmed = (await borrower.call("GET", f"{where}/confirmation")).json()
        assert (confirmed["direction"], confirmed["who"]) == ("sent", "lender")
        assert_problem(await stranger.call("GET", f"{where}/content"), 404, "not-found")
        (row,) = await world.rows(incident)
        assert row.texted_at is not None

    async def test_a_leak_of_data_begins_the_response_of_each_client_by_itself(
        self, desk: Desk, at_work: Callable[..., Any], world: IncidentWorld, new_borrower: Callable[[], Any],
        door: StandInDoor,
    ) -> None:  # fmt: skip
        borrower: Borrower = await new_borrower()
        compliance: Desk = await at_work("compliance")
        incident = await desk.entered(kind="DATA_LEAK", clients={"ids": [str(borrower.client_id)]})
        await world.told_everybody(RoundRef(incident_id=UUID(incident), n=1))
        while await outbox.send_one(world.records, Actions(world.records, door)):
            pass
        case = f"leak/{borrower.client_id}/1"
        workflow, start = door.started[case]
        assert (workflow, start["client_id"], start["n"]) == ("LeakResponse", str(borrower.client_id), 1)
        assert RespondToLeak.model_validate(start).edition == edition(local_date(datetime.now(UTC))).name
        (touched,) = (await desk.ask("GET", f"/{incident}/clients")).json()
        assert touched["leak_id"] == start["leak_id"]
        shown = (await compliance.colleague.http.get(f"/staff/api/leaks/{start['leak_id']}")).json()
        assert (shown["incidents"], shown["source"], shown["workflow_id"]) == ([incident], "incident", case)
        assert_problem(
            await borrower.call("POST", "/applications", json=application_body()), 409, "identity-to-be-confirmed"
        )
