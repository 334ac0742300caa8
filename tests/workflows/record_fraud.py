"""Records the histories of papers that suspend a loan; see record_histories.py:

python -m pytest tests/workflows/record_fraud.py
"""

from __future__ import annotations

from uuid import uuid4

from activities.suspension_bureau import Answer
from tests.support.played import Played
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_fraud_suspension import A_LITTLE, Suspended, the_duties_done
from workflows.fraud_suspension import FraudSuspension
from workflows.furnishing import FurnishBatch, FurnishingRound, RoundDue, SendBatch, batch_case_id

save = _Recording().save


async def test_confirmed_and_cancelled_with_a_bureau_that_is_late(case):
    played = Played()
    async with case(played) as start:
        paper = await Suspended.begun(start, played, word=Answer.WAITING)
        await paper.decided(state="CONFIRMED")
        await paper.until(lambda: "sms" in played.calls)
        await paper.turn_to(paper.due - A_LITTLE)
        await paper.bureau_answers(Answer.REJECTED)
        await paper.settled()
        await paper.bureau_answers()
        await the_duties_done(paper)
        await paper.decided(cancelled=True)
        await paper.ended()
        await save(paper.handle, "suspension-cancelled")


async def test_unconfirmed_and_then_refused(case):
    played = Played()
    async with case(played) as start:
        paper = await Suspended.begun(start, played)
        await paper.turn_to(paper.early + A_LITTLE)
        await the_duties_done(paper, "UNCONFIRMED")
        await paper.decided(state="REFUSED")
        await paper.ended()
        await save(paper.handle, "suspension-refused")


async def test_missed_and_written_off(case):
    played = Played()
    async with case(played) as start:
        paper = await Suspended.begun(start, played, unconfirmed_hours=None)
        await paper.turn_to(paper.due + A_LITTLE)
        await paper.decided(state="CONFIRMED")
        await the_duties_done(paper)
        played.fraud.written_off = True
        await paper.handle.signal(FraudSuspension.suspension_ended)
        await paper.ended()
        await save(paper.handle, "suspension-written-off")


async def test_a_batch_and_a_round_that_tell_whoever_waits(case):
    played = Played()
    batch = uuid4()
    played.furnishing.unfinished, played.furnishing.cases = [batch], [f"suspension/{uuid4()}/1"]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            sent = await start.run(
                FurnishBatch.run, SendBatch(batch_id=batch, patience_hours=24), batch_case_id(batch)
            )  # fmt: skip
            await sent.result()
        await save(sent, "furnishing-batch-told")
        due = RoundDue(by=f"decision:{uuid4()}")
        told = await start.run(FurnishingRound.run, due, f"round/{uuid4()}")
        await told.result()
        await save(told, "furnishing-round-told")
