"""Money that comes in, and the nightly reconciliation, on a real Temporal server with a virtual clock.

Activities are played. Proven: the loan is told, nothing is given up early, only the word of two people in the database
places unknown money, a way back that fails leaves the money with people, and what a night found gets its case.
"""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from activities.payout_orders import PaymentState
from activities.reconciliation import GROUND, TerminalsReconciled
from rules.payment_keys import return_key
from tests.support.played import Played, fact
from tests.support.played_incoming import a_day
from tests.support.turned import Patience, under_way
from tests.workflows.test_registration import refusal_of
from workflows import attributes
from workflows.incoming import GIVE_UP_AFTER, LOOK_AGAIN, NOT_IN_TENGE, IncomingPayment, TakeMoney, id_of
from workflows.messages import AssignmentConfirmed, ReviewDecided
from workflows.reconciliation import Reconcile, ReconcileDay

DAY = date(2026, 3, 2)


def a_key() -> str:
    return f"bank:P{uuid4().hex[:14].upper()}"


async def begun(start, key: str) -> WorkflowHandle:
    return await start.run(IncomingPayment.run, TakeMoney(key=key, day=DAY, edition="2025b"), id_of(key))


async def shows(handle: WorkflowHandle, stage: str, *, needs_person: bool = False) -> None:
    """Wait until the case shows a stage to staff."""
    async for _ in Patience():
        try:
            found = (await handle.describe()).typed_search_attributes
        except RPCError:
            found = None
        if found and (found.get(attributes.STAGE), found.get(attributes.NEEDS_PERSON)) == (stage, needs_person):
            return
    raise AssertionError(f"never {stage}")


async def happened(condition) -> None:
    async for _ in Patience():
        if condition():
            return
    raise AssertionError("it did not happen")


class TestIncomingPayment:
    async def test_a_booked_payment_has_its_loan_looked_at(self, case):
        played = Played()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                outcome = await (await begun(start, a_key())).result()
                await happened(lambda: any(call.startswith("tend:") for call in played.calls))
                loan = start.environment.client.get_workflow_handle(f"loan/{played.incoming.loan_id}")
                await loan.terminate()
        assert (outcome.state, outcome.loan_id) == ("BOOKED", played.incoming.loan_id)
        assert "follow" not in played.calls

    async def test_the_source_is_asked_until_it_shows_the_sum(self, case):
        played = Played()
        played.incoming.unseen = 3
        key = a_key()
        async with case(played) as start:
            handle = await begun(start, key)
            outcome = await handle.result()
            await start.environment.client.get_workflow_handle(f"loan/{played.incoming.loan_id}").terminate()
        assert outcome.state == "BOOKED"
        assert played.calls.count(f"take:{key}") == 4

    async def test_news_of_a_sum_that_never_shows_ends_after_a_day_and_a_half(self, case):
        played = Played()
        played.incoming.unseen = 10_000
        key = a_key()
        async with case(played) as start:
            handle = await begun(start, key)
            outcome = await handle.result()
        assert (outcome.state, outcome.payment_id) == ("absent", None)
        asked, rare = played.calls.count(f"take:{key}"), timedelta(seconds=LOOK_AGAIN[-1])
        assert GIVE_UP_AFTER / rare < asked <= GIVE_UP_AFTER / rare + len(LOOK_AGAIN)

    async def test_unknown_money_waits_for_the_word_of_two_people_and_for_nothing_else(self, case):
        played = Played()
        played.incoming.state = "UNMATCHED"
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                await shows(handle, "UNMATCHED", needs_person=True)
                by_hand = AssignmentConfirmed(assignment_id=uuid4())
                assert await refusal_of(handle, IncomingPayment.assignment_confirmed, by_hand) == "decision-unknown"
                assert played.incoming.state == "UNMATCHED"
                word = AssignmentConfirmed(assignment_id=played.incoming.confirm("loan"))
                assert await handle.execute_update(IncomingPayment.assignment_confirmed, word) == "loan"
                outcome = await handle.result()
                await start.environment.client.get_workflow_handle(f"loan/{played.incoming.loan_id}").terminate()
        assert (outcome.state, outcome.loan_id) == ("BOOKED", played.incoming.loan_id)

    async def test_a_word_that_comes_before_the_sum_is_seen_is_not_lost(self, case):
        played = Played()
        played.incoming.state = "UNMATCHED"
        played.incoming.open.clear()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                word = AssignmentConfirmed(assignment_id=played.incoming.confirm("loan"))
                assert await handle.execute_update(IncomingPayment.assignment_confirmed, word) == "loan"
                played.incoming.open.set()
                assert (await handle.result()).state == "BOOKED"
                await start.environment.client.get_workflow_handle(f"loan/{played.incoming.loan_id}").terminate()

    async def test_a_loan_that_does_not_take_the_money_leaves_it_with_people(self, case):
        played = Played()
        played.incoming.state, played.incoming.refuses = "UNMATCHED", ["loan-not-disbursed"]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                for again in (True, False):
                    await shows(handle, "UNMATCHED", needs_person=True)
                    word = AssignmentConfirmed(assignment_id=played.incoming.confirm("loan"))
                    await handle.execute_update(IncomingPayment.assignment_confirmed, word)
                    if again:
                        await happened(lambda: played.incoming.refuses == [])
                assert (await handle.result()).state == "BOOKED"
                await start.environment.client.get_workflow_handle(f"loan/{played.incoming.loan_id}").terminate()

    async def test_money_goes_back_to_its_payer_by_the_safe_way(self, case):
        played = Played()
        played.incoming.state = "UNMATCHED"
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                await shows(handle, "UNMATCHED", needs_person=True)
                word = AssignmentConfirmed(assignment_id=played.incoming.confirm("payer"))
                assert await handle.execute_update(IncomingPayment.assignment_confirmed, word) == "payer"
                outcome = await handle.result()
                child = start.environment.client.get_workflow_handle(f"refund/{played.incoming.payment_id}")
                assert (await child.result())["done"] is True
        assert (outcome.state, outcome.loan_id) == ("RETURNED", None)
        assert played.calls.count("pay") == 1
        assert "wait-again" not in played.calls

    async def test_a_way_back_that_fails_leaves_the_money_with_people_who_may_decide_otherwise(self, case):
        played = Played()
        played.incoming.state, played.account_ground = "UNMATCHED", "recipient-listed"
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                await shows(handle, "UNMATCHED", needs_person=True)
                word = AssignmentConfirmed(assignment_id=played.incoming.confirm("payer"))
                await handle.execute_update(IncomingPayment.assignment_confirmed, word)
                await happened(lambda: "wait-again" in played.calls)
                await shows(handle, "UNMATCHED", needs_person=True)
                word = AssignmentConfirmed(assignment_id=played.incoming.confirm("loan"))
                await handle.execute_update(IncomingPayment.assignment_confirmed, word)
                assert (await handle.result()).state == "BOOKED"
                await start.environment.client.get_workflow_handle(f"loan/{played.incoming.loan_id}").terminate()
        assert "pay" not in played.calls

    async def test_each_try_that_two_people_want_is_a_case_and_a_payment_of_its_own(self, case):
        played = Played()
        played.incoming.state = "UNMATCHED"
        refused, done = PaymentState(state="refused", ground="payout-refused"), PaymentState(state="done")
        played.payments = [refused, refused, done]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                for tries in (1, 2, 3):
                    await shows(handle, "UNMATCHED", needs_person=True)
                    word = AssignmentConfirmed(assignment_id=played.incoming.confirm("payer"))
                    assert await handle.execute_update(IncomingPayment.assignment_confirmed, word) == "payer"
                    await happened(lambda tries=tries: played.calls.count("pay") == tries)
                outcome = await handle.result()
                first = f"refund/{played.incoming.payment_id}"
                cases = [
                    start.environment.client.get_workflow_handle(one) for one in (first, f"{first}/2", f"{first}/3")
                ]
                assert [(await one.result())["done"] for one in cases] == [False, False, True]
        assert outcome.state == "RETURNED"
        keys = [order.key for order in played.orders]
        assert keys == [return_key(played.incoming.payment_id, n) for n in (1, 2, 3)]

    async def test_money_that_two_people_keep_needs_nobody_until_they_say_otherwise(self, case):
        played = Played()
        played.incoming.state = "UNMATCHED"
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                await shows(handle, "UNMATCHED", needs_person=True)
                word = AssignmentConfirmed(assignment_id=played.incoming.confirm("queue"))
                assert await handle.execute_update(IncomingPayment.assignment_confirmed, word) == "queue"
                await shows(handle, "UNMATCHED", needs_person=False)
                word = AssignmentConfirmed(assignment_id=played.incoming.confirm("payer"))
                await handle.execute_update(IncomingPayment.assignment_confirmed, word)
                assert (await handle.result()).state == "RETURNED"

    async def test_a_refund_that_was_ended_by_hand_is_taken_up_again_and_nothing_is_paid_twice(self, case):
        played = Played()
        played.incoming.state = "RETURNING"
        played.payments = [PaymentState(state="accepted")]  # for as long as its first case is there
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                child = start.environment.client.get_workflow_handle(f"refund/{played.incoming.payment_id}")
                await shows(child, "paying")
                await child.terminate()
                played.payments = [PaymentState(state="accepted"), PaymentState(state="done")]
            outcome = await handle.result()
        assert outcome.state == "RETURNED"
        assert "wait-again" not in played.calls

    async def test_money_that_is_not_tenge_is_dealt_with_by_two_people(self, case):
        played = Played()
        played.incoming.state = "foreign"
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                await shows(handle, "foreign", needs_person=True)
                review = fact(f"review/{NOT_IN_TENGE}")
                unknown = ReviewDecided(review_id=review, decision_id=uuid4())
                assert await refusal_of(handle, IncomingPayment.review_decided, unknown) == "decision-unknown"
                decided = unknown.model_copy(update={"decision_id": uuid4()})
                played.known_decisions[decided.decision_id] = "approve"
                assert await handle.execute_update(IncomingPayment.review_decided, decided) == "approve"
                outcome = await handle.result()
        assert (outcome.state, outcome.payment_id) == ("foreign", None)

    async def test_a_payout_of_ours_that_came_back_has_no_loan_to_tell(self, case):
        played = Played()
        played.incoming.state = "came-back"
        async with case(played) as start:
            outcome = await (await begun(start, a_key())).result()
        assert (outcome.state, outcome.loan_id) == ("came-back", None)
        assert [call for call in played.calls if not call.startswith("take:")] == []

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3), st.lists(st.text(), min_size=1))
    def test_each_key_has_a_case_of_its_own(self, one, other):
        first, second = ":".join(["bank", *one]), ":".join(["bank", *other])
        assert (id_of(first) == id_of(second)) == (first == second)
        assert id_of(first).isascii()
        assert not set(id_of(first).removeprefix("payment/")) & {"/", ":"}


class TestReconcile:
    async def night(self, start) -> WorkflowHandle:
        return await start.run(Reconcile.run, ReconcileDay(day=DAY), f"reconcile-test-{uuid4()}")

    async def test_a_clean_day_ends_by_itself(self, case):
        played = Played()
        played.incoming.days = [a_day(DAY)]
        async with case(played) as start:
            found = await (await self.night(start)).result()
        assert found.clean
        assert found.terminals is not None
        assert not [call for call in played.calls if call.startswith("review")]

    async def test_what_a_night_took_and_what_waits_have_their_cases(self, case):
        played = Played()
        played.incoming.state = "UNMATCHED"
        lost, waits, receipt = a_key(), a_key(), f"terminal:T-1:{uuid4().hex[:12]}"
        played.incoming.days = [a_day(DAY, taken=[lost], waiting=[lost, waits])]
        played.incoming.registers = [
            TerminalsReconciled(entries=1, matched=1, unexplained=[], missing=[], taken=[receipt])
        ]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                earlier = await begun(start, waits)  # its case runs already: it goes on undisturbed
                await shows(earlier, "UNMATCHED", needs_person=True)
                assert (await (await self.night(start)).result()).clean
                for key in (lost, waits, receipt):
                    handle = start.environment.client.get_workflow_handle(id_of(key))
                    await shows(handle, "UNMATCHED", needs_person=True)
                    await handle.terminate()
        assert played.calls.count(f"take:{waits}") == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"unexplained": ["X1"]},
            {"missing": ["disburse:1"]},
            {"adds_up": False},
            {"ledger": a_day(DAY).ledger.model_copy(update={"differs": ["bank:P1"]})},
        ],
    )
    async def test_whatever_differs_waits_for_two_people_and_is_looked_at_again(self, case, changes):
        played = Played()
        played.incoming.days = [a_day(DAY, **changes), a_day(DAY)]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await self.night(start)
                await shows(handle, "UNEXPLAINED", needs_person=True)
                review, decision = fact(f"review/{GROUND}"), uuid4()
                played.known_decisions[decision] = "retry"
                decided = ReviewDecided(review_id=review, decision_id=decision)
                assert await handle.execute_update(Reconcile.review_decided, decided) == "retry"
                found = await handle.result()
        assert found.clean
        assert played.calls.count(f"day:{DAY}") == 2

    async def test_terminals_that_differ_are_for_two_people_too(self, case):
        played = Played()
        played.incoming.days = [a_day(DAY)]
        played.incoming.registers = [
            TerminalsReconciled(entries=1, matched=0, unexplained=["terminal:T:1"], missing=[])
        ]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await self.night(start)
                await shows(handle, "UNEXPLAINED", needs_person=True)
                found = await handle.execute_update(Reconcile.look)
                assert found.review_id == fact(f"review/{GROUND}")
                assert found.terminals.unexplained == ["terminal:T:1"]
                await handle.terminate()

    async def test_a_decision_that_comes_before_the_reviews_own_answer_is_not_lost(self, case):
        played = Played()
        played.incoming.days = [a_day(DAY, unexplained=["X1"])]
        played.stored.clear()
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await self.night(start)
                await under_way(handle, "open_review")
                decision = uuid4()
                played.known_decisions[decision] = "approve"
                decided = ReviewDecided(review_id=fact(f"review/{GROUND}"), decision_id=decision)
                told = asyncio.create_task(handle.execute_update(Reconcile.review_decided, decided))
                await asyncio.sleep(0.5)
                played.stored.set()
                assert await told == "approve"
                assert (await handle.result()).unexplained == ["X1"]
