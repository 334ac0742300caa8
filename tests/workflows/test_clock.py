"""The component of a statutory clock in a small case of its own, on a real Temporal server with a virtual clock.

Played: where clocks are kept (the rules of their terms are real). Proven: reminders at their instants; both sides of
the end; terms that move either way, also while missed, and while word of it crosses an answer; clocks without a last
day; two clocks in one case; workers that come and go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.clocks import ClockRef, ClockState, ClockWanted
from rules.calendar import local_date
from rules.clocks import HALF_WAY, WARNING, alarms, deadline
from rules.days_off import CALENDAR, DAYS_OFF, Calendar, DayChange
from rules.errors import BusinessError
from rules.evidence import Frozen
from rules.policy import policy
from tests.support.played import Played
from tests.support.turned import Patience, at_rest, worker_of
from tests.workflows.conftest import Starter
from workflows import attributes
from workflows.clock import MOVED, NO_CALENDAR, SIGNAL, ClockMoved, Clocks

A_DAY = timedelta(days=1)
A_LITTLE = timedelta(minutes=2)


class Watch(Frozen):
    """Clocks to be kept. run_out: the case waits until they have run, instead of doing something meanwhile."""

    wanted: list[ClockWanted]
    run_out: bool = False


class Seen(Frozen):
    """What staff would see. told: what the component said, in order."""

    told: list[str]
    lines: list[str]
    needs_person: bool


@workflow.defn(name="Watched", sandboxed=False)
class Watched:
    """Something is done when the test says so."""

    @workflow.init
    def __init__(self, start: Watch) -> None:
        self.clocks = Clocks(self._rang)
        self.told: list[str] = []
        self.done: dict[str, str] = {}

    @workflow.run
    async def run(self, start: Watch) -> list[bool | None]:
        """Whether each was in time."""
        if start.run_out:
            for one in start.wanted:
                clock = await self.clocks.start(one)
                await self.clocks.run_out(clock, {})
            return [True for _ in start.wanted]
        return list(await asyncio.gather(*(self.clocks.guard(one, self._work(one.key)) for one in start.wanted)))

    async def _work(self, key: str) -> dict[str, str] | None:
        await workflow.wait_condition(lambda: key in self.done)
        if self.done[key] == "fail":
            raise BusinessError("work-failed")
        return None if self.done[key] == "fall-away" else {"how": self.done[key]}

    async def _rang(self, kind: str) -> None:
        self.told.append(kind)

    @workflow.signal
    def finish(self, key: str, how: str = "done") -> None:
        """The work of a key is done, falls away, or fails."""
        self.done[key] = how

    @workflow.query
    def seen(self) -> Seen:
        """See Seen."""
        return Seen(told=self.told, lines=self.clocks.lines(), needs_person=self.clocks.needs_person)


class Kept:
    """One case with clocks that began now, asleep."""

    def __init__(self, start: Starter, played: Played, handle: WorkflowHandle, wanted: list[ClockWanted]) -> None:
        self.start, self.played, self.handle, self.wanted = start, played, handle, wanted

    @classmethod
    async def begun(cls, start: Starter, played: Played, *rules: str, run_out: bool = False) -> Kept:
        name = str(uuid4())
        received = datetime.now(UTC)
        wanted = [
            ClockWanted(key=f"{rule}:{name}", rule=rule, subject="test:1", workflow_id=name, received_at=received)
            for rule in rules
        ]
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(Watched.run, Watch(wanted=wanted, run_out=run_out), f"watched/{name}")
        made = cls(start, played, handle, wanted)
        await made.until(lambda: len(played.clocks.kept) == len(wanted) or run_out)
        await made.settled()
        return made

    async def until(self, true) -> None:
        async for _ in Patience():
            if true():
                return
        raise AssertionError(f"never: {[one.told for one in self.played.clocks.kept.values()]}")

    async def settled(self) -> Seen:
        """Wait until no activity is under way and all that came has been looked at."""
        await at_rest(self.handle)
        seen: Seen = await self.handle.query(Watched.seen)
        return seen

    async def shows(self, due: datetime | None) -> None:
        """Wait until the lists of Temporal UI show this end."""
        async for _ in Patience():
            if (await self.shown())[0] == due:
                return
        raise AssertionError(f"never {due}: {await self.shown()}")

    async def turn_to(self, instant: datetime) -> Seen:
        """Turn the case's clock forward."""
        left = instant - await self.start.environment.get_current_time(self.handle)
        assert left > timedelta(0), "the clock only goes forward"
        assert await self.start.environment.fast_forward(self.handle, left)
        return await self.settled()

    async def moved(self, calendar: Calendar) -> None:
        """The calendar changes, and the case is told of each clock that it moved."""
        for row in self.played.clocks.move(calendar):
            await self.handle.signal(SIGNAL, ClockMoved(clock_id=row.id))

    async def finish(self, n: int = 0, how: str = "done") -> None:
        await self.handle.signal(Watched.finish, args=[self.wanted[n].key, how])

    async def shown(self) -> tuple[datetime | None, str | None]:
        """What the lists of Temporal UI show of the nearest clock."""
        shown = (await self.handle.describe()).typed_search_attributes
        return shown.get(attributes.DEADLINE), shown.get(attributes.DEADLINE_RULE)

    def due(self, rule: str = "P13.2", calendar: Calendar = CALENDAR) -> datetime:
        return deadline(rule, self.wanted[0].received_at, calendar).due

    def alarm(self, kind: str, rule: str = "P13.2") -> datetime:
        found = deadline(rule, self.wanted[0].received_at)
        (at,) = [one.at for one in alarms(found, policy(local_date(found.received))) if one.kind == kind]
        return at


def worked(*days: date) -> Calendar:
    """People work on these days off."""
    return CALENDAR.changed([DayChange(day, True, "order 1") for day in days])


def off(*days: date) -> Calendar:
    return CALENDAR.changed([DayChange(day, False, "order 2") for day in days])


def known_until(year: int) -> Calendar:
    """The table without this year and those after it."""
    return Calendar({known: one for known, one in DAYS_OFF.items() if known < year})


class TestInTime:
    async def test_staff_are_reminded_half_way_and_the_morning_before_and_the_end_is_proven(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.4")
            assert await kept.shown() == (kept.due("P13.4"), "P13.4")
            await kept.turn_to(kept.alarm(HALF_WAY, "P13.4") - A_LITTLE)
            assert (await kept.settled()).told == []
            assert (await kept.turn_to(kept.alarm(HALF_WAY, "P13.4") + A_LITTLE)).told == [HALF_WAY]
            await kept.turn_to(kept.alarm(WARNING, "P13.4") - A_LITTLE)
            assert (await kept.settled()).told == [HALF_WAY]
            assert (await kept.turn_to(kept.alarm(WARNING, "P13.4") + A_LITTLE)).told == [HALF_WAY, WARNING]
            await kept.turn_to(kept.due("P13.4") - A_LITTLE)
            seen = await kept.settled()
            assert (seen.told, seen.needs_person) == ([HALF_WAY, WARNING], False)
            await kept.finish()
            assert await kept.handle.result() == [True]
            assert await kept.shown() == (None, None)
        clock = played.clocks.of("P13.4")
        assert (clock.row.state, clock.row.evidence) == ("MET", {"how": "done"})
        assert clock.row.ended_at < clock.row.due_at

    async def test_what_is_done_at_once_reminds_nobody(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            await kept.finish()
            assert await kept.handle.result() == [True]
        assert played.clocks.of("P13.2").kinds == ["STARTED", "MET"]

    async def test_what_falls_away_is_neither_met_nor_missed(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            await kept.finish(how="fall-away")
            assert await kept.handle.result() == [None]
        assert played.clocks.of("P13.2").kinds == ["STARTED", "CANCELLED"]

    async def test_work_that_fails_leaves_its_clock_open(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            await kept.finish(how="fail")
            with pytest.raises(WorkflowFailureError):
                await kept.handle.result()
        assert played.clocks.of("P13.2").row.state == "RUNNING"


class TestMissed:
    async def test_people_are_called_when_the_last_day_has_ended_and_the_work_is_still_done(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            before = await kept.turn_to(kept.due() - A_LITTLE)
            assert ("MISSED" in before.told, before.needs_person) == (False, False)
            after = await kept.turn_to(kept.due() + A_LITTLE)
            assert (after.told[-1], after.needs_person) == ("MISSED", True)
            assert "ПРОПУЩЕН" in after.lines[0]
            assert await kept.shown() == (kept.due(), "P13.2")
            await kept.turn_to(kept.due() + 3 * A_DAY)
            assert (await kept.settled()).told.count("MISSED") == 1
            await kept.finish()
            assert await kept.handle.result() == [False]
        assert played.clocks.of("P13.2").row.state == "MET_LATE"

    async def test_a_receipt_of_long_ago_is_missed_at_once(self, case):
        played = Played()
        async with case(played, Watched) as start:
            long_ago = datetime.now(UTC) - timedelta(days=60)
            wanted = ClockWanted(key="k", rule="P13.2", subject="test:1", workflow_id="w", received_at=long_ago)
            handle = await start.run(Watched.run, Watch(wanted=[wanted]), f"watched/{uuid4()}")
            kept = Kept(start, played, handle, [wanted])
            await kept.until(lambda: played.clocks.kept and "MISSED" in played.clocks.of("P13.2").kinds)
            await kept.finish()
            assert await handle.result() == [False]


class TestMoved:
    async def test_a_later_end_is_kept_to_and_reminded_of_again(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            first = kept.due()
            await kept.turn_to(kept.alarm(WARNING) + A_LITTLE)
            calendar = off(local_date(kept.alarm(WARNING)))  # the very day of the reminder, so there is another one
            await kept.moved(calendar)
            later = kept.due(calendar=calendar)
            assert later > first
            await kept.shows(later)
            seen = await kept.turn_to(first + A_LITTLE)
            assert f"перенесён (order 9), было до {local_date(first - A_LITTLE)}" in seen.lines[0]
            assert "MISSED" not in seen.told
            assert seen.told.count(MOVED) == 1
            seen = await kept.turn_to(later - A_LITTLE)
            assert (seen.told.count(HALF_WAY), seen.told.count(WARNING)) == (1, 2)
            seen = await kept.turn_to(later + A_LITTLE)
            assert seen.told[-1] == "MISSED"
            await kept.handle.terminate()

    async def test_an_end_that_moves_into_the_past_is_missed_at_once(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            day = local_date(kept.wanted[0].received_at)
            await kept.turn_to(kept.due() - A_LITTLE)
            # the days after the receipt are all worked now: where they were already, the end stays where it was
            calendar = worked(*(day + n * A_DAY for n in range(1, 4)))
            if kept.due(calendar=calendar) == kept.due():
                played.clocks.of("P13.2").row.days = 1  # no day off lies between: another reason for an earlier end
            await kept.moved(calendar)
            await kept.until(lambda: played.clocks.of("P13.2").row.state == "MISSED")
            assert (await kept.settled()).told[-1] == "MISSED"
            await kept.finish()
            assert await kept.handle.result() == [False]

    async def test_what_was_missed_is_in_time_again_where_an_act_moves_its_end(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            first = kept.due()
            assert (await kept.turn_to(first + A_LITTLE)).needs_person
            last = local_date(first - A_LITTLE)
            await kept.moved(off(last))
            await kept.shows(kept.due(calendar=off(last)))
            seen = await kept.settled()
            assert (seen.needs_person, seen.told[-1]) == (False, MOVED)
            await kept.finish()
            assert await kept.handle.result() == [True]

    async def test_word_of_a_move_that_crosses_the_answer_about_another_is_heard(self, case):
        class Slow(Played):
            """Reading a clock takes as long as the test wants."""

            def __init__(self) -> None:
                super().__init__()
                self.reading, self.go_on = asyncio.Event(), asyncio.Event()

            def activities(self) -> Sequence[object]:
                known = super().activities()
                (really,) = [one for one in known if one.__name__ == "read_clock"]

                @activity.defn
                async def read_clock(ref: ClockRef) -> ClockState:
                    read = await really(ref)
                    self.reading.set()
                    await self.go_on.wait()
                    return read

                return [*(one for one in known if one is not really), read_clock]

        played = Slow()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            last = local_date(kept.due() - A_LITTLE)
            await kept.moved(off(last))
            await asyncio.wait_for(played.reading.wait(), 90)
            again = off(last, local_date(kept.due(calendar=off(last)) - A_LITTLE))
            await kept.moved(again)  # what the case is about to be told is out of date already
            played.go_on.set()
            await kept.shows(kept.due(calendar=again))
            await kept.handle.terminate()

    async def test_word_that_nothing_moved_changes_nothing(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            row = played.clocks.of("P13.2").row
            for clock_id in (row.id, uuid4()):
                await kept.handle.signal(SIGNAL, ClockMoved(clock_id=clock_id))
            await kept.finish()
            assert await kept.handle.result() == [True]
            assert (await kept.handle.query(Watched.seen)).told == []


class TestWithoutALastDay:
    async def test_a_person_is_needed_until_the_year_is_known(self, case):
        played = Played()
        played.clocks.calendar = known_until(datetime.now(UTC).year)
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            seen = await kept.settled()
            assert (seen.told, seen.needs_person) == ([NO_CALENDAR], True)
            assert "нужен сотрудник" in seen.lines[0]
            assert await kept.shown() == (None, None)
            await kept.moved(CALENDAR)
            await kept.shows(kept.due())
            seen = await kept.settled()
            assert (seen.told, seen.needs_person) == ([NO_CALENDAR, MOVED], False)
            assert (await kept.turn_to(kept.due() + A_LITTLE)).told[-1] == "MISSED"
            await kept.handle.terminate()

    async def test_whether_what_was_done_was_in_time_is_said_when_the_year_is_known(self, case):
        played = Played()
        played.clocks.calendar = known_until(datetime.now(UTC).year)
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.2")
            await kept.finish()
            await kept.until(lambda: played.clocks.asked_to_end)
            await kept.settled()
            assert played.clocks.of("P13.2").row.state == "RUNNING"
            await kept.moved(CALENDAR)
            assert await kept.handle.result() == [True]
        assert played.clocks.of("P13.2").row.state == "MET"


class TestSeveral:
    async def test_the_nearest_is_shown_and_each_ends_for_itself(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P13.4", "P13.2")
            seen = await kept.settled()
            assert [line.split("**")[1] for line in seen.lines] == ["P13.2", "P13.4"]
            assert await kept.shown() == (kept.due("P13.2"), "P13.2")
            assert (await kept.turn_to(kept.due("P13.2") + A_LITTLE)).needs_person
            await kept.finish(1)
            await kept.until(lambda: played.clocks.of("P13.2").row.state == "MET_LATE")
            seen = await kept.settled()
            assert [line.split("**")[1] for line in seen.lines] == ["P13.4"]
            assert not seen.needs_person
            assert await kept.shown() == (kept.due("P13.4"), "P13.4")
            await kept.finish(0)
            assert await kept.handle.result() == [True, False]


class TestRunningOut:
    async def test_what_may_not_be_done_before_the_end_waits_for_it_wherever_it_moves(self, case):
        played = Played()
        async with case(played, Watched) as start:
            kept = await Kept.begun(start, played, "P4", run_out=True)
            first = kept.due("P4")
            await kept.turn_to(first - A_LITTLE)
            calendar = off(local_date(first - A_LITTLE))
            await kept.moved(calendar)
            later = kept.due("P4", calendar)
            await kept.shows(later)
            await kept.turn_to(first + A_LITTLE)
            assert played.clocks.of("P4").row.state == "RUNNING"
            left = later - await start.environment.get_current_time(kept.handle)
            await start.environment.fast_forward(kept.handle, left + A_LITTLE)
            assert await kept.handle.result() == [True]
            assert played.clocks.of("P4").row.state == "RAN_OUT"
            assert played.clocks.of("P4").row.ended_at >= later


class TestRestart:
    async def test_a_second_worker_takes_the_clock_over_where_the_first_left_it(self, skipping):
        played, queue = Played(), f"test-{uuid4()}"
        async with worker_of(skipping, queue, played, [Watched]):
            kept = await Kept.begun(Starter(skipping, queue), played, "P13.4")
            await kept.turn_to(kept.alarm(HALF_WAY, "P13.4") + A_LITTLE)
        async with worker_of(skipping, queue, played, [Watched]):
            assert (await kept.turn_to(kept.due("P13.4") - A_LITTLE)).told == [HALF_WAY, WARNING]
        async with worker_of(skipping, queue, played, [Watched]):
            assert (await kept.turn_to(kept.due("P13.4") + A_LITTLE)).told[-1] == "MISSED"
            await kept.finish()
            assert await kept.handle.result() == [False]
        assert played.clocks.of("P13.4").kinds == ["STARTED", HALF_WAY, WARNING, "MISSED", "MET_LATE"]

    async def test_a_move_while_no_worker_was_there_is_heard_by_the_next(self, skipping):
        played, queue = Played(), f"test-{uuid4()}"
        async with worker_of(skipping, queue, played, [Watched]):
            kept = await Kept.begun(Starter(skipping, queue), played, "P13.2")
        calendar = off(local_date(kept.due() - A_LITTLE))
        await kept.moved(calendar)
        async with worker_of(skipping, queue, played, [Watched]):
            seen = await kept.turn_to(kept.due() + A_LITTLE)
            assert "MISSED" not in seen.told
            assert (await kept.turn_to(kept.due(calendar=calendar) + A_LITTLE)).told[-1] == "MISSED"
            await kept.handle.terminate()
