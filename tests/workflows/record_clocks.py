"""Records the histories of a change of the calendar and of data destroyed, as record_histories.py does the others:

python -m pytest tests/workflows/record_clocks.py
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from rules.calendar import local_date
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_calendar_change import Moving, begun
from tests.workflows.test_clock import A_LITTLE, Watched, off
from tests.workflows.test_disposal import Destroying
from tests.workflows.test_disposal import begun as disposal_begun
from workflows.calendar_change import CalendarChange, ChangeConfirmed, id_of

save = _Recording().save


async def test_a_change_of_the_calendar(case):
    played = Moving()
    async with case(played, Watched) as start:
        first, second = await begun(start, played)
        played.calendar = off(local_date(first.due() - A_LITTLE))
        change = uuid4()
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(CalendarChange.run, ChangeConfirmed(change_id=change), id_of(change))
            await handle.result()
        await save(handle, "calendar-moved")
        for kept in (first, second):
            await kept.handle.terminate()


@pytest.mark.parametrize(("path", "state"), [("disposal-certified", "DESTROYED"), ("disposal-stopped", "STOPPED")])
async def test_a_disposal(case, path, state):
    async with case(Destroying(state, "disposal-hold" if state == "STOPPED" else None)) as start:
        handle = await disposal_begun(start)
        await handle.result()
        await save(handle, path)
