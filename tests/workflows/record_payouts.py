"""Records the histories of refunds and of payments that people decide about, as record_histories.py does the others:

python -m pytest tests/workflows/record_payouts.py
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowHandle

from activities.payout_orders import LARGE
from tests.support.played import Played
from tests.workflows.test_payout_case import UNKNOWN, decide, disburse, give_back, refund, state
from tests.workflows.test_refund_account import asked, in_cash, names, until
from tests.workflows.test_replay import HISTORIES


class TestRecording:
    """Writes one history a path, never over an earlier one."""

    async def save(self, handle: WorkflowHandle, name: str) -> None:
        number = 1 + len(list(HISTORIES.glob(f"{name}.*.json")))
        history = await handle.fetch_history()
        (HISTORIES / f"{name}.{number}.json").write_text(history.to_json())

    @pytest.mark.parametrize("path", ["refund-done", "refund-back-to-payer"])
    async def test_refund(self, case, path):
        played = Played()
        played.payments = [state("accepted"), state("absent"), state("accepted"), state("done")]
        async with case(played) as start:
            handle = await (give_back if path == "refund-back-to-payer" else refund)(start)
            await handle.result()
            await self.save(handle, path)

    async def test_client_names_an_account(self, case):
        """Reminded once, then a wrong account, then the right one. Before it there was `refund-account-not-owned`."""
        played = in_cash()
        async with case(played) as start:
            handle = await asked(start, played)
            await start.environment.fast_forward(handle, timedelta(days=7))
            await until(played, "sms", 2)
            await names(handle, played.refunds.account("account-not-owned"))
            await names(handle, played.refunds.account())
            await handle.result()
            await self.save(handle, "refund-account-named")

    async def test_client_names_none(self, case):
        """People look after the reminders; then the sum has gone another way."""
        played = in_cash()
        async with case(played) as start:
            handle = await asked(start, played)
            for letters in (2, 3):
                await start.environment.fast_forward(handle, timedelta(days=7))
                await until(played, "sms", letters)
            await start.environment.fast_forward(handle, timedelta(days=7))
            await until(played, "review:MONEY")
            played.account_ground = "nothing-to-refund"
            await start.environment.fast_forward(handle, timedelta(days=7))
            await handle.result()
            await self.save(handle, "refund-account-silent")

    @pytest.mark.parametrize("decision", ["approve", "refuse"])
    async def test_large_amount(self, case, decision):
        played = Played()
        after = [state("absent"), state("accepted"), state("done", loan_id=played.loan_id)]
        played.payments = [state("held", LARGE), *(after if decision == "approve" else [state("refused")])]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await disburse(start)
                await decide(handle, played, LARGE, decision)
                await handle.result()
            await self.save(handle, f"disbursement-large-{decision}")

    @pytest.mark.parametrize("decision", ["approve", "refuse", "retry"])
    async def test_people_say_what_became_of_a_payment(self, case, decision):
        played = Played()
        played.payments = [state("unknown", UNKNOWN)]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await refund(start)
                while "review:MONEY" not in played.calls:
                    await asyncio.sleep(0.02)
                played.payments = [state("done")]
                await decide(handle, played, UNKNOWN, decision)
                await handle.result()
            await self.save(handle, f"refund-people-{decision}")
