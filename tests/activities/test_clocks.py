"""Statutory clocks where they are kept, and a calendar that two people change.

Real: PostgreSQL, a database of its own. Proven: a clock starts once whatever races; what happened to it is kept once;
the database refuses impossible states; confirmed changes move the open clocks, tell their cases, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from own_database import own_database, records_on
from psycopg import errors
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from activities import calendar_changes as moving
from activities.calendar_changes import CalendarChanges, ClocksToTell, SliceWanted
from activities.clocks import ClockEnded, ClockRang, ClockRef, Clocks, ClockState, ClockWanted
from activities.context import Records
from rules.calendar import ALMATY, end_of_day
from rules.clocks import HALF_WAY, WARNING, deadline
from rules.days_off import CALENDAR
from rules.errors import Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from storage import audit, calendar_changes, clocks
from storage.database import libpq_url
from storage.tables import CalendarChange, ClockEvent, Staff, StatutoryClock

RECEIVED = datetime(2026, 6, 1, 12, tzinfo=ALMATY).astimezone(UTC)  # a Monday; P13.2 ends with Thursday the 4th
DUE = end_of_day(date(2026, 6, 4))
REACHES_OUT = datetime(2027, 12, 30, 12, tzinfo=ALMATY).astimezone(UTC)
A_MINUTE = timedelta(minutes=1)
YEAR_2028 = {date(2028, 1, 3): "New Year", **{date(2028, 3, day): "Nauryz" for day in (20, 21, 22, 23)}, **{
    date(2028, 5, day): "May holidays" for day in (1, 8, 9)
}}  # fmt: skip


@pytest.fixture(scope="module")
def urls(database_urls: dict[str, str]) -> Iterator[dict[str, str]]:
    with own_database(database_urls) as own:
        yield own


@pytest.fixture(scope="module")
async def records(urls: dict[str, str]) -> AsyncIterator[Records]:
    made = records_on(urls["app"], pool_size=20)
    yield made
    await made.database.close()


@pytest.fixture
async def kept(records: Records, urls: dict[str, str]) -> Clocks:
    """No clock and no change of the calendar is left from another test."""
    with psycopg.connect(libpq_url(urls["postgres"]), autocommit=True) as root:
        root.execute("set session_replication_role = replica")  # past the guards, as only a superuser can
        root.execute("delete from clock_event; delete from statutory_clock; delete from calendar_change")
    return Clocks(records)


@pytest.fixture
async def staff(records: Records) -> tuple[UUID, UUID]:
    """Two people."""
    made = []
    async with records.moment() as moment:
        for _ in range(2):
            one = Staff(
                login=f"p{uuid4().hex[:12]}", name="Colleague", roles=["officer"], password_hash="h",
                totp_secret=b"s", created_at=moment.at,
            )  # fmt: skip
            moment.session.add(one)
            await moment.session.flush()
            made.append(one.id)
    return made[0], made[1]


def wanted(**changes: Any) -> ClockWanted:
    plain = {
        "key": f"test:{uuid4()}", "rule": "P13.2", "subject": f"loan:{uuid4()}", "workflow_id": f"case/{uuid4()}",
        "received_at": RECEIVED,
    }  # fmt: skip
    return ClockWanted(**{**plain, **changes})


async def row_of(records: Records, clock: ClockState) -> StatutoryClock:
    async with records.database.begin() as session:
        return await session.get_one(StatutoryClock, clock.clock_id)


async def kinds(records: Records, clock: ClockState) -> list[str]:
    """What happened to it, sorted: the instants of these tests lie before the day on which they run."""
    async with records.database.begin() as session:
        return sorted(event.kind for event in await clocks.history(session, clock.clock_id))


async def ring(kept: Clocks, clock: ClockState, kind: str, at: datetime) -> ClockState:
    return await kept.ring_clock(ClockRang(clock_id=clock.clock_id, kind=kind, at=at))


async def end(kept: Clocks, clock: ClockState, at: datetime, **more: Any) -> ClockState:
    return await kept.end_clock(ClockEnded(clock_id=clock.clock_id, at=at, evidence={"notice": "n-1"}, **more))


class TestStarting:
    async def test_its_term_follows_from_the_receipt_and_is_kept_with_its_reasons(
        self, kept: Clocks, records: Records
    ) -> None:
        clock = await kept.start_clock(wanted())
        row = await row_of(records, clock)
        assert (clock.state, clock.due_at, clock.last_day) == ("RUNNING", DUE, "2026-06-04")
        assert (row.days, row.unit, row.policy_row) == (3, "working days", "suspension-days@2023-11-20")
        assert row.calendar_version == CALENDAR.version
        assert sorted(one.kind for one in clock.alarms) == [HALF_WAY, WARNING]
        async with records.database.begin() as session:
            (told,) = await audit.of_subject(session, row.subject)
        assert (told["action"], told["reason"], told["paragraph"]) == ("clock-started", "P13.2", "13, part 2")

    async def test_twenty_that_start_the_same_clock_at_once_start_one(self, kept: Clocks, records: Records) -> None:
        one = wanted()
        states = await asyncio.gather(*(kept.start_clock(one) for _ in range(20)))
        assert len({state.clock_id for state in states}) == 1
        assert await kinds(records, states[0]) == ["STARTED"]

    @pytest.mark.parametrize(
        "changes", [{"rule": "P13.4"}, {"received_at": RECEIVED + A_MINUTE}, {"subject": "loan:other"}]
    )
    async def test_a_key_is_one_business_fact(self, kept: Clocks, changes: dict[str, Any]) -> None:
        one = wanted()
        await kept.start_clock(one)
        with pytest.raises(Conflict, match="clock-key-reused"):
            await kept.start_clock(one.model_copy(update=changes))

    async def test_a_fact_that_comes_up_again_after_its_clock_fell_away_has_another_one(
        self, kept: Clocks, records: Records
    ) -> None:
        one = wanted()
        first = await kept.start_clock(one)
        await end(kept, first, RECEIVED, cancelled=True)
        again = one.model_copy(update={"received_at": RECEIVED + timedelta(days=7)})
        states = await asyncio.gather(*(kept.start_clock(again) for _ in range(5)))
        assert {state.state for state in states} == {"RUNNING"}
        assert len({state.clock_id for state in states} | {first.clock_id}) == 2

    async def test_an_unknown_rule_is_refused_for_good(self, kept: Clocks) -> None:
        with pytest.raises(InvalidInput, match="clock-rule-unknown"):
            await kept.start_clock(wanted(rule="P99"))

    async def test_an_unknown_clock_is_refused_for_good(self, kept: Clocks) -> None:
        with pytest.raises(NotFound, match="clock-unknown"):
            await kept.read_clock(ClockRef(clock_id=uuid4()))


class TestRinging:
    async def test_each_reminder_is_kept_once(self, kept: Clocks, records: Records) -> None:
        clock = await kept.start_clock(wanted())
        for alarm in clock.alarms:
            for _ in range(2):
                left = await ring(kept, clock, alarm.kind, alarm.at)
        assert left.alarms == []
        assert await kinds(records, clock) == [HALF_WAY, "STARTED", WARNING]

    async def test_it_is_missed_at_the_first_instant_after_its_last_day_and_not_before(
        self, kept: Clocks, records: Records
    ) -> None:
        clock = await kept.start_clock(wanted())
        early = await ring(kept, clock, "MISSED", DUE - timedelta(microseconds=1))
        assert early.state == "RUNNING"
        late = await ring(kept, clock, "MISSED", DUE)
        assert (late.state, late.alarms) == ("MISSED", [])
        assert await kinds(records, clock) == ["MISSED", "STARTED"]

    async def test_what_is_over_does_not_ring(self, kept: Clocks, records: Records) -> None:
        clock = await kept.start_clock(wanted())
        await end(kept, clock, RECEIVED + A_MINUTE)
        assert (await ring(kept, clock, "MISSED", DUE)).state == "MET"
        assert await kinds(records, clock) == ["MET", "STARTED"]


class TestEnding:
    @pytest.mark.parametrize(
        ("at", "state"), [(DUE - timedelta(microseconds=1), "MET"), (DUE, "MET_LATE"), (DUE + A_MINUTE, "MET_LATE")]
    )
    async def test_both_sides_of_the_end(self, kept: Clocks, records: Records, at: datetime, state: str) -> None:
        clock = await kept.start_clock(wanted())
        assert (await end(kept, clock, at)).state == state
        row = await row_of(records, clock)
        assert (row.ended_at, row.evidence) == (at, {"notice": "n-1"})

    async def test_what_was_missed_is_done_late(self, kept: Clocks) -> None:
        clock = await kept.start_clock(wanted())
        await ring(kept, clock, "MISSED", DUE)
        assert (await end(kept, clock, DUE + A_MINUTE)).state == "MET_LATE"

    async def test_what_falls_away_is_cancelled(self, kept: Clocks) -> None:
        clock = await kept.start_clock(wanted())
        assert (await end(kept, clock, RECEIVED, cancelled=True)).state == "CANCELLED"

    async def test_the_first_end_stands(self, kept: Clocks, records: Records) -> None:
        clock = await kept.start_clock(wanted())
        await asyncio.gather(*(end(kept, clock, RECEIVED + n * A_MINUTE) for n in range(1, 9)))
        assert (await end(kept, clock, DUE + A_MINUTE)).state == "MET"
        assert await kinds(records, clock) == ["MET", "STARTED"]


class TestWithoutALastDay:
    async def test_a_term_that_reaches_into_an_unknown_year_has_none(self, kept: Clocks, records: Records) -> None:
        clock = await kept.start_clock(wanted(received_at=REACHES_OUT))
        assert (clock.state, clock.due_at, clock.last_day, clock.alarms) == ("RUNNING", None, None, [])

    async def test_done_before_that_year_begins_it_is_in_time_whatever_its_days_will_be(self, kept: Clocks) -> None:
        clock = await kept.start_clock(wanted(received_at=REACHES_OUT))
        new_year = end_of_day(date(2027, 12, 31))
        assert (await end(kept, clock, new_year - A_MINUTE)).state == "MET"

    async def test_done_later_nobody_can_say_yet(self, kept: Clocks, records: Records) -> None:
        clock = await kept.start_clock(wanted(received_at=REACHES_OUT))
        assert (await end(kept, clock, end_of_day(date(2027, 12, 31)))).state == "RUNNING"
        assert await kinds(records, clock) == ["STARTED"]

    async def test_a_term_in_calendar_days_has_one(self, kept: Clocks) -> None:
        clock = await kept.start_clock(wanted(rule="restructuring-answer", received_at=REACHES_OUT))
        assert clock.last_day == "2028-01-14"
        assert [one.kind for one in clock.alarms] == [HALF_WAY, WARNING]


class TestTheDatabase:
    """What it refuses whoever asks."""

    async def made(self, kept: Clocks, urls: dict[str, str], state: str) -> tuple[psycopg.Connection, UUID]:
        clock = await kept.start_clock(wanted())
        if state != "RUNNING":
            await ring(kept, clock, "MISSED", DUE)
        if state == "MET_LATE":
            await end(kept, clock, DUE + A_MINUTE)
        return psycopg.connect(libpq_url(urls["app"]), autocommit=True), clock.clock_id

    @pytest.mark.parametrize(
        ("state", "change"),
        [
            ("RUNNING", "state = 'MET', ended_at = due_at"),
            ("RUNNING", "state = 'MET_LATE', ended_at = due_at - interval '1 second'"),
            ("RUNNING", "state = 'MET'"),
            ("RUNNING", "state = 'DONE'"),
            ("RUNNING", "due_at = null"),
            ("MISSED", "state = 'MET', ended_at = due_at - interval '1 second'"),
            ("MISSED", "state = 'RUNNING'"),
            ("MISSED", "state = 'RUNNING', due_at = due_at - interval '1 day', last_day = last_day - 1"),
            ("MET_LATE", "state = 'RUNNING', ended_at = null"),
            ("MET_LATE", "evidence = '{}'"),
        ],
    )
    async def test_impossible_states(self, kept: Clocks, urls: dict[str, str], state: str, change: str) -> None:
        connection, clock_id = await self.made(kept, urls, state)
        with connection, pytest.raises(errors.CheckViolation):
            connection.execute(f"update statutory_clock set {change} where id = %s", (clock_id,))

    @pytest.mark.parametrize(
        ("kind", "made_at", "ended_at", "taken"),
        [
            ("complaint_answer", DUE - A_MINUTE, DUE - A_MINUTE, True),
            ("complaint_answer", DUE, DUE - A_MINUTE, False),
            ("regulator_delivery", DUE + A_MINUTE, DUE - A_MINUTE, True),
            ("regulator_receipt", DUE + A_MINUTE, DUE - A_MINUTE, False),
        ],
    )
    async def test_what_was_missed_is_in_time_by_a_proof_alone(
        self, kept: Clocks, urls: dict[str, str], kind: str, made_at: datetime, ended_at: datetime, taken: bool
    ) -> None:
        """The word of something done in time came after the alarm."""
        connection, clock_id = await self.made(kept, urls, "MISSED")
        document = uuid4()
        with connection:
            connection.execute(
                "insert into document (id, kind, media_type, direction, key, version_id, sha256, size, sealed_sha256,"
                " data_key, retain_until, created_at) values (%(id)s, %(kind)s, 't', 'made', %(key)s, 'v', %(hash)s, 1,"
                " %(hash)s, 'k', now(), %(at)s)",
                {"id": document, "kind": kind, "key": str(document), "hash": "0" * 64, "at": made_at},
            )
        ended = ClockEnded(clock_id=clock_id, at=ended_at, evidence={"proof": str(document)})
        if taken:
            assert (await kept.end_clock(ended)).state == "MET"
        else:
            with pytest.raises(IntegrityError, match="missed is not in time"):
                await kept.end_clock(ended)

    @pytest.mark.parametrize("column", ["received_at = now()", "days = 99", "rule = 'P4'", "key = 'x'"])
    async def test_what_a_clock_stands_on(self, kept: Clocks, urls: dict[str, str], column: str) -> None:
        connection, clock_id = await self.made(kept, urls, "RUNNING")
        with connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(f"update statutory_clock set {column} where id = %s", (clock_id,))

    async def test_its_history(self, kept: Clocks, urls: dict[str, str]) -> None:
        connection, _ = await self.made(kept, urls, "RUNNING")
        for statement in ("update clock_event set at = now()", "delete from clock_event"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement)
        connection.close()


class Told:
    """The cases that were told of a move."""

    def __init__(self) -> None:
        self.words: list[tuple[str, UUID]] = []
        self.away = 0

    async def __call__(self, workflow_id: str, clock_id: UUID) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("temporal")
        self.words.append((workflow_id, clock_id))


async def proposed_day(records: Records, who: UUID, day: date, works: bool = False) -> CalendarChange:
    async with records.moment() as moment:
        return await calendar_changes.propose_day(moment.session, day, works, "order 9 of 2026", who)


async def proposed_year(records: Records, who: UUID) -> CalendarChange:
    async with records.moment() as moment:
        return await calendar_changes.propose_year(
            moment.session, 2028, YEAR_2028, [date(2028, 1, 8)], "order 1 of 2027", who
        )


async def confirmed(records: Records, change: CalendarChange, who: UUID) -> None:
    async with records.moment() as moment:
        await calendar_changes.confirm(moment.session, change.id, who)


async def moved(records: Records, change: CalendarChange, told: Told | None = None) -> list[UUID]:
    """What the workflow does."""
    doing, after, all_moved = CalendarChanges(records, told or Told()), None, []
    while True:
        part = await doing.move_clocks(SliceWanted(change_id=change.id, after=after))
        await doing.tell_clocks(ClocksToTell(moved=part.moved))
        all_moved += [one.clock_id for one in part.moved]
        if part.last is None:
            return all_moved
        after = part.last


class TestChangingTheCalendar:
    async def test_one_person_alone_changes_nothing(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]
    ) -> None:
        change = await proposed_day(records, staff[0], date(2026, 6, 3))
        with pytest.raises(NotAllowed, match="second-person-needed"):
            await confirmed(records, change, staff[0])
        clock = await kept.start_clock(wanted())
        assert clock.due_at == DUE
        with pytest.raises(Conflict, match="calendar-change-not-confirmed"):
            await moved(records, change)

    async def test_the_database_does_not_let_one_person_confirm_either(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID], urls: dict[str, str]
    ) -> None:
        change = await proposed_day(records, staff[0], date(2026, 6, 3))
        with psycopg.connect(libpq_url(urls["app"]), autocommit=True) as connection:
            with pytest.raises(errors.CheckViolation):
                connection.execute(
                    "update calendar_change set state = 'CONFIRMED', decided_by = proposed_by, decided_at = now()"
                )
            await confirmed(records, change, staff[1])
            with pytest.raises(errors.CheckViolation):
                connection.execute("update calendar_change set state = 'REFUSED'")

    async def test_a_new_day_off_moves_the_open_clocks_and_tells_their_cases(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]
    ) -> None:
        first = wanted()
        hit, over = await kept.start_clock(first), await kept.start_clock(wanted())
        calm = await kept.start_clock(wanted(rule="restructuring-answer"))
        await end(kept, over, RECEIVED + A_MINUTE)
        change = await proposed_day(records, staff[0], date(2026, 6, 3))
        await confirmed(records, change, staff[1])
        told = Told()
        assert await moved(records, change, told) == [hit.clock_id]
        assert told.words == [(first.workflow_id, hit.clock_id)]
        again = await kept.read_clock(ClockRef(clock_id=hit.clock_id))
        assert (again.due_at, again.state) == (DUE + timedelta(days=1), "RUNNING")
        assert (again.moved_by, again.moved_from) == ("order 9 of 2026", "2026-06-04")
        row = await row_of(records, hit)
        assert row.calendar_version != CALENDAR.version
        async with records.database.begin() as session:
            (event,) = [one for one in await clocks.history(session, hit.clock_id) if one.kind == "MOVED"]
            audited = [one["action"] for one in await audit.of_subject(session, first.subject)]
        assert event.detail["act"] == "order 9 of 2026"
        assert (event.detail["before"], event.detail["after"]) == (
            DUE.isoformat(), (DUE + timedelta(days=1)).isoformat(),
        )  # fmt: skip
        assert audited == ["clock-started", "clock-moved"]
        assert (await kept.read_clock(ClockRef(clock_id=calm.clock_id))).due_at == calm.due_at
        assert (await kept.read_clock(ClockRef(clock_id=over.clock_id))).state == "MET"

    async def test_a_second_run_moves_nothing_and_tells_the_same_cases_again(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]
    ) -> None:
        clock = await kept.start_clock(wanted())
        change = await proposed_day(records, staff[0], date(2026, 6, 3))
        await confirmed(records, change, staff[1])
        told = Told()
        told.away = 1
        with pytest.raises(Unavailable):
            await moved(records, change, told)
        assert await moved(records, change, told) == [clock.clock_id]
        assert len(told.words) == 1
        assert (await kinds(records, clock)).count("MOVED") == 1

    async def test_clocks_that_start_while_it_is_confirmed_count_by_it_or_are_moved(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]
    ) -> None:
        change = await proposed_day(records, staff[0], date(2026, 6, 3))
        starting = [asyncio.create_task(kept.start_clock(wanted())) for _ in range(15)]
        await confirmed(records, change, staff[1])
        starting += [asyncio.create_task(kept.start_clock(wanted())) for _ in range(15)]
        await moved(records, change)
        states = await asyncio.gather(*starting)
        await asyncio.sleep(0)
        ends = {(await kept.read_clock(ClockRef(clock_id=one.clock_id))).due_at for one in states}
        assert ends == {DUE + timedelta(days=1)}

    async def test_an_earlier_end_that_has_passed_is_left_for_its_case_to_ring(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]
    ) -> None:
        received = datetime(2026, 6, 4, 12, tzinfo=ALMATY).astimezone(UTC)  # Thursday: to the end of Tuesday the 9th
        clock = await kept.start_clock(wanted(received_at=received))
        change = await proposed_day(records, staff[0], date(2026, 6, 6), works=True)
        await confirmed(records, change, staff[1])
        assert await moved(records, change) == [clock.clock_id]
        again = await kept.read_clock(ClockRef(clock_id=clock.clock_id))
        assert (again.due_at, again.state) == (end_of_day(date(2026, 6, 8)), "RUNNING")
        assert (await ring(kept, clock, "MISSED", end_of_day(date(2026, 6, 8)))).state == "MISSED"

    async def test_a_missed_clock_whose_end_moves_into_the_future_runs_again(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID], urls: dict[str, str]
    ) -> None:
        today = datetime.now(ALMATY).date()
        day = CALENDAR.add_working_days(today, -1)  # a term whose last day was the working day before today
        received = datetime(*CALENDAR.add_working_days(day, -3).timetuple()[:3], 12, tzinfo=ALMATY).astimezone(UTC)
        clock = await kept.start_clock(wanted(received_at=received))
        assert clock.due_at == end_of_day(day)
        await ring(kept, clock, "MISSED", datetime.now(UTC))
        change = await proposed_day(records, staff[0], day)
        await confirmed(records, change, staff[1])
        await moved(records, change)
        again = await kept.read_clock(ClockRef(clock_id=clock.clock_id))
        assert again.state == "RUNNING"
        assert (await end(kept, clock, datetime.now(UTC))).state == "MET"

    async def test_a_missed_clock_whose_end_still_lies_behind_us_stays_missed(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]
    ) -> None:
        received = datetime(2025, 6, 2, 12, tzinfo=ALMATY).astimezone(UTC)
        clock = await kept.start_clock(wanted(received_at=received))
        await ring(kept, clock, "MISSED", datetime.now(UTC))
        change = await proposed_day(records, staff[0], date(2025, 6, 4))
        await confirmed(records, change, staff[1])
        await moved(records, change)
        again = await kept.read_clock(ClockRef(clock_id=clock.clock_id))
        assert (again.state, again.due_at) == ("MISSED", end_of_day(date(2025, 6, 9)))

    async def test_many_clocks_move_in_slices(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(moving, "SLICE", 7)
        states = [await kept.start_clock(wanted()) for _ in range(20)]
        change = await proposed_day(records, staff[0], date(2026, 6, 3))
        await confirmed(records, change, staff[1])
        assert sorted(await moved(records, change)) == sorted(one.clock_id for one in states)

    @pytest.mark.parametrize(
        ("day", "works", "error"),
        [
            (date(2026, 6, 3), True, "calendar-day-same"),
            (date(2026, 6, 6), False, "calendar-day-same"),
            (date(2028, 6, 6), False, "calendar-year-unknown"),
        ],
    )
    async def test_a_change_that_changes_nothing_is_refused(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID], day: date, works: bool, error: str
    ) -> None:
        with pytest.raises((Conflict, InvalidInput), match=error):
            await proposed_day(records, staff[0], day, works)

    async def test_one_proposal_a_day_waits_at_a_time_and_may_be_taken_back(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]
    ) -> None:
        day = date(2026, 6, 3)
        change = await proposed_day(records, staff[0], day)
        with pytest.raises(Conflict, match="calendar-change-open"):
            await proposed_day(records, staff[1], day)
        async with records.moment() as moment:
            await calendar_changes.refuse(moment.session, change.id, staff[0])
        with pytest.raises(Conflict, match="calendar-change-decided"):
            await confirmed(records, change, staff[1])
        assert (await proposed_day(records, staff[1], day)).state == "PROPOSED"


class TestAddingAYear:
    async def test_clocks_that_had_no_last_day_get_one(
        self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]
    ) -> None:
        clock = await kept.start_clock(wanted(received_at=REACHES_OUT))
        change = await proposed_year(records, staff[0])
        await confirmed(records, change, staff[1])
        told = Told()
        assert await moved(records, change, told) == [clock.clock_id]
        again = await kept.read_clock(ClockRef(clock_id=clock.clock_id))
        # 31 December, then 3 January is off, so the 4th and 5th
        assert (again.last_day, again.state) == ("2028-01-05", "RUNNING")
        async with records.database.begin() as session:
            calendar = await clocks.calendar(session)
        assert deadline("P13.2", REACHES_OUT, calendar).last_day == date(2028, 1, 5)
        assert [one.why for one in deadline("P13.2", REACHES_OUT, calendar).skipped] == [
            "weekend", "weekend", "holiday: New Year",
        ]  # fmt: skip
        assert calendar.is_working_day(date(2028, 1, 8))

    @pytest.mark.parametrize(
        ("year", "off", "worked", "error"),
        [
            (2029, YEAR_2028, [], "calendar-year-not-next"),
            (2027, YEAR_2028, [], "calendar-year-not-next"),
            (2028, {date(2028, 1, 3): "New Year"}, [], "calendar-days-wrong"),
            (2028, {**YEAR_2028, date(2028, 1, 1): "New Year"}, [], "calendar-days-wrong"),  # a Saturday is off anyway
            (2028, {**YEAR_2028, date(2027, 1, 4): "New Year"}, [], "calendar-days-wrong"),
            (2028, YEAR_2028, [date(2028, 1, 5)], "calendar-days-wrong"),
        ],
    )
    async def test_days_that_cannot_be_are_refused(
        self,
        kept: Clocks,
        records: Records,
        staff: tuple[UUID, UUID],
        year: int,
        off: dict[date, str],
        worked: list[date],
        error: str,
    ) -> None:
        with pytest.raises(InvalidInput, match=error):
            async with records.moment() as moment:
                await calendar_changes.propose_year(moment.session, year, off, worked, "order 1", staff[0])

    async def test_a_year_is_added_once(self, kept: Clocks, records: Records, staff: tuple[UUID, UUID]) -> None:
        change = await proposed_year(records, staff[0])
        with pytest.raises(Conflict, match="calendar-change-open"):
            await proposed_year(records, staff[1])
        await confirmed(records, change, staff[1])
        with pytest.raises(InvalidInput, match="calendar-year-not-next"):
            await proposed_year(records, staff[0])


class TestTheList:
    async def test_those_without_a_last_day_come_first_then_the_nearest(self, kept: Clocks, records: Records) -> None:
        far = await kept.start_clock(wanted(rule="P13.4"))
        near = await kept.start_clock(wanted())
        undated = await kept.start_clock(wanted(received_at=REACHES_OUT))
        over = await kept.start_clock(wanted())
        await end(kept, over, RECEIVED)
        async with records.database.begin() as session:
            listed = [one.id for one in await clocks.nearest(session, states=clocks.OPEN, limit=10)]
            paged, last = [], None
            while found := await clocks.nearest(session, states=clocks.OPEN, after=last, limit=1):
                paged, last = [*paged, found[0].id], found[0]
            only = await clocks.nearest(session, states=clocks.OPEN, undated=True, limit=10)
            count = (await session.exec(select(ClockEvent.id).where(col(ClockEvent.kind) == "STARTED"))).all()
        assert listed == paged == [undated.clock_id, near.clock_id, far.clock_id]
        assert [one.id for one in only] == [undated.clock_id]
        assert len(count) == 4
