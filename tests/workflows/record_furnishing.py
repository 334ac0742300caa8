"""Records the histories of records for the bureau; see record_histories.py:

python -m pytest tests/workflows/record_furnishing.py
"""

from __future__ import annotations

from uuid import uuid4

from activities.furnishing import BatchState
from tests.support.played import Played
from tests.workflows.record_histories import TestRecording as _Recording
from workflows.furnishing import FurnishBatch, Furnishing, SendBatch, batch_case_id

save = _Recording().save


async def test_a_batch_is_in_work_first_and_partly_accepted_then(case):
    played = Played()
    played.furnishing.in_work = 2
    played.furnishing.answer = BatchState(state="done", size=3, accepted=2, rejected=1, more=True)
    batch = uuid4()
    played.furnishing.unfinished = [batch]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(
                FurnishBatch.run, SendBatch(batch_id=batch, patience_hours=24), batch_case_id(batch)
            )
            await handle.result()
        await save(handle, "furnishing-batch")


async def test_batches_are_made_until_nothing_waits(case):
    played = Played()
    played.furnishing.waiting = [500, 3]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(Furnishing.run, None, f"furnishing-{uuid4()}")
            await handle.signal(Furnishing.records_waiting)
            await handle.result()
        await save(handle, "furnishing-collected")
