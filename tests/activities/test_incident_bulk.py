"""Ten thousand clients of one incident, straight against the database; the whole way is in tests/e2e/test_incident.py.

Measured and printed: how long it takes and what memory it needs. Proven: slices that are cut off in the middle, again
and again, tell nobody twice and leave nobody out; memory does not grow with the number of clients.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from activities import incidents as steps_module
from activities.context import Records
from activities.incident_desk import Touched
from activities.incidents import RoundRef
from storage.database import run
from tests.support.incident_world import IncidentWorld
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

MANY = 10_000


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


async def test_ten_thousand_are_told_once_each_though_slices_are_cut_off(kept: Records) -> None:
    world = IncidentWorld(kept)
    clients = await world.clients(MANY)
    began = time.monotonic()
    incident = await world.entered(touched=Touched(clients=clients))
    entered = time.monotonic() - began
    ref = RoundRef(incident_id=incident.id, n=1)
    await world.steps.write_texts(ref)
    tracemalloc.start()
    began, slices, cut, peak = time.monotonic(), 0, 0, 0
    while True:
        if slices % 5 == 2:
            await world.cut_off(ref, after=150)
            cut += 1
        if slices == 5:
            tracemalloc.reset_peak()
            peak = tracemalloc.get_traced_memory()[0]
        slices += 1
        if (await world.steps.tell_slice(ref)).left == 0:
            break
    grown = tracemalloc.get_traced_memory()[0] - peak
    tracemalloc.stop()
    told = time.monotonic() - began
    while (await world.steps.text_slice(ref)).left:
        pass
    async with kept.moment() as moment:
        query = "select client_id, count(*) as n from message where client_id = any(:ids) group by client_id"
        messages = {row.client_id: row.n for row in await run(moment.session, query, ids=clients)}
    assert messages == dict.fromkeys(clients, 1)
    assert len(world.gateway.sent) == MANY
    assert cut > 5
    assert slices >= MANY / steps_module.SLICE
    print(
        f"\n{MANY} clients: entered in {entered:.1f} s, told in {told:.1f} s by {slices} slices, {cut} of them cut off"
        f" in the middle besides; memory grew by {grown / 2**20:.1f} MB",
        end="",
    )
    assert grown < 5 * 2**20
