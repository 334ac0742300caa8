"""The destruction of a client's data as a case: its steps in order, whatever is away. Played: what is written.

Real: a Temporal server. What the steps do is proven in tests/activities/test_disposal.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle

from activities.disposals import Certified, Destroyed, DisposalRef, ObjectsRemoved
from rules.errors import Unavailable
from tests.support.played import Played
from workflows import attributes
from workflows.disposal import DestroyData, Disposal, id_of


class Destroying(Played):
    """How the database answers; how often the archive and the time-stamping authority are away."""

    def __init__(self, state: str = "DESTROYED", why: str | None = None, kept: int = 0) -> None:
        super().__init__()
        self.answer, self.objects = Destroyed(state=state, why=why), ObjectsRemoved(removed=3, kept=kept)
        self.away = {"remove": 0, "certify": 0}

    def _step(self, name: str) -> None:
        self.calls.append(name)
        if self.away.get(name, 0):
            self.away[name] -= 1
            raise Unavailable("archive")

    def activities(self) -> Sequence[object]:
        @activity.defn
        async def destroy_data(ref: DisposalRef) -> Destroyed:
            self._step("destroy")
            return self.answer

        @activity.defn
        async def remove_objects(ref: DisposalRef) -> ObjectsRemoved:
            self._step("remove")
            return self.objects

        @activity.defn
        async def certify_disposal(ref: DisposalRef) -> Certified:
            self._step("certify")
            return Certified(certificate_id=uuid4(), cms_id=uuid4())

        return [*super().activities(), destroy_data, remove_objects, certify_disposal]


async def begun(start) -> WorkflowHandle:
    wanted = DestroyData(disposal_id=uuid4(), edition="2025b")
    return await start.run(Disposal.run, wanted, id_of(uuid4(), 1))


async def stage_of(handle: WorkflowHandle) -> str:
    return (await handle.describe()).typed_search_attributes[attributes.STAGE]


@pytest.mark.parametrize("kept", [0, 2])
async def test_the_key_goes_first_then_the_objects_then_the_certificate(case, kept):
    played = Destroying(kept=kept)
    played.away = {"remove": 2, "certify": 1}
    async with case(played) as start:
        handle = await begun(start)
        outcome = await handle.result()
        assert (outcome.state, outcome.removed, outcome.kept) == ("CERTIFIED", 3, kept)
        assert await stage_of(handle) == "CERTIFIED"
    assert played.calls == ["destroy", *["remove"] * 3, *["certify"] * 2]


@pytest.mark.parametrize(("state", "why"), [("STOPPED", "disposal-hold"), ("PROPOSED", None), ("REFUSED", None)])
async def test_what_is_not_destroyed_is_not_certified(case, state, why):
    played = Destroying(state, why)
    async with case(played) as start:
        handle = await begun(start)
        outcome = await handle.result()
        assert (outcome.state, outcome.why) == (state, why)
        assert await stage_of(handle) == state
    assert played.calls == ["destroy"]


def test_a_later_try_is_another_case():
    client = uuid4()
    assert [id_of(client, n) for n in (1, 2)] == [f"disposal/{client}", f"disposal/{client}/2"]
