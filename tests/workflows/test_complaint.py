"""The case of a complaint on a real Temporal server with a virtual clock; activities are played.

Proven: both sides of the last day; staff are reminded, then called; a word that is early or typed by hand changes
nothing; an answer of the last minute counts by its own instant; workers that come and go.

Rules: para 7, part 7.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle

from activities.complaints import AnswerComplaint, id_of
from rules.clocks import deadline
from tests.support.played import Played
from tests.support.turned import Turned, worker_of
from tests.workflows.conftest import Starter
from workflows import attributes
from workflows.complaint import RULE, ComplaintCase

A_LITTLE = timedelta(minutes=2)


class Complained(Turned):
    """One client's complaint."""

    def __init__(self, start: Starter, played: Played, handle: WorkflowHandle) -> None:
        super().__init__(start, played, handle)
        self.due = deadline(RULE, played.complaints.received_at).due

    @classmethod
    async def begun(cls, start: Any, played: Played) -> Complained:
        complaint_id = uuid4()
        begin = AnswerComplaint(complaint_id=complaint_id, edition="2025b")
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(ComplaintCase.run, begin, id_of(complaint_id))
        made = cls(start, played, handle)
        await made.until(lambda: played.calls.count("complaint:see") == 2 and bool(played.clocks.kept))
        await made.settled()
        return made

    async def answered(self, at: datetime | None = None) -> None:
        """The answer stands in the database, and the case is told."""
        self.played.complaints.answered_at = at or await self.now()
        await self.handle.execute_update(ComplaintCase.answer_given)

    async def ended(self) -> tuple[str, bool | None]:
        found = await self.handle.result()
        return found.outcome, found.in_time


async def test_an_answer_in_time_meets_the_term_with_its_proof(case):
    played = Played()
    async with case(played) as start:
        complained = await Complained.begun(start, played)
        shown = await complained.shown()
        assert (shown[attributes.DEADLINE], shown[attributes.DEADLINE_RULE]) == (complained.due, RULE)
        assert (shown[attributes.CASE_KIND], shown[attributes.STAGE]) == ("complaint", "RECEIVED")
        assert shown[attributes.NEEDS_PERSON] is True
        await complained.handle.execute_update(ComplaintCase.answer_given)  # nobody has answered
        await complained.until(lambda: played.calls.count("complaint:see") == 3)
        assert played.clocks.of(RULE).row.state == "RUNNING"
        await complained.answered()
        assert await complained.ended() == ("partly", True)
        assert (await complained.shown())[attributes.NEEDS_PERSON] is False
    clock, facts = played.clocks.of(RULE), played.complaints
    assert clock.kinds == ["STARTED", "MET"]
    assert clock.row.ended_at == facts.answered_at
    assert clock.row.evidence["proof"] == str(facts.answer_id)
    assert (clock.row.document_id, clock.row.client_id, clock.row.days) == (facts.document_id, facts.client_id, 15)


@pytest.mark.parametrize("late", [False, True])
async def test_both_sides_of_the_last_day(case, late):
    played = Played()
    async with case(played) as start:
        complained = await Complained.begun(start, played)
        await complained.turn_to(complained.due + (A_LITTLE if late else -A_LITTLE))
        kinds = played.clocks.of(RULE).kinds
        assert {"HALF_WAY", "WARNING"} <= set(kinds)
        assert ("MISSED" in kinds) is late
        await complained.answered()
        assert await complained.ended() == ("partly", not late)
    assert played.clocks.of(RULE).kinds[-1] == ("MET_LATE" if late else "MET")


async def test_an_answer_of_the_last_minute_counts_though_its_word_comes_after(case):
    played = Played()
    async with case(played) as start:
        complained = await Complained.begun(start, played)
        await complained.turn_to(complained.due + A_LITTLE)
        await complained.answered(at=complained.due - timedelta(minutes=1))
        assert await complained.ended() == ("partly", True)


async def test_another_worker_goes_on_where_the_first_stopped(skipping):
    played, queue = Played(), f"test-{uuid4()}"

    async with worker_of(skipping, queue, played):
        complained = await Complained.begun(Starter(skipping, queue), played)
    async with worker_of(skipping, queue, played):
        await complained.turn_to(complained.due + A_LITTLE)
        await complained.answered()
        assert await complained.ended() == ("partly", False)
