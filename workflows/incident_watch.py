"""The watches that find incidents, by schedules: access, the audit trail, the archive. What they find gets its case.

Rules: para 13, part 1; para 11; para 32.
"""

from __future__ import annotations

import contextlib

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.incident_watch import AuditSeen, Due, Watches
from rules.calendar import local_date
from rules.editions import edition
from rules.evidence import Frozen
from workflows import options
from workflows.cases import do
from workflows.incident import HandleIncident, Incident, id_of

_SCRUB_SLICES = 50  # an hour; the next hour goes on


class Watched(Frozen):
    """Outcome: how many incidents got their case."""

    begun: int


class ScrubDone(Frozen):
    """Outcome: documents hashed again, damaged ones among them, incidents that got their case."""

    checked: int
    damaged: int
    begun: int


async def begin_found() -> int:
    """A case for each incident that has none; how many were begun."""
    begun = 0
    for found in await do(Watches.incidents_to_begin, Due(), "инциденты без дела", options.LOAN):
        start = HandleIncident(
            incident_id=found.ref.incident_id,
            detected_at=found.detected_at,
            edition=edition(local_date(found.detected_at)).name,
        )
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                Incident.run,
                start,
                id=id_of(start.incident_id),
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary="инцидент, найденный системой",
            )
            begun += 1
    return begun


@workflow.defn
class WatchAccess:
    """Every few minutes: what is new in the audit trail, and incidents that were found elsewhere."""

    @workflow.run
    async def run(self) -> Watched:
        """Look until nothing new is left."""
        while await do(Watches.look_at_access, Due(), "необычный доступ: новые строки журнала", options.LOAN):
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new()
        return Watched(begun=await begin_found())


@workflow.defn
class VerifyAudit:
    """Every night: the whole audit trail, slice by slice."""

    @workflow.run
    async def run(self, seen: AuditSeen) -> Watched:
        """seen: how far an earlier run of this night has come."""
        while not seen.over:
            seen = await do(Watches.verify_audit, seen, "журнал: проверка цепочки", options.LOAN)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(seen)
        return Watched(begun=await begin_found())


@workflow.defn
class ArchiveScrub:
    """Every hour: the next documents of the archive are hashed again, never all at once."""

    @workflow.run
    async def run(self) -> ScrubDone:
        """Some slices, or to the end of a pass."""
        checked = damaged = 0
        for _ in range(_SCRUB_SLICES):
            done = await do(Watches.scrub_slice, Due(), "архив: хеши документов", options.LOAN)
            checked, damaged = checked + done.checked, damaged + done.damaged
            if done.over:
                break
        return ScrubDone(checked=checked, damaged=damaged, begun=await begin_found())
