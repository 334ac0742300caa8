"""When reports are begun: in the morning after their period, each a little after the other.

Rules: para 34.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)

from rules.reports import REPORTS, Every, Report, Span
from workflows.report import DueReport, ReportDue

_QUEUE = "origination"
_HOUR = 6  # in Almaty: the night's reconciliation has booked what the last day still brought
_APART = 5  # minutes between two reports
_CATCH_UP = timedelta(days=60)  # a period that was over while everything was off is reported all the same
_MONTHS = {
    Every.MONTH: [ScheduleRange(1, 12)],
    Every.QUARTER: [ScheduleRange(month) for month in (1, 4, 7, 10)],
}


def schedule_id(code: str) -> str:
    """The name of a report's schedule."""
    return f"report-{code}"


def _schedule(definition: Report, minute: int) -> Schedule:
    """Each start is another period, so starts may overlap."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            ReportDue.run,
            DueReport(code=definition.code),
            id=f"report-due/{definition.code}",
            task_queue=_QUEUE,
            static_summary=f"отчёт {definition.code} за прошедший период",
        ),
        spec=ScheduleSpec(
            calendars=[
                ScheduleCalendarSpec(
                    minute=[ScheduleRange(minute)],
                    hour=[ScheduleRange(_HOUR)],
                    day_of_month=[ScheduleRange(1)],
                    month=_MONTHS[definition.every],
                )
            ],
            time_zone_name="Asia/Almaty",
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=_CATCH_UP),
    )


SCHEDULES = {
    schedule_id(code): partial(_schedule, definition, _APART * number)
    for number, (code, definition) in enumerate(REPORTS.items())
}


async def backfill(client: Client, code: str, first: Span, last: Span) -> None:
    """Begin the cases of past periods, as if each had been due on its own day; what runs or was accepted stays so."""
    window = ScheduleBackfill(
        start_at=first.window[1],
        end_at=last.window[1] + timedelta(days=1),
        overlap=ScheduleOverlapPolicy.ALLOW_ALL,
    )
    await client.get_schedule_handle(schedule_id(code)).backfill(window)
