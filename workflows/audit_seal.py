"""The audit trail is sealed every hour, by a schedule; a seal that was missed needs no other, the next covers its rows.

Rules: para 32.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from activities.audit_seals import AuditSeals, SealMade, SealWanted
from workflows import options
from workflows.cases import do

NAME = "audit-seal"
_EVERY = timedelta(hours=1)


@workflow.defn
class SealAudit:
    """Seals what is new."""

    @workflow.run
    async def run(self) -> SealMade:
        """As many seals as the new rows need."""
        while (
            made := await do(AuditSeals.seal_audit, SealWanted(), "журнал: подписать новые строки", options.LOAN)
        ).more:
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new()
        return made


def seals(queue: str) -> dict[str, Callable[[], Schedule]]:
    """The schedule by its name."""
    return {
        NAME: lambda: Schedule(
            action=ScheduleActionStartWorkflow(
                SealAudit.run, id=NAME, task_queue=queue, static_summary="журнал: подпись новых строк"
            ),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=_EVERY)], time_zone_name="Asia/Almaty"),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_EVERY),
        )
    }
