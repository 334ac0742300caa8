"""Furnishing on a real Temporal server with a virtual clock; activities are played.

Proven: records leave at once, a batch that the bureau never finishes holds up nothing and is shown to a person, and
whoever enqueues while batches are made is not forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from activities.furnishing import BatchState
from tests.support.played import Played
from tests.support.turned import Patience
from workflows import attributes
from workflows.furnishing import (
    ASK_AGAIN,
    CASE_ID,
    FurnishBatch,
    Furnishing,
    FurnishingRound,
    RoundDue,
    SendBatch,
    batch_case_id,
    send_soon,
)


@pytest.fixture(autouse=True)
async def _no_case_of_another_test(skipping):
    """The case has a fixed id: what another test has left open waits for a worker that is gone."""
    with contextlib.suppress(RPCError):
        await skipping.client.get_workflow_handle(CASE_ID).terminate()


async def happened(condition) -> None:
    async for _ in Patience():
        if condition():
            return
    raise AssertionError("it did not happen")


def batches_sent(played: Played) -> set[str]:
    """Each once: one that is asked about for long is handed over again, which changes nothing."""
    return {call.partition(":")[2] for call in played.calls if call.startswith("send-batch")}


async def needs_person(handle: WorkflowHandle) -> bool | None:
    found = (await handle.describe()).typed_search_attributes
    return found.get(attributes.NEEDS_PERSON)


async def test_a_round_makes_batches_until_nothing_waits_and_each_has_its_case(case):
    played = Played()
    played.furnishing.waiting = [500, 3]
    async with case(played) as start:
        await (await start.run(FurnishingRound.run, RoundDue(by="schedule"), f"round/{uuid4()}")).result()
        made = await start.environment.client.get_workflow_handle_for(Furnishing.run, CASE_ID).result()
        await happened(lambda: played.calls.count("ask-batch") >= 2 and len(batches_sent(played)) == 2)
        for batch in batches_sent(played):
            answered = await start.environment.client.get_workflow_handle_for(
                FurnishBatch.run, batch_case_id(UUID(batch))
            ).result()
            assert answered.state == "done"
    assert (made.batches, made.records) == (2, 503)
    assert len(batches_sent(played)) == 2


async def test_a_bureau_that_does_not_finish_is_asked_on_and_shown_to_a_person(case):
    played = Played()
    played.furnishing.in_work = 10_000
    batch = uuid4()
    played.furnishing.unfinished = [batch]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(
                FurnishBatch.run,
                SendBatch(batch_id=batch, patience_hours=4, asked=len(ASK_AGAIN) - 2),
                batch_case_id(batch),
            )
            await happened(lambda: f"send-batch:{batch}" in played.calls)
            assert await needs_person(handle) is False
        await start.environment.fast_forward(handle, timedelta(hours=5))
        assert await needs_person(handle) is True
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        asked = played.calls.count("ask-batch")
        await start.environment.fast_forward(handle, timedelta(hours=3))
        assert 2 <= played.calls.count("ask-batch") - asked <= 4
        played.furnishing.in_work = 0
        await start.environment.fast_forward(handle, timedelta(hours=2))
        state = await handle.result()
        assert await needs_person(handle) is False
    assert state.accepted == 1
    assert played.calls.count(f"send-batch:{batch}") == 1


async def test_a_batch_under_way_does_not_hold_up_the_next(case):
    played = Played()
    played.furnishing.waiting = [1]
    played.furnishing.in_work = 10_000
    async with case(played) as start:
        for round_number in (1, 2):
            handle = await start.run(FurnishingRound.run, RoundDue(by="schedule"), f"round/{uuid4()}")
            await handle.result()
            await start.environment.client.get_workflow_handle(CASE_ID).result()
            await happened(lambda n=round_number: len(batches_sent(played)) == n)
            played.furnishing.waiting = [1]
        played.furnishing.in_work = 0
        for batch in list(played.furnishing.unfinished):
            await start.environment.client.get_workflow_handle(batch_case_id(batch)).result()


async def test_the_halves_of_a_refused_batch_are_sent(case):
    played = Played()
    played.furnishing.answer = BatchState(state="done", size=2, more=True)
    batch = uuid4()
    played.furnishing.unfinished = [batch]
    async with case(played) as start:
        handle = await start.run(
            FurnishBatch.run, SendBatch(batch_id=batch, patience_hours=24), batch_case_id(batch)
        )  # fmt: skip
        state = await handle.result()
        await start.environment.client.get_workflow_handle(CASE_ID).result()
    assert state.state == "done"
    assert "ask-batch" not in played.calls
    assert "make-batch" in played.calls


@workflow.defn(sandboxed=False)
class Enqueuer:
    """A case that has just committed a record."""

    @workflow.run
    async def run(self) -> None:
        """Tell."""
        await send_soon()


async def test_whoever_comes_while_batches_are_made_is_not_forgotten(case):
    played = Played()
    played.furnishing.taken.clear()
    played.furnishing.making.clear()  # or the case may end while the others are still on their way
    async with case(played, Enqueuer) as start:
        with start.environment.with_time_skipping_disabled():
            await asyncio.gather(
                *[(await start.run(Enqueuer.run, None, f"enqueuer/{uuid4()}")).result() for _ in range(3)]
            )
            first = start.environment.client.get_workflow_handle(CASE_ID)
            played.furnishing.waiting = [1]
            run_id = (await first.describe()).run_id
            await (await start.run(Enqueuer.run, None, f"enqueuer/{uuid4()}")).result()
            assert (await first.describe()).run_id == run_id
            played.furnishing.making.set()
            await first.result()
            played.furnishing.taken.set()
            await happened(lambda: len(batches_sent(played)) == 1)
            played.furnishing.waiting = [1]
            await (await start.run(Enqueuer.run, None, f"enqueuer/{uuid4()}")).result()
            await start.environment.client.get_workflow_handle(CASE_ID).result()
            await happened(lambda: len(batches_sent(played)) == 2)
    assert played.furnishing.waiting == []
