"""What the system finds itself, on a database of its own that a superuser damages, and a real archive.

Proven: each kind of damage is one incident, found once however often it is looked for; a watch goes on from where it
stopped; what is usual is no incident.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest

from activities import archive_watch, incident_watch
from activities.context import Records
from activities.incident_watch import AuditSeen, Due, Watches
from activities.incidents import RoundRef
from rules.errors import Unavailable
from rules.incidents import Kind
from rules.policy import policy
from storage import audit, incidents
from storage.archive_lock import HELD, LockCheck
from storage.database import libpq_url
from storage.tables import Document, Incident
from tests.support.incident_world import IncidentWorld, alone, migrated

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


@dataclass
class Watched:
    """A world, its watches, and the hand of a superuser."""

    world: IncidentWorld
    superuser: str

    @property
    def watches(self) -> Watches:
        return Watches(self.world.records)

    def forge(self, *statements: str) -> None:
        """As somebody whom no right stops."""
        with psycopg.connect(libpq_url(self.superuser)) as connection:
            connection.execute("set session_replication_role = replica")
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]

    async def acted(
        self, times: int, action: str = "counted", subject: str = "test:1", who: str = "system:test"
    ) -> None:
        """Rows of the audit trail."""
        async with self.world.records.moment() as moment:
            for n in range(times):
                await audit.record(moment.session, actor=who, action=action, subject=subject.format(n=n))

    async def night(self) -> int:
        """A whole night's verification; how many slices it took."""
        seen, slices = AuditSeen(), 0
        while not seen.over:
            seen, slices = await self.watches.verify_audit(seen), slices + 1
        return slices

    async def look(self) -> None:
        """All that is new in the audit trail."""
        while await self.watches.look_at_access(Due()):
            pass

    async def document(self, owner: UUID | None, **changes: Any) -> Document:
        """An archived document."""
        async with self.world.records.moment() as moment:
            client = None if owner is None else await self.world.records.clients.get(moment.session, owner)
            plain = {"kind": "contract", "media_type": "t", "direction": "made"}
            until = moment.at + timedelta(minutes=10)
            return await self.world.records.documents.keep(
                moment.session, b"content", client=client, retain_until=until, **(plain | changes)
            )

    async def touched(self, incident: Incident) -> list[UUID]:
        """Clients of an incident, by its query where it has one."""
        await self.world.steps.find_clients(RoundRef(incident_id=incident.id, n=1))
        return [row.client_id for row in await self.world.rows(incident.id)]


@pytest.fixture(scope="module")
def template(database_urls: dict[str, str]) -> Iterator[str]:
    with migrated(database_urls) as name:
        yield name


@pytest.fixture
async def watched(
    database_urls: dict[str, str], archive_settings: ArchiveSettings, template: str
) -> AsyncIterator[Watched]:
    async with alone(database_urls, archive_settings, template) as (world, superuser):
        yield Watched(world, superuser)


class TestTheAuditTrail:
    async def test_a_whole_chain_is_no_incident(self, watched: Watched) -> None:
        await watched.acted(5)
        assert await watched.night() == 1
        assert await watched.world.found(Kind.AUDIT_CHAIN) == []

    async def test_forged_rows_are_one_incident_however_many_nights_see_them(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(incident_watch, "_ROWS_AT_ONCE", 6)
        await watched.acted(16)
        watched.forge("update audit_entry set actor = 'staff:innocent' where n in (3, 5)")
        assert await watched.night() >= 3
        await watched.night()
        (found,) = await watched.world.found(Kind.AUDIT_CHAIN)
        assert found.facts == {"row": 3, "problem": "the row was changed", "rows": [3, 5], "times": 2}
        assert (found.severity, found.found_by) == ("CRITICAL", "SYSTEM")
        watched.forge("update audit_entry set detail = '{\"a\": 1}' where n = 9")  # one forgery hides no other
        await watched.night()
        assert [one.facts["row"] for one in await watched.world.found(Kind.AUDIT_CHAIN)] == [3, 9]

    async def test_a_deleted_row_is_named(self, watched: Watched) -> None:
        await watched.acted(6)
        watched.forge("delete from audit_entry where n = 4")
        await watched.night()
        (found,) = await watched.world.found(Kind.AUDIT_CHAIN)
        assert (found.facts["row"], found.facts["problem"]) == (5, "row 4 is missing")

    async def test_an_end_that_was_cut_off_is_found_by_the_row_noted_the_night_before(self, watched: Watched) -> None:
        await watched.acted(6)
        await watched.night()
        watched.forge("delete from audit_entry where n > 3")
        await watched.night()
        (found,) = await watched.world.found(Kind.AUDIT_CHAIN)
        assert found.facts == {"row": 6, "problem": "the row noted before is missing"}


class TestTheArchive:
    async def test_changed_swapped_absent_and_forged_documents_are_found_once_each(self, watched: Watched) -> None:
        owner, other = await watched.world.clients(2)
        changed, swapped, absent, forged = [await watched.document(owner) for _ in range(4)]
        whole = await watched.document(other)
        watched.forge(
            f"update document set sha256 = repeat('0', 64) where id = '{changed.id}'",
            f"update document set key = '{whole.key}', version_id = '{whole.version_id}' where id = '{swapped.id}'",
            f"update document set key = 'contract/none' where id = '{absent.id}'",
            f"update document set sealed_sha256 = '{whole.sealed_sha256}', key = '{whole.key}',"
            f" version_id = '{whole.version_id}' where id = '{forged.id}'",
        )
        done = await watched.watches.scrub_slice(Due())
        assert (done.damaged, done.over) == (4, True)
        assert (await watched.watches.scrub_slice(Due())).damaged == 4  # it stays damaged, and is no second incident
        found = {one.facts["document"]: one for one in await watched.world.found(Kind.ARCHIVE_DAMAGE)}
        assert {name: one.facts["problem"] for name, one in found.items()} == {
            str(changed.id): "document-not-as-audited",
            str(swapped.id): "document-damaged",
            str(absent.id): "document-absent",
            str(forged.id): "document-not-as-audited",
        }
        assert await watched.touched(found[str(absent.id)]) == [owner]

    async def test_it_goes_through_the_archive_slice_by_slice_and_begins_again(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(incident_watch, "_DOCUMENTS_AT_ONCE", 3)
        ids = sorted([(await watched.document(None)).id for _ in range(7)])
        looked: list[UUID] = []
        look = Watches._look

        async def noting(self: Watches, document: Document) -> bool:
            looked.append(document.id)
            return await look(self, document)

        monkeypatch.setattr(Watches, "_look", noting)
        slices = [await watched.watches.scrub_slice(Due()) for _ in range(3)]
        assert [(one.checked, one.over) for one in slices] == [(3, False), (3, False), (1, True)]
        assert looked == ids
        await watched.watches.scrub_slice(Due())
        assert looked[7:] == ids[:3]

    async def test_an_archive_that_is_away_is_no_damage_and_nothing_is_skipped(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(4):
            await watched.document(None)
        look, times = Watches._look, 0

        async def failing(self: Watches, document: Document) -> bool:
            nonlocal times
            times += 1
            if times == 3:
                raise Unavailable("archive: away")
            return await look(self, document)

        monkeypatch.setattr(Watches, "_look", failing)
        with pytest.raises(Unavailable):
            await watched.watches.scrub_slice(Due())
        assert (await watched.watches.scrub_slice(Due())).checked == 2
        assert times == 5
        assert await watched.world.found(Kind.ARCHIVE_DAMAGE) == []

    async def test_what_may_be_deleted_by_now_is_not_missed(self, watched: Watched) -> None:
        document = await watched.document(None)
        watched.forge(
            "update document set key = 'contract/none', retain_until = now() - interval '1 day'"
            f" where id = '{document.id}'"
        )
        assert (await watched.watches.scrub_slice(Due())).checked == 0

    async def test_a_broken_lock_is_one_incident_until_it_holds_again(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        records: Records = watched.world.records
        answer = HELD

        async def verify_lock() -> list[LockCheck]:
            return [LockCheck(rule="deleting a locked version is refused", vital=True, result=answer)]

        monkeypatch.setattr(records.documents.archive, "verify_lock", verify_lock)
        for one in (HELD, "BROKEN", "BROKEN", HELD, "BROKEN"):
            answer = one
            await archive_watch.try_lock(records)
        found = await watched.world.found(Kind.ARCHIVE_LOCK)
        assert len(found) == 2
        assert found[0].facts["broken"] == ["deleting a locked version is refused"]


class TestUnusualAccess:
    async def test_many_records_in_an_hour_are_a_suspicion_with_their_clients(self, watched: Watched) -> None:
        async with watched.world.records.moment() as moment:
            allowed = moment.policy.whole("access-records-per-hour")
        clients = await watched.world.clients(allowed + 3)
        staff = await watched.world.staff()
        for client in clients[:allowed]:
            await watched.acted(1, "file-read", f"client:{client}", f"staff:{staff}")
        await watched.look()
        assert await watched.world.found(Kind.UNUSUAL_ACCESS) == []
        await watched.acted(3, "file-read", f"client:{clients[0]}", f"staff:{staff}")  # the same record again
        await watched.look()
        assert await watched.world.found(Kind.UNUSUAL_ACCESS) == []
        await watched.acted(1, "file-read", f"client:{clients[allowed]}", f"staff:{staff}")  # seen with the hour before
        await watched.look()
        (found,) = await watched.world.found(Kind.UNUSUAL_ACCESS)
        assert (found.facts["who"], found.facts["times"]) == (f"staff:{staff}", allowed + 1)
        assert found.certain_at is None
        await watched.acted(1, "file-read", f"client:{clients[allowed + 1]}", f"staff:{staff}")
        await watched.look()
        assert len(await watched.world.found(Kind.UNUSUAL_ACCESS)) == 1
        assert set(await watched.touched(found)) == set(clients[: allowed + 2])  # also those of the rest of the day

    async def test_what_others_do_and_other_rows_are_not_counted(self, watched: Watched) -> None:
        for n in range(5):
            await watched.acted(20, "file-read", f"loan:00000000-0000-4000-8000-{n:02d}" + "{n:010d}", f"staff:{n}")
        await watched.acted(80, "file-changed", "loan:00000000-0000-4000-8000-{n:012d}", "staff:1")
        await watched.acted(80, "file-read", "payments:{n}", "staff:2")
        await watched.look()
        assert await watched.world.found(Kind.UNUSUAL_ACCESS) == []

    async def test_failed_log_ins_of_one_account_and_of_many(self, watched: Watched) -> None:
        rules = policy(await self.today(watched))
        one, everybody = rules.whole("staff-log-ins-failed-per-hour"), rules.whole("staff-log-ins-failed-per-hour-all")
        await watched.acted(one, "staff-log-in-failed", "staff:a", "system:api")
        await watched.look()
        assert await watched.world.found(Kind.FAILED_LOG_INS) == []
        await watched.acted(1, "staff-log-in-failed", "staff:a", "system:api")
        await watched.look()
        assert [one.facts["who"] for one in await watched.world.found(Kind.FAILED_LOG_INS)] == ["staff:a"]
        await watched.acted(everybody - one, "staff-log-in-failed", "attempt:{n}", "system:api")
        await watched.look()
        assert [one.facts["who"] for one in await watched.world.found(Kind.FAILED_LOG_INS)] == ["staff:a", "all"]

    async def today(self, watched: Watched) -> Any:
        async with watched.world.records.moment() as moment:
            return moment.day

    async def test_rows_are_looked_at_once_in_parts(self, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(incident_watch, "_ROWS_AT_ONCE", 10)
        await watched.acted(35)
        more = [await watched.watches.look_at_access(Due()) for _ in range(4)]
        assert more == [True, True, True, False]
        async with watched.world.records.moment() as moment:
            assert (await incidents.position(moment.session, "access"))["n"] == 35

    async def test_an_hour_ends(self, watched: Watched) -> None:
        """Rows of two hours, the times of which a superuser has set."""
        await watched.acted(90, "file-read", "loan:00000000-0000-4000-8000-{n:012d}", "staff:1")
        watched.forge("update audit_entry set at = at - interval '70 minutes' where n <= 45")
        await watched.look()
        assert await watched.world.found(Kind.UNUSUAL_ACCESS) == []

    async def test_what_was_found_waits_for_its_case_until_that_has_begun(self, watched: Watched) -> None:
        incident = await watched.world.entered()
        (waiting,) = await watched.watches.incidents_to_begin(Due())
        assert (waiting.ref.incident_id, waiting.detected_at) == (incident.id, incident.detected_at)
        await watched.world.see(incident)
        assert await watched.watches.incidents_to_begin(Due()) == []


@pytest.mark.parametrize("gap", [False, True])
async def test_the_first_row_of_an_instant_is_found_by_some_look_ups(watched: Watched, gap: bool) -> None:
    await watched.acted(20)
    if gap:
        watched.forge("delete from audit_entry where n in (9, 10, 11)")
    async with watched.world.records.moment() as moment:
        for n in (1, 8, 12, 20):
            entry = (await audit.of_subject(moment.session, "test:1"))[n - 1 if n < 9 or not gap else n - 4]
            assert await incidents.first_audit_row(moment.session, entry["at"]) in ({9, 12} if gap and n == 12 else {n})
        later = moment.at + timedelta(hours=1)
        assert await incidents.first_audit_row(moment.session, later) == 21
