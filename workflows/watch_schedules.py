"""When the watches look: access every few minutes, documents every hour, the audit trail every night.

Rules: para 13, part 1; para 32.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)

from activities.incident_watch import AuditSeen
from workflows.incident_watch import ArchiveScrub, VerifyAudit, WatchAccess

ACCESS, AUDIT, SCRUB = "watch-access", "verify-audit", "archive-scrub"
_ACCESS, _SCRUB = timedelta(minutes=10), timedelta(hours=1)
_NIGHT = ScheduleCalendarSpec(hour=[ScheduleRange(2)])  # in Almaty


def watches(queue: str) -> dict[str, Callable[[], Schedule]]:
    """The schedules by name; a look that was missed needs no other: the next goes on from where the last stopped."""
    return {
        ACCESS: lambda: _made(queue, WatchAccess.run, "watch-access", "необычный доступ", _every(_ACCESS), _ACCESS),
        SCRUB: lambda: _made(queue, ArchiveScrub.run, "archive-scrub", "архив: хеши", _every(_SCRUB), _SCRUB),
        AUDIT: lambda: _made(
            queue, VerifyAudit.run, "verify-audit", "журнал: проверка цепочки",
            ScheduleSpec(calendars=[_NIGHT], time_zone_name="Asia/Almaty"), timedelta(days=1), AuditSeen(),
        ),
    }  # fmt: skip


def _every(often: timedelta) -> ScheduleSpec:
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=often)], time_zone_name="Asia/Almaty")


def _made(
    queue: str, run: Any, workflow_id: str, summary: str, spec: ScheduleSpec, catch_up: timedelta, *arguments: Any
) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            run, args=arguments, id=workflow_id, task_queue=queue, static_summary=summary
        ),
        spec=spec,
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=catch_up),
    )
