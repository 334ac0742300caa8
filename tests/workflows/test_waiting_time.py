"""The waiting time between signing and money, and the second confirmation after it. Rules: law 205-VIII."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.support.played import Played
from tests.support.turned import under_way
from tests.workflows.test_origination import SIGN, choose, reached
from tests.workflows.test_registration import refusal_of
from workflows.messages import ConfirmLoan
from workflows.origination import Origination


async def test_money_waits_for_the_waiting_time_and_the_second_confirmation(case):
    played = Played()
    async with case(played) as start:
        handle = None
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            played.waiting_until = await start.environment.get_current_time(handle) + timedelta(hours=24)
            await choose(handle)
            await handle.execute_update(Origination.sign, SIGN)
            await reached(handle, "WAITING")
            early = await refusal_of(handle, Origination.confirm, ConfirmLoan(confirmed=True))
            assert early == "waiting-time-not-over"
        assert await start.environment.fast_forward(handle, timedelta(hours=24, minutes=5))
        assert "pay" not in played.calls
        await handle.execute_update(Origination.confirm, ConfirmLoan(confirmed=True))
        outcome = await handle.result()
    assert outcome.stage == "ISSUED"
    assert played.calls.count("pay") == 1


async def test_who_declines_while_waiting_need_not_wait_for_the_end(case):
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination()
            played.waiting_until = await start.environment.get_current_time(handle) + timedelta(hours=24)
            await choose(handle)
            await handle.execute_update(Origination.sign, SIGN)
            await reached(handle, "WAITING")
            await handle.execute_update(Origination.confirm, ConfirmLoan(confirmed=False))
            outcome = await handle.result()
    assert (outcome.stage, outcome.grounds) == ("WITHDRAWN", ["declined-after-waiting"])
    assert "pay" not in played.calls


async def test_silence_after_the_waiting_time_annuls_the_contract(case):
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination(confirmation_hours=72)
            played.waiting_until = await start.environment.get_current_time(handle) + timedelta(hours=24)
            await choose(handle)
            await handle.execute_update(Origination.sign, SIGN)
            await reached(handle, "WAITING")
        await start.environment.fast_forward(handle, timedelta(hours=97))
        outcome = await handle.result()
    assert (outcome.stage, outcome.grounds) == ("EXPIRED", ["not-confirmed-after-waiting"])
    assert "pay" not in played.calls


async def test_a_confirmation_at_the_instant_at_which_the_time_for_it_ends_is_refused(case):
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination(confirmation_hours=72)
            played.waiting_until = await start.environment.get_current_time(handle) + timedelta(hours=24)
            await choose(handle)
            await handle.execute_update(Origination.sign, SIGN)
            await reached(handle, "WAITING")
        played.stored.clear()
        turning = asyncio.create_task(start.environment.fast_forward(handle, timedelta(hours=97)))
        await under_way(handle, "reach_stage")
        assert await refusal_of(handle, Origination.confirm, ConfirmLoan(confirmed=True)) == "wrong-step"
        played.stored.set()
        assert (await handle.result()).stage == "EXPIRED"
        await turning
    assert "pay" not in played.calls
