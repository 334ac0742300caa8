"""Records the histories of incidents and of the watches; see record_histories.py:

python -m pytest tests/workflows/record_incidents.py
"""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from activities.incident_watch import AuditSeen
from tests.support.played import Played
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_incident import A_LITTLE, Handled
from workflows.incident import INFORM, Incident
from workflows.incident_watch import ArchiveScrub, VerifyAudit, WatchAccess

save = _Recording().save


async def test_resolved_late_with_a_refused_notice_and_more_clients(case):
    played = Played()
    async with case(played) as start:
        one = await Handled.begun(start, played, refusals=1)
        await one.turn_to(one.told_by + A_LITTLE)
        await one.handle.execute_update(Incident.send_again)
        await one.until(lambda: one.clock(INFORM) == "MET_LATE")
        later = one.told_by + A_LITTLE
        await one.written(rounds=[played.incident.detected_at, later], clients=[3, 5])
        await one.until(lambda: "incident:send:2" in played.calls)
        await one.settled()
        await one.turn_to(one.done_by + A_LITTLE)
        await one.written(tasks_open=0)
        await one.closed()
        await save(one.handle, "incident-late")
        client = start.environment.client
        await save(client.get_workflow_handle(f"{one.handle.id}/clients/1"), "incident-clients-told")


async def test_a_suspicion_that_was_nothing_and_one_that_was_told(case):
    played = Played()
    async with case(played) as start:
        one = await Handled.begun(start, played, certain=False)
        await one.closed("DISMISSED")
        await save(one.handle, "incident-dismissed")
    played = Played()
    async with case(played) as start:
        one = await Handled.begun(start, played, certain=False)
        half = played.incident.detected_at + (one.told_by - played.incident.detected_at) / 2
        await one.turn_to(half + timedelta(minutes=2))
        await one.until(lambda: one.clock(INFORM) == "MET")
        await one.written(tasks_open=0)
        await one.closed()
        await save(one.handle, "incident-suspected")


@pytest.mark.parametrize(
    ("workflow", "name"),
    [(WatchAccess, "watch-access"), (VerifyAudit, "verify-audit"), (ArchiveScrub, "archive-scrub")],
)
async def test_a_watch_that_finds_something(case, workflow, name):
    played = Played()
    found = uuid4()
    played.incident.to_begin = [found]
    played.incident.audit_slices = played.incident.scrub_slices = played.incident.access_parts = 2
    async with case(played) as start:
        argument = AuditSeen() if workflow is VerifyAudit else None
        handle = await start.run(workflow.run, argument, f"watch/{uuid4()}")
        await handle.result()
        await save(handle, name)
        await start.environment.client.get_workflow_handle(f"incident/{found}").terminate()
