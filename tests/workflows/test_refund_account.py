"""A refund without a receiver: the client is asked, reminded, corrected, and the money goes out by the same payment.

Real: Temporal with a virtual clock, the workflows, the sealed payloads. Played: the activities.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowHandle

from rules.evidence import StepOutcome
from rules.money import Money
from tests.support.loan_life import A_DAY, LoanLife
from tests.support.played import Played, fact
from tests.support.turned import Patience, at_rest
from tests.workflows.test_payout_case import refund, state
from tests.workflows.test_registration import refusal_of
from tests.workflows.test_servicing import Refunding
from workflows import attributes
from workflows.messages import NameAccount, ReviewDecided
from workflows.refund import Refund
from workflows.refund_account import STAGE
from workflows.servicing import Servicing

SILENT = "client-names-no-account"


def in_cash() -> Played:
    """A microcredit that was paid out in cash: nobody knows an account of the client's."""
    played = Played()
    played.account_ground = "receiver-unknown"
    played.payments = [state("accepted"), state("done")]
    return played


async def until(played: Played, call: str, times: int = 1) -> None:
    async for _ in Patience():
        if played.calls.count(call) >= times:
            return
    raise AssertionError(f"never {call}: {played.calls}")


async def names(handle: WorkflowHandle, account: UUID) -> StepOutcome:
    return (await handle.execute_update(Refund.account_named, NameAccount(account_id=account))).outcome


async def shown(handle: WorkflowHandle) -> tuple[str | None, bool | None]:
    found = (await handle.describe()).typed_search_attributes
    return found.get(attributes.STAGE), found.get(attributes.NEEDS_PERSON)


async def asked(start, played: Played) -> WorkflowHandle:
    """A refund whose client has the letter and the SMS."""
    with start.environment.with_time_skipping_disabled():  # or weeks pass while the test looks away
        handle = await refund(start)
    await until(played, "sms")
    return handle


@pytest.mark.parametrize("ground", ["receiver-unknown", "account-not-owned", "account-unknown"])
async def test_the_client_names_an_account_and_gets_the_money_there(case, ground):
    played = in_cash()
    played.account_ground = ground
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await asked(start, played)
            assert await shown(handle) == (STAGE, False)
            assert await names(handle, played.refunds.account()) is StepOutcome.PASSED
        outcome = await handle.result()
    assert outcome.done
    assert played.calls == [
        f"ask-account:{ground}", "sms", "check-account", "end-asking:account", "pay", "ask",
    ]  # fmt: skip


async def test_a_wrong_account_is_refused_and_can_be_corrected(case):
    played = in_cash()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await asked(start, played)
            assert await names(handle, played.refunds.account("account-not-owned")) is StepOutcome.RETRY
            assert await names(handle, played.refunds.account("account-unknown")) is StepOutcome.RETRY
            assert "pay" not in played.calls
            assert await names(handle, played.refunds.account()) is StepOutcome.PASSED
        assert (await handle.result()).done
    assert played.calls.count("check-account") == 3


async def test_an_account_nobody_asked_for_changes_nothing(case):
    played = in_cash()
    played.account_ground, played.payments = None, [state("accepted")]
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await refund(start)
            name = NameAccount(account_id=played.refunds.account())
            assert await refusal_of(handle, Refund.account_named, name) == "refund-account-not-asked"
            played.payments = [state("done")]
        assert (await handle.result()).done
    assert "check-account" not in played.calls


async def test_the_client_is_reminded_each_week_and_people_look_in_the_end(case):
    played = in_cash()
    decision = uuid4()
    played.known_decisions[decision] = "retry"
    async with case(played) as start:
        handle = await asked(start, played)
        for letters in (2, 3):
            await start.environment.fast_forward(handle, timedelta(days=7))
            await until(played, "sms", letters)
        assert [one for one in played.calls if one.startswith("remind")] == ["remind-account:2", "remind-account:3"]
        assert "review:MONEY" not in played.calls
        await start.environment.fast_forward(handle, timedelta(days=7))
        await until(played, "review:MONEY")
        with start.environment.with_time_skipping_disabled():
            decided = ReviewDecided(review_id=fact(f"review/{SILENT}"), decision_id=decision)
            while await shown(handle) != (STAGE, True):
                await asyncio.sleep(0.02)
            other = ReviewDecided(review_id=uuid4(), decision_id=decision)
            assert await refusal_of(handle, Refund.review_decided, other) == "review-not-open"
            await handle.execute_update(Refund.review_decided, decided)
            await until(played, "remind-account:4")  # they looked: the client is written to anew
            while await shown(handle) != (STAGE, False):  # shown once the letter has been answered for
                await asyncio.sleep(0.02)
            assert await names(handle, played.refunds.account()) is StepOutcome.PASSED
        assert (await handle.result()).done


async def test_an_sms_gateway_that_is_away_keeps_nobody_from_naming_an_account(case):
    played = in_cash()
    played.servicing.texting.clear()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await refund(start)
            await until(played, "texting")
            assert await names(handle, played.refunds.account()) is StepOutcome.PASSED
            assert (await handle.result()).done
        played.servicing.texting.set()


async def test_a_sum_that_went_another_way_ends_the_asking(case):
    played = in_cash()
    async with case(played) as start:
        handle = await asked(start, played)
        played.account_ground = "nothing-to-refund"
        await start.environment.fast_forward(handle, timedelta(days=7))
        outcome = await handle.result()
    assert (outcome.done, outcome.ground) == (False, "nothing-to-refund")
    assert played.calls[-1] == "end-asking:nothing-to-refund"


async def test_an_account_that_is_theirs_after_all_is_paid_without_a_word(case):
    played = in_cash()
    played.account_ground = "account-owner-unknown"  # the bank could not say
    async with case(played) as start:
        handle = await asked(start, played)
        played.account_ground = None
        await start.environment.fast_forward(handle, timedelta(days=7))
        assert (await handle.result()).done
    assert "check-account" not in played.calls


async def waiting(start, played: Played) -> tuple[LoanLife, WorkflowHandle]:
    """A loan that is closed and overpaid, and its refund, which waits for an account."""
    life = await LoanLife.begun(start, played)
    await life.pays(life.today_outside(), Money(200_000))
    await life.until("ask-account:")
    return life, start.environment.client.get_workflow_handle_for(Refund.run, f"refund/{life.loan_id}/1")


class TestTheLoansCase:
    """It goes on with the loan while a refund waits."""

    async def test_it_hears_news_while_the_refund_waits_and_ends_after_it(self, case):
        played = Refunding()
        played.account_ground = "receiver-unknown"
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                life, handle = await waiting(start, played)
                looks = len(life.days_of("tend"))
                await life.pays(life.today_outside(), Money(1_000))
                async for _ in Patience():
                    if len(life.days_of("tend")) > looks:
                        break
                await at_rest(life.handle, ("Furnishing", "Refund"))
                assert len(life.days_of("tend")) == looks + 1
                await names(handle, played.refunds.account())
                assert (await life.handle.result()).reason == "repaid"
        assert played.keys == [f"refund:{life.loan_id}:1"]  # one payment takes both sums along

    async def test_it_sleeps_without_looking_again_and_again(self, case):
        played = Refunding()
        played.account_ground = "receiver-unknown"
        async with case(played) as start:
            life, handle = await waiting(start, played)
            looks = len(life.days_of("tend"))
            await start.environment.fast_forward(handle, timedelta(days=10))
            assert len(life.days_of("tend")) == looks
            with start.environment.with_time_skipping_disabled():
                await names(handle, played.refunds.account())
                await life.handle.result()

    async def test_a_debt_that_a_correction_brings_back_is_looked_after_meanwhile(self, case):
        played = Refunding()
        played.account_ground = "receiver-unknown"
        async with case(played) as start:
            life, handle = await waiting(start, played)
            played.servicing.facts.pop()  # the payment is found never to have come
            played.account_ground = "nothing-to-refund"
            await life.handle.signal(Servicing.loan_changed)
            async for _ in Patience():
                view = await life.handle.query(Servicing.view)
                if view.tended.ended is None:
                    break
            assert (view.tended.owed_back, view.tended.ended) == (False, None)
            await start.environment.fast_forward(handle, timedelta(days=7))
            outcome = await handle.result()
            assert outcome.ground == "nothing-to-refund"
            await life.noon_of(life.rows[0].due + 2 * A_DAY)
            assert life.days_of("notice") == [(life.rows[0].due + 2 * A_DAY).isoformat()]
            assert "review:MONEY" not in played.calls
            await life.handle.terminate()
