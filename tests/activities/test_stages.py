"""The stage of an application whose money has left: nothing sets it back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from loan_world import LoanWorld

from activities.applications import ApplicationRef, Applications, StageReached, enter_stage, get_application
from activities.context import Records
from rules.money import Money
from storage.database import Database


@pytest.fixture(scope="module")
async def world(database_url: str) -> AsyncIterator[LoanWorld]:
    database = Database(database_url, pool_size=5)
    yield LoanWorld(database)
    await database.close()


@pytest.mark.parametrize(("stage", "left_at"), [("SIGNING", "PARKED"), ("ISSUED", "ISSUED")])
async def test_a_try_that_comes_late_does_not_set_an_issued_one_back(
    world: LoanWorld, stage: str, left_at: str
) -> None:
    records = Records(world.database, None, None, None)  # type: ignore[arg-type]  # no keys, no archive: none is needed
    async with records.moment() as moment:
        application = await world.applied(Money("100000.00"), 6, moment.day)
        await enter_stage(moment, await get_application(moment.session, application.id), stage, paragraph="9")
    ref = ApplicationRef(application_id=application.id, client_id=application.client_id)
    await Applications(records).make_offers(ref)
    halted = StageReached(ref=ref, stage="PARKED", grounds=["payout-refused"])
    await Applications(records).reach_stage(halted)
    async with records.moment() as moment:
        kept = await get_application(moment.session, application.id)
        assert kept.stage == left_at
        assert (kept.decision is None) == (stage == "ISSUED")
