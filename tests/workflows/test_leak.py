"""The response to a leak on a real Temporal server with a virtual clock; activities are played.

Proven: both sides of the term, with workers that come and go; no confirmation without each measure; a face that is not
the client's, and a number that nobody knows, wait for people; two people end it.

Rules: para 36.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from activities.leaks import RespondToLeak, id_of
from rules.clocks import deadline
from rules.leaks import Measure
from tests.support.played import Played
from tests.support.turned import Turned, worker_of
from tests.workflows.conftest import Starter
from workflows import attributes
from workflows.leak_response import RULE, LeakResponse
from workflows.messages import SubmitFace

A_LITTLE = timedelta(minutes=2)
SHOWN = SubmitFace(selfie_id=uuid4(), video_id=uuid4(), challenge_id=uuid4())


class Leaked(Turned):
    """One client's case."""

    def __init__(self, start: Starter, played: Played, handle: WorkflowHandle) -> None:
        super().__init__(start, played, handle)
        self.due = deadline(RULE, played.leaks.known_at).due

    @classmethod
    async def begun(cls, start: Any, played: Played) -> Leaked:
        client_id = uuid4()
        begin = RespondToLeak(leak_id=uuid4(), client_id=client_id, n=1, edition="2025b")
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(LeakResponse.run, begin, id_of(client_id, 1))
        made = cls(start, played, handle)
        await made.until(lambda: "leak:phone" in played.calls and bool(played.clocks.kept))
        await made.settled()
        return made

    async def called(self, *, is_client: bool = True, measure: Measure = Measure.CALL) -> None:
        """A colleague's word stands in the database, and the case is told."""
        self.played.leaks.outcomes[measure] = is_client
        await self.handle.execute_update(LeakResponse.measure_noted)

    async def ended(self) -> tuple[str, bool | None]:
        found = await self.handle.result()
        return found.state, found.in_time


async def test_each_measure_in_time_confirms_the_client(case) -> None:
    played = Played()
    async with case(played) as start:
        leaked = await Leaked.begun(start, played)
        await leaked.turn_to(leaked.due - A_LITTLE)
        assert (await leaked.handle.execute_update(LeakResponse.submit_face, SHOWN)).outcome == "passed"
        await leaked.settled()
        assert (await leaked.handle.describe()).status.name == "RUNNING"  # the call is missing
        await leaked.called()
        assert await leaked.ended() == ("CONFIRMED", True)
    assert played.clocks.of(RULE).row.state == "MET"
    assert played.calls.count("leak:tell") == 1


async def test_after_the_term_it_is_late_and_still_done_whatever_worker_is_there(skipping) -> None:
    played, queue = Played(), f"test-{uuid4()}"

    async with worker_of(skipping, queue, played):
        leaked = await Leaked.begun(Starter(skipping, queue), played)
    async with worker_of(skipping, queue, played):
        await leaked.turn_to(leaked.due + A_LITTLE)
        shown = (await leaked.handle.describe()).typed_search_attributes
        assert shown[attributes.NEEDS_PERSON] is True
        assert shown[attributes.DEADLINE_RULE] == RULE
        await leaked.called(measure=Measure.BIOMETRICS)
        await leaked.called()
        assert await leaked.ended() == ("CONFIRMED", False)
    assert played.clocks.of(RULE).row.state == "MET_LATE"
    assert played.calls.count("leak:tell") == 1


async def test_a_number_that_nobody_knows_waits_for_people(case) -> None:
    played = Played()
    played.leaks.owner = None
    async with case(played) as start:
        leaked = await Leaked.begun(start, played)
        await leaked.handle.execute_update(LeakResponse.submit_face, SHOWN)
        await leaked.called()
        await leaked.settled()
        assert (await leaked.handle.describe()).status.name == "RUNNING"
        await leaked.called(measure=Measure.PHONE_OWNER)
        assert await leaked.ended() == ("CONFIRMED", True)


async def test_somebody_else_is_blocked_by_two_people_and_then_shows_no_face(case) -> None:
    played = Played()
    played.leaks.owner = False
    async with case(played) as start:
        leaked = await Leaked.begun(start, played)
        assert (await leaked.handle.describe()).typed_search_attributes[attributes.NEEDS_PERSON] is True
        played.leaks.blocked = True
        await leaked.handle.execute_update(LeakResponse.measure_noted)
        assert await leaked.ended() == ("BLOCKED", None)
    assert played.clocks.of(RULE).row.state == "CANCELLED"


async def test_a_face_that_is_to_be_tried_again_is_no_measure(case) -> None:
    played = Played()
    played.grounds["face"] = ["face-different"]
    async with case(played) as start:
        leaked = await Leaked.begun(start, played)
        first = await leaked.handle.execute_update(LeakResponse.submit_face, SHOWN)
        assert first.outcome == "retry"
        assert "leak:face" not in played.calls
        await leaked.handle.execute_update(LeakResponse.submit_face, SHOWN)
        await leaked.called()
        assert await leaked.ended() == ("CONFIRMED", True)
        with pytest.raises(Exception, match=r"completed|not found|not_found") as over:
            await leaked.handle.execute_update(LeakResponse.submit_face, SHOWN)
        assert not isinstance(over.value, WorkflowUpdateFailedError)
