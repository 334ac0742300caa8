"""What runs by the clock, made or brought up to date whenever a worker starts.

Law on microfinance, art. 4. Rules: para 9, part 2.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from workflows import report_schedules
from workflows.audit_seal import seals
from workflows.furnishing import FurnishingRound, RoundDue
from workflows.reconciliation import ReconcileNight
from workflows.watch_schedules import watches

QUEUE = "origination"
NIGHTLY = "reconciliation-nightly"
FURNISHING = "furnishing-rounds"
_HOUR = 3  # in Almaty: banks have closed their day by then
_CATCH_UP = timedelta(days=30)  # nights missed while everything was off are made up for
# often enough that what was not urgent, or whose wake-up was lost, is at the bureau on its day; urgent records wake it
_ROUND = timedelta(minutes=15)


def nightly() -> Schedule:
    """Every night in Almaty; each start is another day, so starts may overlap."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            ReconcileNight.run, id="reconcile-night", task_queue=QUEUE, static_summary="сверка выписки за вчера"
        ),
        spec=ScheduleSpec(
            calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(_HOUR)])],
            jitter=timedelta(minutes=1),
            time_zone_name="Asia/Almaty",
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=_CATCH_UP),
    )


def rounds() -> Schedule:
    """All day long; a round that was missed needs no other, the next one finds whatever waits."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            FurnishingRound.run,
            RoundDue(by="schedule"),
            id="furnishing-round",
            task_queue=QUEUE,
            static_summary="записи для кредитного бюро",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=_ROUND)], time_zone_name="Asia/Almaty"),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_ROUND),
    )


SCHEDULES: dict[str, Callable[[], Schedule]] = {
    NIGHTLY: nightly, FURNISHING: rounds, **watches(QUEUE), **seals(QUEUE), **report_schedules.SCHEDULES,
}  # fmt: skip


async def set_up(client: Client) -> None:
    """Create the schedules, or change them to what they should be; one that staff paused stays paused."""
    for name, make in SCHEDULES.items():
        await _set_up(client, name, make())


async def _set_up(client: Client, name: str, wanted: Schedule) -> None:
    def changed(known: ScheduleUpdateInput) -> ScheduleUpdate:
        wanted.state = known.description.schedule.state
        return ScheduleUpdate(schedule=wanted)

    try:
        await client.create_schedule(name, wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(changed)
