"""A confirmed change of the calendar on a real Temporal server: the cases whose clocks it moves are told, and show it.

Played: where clocks are kept, but for the last test, which is real throughout. Real: the word to the cases, through the
server; one of them has ended meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from sqlmodel import select
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.calendar_changes import CalendarChanges, ClocksToTell, MovedClock, SliceMoved, SliceWanted
from activities.clocks import Clocks, ClockWanted
from activities.context import Records
from activities.interceptors import BusinessErrors
from infra.temporal import RUNNER
from rules.calendar import local_date
from rules.clocks import deadline
from rules.errors import BusinessError, Conflict, Unavailable
from storage import calendar_changes, clocks
from storage.tables import Staff, StatutoryClock
from tests.support.own_database import own_database, records_on
from tests.support.played import Played
from tests.workflows.conftest import Starter
from tests.workflows.test_clock import A_LITTLE, Kept, Watch, Watched, off
from workflows import attributes
from workflows.calendar_change import CalendarChange, ChangeConfirmed, id_of, teller


class Moving(Played):
    """Clocks that a change moves, in slices of one. away: how often Temporal cannot be told."""

    def __init__(self) -> None:
        super().__init__()
        self.client: object = None
        self.confirmed = True
        self.away = 0
        self.moved: list[MovedClock] | None = None
        self.calendar = off()

    def activities(self) -> Sequence[object]:
        @activity.defn
        async def move_clocks(wanted: SliceWanted) -> SliceMoved:
            if not self.confirmed:
                raise Conflict("calendar-change-not-confirmed")
            if self.moved is None:
                rows = self.clocks.move(self.calendar)
                self.moved = [MovedClock(clock_id=row.id, workflow_id=row.workflow_id) for row in rows]
            ids = [one.clock_id for one in self.moved]
            at = 0 if wanted.after is None else 1 + ids.index(wanted.after)
            last = ids[at] if at + 1 < len(ids) else None
            return SliceMoved(act="order 9", moved=self.moved[at : at + 1], last=last)

        @activity.defn
        async def tell_clocks(told: ClocksToTell) -> None:
            if self.away:
                self.away -= 1
                raise Unavailable("temporal")
            for one in told.moved:
                await teller(self.client)(one.workflow_id, one.clock_id)

        return [*super().activities(), move_clocks, tell_clocks]


async def begun(start, played: Moving) -> tuple[Kept, Kept]:
    played.client = start.environment.client
    first = await Kept.begun(start, played, "P13.2")
    second = await Kept.begun(start, played, "P13.2")
    for kept in (first, second):  # the component names the case; the small one of these tests was named by its key
        played.clocks.kept[kept.wanted[0].key].row.workflow_id = kept.handle.id
    return first, second


async def test_every_case_with_a_moved_clock_is_told_even_where_another_has_ended(case):
    played = Moving()
    async with case(played, Watched) as start:
        open_one, ended = await begun(start, played)
        await ended.handle.terminate()
        played.away = 2
        day = local_date(open_one.due() - A_LITTLE)
        played.calendar = off(day)
        change = uuid4()
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(CalendarChange.run, ChangeConfirmed(change_id=change), id_of(change))
            assert (await handle.result()).moved == 2
        await open_one.shows(open_one.due(calendar=off(day)))
        described = await handle.describe()
        assert described.typed_search_attributes[attributes.STAGE] == "MOVED"
        assert described.typed_search_attributes[attributes.CASE_KIND] == "calendar"
        assert "MISSED" not in (await open_one.turn_to(open_one.due() + A_LITTLE)).told
        await open_one.handle.terminate()


async def test_a_change_that_nobody_confirmed_moves_nothing(case):
    played = Moving()
    played.confirmed = False
    async with case(played, Watched) as start:
        change = uuid4()
        handle = await start.run(CalendarChange.run, ChangeConfirmed(change_id=change), id_of(change))
        with pytest.raises(WorkflowFailureError) as refused:
            await handle.result()
        assert refused.value.cause.cause.type == "calendar-change-not-confirmed"


async def test_only_an_absent_case_needs_no_word():
    class Handle:
        def __init__(self, status: RPCStatusCode) -> None:
            self.status = status

        async def signal(self, name: str, moved: object) -> None:
            raise RPCError("", self.status, b"")

    class Client:
        def __init__(self, status: RPCStatusCode) -> None:
            self.status = status

        def get_workflow_handle(self, workflow_id: str) -> Handle:
            return Handle(self.status)

    await teller(Client(RPCStatusCode.NOT_FOUND))("case/1", UUID(int=1))
    with pytest.raises(RPCError):
        await teller(Client(RPCStatusCode.UNAVAILABLE))("case/1", UUID(int=1))


async def test_two_people_move_a_clock_of_a_running_case_all_the_way(skipping, database_urls):
    """Everything real: the database, its clocks, the server, the word to the case."""
    with own_database(database_urls) as urls:
        records = records_on(urls["app"])
        queue = f"test-{uuid4()}"
        activities = [*Clocks(records).all(), *CalendarChanges(records, teller(skipping.client)).all()]
        async with Worker(
            skipping.client, task_queue=queue, workflows=[Watched, CalendarChange], activities=activities,
            workflow_runner=RUNNER, debug_mode=True, interceptors=[BusinessErrors()],
            workflow_failure_exception_types=[BusinessError],
        ):  # fmt: skip
            start = Starter(skipping, queue)
            received = datetime.now(UTC)
            due = deadline("P13.2", received).due
            case_id = f"watched/{uuid4()}"
            wanted = ClockWanted(
                key=case_id, rule="P13.2", subject="test:1", workflow_id=case_id, received_at=received
            )  # fmt: skip
            with skipping.with_time_skipping_disabled():
                handle = await start.run(Watched.run, Watch(wanted=[wanted]), case_id)
                kept = Kept(start, Played(), handle, [wanted])
                await kept.shows(due)
                last = local_date(due - A_LITTLE)
                change = await agreed(records, last)
                mover = await start.run(CalendarChange.run, ChangeConfirmed(change_id=change), id_of(change))
                assert (await mover.result()).moved == 1
                later = deadline("P13.2", received, off(last)).due
                await kept.shows(later)
                (line,) = (await kept.settled()).lines
                assert f"перенесён (order 9 of 2026), было до {last}" in line
                await kept.finish()
                assert await handle.result() == [True]
        async with records.database.begin() as session:
            (row,) = (await session.exec(select(StatutoryClock))).all()
            kinds = [event.kind for event in await clocks.history(session, row.id)]
        assert (row.state, row.due_at, kinds) == ("MET", later, ["STARTED", "MOVED", "MET"])
        await records.database.close()


async def agreed(records: Records, day: date) -> UUID:
    """A day that two people have made a day off."""
    async with records.moment() as moment:
        people = [
            Staff(
                login=f"p{uuid4().hex[:12]}", name="C", roles=["officer"], password_hash="h", totp_secret=b"s",
                created_at=moment.at,
            )
            for _ in range(2)
        ]  # fmt: skip
        moment.session.add_all(people)
        await moment.session.flush()
        change = await calendar_changes.propose_day(moment.session, day, False, "order 9 of 2026", people[0].id)
        await calendar_changes.confirm(moment.session, change.id, people[1].id)
    return change.id
