"""Records the history of a complaint; see record_histories.py:

python -m pytest tests/workflows/record_complaints.py
"""

from __future__ import annotations

from tests.support.played import Played
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_complaint import A_LITTLE, Complained

save = _Recording().save


async def test_answered_late(case):
    played = Played()
    async with case(played) as start:
        complained = await Complained.begun(start, played)
        await complained.turn_to(complained.due + A_LITTLE)
        await complained.answered()
        await complained.ended()
        await save(complained.handle, "complaint-late")
