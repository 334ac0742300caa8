"""The steps of an incident on a real database and a real archive.

Simulated: the SMS gateway, the regulator's inbox and the lender's signature. Proven: one incident a cause; whom it
touches; nobody is told twice or left out, whatever is tried again; the notice and its receipt; the end by two people.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from activities import incident_desk as desk
from activities import incidents as steps_module
from activities.context import Records
from activities.incident_desk import FALSE_ALARM, RESOLVED, Touched
from activities.incident_report import IncidentReports
from activities.incident_words import Story
from activities.incidents import IncidentRef, RoundRef
from activities.regulator_notices import NoticeRef, RegulatorNotices
from rules.errors import Conflict, InvalidInput, NotAllowed, NotConfirmed, NotFound, Unavailable
from rules.incidents import Kind
from storage import audit, incidents
from storage.database import Database, run
from storage.tables import Client, Incident, IncidentClosing, RegulatorNotice
from tests.support.incident_world import IncidentWorld
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

WORDS = {"causes": "Пароль был простым.", "lessons": "Длинные пароли."}


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture
def world(kept: Records) -> IncidentWorld:
    return IncidentWorld(kept)


class TestTheEntry:
    async def test_one_cause_is_one_incident_however_many_find_it_at_once(self, world: IncidentWorld) -> None:
        key = f"cause:{uuid4()}"
        found = await asyncio.gather(*(world.entered(key=key) for _ in range(8)))
        assert len({one.id for one in found}) == 1
        trail = [one["action"] for one in await world.trail(found[0].id)]
        assert trail == ["incident-found", "incident-clients"]

    async def test_it_has_the_tasks_of_its_kind_and_a_round_for_its_clients(self, world: IncidentWorld) -> None:
        seen = await world.see(await world.entered(Kind.ARCHIVE_LOCK))
        assert (seen.state, seen.certain, seen.tasks, seen.tasks_open) == ("OPEN", True, 3, 3)
        assert [one.n for one in seen.rounds] == [1]

    async def test_a_suspicion_is_not_certain_until_somebody_says_so(self, world: IncidentWorld) -> None:
        incident = await world.entered(Kind.UNUSUAL_ACCESS)
        assert (await world.see(incident)).certain is False
        await world.steps.make_certain(IncidentRef(incident_id=incident.id))
        await world.steps.make_certain(IncidentRef(incident_id=incident.id))
        assert (await world.see(incident)).certain is True
        assert [one["action"] for one in await world.trail(incident.id)].count("incident-certain") == 1

    @pytest.mark.parametrize(
        ("occurred", "detected", "code"),
        [
            (timedelta(), timedelta(hours=1), "incident-in-the-future"),
            (timedelta(hours=-1), timedelta(hours=-2), "incident-order"),
            (timedelta(days=-5000), timedelta(days=-4999), "incident-too-early"),
        ],
    )
    async def test_impossible_times_are_refused(
        self, world: IncidentWorld, occurred: timedelta, detected: timedelta, code: str
    ) -> None:
        now = datetime.now(UTC)
        with pytest.raises(InvalidInput) as refused:
            await world.entered(occurred_at=now + occurred, detected_at=now + detected)
        assert refused.value.code == code

    async def test_the_entry_is_archived_once_and_no_row_shows_its_words(self, world: IncidentWorld) -> None:
        incident = await world.entered(by=await world.staff())
        ref = IncidentRef(incident_id=incident.id)
        document = await world.steps.archive_entry(ref)
        assert await world.steps.archive_entry(ref) == document
        async with world.records.moment() as moment:
            _, content = await world.records.documents.load(moment.session, document)
            row = await moment.session.get_one(Incident, incident.id)
        assert json.loads(content)["story"]["what"].startswith("Кто-то")
        assert "Кто-то".encode() not in row.story


class TestWhomItTouches:
    async def test_a_list_with_a_stranger_is_refused_by_place(self, world: IncidentWorld) -> None:
        known = await world.clients(2)
        with pytest.raises(InvalidInput) as refused:
            await world.entered(touched=Touched(clients=[known[0], uuid4(), known[1]]))
        assert (refused.value.code, refused.value.field) == ("client-unknown", "/clients/1")

    async def test_who_is_in_an_earlier_round_stays_there(self, world: IncidentWorld) -> None:
        known, staff = await world.clients(3), await world.staff()
        incident = await world.entered(touched=Touched(clients=known[:2]))
        async with world.records.moment() as moment:
            added = await desk.add_clients(moment, incident.id, Touched(clients=known[1:]), staff)
        assert added.n == 2
        assert sorted((row.client_id, row.round_n) for row in await world.rows(incident.id)) == sorted(
            [(known[0], 1), (known[1], 1), (known[2], 2)]
        )

    async def test_all_clients_are_found_part_by_part_and_a_killed_part_is_found_again(
        self, world: IncidentWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(steps_module, "_FOUND_AT_ONCE", 7)
        await world.clients(20)
        async with world.records.moment() as moment:
            everybody = set(
                (await moment.session.exec(select(Client.id).where(col(Client.created_at) <= moment.at))).all()
            )
            until = moment.at.isoformat()
        late = await world.clients(1)
        incident = await world.entered(touched=Touched(query={"kind": "ALL", "until": until}))
        ref = RoundRef(incident_id=incident.id, n=1)
        await asyncio.gather(world.steps.find_clients(ref), world.steps.find_clients(ref))  # the same part, twice
        while not (await world.steps.find_clients(ref)).found:
            pass
        found = {row.client_id for row in await world.rows(incident.id)}
        assert found == everybody
        assert late[0] not in found

    async def test_owners_of_documents_are_found(self, world: IncidentWorld) -> None:
        first, second, _ = await world.clients(3)
        async with world.records.moment() as moment:
            for owner in (first, second):
                client = await world.records.clients.get(moment.session, owner)
                document = await world.records.documents.keep(
                    moment.session, b"x", kind="incident_test", media_type="t", direction="made", client=client,
                    retain_until=moment.at + timedelta(minutes=5),
                )  # fmt: skip
            since, until = moment.at - timedelta(minutes=1), moment.at + timedelta(minutes=1)
        of_kind = {"kind": "DOCUMENTS", "document_kind": "incident_test", "since": since.isoformat()}
        for query, expected in (
            ({"kind": "DOCUMENT", "document_id": str(document.id)}, {second}),
            ({**of_kind, "until": until.isoformat()}, {first, second}),
            ({**of_kind, "until": since.isoformat()}, set()),
        ):
            incident = await world.entered(touched=Touched(query=query))
            assert (await world.steps.find_clients(RoundRef(incident_id=incident.id, n=1))).found
            assert {row.client_id for row in await world.rows(incident.id)} == expected

    async def test_whose_records_a_member_of_staff_opened(self, world: IncidentWorld) -> None:
        mine, other = await world.clients(2)
        staff = await world.staff()

        async def look(subject: str, action: str, who: UUID = staff) -> None:
            async with world.records.moment() as moment:
                await audit.record(moment.session, actor=f"staff:{who}", action=action, subject=subject)

        await look(f"client:{other}", "file-read")
        since = datetime.now(UTC)
        await look(f"registration:{mine}", "payloads-opened")
        await look(f"client:{other}", "file-changed")  # no look
        await look(f"client:{other}", "file-read", who=await world.staff())
        await look("payments:UNMATCHED", "payments-looked-at")
        query = {"kind": "LOOKED_AT", "who": f"staff:{staff}", "since": since.isoformat(),
                 "until": (since + timedelta(minutes=5)).isoformat()}  # fmt: skip
        incident = await world.entered(touched=Touched(query=query))
        await world.steps.find_clients(RoundRef(incident_id=incident.id, n=1))
        assert [row.client_id for row in await world.rows(incident.id)] == [mine]


class TestTelling:
    async def test_each_reads_it_in_their_language_with_the_one_archived_text(self, world: IncidentWorld) -> None:
        clients = await world.clients(6)
        incident, ref = await world.touching(clients)
        done = await world.steps.tell_slice(ref)
        assert (done.left, done.clients, done.unreached) == (0, 6, 0)
        read = [(await world.messages(one))[0] for one in clients]
        assert len({document for _, document in read}) == 3
        assert ["мошеннические" in text for text, _ in read] == [False, True, False] * 2
        async with world.records.moment() as moment:
            for text, document in read:
                kept, content = await world.records.documents.load(moment.session, document)
                assert (content.decode(), kept.kind, kept.client_id) == (text, "incident_notice", None)
        told = [one["detail"]["clients"] for one in await world.trail(incident.id) if one["action"] == "incident-told"]
        assert sorted(told[0]) == sorted(str(one) for one in clients)

    async def test_own_words_go_out_instead_of_ours(self, world: IncidentWorld) -> None:
        (client,) = await world.clients(1, ("kk",))
        story = Story(what="w", texts={"kk": "Өз сөзіміз", "ru": "Свои слова", "en": "Our own words"})
        _, ref = await world.touching([client], story=story)
        await world.steps.tell_slice(ref)
        assert (await world.messages(client))[0][0].startswith("Өз сөзіміз\n")

    async def test_parallel_and_broken_slices_tell_everybody_once(
        self, world: IncidentWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(steps_module, "SLICE", 10)
        clients = await world.clients(45)
        incident, ref = await world.touching(clients)
        await asyncio.gather(world.cut_off(ref), *(world.steps.tell_slice(ref) for _ in range(3)), world.cut_off(ref))
        while (await world.steps.tell_slice(ref)).left:
            pass
        assert [len(await world.messages(one)) for one in clients] == [1] * 45
        told = [one for row in await world.trail(incident.id) if row["action"] == "incident-told"
                for one in row["detail"]["clients"]]  # fmt: skip
        assert sorted(told) == sorted(str(one) for one in clients)

    async def test_a_client_whose_key_is_unreadable_holds_up_nobody(
        self, world: IncidentWorld, database_urls: dict[str, str]
    ) -> None:
        clients = await world.clients(3)
        _, ref = await world.touching(clients)
        forger = Database(database_urls["postgres"], pool_size=1)
        async with forger.begin() as session:
            await run(session, "update client set data_key = 'x' where id = :id", id=clients[1])
        await forger.close()
        assert (await world.steps.tell_slice(ref)).unreached == 1
        assert (await world.steps.text_slice(ref)).left == 0
        rows = {row.client_id: row for row in await world.rows(ref.incident_id)}
        assert rows[clients[1]].ground == "sealed-damaged"
        assert (rows[clients[1]].message_id, rows[clients[1]].sms_id) == (None, None)
        assert all(rows[one].sms_id for one in (clients[0], clients[2]))


class TestTexting:
    async def test_the_sms_says_only_that_a_message_waits(self, world: IncidentWorld) -> None:
        clients = await world.clients(3)
        _, ref = await world.touching(clients)
        assert (await world.steps.text_slice(ref)).left == 0
        texts = {text for _, text in world.gateway.sent.values()}
        assert len(world.gateway.sent) == 3
        assert all(len(one) <= 70 and "мошен" not in one for one in texts)

    async def test_a_gateway_that_fails_in_the_middle_is_asked_again_under_the_same_keys(
        self, world: IncidentWorld
    ) -> None:
        clients = await world.clients(25)
        _, ref = await world.touching(clients)
        asked: list[str] = []
        send = world.gateway.send

        async def failing(key: str, phone: str, text: str, ttl_seconds: int) -> str:
            asked.append(key)
            if len(asked) == 14:
                raise Unavailable("sms-unavailable")
            return await send(key, phone, text, ttl_seconds)

        world.gateway.send = failing  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await world.steps.text_slice(ref)
        noted = [row for row in await world.rows(ref.incident_id) if row.texted_at]
        assert len(noted) == 19  # what was taken is noted, the rest of that part too
        assert (await world.steps.text_slice(ref)).left == 0
        assert len(world.gateway.sent) == 25
        assert sorted(asked) == sorted([*world.gateway.sent, asked[13]])  # only the failed one was asked twice

    async def test_a_refused_number_is_noted_and_not_asked_again(self, world: IncidentWorld) -> None:
        (client,) = await world.clients(1)
        _, ref = await world.touching([client])
        world.gateway.failure = InvalidInput("phone-rejected")
        assert (await world.steps.text_slice(ref)).left == 0
        (row,) = await world.rows(ref.incident_id)
        assert (row.ground, row.sms_id) == ("phone-rejected", None)
        assert row.texted_at is not None


class TestTheRegulator:
    async def test_a_notice_is_signed_archived_sent_and_its_receipt_kept(self, world: IncidentWorld) -> None:
        incident, ref = await world.touching(await world.clients(2), facts={"row": 7})
        first, second = await world.steps.draw_notice(ref), await world.steps.draw_notice(ref)
        assert first == second
        assert world.pen.signed == 1
        sent = await world.steps.notices.send_notice(NoticeRef(key=first.key))
        again = await world.steps.notices.send_notice(NoticeRef(key=first.key))
        assert (sent.state, sent.registration_number) == ("SENT", "R-1")
        assert again == sent
        ((key, told),) = world.inbox.taken.items()
        assert (key, told["kind"], told["cms"]) == (f"incident/{incident.id}/1/1", "INCIDENT", b"signed 1")
        assert told["detected_at"] == incident.detected_at
        assert "затронуты: 2" in told["description"]
        assert '"row": 7' in told["description"]
        async with world.records.moment() as moment:
            _, receipt = await world.records.documents.load(moment.session, sent.receipt_id)
            row = (
                await moment.session.exec(select(RegulatorNotice).where(col(RegulatorNotice.key) == first.key))
            ).one()
            _, content = await world.records.documents.load(moment.session, row.document_id)
        assert json.loads(receipt)["registration_number"] == "R-1"
        assert json.loads(content)["description"] == told["description"]

    async def test_an_inbox_that_is_away_gets_the_same_bytes_later(self, world: IncidentWorld) -> None:
        _, ref = await world.touching(await world.clients(1))
        notice = NoticeRef(key=(await world.steps.draw_notice(ref)).key)
        world.inbox.failures = [Unavailable("regulator-unavailable")]
        with pytest.raises(Unavailable):
            await world.steps.notices.send_notice(notice)
        assert (await world.steps.notices.send_notice(notice)).state == "SENT"
        assert world.pen.signed == 1

    async def test_a_refused_signature_is_a_result_and_made_anew_under_another_key(self, world: IncidentWorld) -> None:
        incident, ref = await world.touching(await world.clients(1))
        notice = NoticeRef(key=(await world.steps.draw_notice(ref)).key)
        world.inbox.failures = [NotConfirmed("regulator-signature-refused")]
        refused = await world.steps.notices.send_notice(notice)
        assert (refused.state, refused.ground) == ("REFUSED", "regulator-signature-refused")
        assert (await world.steps.notices.renew_notice(notice)).state == "MADE"
        assert (await world.steps.notices.renew_notice(notice)).state == "MADE"  # once
        assert (await world.steps.notices.send_notice(notice)).state == "SENT"
        assert [(key, one["cms"]) for key, one in world.inbox.taken.items()] == [
            (f"incident/{incident.id}/1/2", b"signed 2")
        ]

    async def test_an_unknown_notice_is_absent(self, world: IncidentWorld) -> None:
        notices = RegulatorNotices(world.records, world.inbox, world.pen)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            await notices.send_notice(NoticeRef(key="none"))


class TestTheEnd:
    async def done(self, world: IncidentWorld, incident: Incident, staff: UUID) -> None:
        async with world.records.moment() as moment:
            for task in await incidents.tasks(moment.session, incident.id):
                if task.done_at is None:
                    await desk.finish_task(world.records, moment, incident.id, task.id, "сделано", staff)

    async def propose(self, world: IncidentWorld, incident: Incident, staff: UUID, outcome: str) -> IncidentClosing:
        async with world.records.moment() as moment:
            return await desk.propose_closing(world.records, moment, incident.id, outcome, WORDS, staff)

    async def decide(self, world: IncidentWorld, closing: IncidentClosing, staff: UUID, *, agreed: bool) -> None:
        async with world.records.moment() as moment:
            await desk.decide_closing(moment, closing.incident_id, closing.id, staff, agreed=agreed)

    async def test_it_is_over_when_all_is_told_and_done_and_two_people_agree(self, world: IncidentWorld) -> None:
        one, two = await world.staff(), await world.staff()
        incident, ref = await world.touching(await world.clients(2))
        with pytest.raises(Conflict, match="incident-tasks-open"):
            await self.propose(world, incident, one, RESOLVED)
        await self.done(world, incident, one)
        with pytest.raises(Conflict, match="incident-not-informed"):
            await self.propose(world, incident, one, RESOLVED)
        await world.told_everybody(ref)
        closing = await self.propose(world, incident, one, RESOLVED)
        with pytest.raises(Conflict, match="incident-closing-open"):
            await self.propose(world, incident, two, RESOLVED)
        with pytest.raises(NotAllowed, match="second-person-needed"):
            await self.decide(world, closing, one, agreed=True)
        assert (await world.see(incident)).outcome is None
        await self.decide(world, closing, two, agreed=True)
        seen = await world.see(incident)
        assert (seen.state, seen.outcome) == ("CLOSED", RESOLVED)
        for late in (
            self.propose(world, incident, one, FALSE_ALARM),
            self.decide(world, closing, two, agreed=False),
            self.more(world, incident, one),
        ):
            with pytest.raises(Conflict, match="incident-closed"):
                await late

    async def more(self, world: IncidentWorld, incident: Incident, staff: UUID) -> None:
        async with world.records.moment() as moment:
            await desk.add_clients(moment, incident.id, Touched(), staff)

    async def test_clients_found_meanwhile_must_be_told_before(self, world: IncidentWorld) -> None:
        one, two = await world.staff(), await world.staff()
        incident, ref = await world.touching([])
        await world.told_everybody(ref)
        await self.done(world, incident, one)
        closing = await self.propose(world, incident, one, RESOLVED)
        async with world.records.moment() as moment:
            await desk.add_clients(moment, incident.id, Touched(clients=await world.clients(1)), one)
        with pytest.raises(Conflict, match="incident-not-informed"):
            await self.decide(world, closing, two, agreed=True)
        await world.told_everybody(RoundRef(incident_id=incident.id, n=2))
        await self.decide(world, closing, two, agreed=True)

    async def test_a_false_alarm_needs_two_people_and_nothing_done(self, world: IncidentWorld) -> None:
        one, two = await world.staff(), await world.staff()
        incident = await world.entered(Kind.UNUSUAL_ACCESS)
        closing = await self.propose(world, incident, one, FALSE_ALARM)
        await self.decide(world, closing, one, agreed=False)  # taken back by the same person
        closing = await self.propose(world, incident, one, FALSE_ALARM)
        await self.decide(world, closing, two, agreed=True)
        assert (await world.see(incident)).state == "DISMISSED"
        await world.steps.make_certain(IncidentRef(incident_id=incident.id))  # the alarm that comes too late
        assert (await world.see(incident)).certain is False

    async def test_the_database_itself_wants_two_people(self, world: IncidentWorld) -> None:
        one = await world.staff()
        closing = await self.propose(world, await world.entered(), one, FALSE_ALARM)
        with pytest.raises(IntegrityError, match="two_people"):
            async with world.records.moment() as moment:
                await run(
                    moment.session,
                    "update incident_closing set state = 'CONFIRMED', decided_by = :who, decided_at = now()"
                    " where id = :id",
                    who=one,
                    id=closing.id,
                )

    async def test_the_report_says_all_of_it_and_is_archived_once(self, world: IncidentWorld) -> None:
        one = await world.staff()
        incident, ref = await world.touching(await world.clients(2))
        async with world.records.moment() as moment:
            await desk.add_task(world.records, moment, incident.id, "CAUSE", "своя задача", one)
            evidence = await desk.add_document(world.records, moment, incident.id, b"log", "text/plain", None, one)
        await self.done(world, incident, one)
        await world.told_everybody(ref)
        await self.propose(world, incident, one, RESOLVED)
        reports = IncidentReports(world.records)
        document = await reports.archive_report(IncidentRef(incident_id=incident.id))
        assert await reports.archive_report(IncidentRef(incident_id=incident.id)) == document
        async with world.records.moment() as moment:
            _, content = await world.records.documents.load(moment.session, document)
        report = json.loads(content)
        assert report["clients"] == {"touched": 2, "told": 2, "texted": 2, "unreached": 0}
        assert report["closings"][0]["lessons"] == "Длинные пароли."
        assert [one["about"] for one in report["tasks"] if one["code"] == "other"] == ["своя задача"]
        assert all(one["evidence"] == "сделано" for one in report["tasks"])
        assert report["notices"][0]["registration_number"] == "R-1"
        assert [one["document_id"] for one in report["evidence"]] == [str(evidence.document_id)]

    async def test_a_task_is_done_once_and_belongs_to_its_incident(self, world: IncidentWorld) -> None:
        one = await world.staff()
        incident, other = await world.entered(), await world.entered()
        async with world.records.moment() as moment:
            task = (await incidents.tasks(moment.session, incident.id))[0]

        async def finish(of: UUID) -> None:
            async with world.records.moment() as moment:
                await desk.finish_task(world.records, moment, of, task.id, "сделано", one)

        with pytest.raises(NotFound, match="incident-task-unknown"):
            await finish(other.id)
        await finish(incident.id)
        with pytest.raises(Conflict, match="incident-task-done"):
            await finish(incident.id)
