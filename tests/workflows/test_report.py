"""A report to the regulator on a real Temporal server with a virtual clock; activities are played.

Proven: both sides of the last day; a form that is refused waits for a person; a portal that is closed on the last day;
an upload without a receipt; a refusal a day later and the report that follows it; a hand-typed word makes nothing;
workers that come and go; the schedules in Almaty's time, made twice, and past periods.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import ScheduleOverlapPolicy, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.interceptors import BusinessErrors
from activities.reports import ReportRef, RetryAsked
from infra.temporal import RUNNER
from rules.calendar import ALMATY
from rules.clocks import deadline
from rules.errors import BusinessError
from rules.reports import REPORTS, span
from tests.support.played import Played
from tests.support.turned import Patience, at_rest
from tests.workflows.conftest import WORKFLOWS, Starter
from tests.workflows.test_registration import refusal_of
from workflows import attributes, report_schedules, schedules
from workflows.report import DueReport, RegulatorReport, ReportDue, ReportView

A_LITTLE = timedelta(minutes=2)
AN_HOUR = timedelta(hours=1)
WHOLE = ["report:snapshot:1", "report:check:1:0", "report:files:1", "report:sign:1", "report:upload:1"]


def ended_long_ago() -> datetime:
    """The end of a period whose report is due within a day or two, a day off between included."""
    now = datetime.now(UTC)
    at = now
    while deadline("report", at).due > now + timedelta(hours=30):
        at -= timedelta(days=1)
    while deadline("report", at).due < now + timedelta(hours=3):
        at += timedelta(days=1)
    return at


class Reported:
    """One report's case. Its period ended now; `due` is the first instant at which it is late."""

    def __init__(self, start: Starter, played: Played, handle: WorkflowHandle) -> None:
        self.start, self.played, self.handle = start, played, handle
        self.due = deadline("report", played.reports.received_at).due

    @classmethod
    async def begun(cls, start: Starter, played: Played, **changes: Any) -> Reported:
        for name, value in changes.items():
            setattr(played.reports, name, value)
        ref = ReportRef(code="refusals", period="2026-10")
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(RegulatorReport.run, ref, f"report/test-{uuid4()}/2026-10")
        return cls(start, played, handle)

    async def at(self, stage: str) -> ReportView:
        """Wait until it stands there and nothing is under way."""
        async for _ in Patience():
            await at_rest(self.handle)
            view: ReportView = await self.handle.query(RegulatorReport.view)
            if view.stage == stage:
                return view
        raise AssertionError(f"never {stage}: {view} {self.played.calls}")

    async def until(self, true: Callable[[], bool]) -> None:
        async for _ in Patience():
            if true():
                return
        raise AssertionError(f"never: {self.played.calls}")

    async def turn_to(self, instant: datetime, stage: str) -> ReportView:
        """Turn the case's clock forward."""
        left = instant - await self.start.environment.get_current_time(self.handle)
        assert left > timedelta(0), "the clock only goes forward"
        assert await self.start.environment.fast_forward(self.handle, left)
        return await self.at(stage)

    async def again(self, asked: RetryAsked | None = None) -> ReportView:
        """A person says that another version may be made."""
        asked = asked or self.played.reports.word()
        view: ReportView = await self.handle.execute_update(RegulatorReport.retry, asked)
        return view

    async def needs_person(self) -> bool:
        return bool((await self.handle.describe()).typed_search_attributes[attributes.NEEDS_PERSON])

    async def details(self) -> str:
        """The case's page, as far as staff see it."""
        described = await self.handle.describe()
        return str(await described.static_details() or "")

    def did(self, prefix: str = "report:") -> list[str]:
        return [one for one in self.played.calls if one.startswith(prefix)]

    async def ended(self) -> tuple[int, bool | None]:
        result = await self.handle.result()
        return result.version, result.in_time


async def test_a_report_goes_from_snapshot_to_receipt_at_once(case):
    played = Played()
    async with case(played) as start:
        report = await Reported.begun(start, played)
        assert await report.ended() == (1, True)
    assert report.did() == ["report:open:refusals:2026-10", *WHOLE, "report:receipt:1:ACCEPTED"]
    clock = played.clocks.of("report")
    assert clock.row.state == "MET"
    assert (clock.row.subject, clock.row.evidence["version"]) == ("report:refusals:2026-10", 1)
    assert set(clock.row.evidence) == {"version", "upload", "uploaded_at", "proof"}


async def test_one_that_was_accepted_before_is_left_alone(case):
    played = Played()
    async with case(played) as start:
        report = await Reported.begun(start, played, done=True)
        assert await report.ended() == (0, None)
    assert report.did() == ["report:open:refusals:2026-10"]
    assert played.clocks.kept == {}


class TestAFaultyForm:
    async def test_it_waits_for_a_person_and_another_version_follows(self, case):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, faulty=[2, 1])
            assert (await report.at("FAULTY")).version == 1
            assert await report.needs_person()
            assert report.did("report:files") == []
            await report.again()
            await report.until(lambda: len(played.reports.versions) == 2)
            assert (await report.at("FAULTY")).version == 2
            await report.again()
            assert await report.ended() == (3, True)
        assert report.did("report:upload") == ["report:upload:3"]

    @pytest.mark.parametrize("late", [False, True])
    async def test_both_sides_of_the_last_day(self, case, late):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, faulty=[1])
            await report.at("FAULTY")
            shown = (await report.handle.describe()).typed_search_attributes
            assert (shown[attributes.DEADLINE], shown[attributes.DEADLINE_RULE]) == (report.due, "report")
            await report.turn_to(report.due + (A_LITTLE if late else -A_LITTLE), "FAULTY")
            await report.again()
            assert await report.ended() == (2, not late)
        kinds = played.clocks.of("report").kinds
        assert ("MISSED" in kinds) is late
        assert kinds[-1] == ("MET_LATE" if late else "MET")
        assert {"HALF_WAY", "WARNING"} <= set(kinds)

    async def test_a_hand_typed_word_makes_nothing(self, case):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, faulty=[1, 1])
            await report.at("FAULTY")
            typed = RetryAsked(retry_id=uuid4())
            assert await refusal_of(report.handle, RegulatorReport.retry, typed) == "report-retry-unknown"
            about_another = played.reports.word(version=uuid4())
            assert (await report.again(about_another)).version == 1
            first = played.reports.word()
            await report.again(first)
            await report.until(lambda: len(played.reports.versions) == 2)
            await report.at("FAULTY")
            assert (await report.again(first)).version == 2  # said about the version before
            await report.at("FAULTY")
            assert len(played.reports.versions) == 2
            await report.handle.terminate()


class TestTheRegulator:
    async def test_a_portal_closed_on_the_last_day_is_tried_until_it_opens_and_people_are_called(self, case):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, portal=10_000, received_at=ended_long_ago())
            await report.at("READY")
            begun = await start.environment.get_current_time(report.handle)
            assert not await report.needs_person()
            await report.turn_to(report.due + A_LITTLE, "READY")
            assert await report.needs_person()
            assert "MISSED" in played.clocks.of("report").kinds
            tries = len(report.did("report:away"))
            hours = (report.due - begun) / AN_HOUR
            assert hours - 2 < tries < hours + 8  # hourly, after a few quick ones
            played.reports.portal = 0
            await start.environment.fast_forward(report.handle, AN_HOUR)
            assert await report.ended() == (1, False)
        assert report.did("report:upload") == ["report:upload:1"]

    async def test_without_a_receipt_it_asks_ever_more_seldom_until_one_comes(self, case):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, receipts=["SENT"])
            await report.at("SENT")
            begun = await start.environment.get_current_time(report.handle)
            await report.turn_to(begun + timedelta(hours=2), "SENT")
            assert 3 <= len(report.did("report:receipt")) <= 5
            assert not await report.needs_person()
            await report.turn_to(begun + timedelta(days=2), "SENT")
            assert await report.needs_person()
            await report.turn_to(report.due + A_LITTLE, "SENT")
            days = (report.due - begun).days
            assert 2 * days - 2 <= len(report.did("report:receipt")) <= 2 * days + 8
            played.reports.receipts = ["ACCEPTED"]
            await start.environment.fast_forward(report.handle, timedelta(hours=13))
            assert await report.ended() == (1, True)  # delivered in time, whenever the receipt comes
            assert not await report.needs_person()
        assert len(report.did("report:upload")) == 1
        clock = played.clocks.of("report")
        assert clock.kinds == ["STARTED", "MET"]
        assert clock.row.ended_at == played.reports.uploaded[1] < report.due

    async def test_a_person_need_not_wait_for_the_receipt(self, case):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, receipts=["SENT"])
            await report.at("SENT")
            played.reports.receipts = ["ACCEPTED"]
            await report.again()
            assert await report.ended() == (2, True)
        assert report.did("report:upload") == ["report:upload:1", "report:upload:2"]

    async def test_a_refusal_a_day_later_waits_for_a_person_and_is_followed_by_another_version(self, case):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, receipts=["SENT"])
            await report.at("SENT")
            begun = await start.environment.get_current_time(report.handle)
            played.reports.receipts = ["SENT", "SENT", "REJECTED", "ACCEPTED"]
            await report.turn_to(begun + timedelta(days=1), "REJECTED")
            assert await report.needs_person()
            await report.again()
            assert await report.ended() == (2, True)
        assert report.did("report:upload") == ["report:upload:1", "report:upload:2"]
        assert report.did("report:receipt:1")[-1] == "report:receipt:1:REJECTED"

    async def test_a_refusal_after_the_last_day_makes_the_report_late(self, case):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, receipts=["SENT"], received_at=ended_long_ago())
            await report.at("SENT")
            await report.turn_to(report.due + A_LITTLE, "SENT")
            assert played.clocks.of("report").row.state == "MET"
            played.reports.receipts = ["REJECTED", "ACCEPTED"]
            await report.turn_to(report.due + timedelta(days=1), "REJECTED")
            await report.until(lambda: [one.row.state for one in played.clocks.kept.values()] == ["MET", "MISSED"])
            await report.again()
            assert await report.ended() == (2, False)
        first, second = played.clocks.kept.items()
        assert (first[0], second[0]) == ("report:refusals:2026-10", "report:refusals:2026-10:1")
        assert (first[1].row.state, second[1].row.state) == ("MET", "MET_LATE")
        assert first[1].row.due_at == second[1].row.due_at == report.due

    async def test_a_delivery_that_we_hear_of_after_the_last_day_counts_from_its_own_moment(self, case):
        """The portal took it a minute before the end, and its answer was lost until the day after."""
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, portal=10_000, received_at=ended_long_ago())
            await report.at("READY")
            played.reports.uploaded[1] = report.due - timedelta(minutes=1)
            await report.turn_to(report.due + A_LITTLE, "READY")
            assert played.clocks.of("report").row.state == "MISSED"
            played.reports.portal = 0
            await start.environment.fast_forward(report.handle, AN_HOUR)
            assert await report.ended() == (1, True)
        assert played.clocks.of("report").kinds[-2:] == ["MISSED", "MET"]

    async def test_a_portal_that_is_closed_while_the_receipt_is_asked_for(self, case):
        played = Played()
        async with case(played) as start:
            report = await Reported.begun(start, played, receipts=["AWAY", "ACCEPTED"])
            await report.at("SENT")
            await start.environment.fast_forward(report.handle, timedelta(minutes=5))
            assert await report.ended() == (1, True)


class TestRestart:
    def worker(self, skipping, queue: str, played: Played) -> Worker:
        return Worker(
            skipping.client, task_queue=queue, workflows=WORKFLOWS, activities=played.activities(),
            workflow_runner=RUNNER, debug_mode=True, interceptors=[BusinessErrors()],
            workflow_failure_exception_types=[BusinessError],
        )  # fmt: skip

    async def test_another_worker_goes_on_where_the_first_stopped(self, skipping):
        played, queue = Played(), f"test-{uuid4()}"
        async with self.worker(skipping, queue, played):
            report = await Reported.begun(Starter(skipping, queue), played, faulty=[1], receipts=["SENT"])
            await report.at("FAULTY")
        async with self.worker(skipping, queue, played):
            await report.again()
            await report.at("SENT")
        async with self.worker(skipping, queue, played):
            await report.turn_to(report.due + A_LITTLE, "SENT")
            played.reports.receipts = ["ACCEPTED"]
        async with self.worker(skipping, queue, played):
            await skipping.fast_forward(report.handle, timedelta(hours=13))
            assert await report.ended() == (2, True)
        assert report.did("report:snapshot") == ["report:snapshot:1", "report:snapshot:2"]
        assert report.did("report:upload") == ["report:upload:2"]


class TestSchedules:
    async def test_what_a_schedule_starts_is_the_period_that_was_over(self, case):
        played = Played()
        async with case(played) as start:
            handle = await start.run(ReportDue.run, DueReport(code="refusals"), f"due/{uuid4()}")
            workflow_id = await handle.result()
            now = datetime.now(ALMATY)
            month = span("month", f"{now.year - (now.month == 1)}-{(now.month - 2) % 12 + 1:02d}")
            assert workflow_id == f"report/refusals/{month.code}"
            case_of = start.environment.client.get_workflow_handle_for(RegulatorReport.run, workflow_id)
            assert (await case_of.result()).version == 1
        assert played.calls[0] == f"report:open:refusals:{month.code}"

    async def test_every_report_has_one_in_almatys_time_and_making_them_twice_changes_nothing(self, skipping):
        for _ in range(2):
            await schedules.set_up(skipping.client)
        minutes = set()
        for code in REPORTS:
            handle = skipping.client.get_schedule_handle(report_schedules.schedule_id(code))
            found = (await handle.describe()).schedule
            assert found.spec.time_zone_name == "Asia/Almaty"
            assert found.policy.overlap is ScheduleOverlapPolicy.ALLOW_ALL
            assert found.policy.catchup_window == timedelta(days=60)
            times = (await handle.describe()).info.next_action_times
            local = [one.astimezone(ALMATY) for one in times]
            assert {(one.day, one.hour) for one in local} == {(1, 6)}
            minutes.add(local[0].minute)
        assert len(minutes) == len(REPORTS)  # not all at once
        await handle.pause(note="by staff")
        await schedules.set_up(skipping.client)
        assert (await handle.describe()).schedule.state.paused
        for name in schedules.SCHEDULES:
            await skipping.client.get_schedule_handle(name).delete()

    async def test_past_periods_are_begun_each_with_its_own_case(self, skipping):
        played = Played()
        await schedules.set_up(skipping.client)
        try:
            async with Worker(
                skipping.client, task_queue=schedules.QUEUE, workflows=WORKFLOWS, activities=played.activities(),
                workflow_runner=RUNNER, debug_mode=True, interceptors=[BusinessErrors()],
                workflow_failure_exception_types=[BusinessError],
            ):  # fmt: skip
                first, last = span("month", "2026-01"), span("month", "2026-03")
                for _ in range(2):  # what was accepted stays so
                    await report_schedules.backfill(skipping.client, "refusals", first, last)
                    for month in ("2026-01", "2026-02", "2026-03"):
                        await self._accepted(skipping, f"report/refusals/{month}")
                    played.reports.done = True
        finally:
            for name in schedules.SCHEDULES:
                await skipping.client.get_schedule_handle(name).delete()
        opened = {one for one in played.calls if one.startswith("report:open")}
        assert opened == {f"report:open:refusals:2026-{month:02d}" for month in (1, 2, 3)}
        assert len(played.reports.versions) == 3

    @staticmethod
    async def _accepted(skipping, workflow_id: str) -> None:
        async for _ in Patience():
            try:
                await skipping.client.get_workflow_handle(workflow_id).result()
                return
            except RPCError:
                continue
        raise AssertionError(f"never begun: {workflow_id}")
