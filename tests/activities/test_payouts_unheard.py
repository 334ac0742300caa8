"""An answer that was not heard: what is asked, what is sent again, what is left to people.

Real: the database, the engine, the adapter, the bank over HTTP with its faults.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from payout_world import Killed, assert_paid_once

from rules.errors import NotSettled, Unavailable
from storage.database import run

ASKED = ("keyed", "lookup_only")


class TestAnAnswerThatWasNotHeard:
    @pytest.mark.parametrize("fault", ["reset_after", "hang_after", "truncated", "bad_json"])
    @pytest.mark.parametrize("name", ASKED)
    async def test_is_asked_about(self, bank, name, fault):
        world = bank(name)
        hasty = replace(world, http_seconds=0.7) if fault == "hang_after" else world
        order = await world.order()
        world.outside.fault("bank", "pay", fault, key=order.order_id)
        with pytest.raises(Exception, match="bank-"):
            await hasty.payouts.pay(order)
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order)
        assert (hasty.bank.sent, world.bank.sent) == (1, 1 if hasty is world else 0)

    async def test_parks_at_once_where_the_bank_cannot_be_asked(self, bank):
        world = bank("neither")
        order = await world.order()
        world.outside.fault("bank", "pay", "http", status=500, after=True, key=order.order_id)
        assert (await world.payouts.pay(order)).state == "unknown"
        assert len(world.paid(order)) == 1

    @pytest.mark.parametrize("name", ASKED)
    async def test_a_500_and_then_success_pays_once(self, bank, name):
        world = bank(name)
        order = await world.order()
        world.outside.fault("bank", "pay", "http", status=500, key=order.order_id)
        with pytest.raises(Unavailable):
            await world.payouts.pay(order)
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order)
        assert world.bank.sent == 2

    async def test_a_slow_bank_that_shows_nothing_yet_is_not_believed(self, bank):
        """The first request is still at the bank when the second try asks: the hole of asking alone."""
        world = bank("lookup_only")
        hasty = replace(world, http_seconds=0.5)
        order = await world.order()
        world.outside.fault("bank", "pay", "slow", ms=5000, key=order.order_id)
        with pytest.raises(Unavailable):
            await hasty.payouts.pay(order)
        assert (await world.payouts.pay(order)).state == "sending"  # not found, and not sent again
        assert world.paid(order) == []
        while not world.paid(order):
            await asyncio.sleep(0.1)
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order)
        assert (hasty.bank.sent, world.bank.sent) == (1, 0)

    async def test_not_found_counts_from_the_last_sending_not_from_the_first(self, bank):
        """The second sending is the slow one: the first is long ago, and its time proves nothing about the second."""
        world = bank("lookup_only")
        hasty = replace(world, http_seconds=0.5)
        order = await world.order()
        world.outside.fault("bank", "pay", "reset_before", key=order.order_id)
        with pytest.raises(Unavailable):
            await world.payouts.pay(order)
        await world.time_passes(order)
        world.outside.fault("bank", "pay", "slow", ms=5000, key=order.order_id)
        with pytest.raises(Unavailable):
            await hasty.payouts.pay(order)
        assert (await world.payouts.pay(order)).state == "sending"
        assert (await world.until_final(order, on_its_way=True)).state == "done"
        await assert_paid_once(world, order)
        assert (world.bank.sent, hasty.bank.sent) == (1, 1)

    async def test_a_key_that_the_bank_may_have_forgotten_is_never_sent_again(self, bank):
        world = bank("keyed", patience=timedelta(0))
        order = await world.order()
        world.bank.before = 1
        with pytest.raises(Killed):
            await world.payouts.pay(order)
        async with world.database.begin() as session:
            await run(
                session,
                "update outbound_payment set first_sent_at = now() - interval '24 hours',"
                " sent_at = now() - interval '24 hours' where key = :key",
                key=order.key,
            )
        for _ in range(2):
            state = await world.payouts.pay(order)
            assert (state.state, state.ground) == ("unknown", "payout-outcome-unknown")
        assert world.bank.sent == 0

    async def test_a_bank_that_cannot_be_understood_for_long_is_peoples_business(self, bank):
        world = bank("keyed", patience=timedelta(0))
        order = await world.order()
        world.outside.fault("bank", "*", "http", status=503, times=0, key=order.order_id)
        state = await world.payouts.pay(order)
        assert (state.state, state.ground) == ("unknown", "payout-outcome-unknown")
        assert (await world.payouts.ask(order)).state == "unknown"
        world.outside.control.delete("/_control/faults").raise_for_status()
        assert (await world.payouts.ask(order)).state == "absent"  # and the case sends it, under the same key
        assert (await world.payouts.pay(order)).state == "accepted"
        assert (await world.until_final(order)).state == "done"
        await assert_paid_once(world, order)

    async def test_a_try_that_slept_between_saying_and_doing_does_not_send(self, bank):
        world = bank("lookup_only", hand_over=0.0)
        order = await world.order()
        with pytest.raises(NotSettled):
            await world.payouts.pay(order)
        assert world.bank.sent == 0
        world = replace(world, hand_over=5.0)
        assert (await world.until_final(order)).state == "done"
        assert world.bank.sent == 1
