"""The life of a loan on a real Temporal server with a virtual clock. The facts and the rules are real, the database and
the papers are played.

Proven: nothing is done before its day and nothing is forgotten; one notice an episode, in time or known to be late;
the end of the debt; money above it back; word that comes while the case is busy; long lives cut into runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.histories import HistoryWanted
from activities.interceptors import BusinessErrors
from activities.payout_orders import PaymentState, PayoutOrder
from infra.temporal import RUNNER
from rules.errors import BusinessError, Conflict
from rules.loan_events import Suspended, WrittenOff
from rules.money import Money
from tests.support.loan_life import A_DAY, LoanLife
from tests.support.loan_world import noon
from tests.support.played import Played, fact
from tests.workflows.conftest import WORKFLOWS, Starter
from tests.workflows.test_registration import refusal_of
from workflows import attributes
from workflows.messages import ReviewDecided
from workflows.servicing import Servicing

BUREAU = ("furnish:NEW", "furnish:UPDATE", "furnish:CLOSE")


class Refunding(Played):
    """The bank pays refunds, and the fact stands in the books before the payment is called done."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = list(refused)
        self.keys: list[str] = []

    def activities(self) -> Sequence[object]:
        @activity.defn
        async def pay(order: PayoutOrder) -> PaymentState:
            self.keys.append(order.key)
            if self.refused:
                return PaymentState(state="refused", ground=self.refused.pop(0))
            served = self.servicing
            from rules.loan import position

            on = max(event.value_date for event in served.facts)
            served.refunded(on, position(served.facts, served.terms, on).overpaid)
            return PaymentState(state="done", payout_id="p-1")

        return [*(one for one in super().activities() if one.__name__ != "pay"), pay]


class HistoryTakesTime(Refunding):
    """The history of the case goes into the archive when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.archiving, self.archived = asyncio.Event(), asyncio.Event()

    def activities(self) -> Sequence[object]:
        known = super().activities()
        (really,) = [one for one in known if one.__name__ == "archive_history"]

        @activity.defn
        async def archive_history(wanted: HistoryWanted) -> UUID:
            self.archiving.set()
            await self.archived.wait()
            return await really(wanted)

        return [*(one for one in known if one is not really), archive_history]


def bureau(calls: list[str]) -> list[str]:
    return [call for call in calls if call in BUREAU]


class TestPaidOnTime:
    async def test_a_loan_is_served_to_its_end(self, case):
        played = Played()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            for row in life.rows[:-1]:
                await life.noon_of(row.due)
                await life.pays(row.due, row.payment)
                view = await life.asleep()
                assert view.tended.arrears_since is None
            last = life.rows[-1]
            await life.noon_of(last.due)
            await life.pays(last.due, last.payment)
            outcome = await life.handle.result()
        assert outcome.reason == "repaid"
        assert life.days_of("notice") == []
        assert bureau(life.calls) == ["furnish:NEW", *["furnish:UPDATE"] * 3, "furnish:CLOSE"]
        assert life.calls.count("certify") == 1
        end = life.calls[life.calls.index("furnish:CLOSE") :]
        assert [one for one in end if one in ("furnish:CLOSE", "certify", "sms", "extend", "history")] == [
            "furnish:CLOSE", "certify", "sms", "extend", "history",
        ]  # fmt: skip

    async def test_it_wakes_for_due_dates_and_months_and_for_nothing_else(self, case):
        played = Played()
        async with case(played) as start:
            life = await LoanLife.begun(start, played, periods=6)
            await life.noon_of(life.rows[0].due - A_DAY)
            assert len(life.days_of("tend")) == 1
            await life.pays(life.rows[0].due - A_DAY, Money(100_000))
            await life.asleep(lambda view: len(life.days_of("tend")) == 2)
            await life.noon_of(life.rows[1].due - A_DAY)
            assert set(life.days_of("tend")[2:]) == {life.rows[0].due.isoformat()}  # the money had come before
            await life.handle.terminate()


class TestArrears:
    async def test_the_client_is_told_once_and_the_bureau_twice(self, case):
        played = Played()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            due = life.rows[0].due
            view = await life.noon_of(due + A_DAY)
            assert view.tended.arrears_since == due + A_DAY
            assert life.days_of("notice") == []
            await life.noon_of(due + 2 * A_DAY)
            assert life.days_of("notice") == [(due + 2 * A_DAY).isoformat()]
            await life.noon_of(due + 25 * A_DAY)
            assert len(life.days_of("notice")) == 1
            clock = played.clocks.of("arrears-notice")
            assert (clock.row.state, clock.row.last_day) == ("MET", due + 10 * A_DAY)
            before = len(bureau(life.calls))
            await life.pays(due + 25 * A_DAY, life.rows[0].payment + Money(10_000))
            await life.asleep(lambda view: view.tended.arrears_since is None)
            assert len(bureau(life.calls)) == before + 1
            await life.handle.terminate()

    async def test_a_notice_that_cannot_be_sent_is_known_to_be_late_and_sent_all_the_same(self, case):
        played = Played()
        played.servicing.at_work.clear()
        played.clocks.within["arrears-notice"] = timedelta(seconds=1)
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            due = life.rows[0].due
            days = (due - life.today_outside()).days + 3
            turning = asyncio.create_task(start.environment.fast_forward(life.handle, timedelta(days=days)))
            await life.until("sending")
            await life.missed("arrears-notice")  # the clock does not jump over an activity: this second is a real one
            assert life.days_of("notice") == []
            shown = await life.shows_a_person()
            assert (shown[attributes.STAGE], shown[attributes.DEADLINE_RULE]) == ("OVERDUE", "arrears-notice")
            played.servicing.at_work.set()
            await turning
            await life.asleep(lambda view: view.tended.notice_by is None)
            assert len(life.days_of("notice")) == 1
            clock = played.clocks.of("arrears-notice")
            assert clock.kinds == ["STARTED", "HALF_WAY", "MISSED", "MET_LATE"]
            await life.handle.terminate()

    async def test_a_suspended_loan_gets_no_notice(self, case):
        played = Played()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            due = life.rows[0].due
            played.servicing.facts.append(Suspended(key="s", value_date=due, known_at=noon(due)))
            await life.noon_of(due + 12 * A_DAY)
            assert (life.days_of("notice"), played.clocks.kept) == ([], {})
            await life.handle.terminate()


class TestTheEnd:
    async def test_money_above_the_debt_goes_back_before_the_case_ends(self, case):
        played = Refunding()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            await life.pays(life.today_outside(), Money(200_000))
            outcome = await life.handle.result()
        assert outcome.reason == "repaid"
        assert played.keys == [f"refund:{life.loan_id}:1"]
        assert life.calls.count("furnish:CLOSE") == 1
        assert life.calls.index("certify") < life.calls.index("history")

    async def test_a_refund_that_fails_waits_for_two_people_and_is_another_payment_then(self, case):
        played = Refunding("account-not-owned")
        played.known_decisions[fact("decision")] = "retry"
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            await life.pays(life.today_outside(), Money(200_000))
            await life.until("review:MONEY")
            await life.asleep()
            review = fact("review/account-not-owned")
            invented = ReviewDecided(review_id=review, decision_id=fact("invented"))
            assert await refusal_of(life.handle, Servicing.review_decided, invented) == "decision-unknown"
            other = ReviewDecided(review_id=uuid4(), decision_id=fact("decision"))
            assert await refusal_of(life.handle, Servicing.review_decided, other) == "review-not-open"
            await life.handle.signal(Servicing.loan_changed)  # word alone pays nothing out again
            await life.asleep()
            assert len(played.keys) == 1
            await life.handle.execute_update(
                Servicing.review_decided, ReviewDecided(review_id=review, decision_id=fact("decision"))
            )
            assert (await life.handle.result()).reason == "repaid"
        assert played.keys == [f"refund:{life.loan_id}:{n}" for n in (1, 2)]

    async def test_a_written_off_loan_ends_without_a_close_of_ours(self, case):
        played = Played()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            on = life.today_outside()
            gone = WrittenOff(key="w", value_date=on, known_at=noon(on), ground="court_verdict")
            played.servicing.facts.append(gone)
            await life.handle.signal(Servicing.loan_changed)
            assert (await life.handle.result()).reason == "written-off"
        assert bureau(life.calls) == ["furnish:NEW"]

    async def test_documents_that_would_open_are_locked_on(self, case):
        played = Played()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            assert life.calls.count("extend") == 1
            played.servicing.locks_short = True
            await life.handle.signal(Servicing.loan_changed)
            await life.asleep(lambda view: life.calls.count("extend") == 2)
            await life.handle.terminate()


class TestWord:
    async def test_word_that_comes_while_the_case_is_busy_is_not_lost(self, case):
        played = Played()
        played.servicing.at_work.clear()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            days = (life.rows[0].due - life.today_outside()).days + 3
            turning = asyncio.create_task(start.environment.fast_forward(life.handle, timedelta(days=days)))
            await life.until("sending")
            looks = len(life.days_of("tend"))
            await life.pays(life.rows[0].due + A_DAY, Money(200_000))  # the notice hangs at this moment
            await life.handle.signal(Servicing.loan_changed)
            played.servicing.at_work.set()
            await life.until("certify")
            turning.cancel()
            assert len(life.days_of("tend")) > looks
            await life.handle.terminate()

    async def test_money_that_comes_while_the_case_closes_goes_back_too(self, case):
        played = HistoryTakesTime()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            await life.pays(life.today_outside(), Money(200_000))
            await asyncio.wait_for(played.archiving.wait(), 90)
            await life.pays(life.today_outside(), Money(5_000))
            played.archived.set()
            assert (await life.handle.result()).reason == "repaid"
        assert played.keys == [f"refund:{life.loan_id}:{n}" for n in (1, 2)]

    async def test_facts_that_contradict_each_other_call_for_people_and_stop_nothing(self, case):
        played = Played()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            played.servicing.trouble = Conflict("loan-disbursed-twice")
            await life.handle.signal(Servicing.loan_changed)
            view = await life.asleep(lambda view: view.trouble is not None)
            assert view.trouble == "loan-disbursed-twice"
            played.servicing.trouble = None
            await life.handle.signal(Servicing.loan_changed)
            await life.asleep(lambda view: view.trouble is None)
            await life.handle.terminate()

    async def test_the_older_word_of_an_end_is_only_a_reason_to_look(self, case):
        played = Played()
        async with case(played) as start:
            life = await LoanLife.begun(start, played)
            await life.handle.signal(Servicing.closed, "because somebody typed it")
            await life.asleep(lambda view: len(life.days_of("tend")) == 2)
            assert "certify" not in life.calls
            await life.handle.terminate()


class TestRestart:
    def worker(self, skipping: WorkflowEnvironment, queue: str, played: Played) -> Worker:
        return Worker(
            skipping.client, task_queue=queue, workflows=WORKFLOWS, activities=played.activities(),
            workflow_runner=RUNNER, debug_mode=True, interceptors=[BusinessErrors()],
            workflow_failure_exception_types=[BusinessError],
        )  # fmt: skip

    @pytest.mark.parametrize(("last_day_passed", "state"), [(False, "MET"), (True, "MET_LATE")])
    async def test_a_worker_that_was_away_tells_at_once_and_knows_whether_it_is_late(
        self, skipping, last_day_passed, state
    ):
        played, queue = Played(), f"test-{uuid4()}"
        async with self.worker(skipping, queue, played):
            life = await LoanLife.begun(Starter(skipping, queue), played)
            due = life.rows[0].due
            await life.noon_of(due + A_DAY)
        turning = asyncio.create_task(skipping.fast_forward(life.handle, timedelta(days=2)))
        await asyncio.sleep(1)
        assert life.days_of("notice") == []
        if last_day_passed:  # a virtual clock stands still without a worker, so the last day comes to it
            played.clocks.within["arrears-notice"] = timedelta(seconds=-1)
        async with self.worker(skipping, queue, played):
            await turning
            await life.asleep(lambda view: view.tended.notice_by is None)
            assert len(life.days_of("notice")) == 1
            assert played.clocks.of("arrears-notice").row.state == state
            await life.handle.terminate()
