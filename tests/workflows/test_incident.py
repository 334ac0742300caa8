"""An incident's case on a real Temporal server with a virtual clock; activities are played.

Proven: both sides of both terms, side by side, with workers that come and go; a suspicion that is sure, forgotten, or
nothing; clients who are found later; a regulator who refuses; what the watches find gets its case once.

Rules: para 13, part 1.
"""

# ruff: noqa: F811
from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.incident_watch import AuditSeen
from activities.interceptors import BusinessErrors
from infra.temporal import RUNNER
from rules.clocks import deadline
from tests.support.played import Played
from tests.support.turned import Turned, worker_of
from tests.workflows.conftest import WORKFLOWS, Starter
from tests.workflows.test_long_lives import SHORT, short  # noqa: F401  a fixture
from tests.workflows.test_registration import refusal_of
from workflows import attributes
from workflows.incident import ACT, INFORM, HandleIncident, Incident, id_of
from workflows.incident_telling import TellRound, TellTo
from workflows.incident_watch import ArchiveScrub, VerifyAudit, WatchAccess

A_LITTLE = timedelta(minutes=2)
TOLD = {f"incident:{step}:1" for step in ("find", "write", "tell", "text", "draw", "send")}


class Handled(Turned):
    """One case. It was detected now; `told_by` and `done_by` are the first instants at which its terms are missed."""

    def __init__(self, start: Starter, played: Played, handle: WorkflowHandle) -> None:
        super().__init__(start, played, handle)
        self.told_by = deadline(INFORM, played.incident.detected_at).due
        self.done_by = deadline(ACT, played.incident.detected_at).due

    @classmethod
    async def begun(cls, start: Any, played: Played, **changes: Any) -> Handled:
        for name, value in changes.items():
            setattr(played.incident, name, value)
        incident_id = uuid4()
        begin = HandleIncident(incident_id=incident_id, detected_at=played.incident.detected_at, edition="2025b")
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(Incident.run, begin, id_of(incident_id))
        made = cls(start, played, handle)
        await made.until(lambda: len(played.clocks.kept) == 2)
        await made.settled()
        return made

    async def written(self, **changes: Any) -> str:
        """Staff have written something into the database, and the case is told."""
        for name, value in changes.items():
            setattr(self.played.incident, name, value)
        answer: str = await self.handle.execute_update(Incident.changed)
        await asyncio.sleep(0)
        return answer

    def did(self, prefix: str = "incident:") -> list[str]:
        return [one for one in self.played.calls if one.startswith(prefix)]

    def clock(self, rule: str) -> str:
        """State of the one clock of a rule."""
        return self.played.clocks.of(rule).row.state

    async def closed(self, state: str = "CLOSED") -> tuple[list[bool | None], bool | None]:
        await self.written(state=state, outcome="RESOLVED" if state == "CLOSED" else "FALSE_ALARM")
        result = await self.handle.result()
        assert result.state == state
        return result.informed, result.dealt_with


class TestTheTwoTerms:
    async def test_all_is_told_at_once_and_the_rest_waits_for_people(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played)
            await one.until(lambda: one.clock(INFORM) == "MET")
            await one.settled()
            assert set(one.did()) == TOLD | {"incident:entry"}
            assert one.did("incident:tell") == ["incident:tell:1"] * 2
            shown = await one.shown()
            assert (shown[attributes.DEADLINE], shown[attributes.DEADLINE_RULE]) == (one.done_by, ACT)
            assert (shown[attributes.STAGE], shown[attributes.NEEDS_PERSON]) == ("HANDLING", True)
            evidence = played.clocks.of(INFORM).row.evidence
            assert (evidence["clients"], evidence["regulator"]["number"]) == (3, "R-1")
            await one.written(tasks_open=0)
            await one.until(lambda: one.clock(ACT) == "MET")
            assert (await one.shown())[attributes.NEEDS_PERSON] is False
            assert await one.closed() == ([True], True)
        assert played.calls[-2:] == ["incident:report", "history"]

    async def test_both_terms_show_while_both_run_the_nearest_first(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played, refusals=1)
            await one.until(lambda: "incident:text:1" in played.calls)
            shown = await one.shown()
            assert (shown[attributes.DEADLINE], shown[attributes.DEADLINE_RULE]) == (one.told_by, INFORM)
            assert one.clock(ACT) == "RUNNING"
            await one.handle.terminate()

    async def test_told_just_before_the_end_is_in_time(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played, refusals=1)
            await one.turn_to(one.told_by - A_LITTLE)
            await one.handle.execute_update(Incident.send_again)
            await one.until(lambda: one.clock(INFORM) == "MET")
            await one.written(tasks_open=0)
            assert await one.closed() == ([True], True)

    async def test_told_after_the_end_is_late_escalates_and_is_still_told(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played, refusals=1)
            await one.turn_to(one.told_by + A_LITTLE)
            assert one.clock(INFORM) == "MISSED"
            assert (await one.shown())[attributes.NEEDS_PERSON] is True
            await one.handle.execute_update(Incident.send_again)
            await one.until(lambda: one.clock(INFORM) == "MET_LATE")
            assert one.did("incident:send") == ["incident:send:1"] * 2
            await one.written(tasks_open=0)
            assert await one.closed() == ([False], True)

    @pytest.mark.parametrize(("offset", "in_time"), [(-A_LITTLE, True), (A_LITTLE, False)])
    async def test_dealt_with_on_either_side_of_the_second_end(self, case, offset, in_time):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played)
            await one.until(lambda: one.clock(INFORM) == "MET")
            await one.turn_to(one.done_by + offset)
            assert one.clock(ACT) == ("RUNNING" if in_time else "MISSED")
            await one.written(tasks_open=1)
            assert one.clock(ACT) in ("RUNNING", "MISSED")
            await one.written(tasks_open=0)
            await one.until(lambda: one.clock(ACT) == ("MET" if in_time else "MET_LATE"))
            assert await one.closed() == ([True], in_time)

    async def test_a_hand_typed_word_decides_nothing(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played)
            await one.until(lambda: one.clock(INFORM) == "MET")
            assert await one.written() == "OPEN"
            assert await refusal_of(one.handle, Incident.send_again, None) == "regulator-notice-not-refused"
            assert one.clock(ACT) == "RUNNING"
            await one.handle.terminate()


class TestASuspicion:
    async def test_nobody_is_told_before_somebody_is_sure(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played, certain=False)
            shown = await one.shown()
            assert (shown[attributes.STAGE], shown[attributes.NEEDS_PERSON]) == ("SUSPECTED", True)
            assert one.did() == ["incident:entry"]
            await one.written(certain=True)
            await one.until(lambda: one.clock(INFORM) == "MET")
            await one.written(tasks_open=0)
            assert await one.closed() == ([True], True)

    async def test_one_that_nobody_takes_back_is_told_of_in_time(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played, certain=False)
            half = played.incident.detected_at + (one.told_by - played.incident.detected_at) / 2
            await one.turn_to(half - A_LITTLE)
            assert "incident:certain" not in played.calls
            await one.turn_to(half + A_LITTLE)
            await one.until(lambda: one.clock(INFORM) == "MET")
            assert one.did("incident:certain") == ["incident:certain"]
            await one.handle.terminate()

    async def test_one_that_was_nothing_is_told_to_nobody(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played, certain=False)
            assert await one.closed("DISMISSED") == ([None], None)
            assert [one.clock(rule) for rule in (INFORM, ACT)] == ["CANCELLED", "CANCELLED"]
            assert sorted(one.did()) == ["incident:entry", "incident:report"]

    async def test_a_real_one_that_turns_out_to_be_nothing_stays_told(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played)
            await one.until(lambda: one.clock(INFORM) == "MET")
            assert await one.closed("DISMISSED") == ([True], None)
            assert one.clock(ACT) == "CANCELLED"


class TestClientsFoundLater:
    async def test_they_and_the_regulator_are_told_by_a_term_of_their_own(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played)
            await one.until(lambda: one.clock(INFORM) == "MET")
            await one.turn_to(one.told_by - A_LITTLE)
            later = one.told_by - A_LITTLE
            await one.written(rounds=[played.incident.detected_at, later], clients=[3, 5])
            await one.until(lambda: "incident:send:2" in played.calls and len(played.clocks.kept) == 3)
            second = played.clocks.kept[f"{one.handle.id}/inform/2"]
            await one.until(lambda: second.row.state == "MET")
            assert second.row.received_at == later
            assert second.row.due_at == deadline(INFORM, later).due
            await one.written(tasks_open=0)
            assert await one.closed() == ([True, True], True)


class TestTheRegulatorRefuses:
    async def test_it_is_signed_anew_when_staff_have_mended_why(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played, refusals=2)
            await one.until(lambda: "incident:text:1" in played.calls)
            for _ in range(2):
                await one.settled()
                assert (await one.shown())[attributes.NEEDS_PERSON] is True
                await one.handle.execute_update(Incident.send_again)
            await one.until(lambda: one.clock(INFORM) == "MET")
            assert one.did("incident:renew") == ["incident:renew"] * 2
            assert one.did("incident:send") == ["incident:send:1"] * 3
            await one.handle.terminate()

    async def test_one_that_was_nothing_does_not_wait_for_it(self, case):
        played = Played()
        async with case(played) as start:
            one = await Handled.begun(start, played, refusals=1)
            await one.until(lambda: "incident:text:1" in played.calls)
            await one.settled()
            assert await one.closed("DISMISSED") == ([None], None)


class TestRestart:
    @pytest.mark.parametrize("missed", [False, True])
    async def test_each_next_worker_goes_on_on_either_side_of_both_terms(self, skipping, missed):
        played, queue = Played(), f"test-{uuid4()}"
        offset = A_LITTLE if missed else -A_LITTLE
        async with worker_of(skipping, queue, played):
            one = await Handled.begun(Starter(skipping, queue), played, refusals=1)
            await one.until(lambda: "incident:text:1" in played.calls)
            await one.turn_to(one.told_by + offset)
        async with worker_of(skipping, queue, played):
            await one.handle.execute_update(Incident.send_again)
            await one.until(lambda: one.clock(INFORM) == ("MET_LATE" if missed else "MET"))
            await one.settled()
        async with worker_of(skipping, queue, played):
            await one.turn_to(one.done_by + offset)
        async with worker_of(skipping, queue, played):
            await one.written(tasks_open=0)
            assert await one.closed() == ([not missed], not missed)
        assert one.did("incident:tell") == ["incident:tell:1"] * 2  # nobody was told again


class TestTheTelling:
    async def test_very_many_clients_are_told_in_runs_with_short_histories(self, short):
        """Real besides: the server, which suggests a new run after a few dozen events instead of thousands."""
        played, queue = Played(), f"test-{uuid4()}"
        played.incident.slices = 40
        async with Worker(
            short.client, task_queue=queue, workflows=WORKFLOWS, activities=played.activities(),
            workflow_runner=RUNNER, debug_mode=True, interceptors=[BusinessErrors()],
        ):  # fmt: skip
            begin = TellTo.model_validate({"ref": {"incident_id": uuid4(), "n": 1}})
            handle = await Starter(short, queue).run(TellRound.run, begin, f"incident/{uuid4()}/clients/1")
            told = await handle.result()
            last = (await handle.describe()).raw_description.workflow_execution_info
        assert (told.clients, told.unreached) == (3, 0)
        assert [one for one in played.calls if "tell" in one] == ["incident:tell:1"] * 40
        assert [one for one in played.calls if "text" in one] == ["incident:text:1"] * 40
        assert last.first_run_id != last.execution.run_id
        assert last.history_length < 2 * SHORT

    async def test_a_later_run_tells_nobody_again(self, case):
        played = Played()
        async with case(played) as start:
            ref = {"incident_id": uuid4(), "n": 1}
            later = TellTo.model_validate({"ref": ref, "told": True})
            await (await start.run(TellRound.run, later, f"incident/{uuid4()}/clients/1")).result()
        assert set(played.calls) == {"incident:text:1"}


class TestTheWatches:
    @pytest.mark.parametrize("workflow", [WatchAccess, VerifyAudit, ArchiveScrub])
    async def test_what_they_find_gets_its_case_once(self, case, workflow):
        played = Played()
        found: UUID = uuid4()
        played.incident.to_begin = [found]
        played.incident.audit_slices = played.incident.scrub_slices = played.incident.access_parts = 3
        async with case(played) as start:
            argument = AuditSeen() if workflow is VerifyAudit else None
            result = await (await start.run(workflow.run, argument, f"watch/{uuid4()}")).result()
            assert result.begun == 1
            assert len([one for one in played.calls if one.startswith("watch:")]) == 3
            handle = start.environment.client.get_workflow_handle(id_of(found))
            played.incident.to_begin = [found]
            again = await (await start.run(WatchAccess.run, None, f"watch/{uuid4()}")).result()
            assert again.begun == 0
            assert (await handle.describe()).status.name == "RUNNING"
            await handle.terminate()

    async def test_a_night_goes_on_behind_the_last_row(self, case):
        played = Played()
        played.incident.audit_slices = 3
        async with case(played) as start:
            await (await start.run(VerifyAudit.run, AuditSeen(), f"watch/{uuid4()}")).result()
        assert played.calls == ["watch:audit:0", "watch:audit:10", "watch:audit:20"]
