"""Records the histories of a loan's life and of requests for other terms, as record_histories.py does the others:

python -m pytest tests/workflows/record_servicing.py

`servicing-first-edition` is of the release in which a case only waited for the end of its loan; it is not made again.
"""

# ruff: noqa: F811
from __future__ import annotations

import asyncio

import pytest

from rules.money import Money
from tests.support.loan_life import A_DAY, LoanLife
from tests.support.played import Played
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_long_lives import look_often, overdue, played, short, start  # noqa: F401  fixtures
from tests.workflows.test_origination import SIGN
from tests.workflows.test_refund_account import names, waiting
from tests.workflows.test_restructuring import REFUSED, Request
from tests.workflows.test_servicing import Refunding
from workflows.restructuring import Restructuring

save = _Recording().save


async def test_closed_and_refunded(case):
    played = Refunding()
    async with case(played) as start:
        life = await LoanLife.begun(start, played)
        await life.pays(life.today_outside(), Money(200_000))
        await life.handle.result()
        await save(life.handle, "servicing-closed")


async def test_refund_beside(case):
    """The refund waits for its client, the case hears news meanwhile. Before it, `servicing-closed`."""
    played = Refunding()
    played.account_ground = "receiver-unknown"
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            life, handle = await waiting(start, played)
            await life.pays(life.today_outside(), Money(1_000))
            await asyncio.sleep(1)
            await names(handle, played.refunds.account())
            await life.handle.result()
        await save(life.handle, "servicing-refund-beside")


async def test_arrears(case):
    played = Played()
    async with case(played) as start:
        life = await LoanLife.begun(start, played)
        due = life.rows[0].due
        await life.noon_of(due + 5 * A_DAY)
        await life.pays(due + 5 * A_DAY, life.rows[0].payment + Money(10_000))
        await life.asleep(lambda view: view.tended.arrears_since is None)
        await life.noon_of(due + 8 * A_DAY)
        await save(life.handle, "servicing-arrears")
        await life.handle.terminate()


async def test_a_later_run(start, played):
    life = await overdue(start, played)
    await look_often(life, 12)
    await save(life.handle, "servicing-later-run")
    await life.handle.terminate()


@pytest.mark.parametrize("path", ["restructuring-accepted", "restructuring-late"])
async def test_restructuring(case, path):
    played = Played()
    async with case(played) as start:
        request = await Request.begun(start, played)
        if path == "restructuring-late":
            played.servicing.answers = [REFUSED]
            await request.noon_of(17)
            await request.decided()
        else:
            await request.proposed()
            await request.handle.execute_update(Restructuring.sign, SIGN)
        await request.ended()
        await save(request.handle, path)
