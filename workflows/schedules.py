"""What runs by the clock, made or brought up to date whenever a worker starts.

Rules: para 9, part 2.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from workflows.reconciliation import ReconcileNight

QUEUE = "origination"
NIGHTLY = "reconciliation-nightly"
_HOUR = 3  # in Almaty: banks have closed their day by then
_CATCH_UP = timedelta(days=30)  # nights missed while everything was off are made up for


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


async def set_up(client: Client) -> None:
    """Create the schedules, or change them to what they should be; one that staff paused stays paused."""
    wanted = nightly()

    def changed(known: ScheduleUpdateInput) -> ScheduleUpdate:
        wanted.state = known.description.schedule.state
        return ScheduleUpdate(schedule=wanted)

    try:
        await client.create_schedule(NIGHTLY, wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(NIGHTLY).update(changed)
