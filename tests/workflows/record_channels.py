"""Records the histories of the ways that money goes; see record_histories.py:

python -m pytest tests/workflows/record_channels.py
"""

from __future__ import annotations

from datetime import timedelta

from activities.cash_orders import CashOrderState
from tests.support.played import Played
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_channels import FACE, called, collection, signed
from tests.workflows.test_origination import reached
from workflows.collection import Collection
from workflows.origination import Origination

save = _Recording().save


async def test_a_seller_is_paid(case):
    played = Played()
    played.grounds["face"] = [None, "face-different", None]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await signed(start, "MERCHANT")
            await reached(handle, "MERCHANT_CONFIRMATION")
            for _ in range(2):
                await handle.execute_update(Origination.merchant_confirmed, FACE)
            await handle.result()
        await save(handle, "application-merchant")


async def test_cash_is_collected(case):
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await signed(start, "CASH_DESK")
            await called(played, "order")
            played.cash.order = played.cash.paid
            await collection(start, handle).execute_update(Collection.order_changed)
            await handle.result()
        await save(handle, "application-cash")
        await save(collection(start, handle), "collection-paid")


async def test_cash_is_not_collected(case):
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await signed(start, "CASH_DESK")
            await called(played, "order")
            played.cash.order = CashOrderState(state="refused", ground="not-collected")
        await start.environment.fast_forward(collection(start, handle), timedelta(hours=73))
        await handle.result()
        await save(collection(start, handle), "collection-not-collected")
