"""A write-off on a real Temporal server with a virtual clock; activities are played, the loan's facts are real.

Proven: both sides of the fifteenth working day, with a worker that was away; a verdict that is not in force; paper and
proof that are refused; bureau and bank that fail for days; payments that come meanwhile and after; other grounds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle

from activities.write_offs import BureauSays
from rules.clocks import deadline
from rules.errors import Conflict
from rules.money import Money
from tests.support.loan_life import A_DAY, LoanLife
from tests.support.played import Played, fact
from tests.support.turned import Patience, at_rest, worker_of
from tests.workflows.conftest import Starter
from tests.workflows.test_registration import refusal_of
from tests.workflows.test_servicing import Refunding
from workflows import attributes
from workflows.messages import ReviewDecided
from workflows.paper_messages import PaperCase, PaperDecided, suspension_id
from workflows.servicing import Servicing
from workflows.write_off import WriteOff, WriteOffView

A_LITTLE = timedelta(minutes=2)
PAID = Money(20_000)


class Case:
    """One case. Its loan was lent today and has paid something; its clock begins with the receipt, now."""

    def __init__(self, start: Starter, played: Played, loan: LoanLife, handle: WorkflowHandle) -> None:
        self.start, self.played, self.loan, self.handle = start, played, loan, handle

    @classmethod
    async def begun(cls, start: Starter, played: Played) -> Case:
        loan = await LoanLife.begun(start, played)  # its case runs: a clock with a child of its own stands still
        if PAID not in [getattr(one, "amount", None) for one in played.servicing.facts]:
            await loan.pays(loan.today_outside(), PAID)
            await loan.asleep()
        wanted = PaperCase(
            paper_id=uuid4(), loan_id=loan.loan_id, client_id=loan.serve.client_id, n=1, edition="2025b"
        )  # fmt: skip
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(WriteOff.run, wanted, f"write-off/{loan.loan_id}/1")
        made = cls(start, played, loan, handle)
        played.servicing.return_case = 1
        await made.settled()
        return made

    async def settled(self) -> WriteOffView:
        """Wait until no activity is under way and all that came has been looked at."""
        await at_rest(self.handle)
        view: WriteOffView = await self.handle.query(WriteOff.view)
        return view

    async def until(self, call: str, times: int = 1) -> None:
        async for _ in Patience():
            if sum(one.startswith(call) for one in self.played.calls) >= times:
                return
        raise AssertionError(f"never {call}: {self.played.calls}")

    async def shows(self, stage: str, *, needs_person: bool) -> None:
        """Wait until the lists of Temporal UI show this."""
        async for _ in Patience():
            found = (await self.handle.describe()).typed_search_attributes
            if (found.get(attributes.STAGE), found.get(attributes.NEEDS_PERSON)) == (stage, needs_person):
                return
        raise AssertionError(f"never {stage}: {found}")

    async def confirmed(self) -> None:
        """The second person's word stands in the database, and the case is told."""
        self.played.write_offs.paper = "CONFIRMED"
        await self.told()

    async def told(self, update: Callable[..., Any] = WriteOff.paper_decided) -> None:
        await self.handle.execute_update(update, PaperDecided(paper_id=uuid4()))

    async def turn_to(self, instant: datetime) -> WriteOffView:
        """Turn the case's clock forward."""
        left = instant - await self.start.environment.get_current_time(self.handle)
        assert left > timedelta(0), "the clock only goes forward"
        assert await self.start.environment.fast_forward(self.handle, left)
        return await self.settled()

    @property
    def due(self) -> datetime:
        """The first instant at which the clock is missed."""
        return deadline(self.played.write_offs.rule, self.played.write_offs.received).due

    async def outcome(self) -> tuple[str, bool | None]:
        with self.start.environment.with_time_skipping_disabled():
            ended = await self.handle.result()
        return ended.state, ended.in_time

    def clock(self, rule: str = "P13.4") -> Any:
        return self.played.clocks.of(rule)


def ours(played: Played) -> list[str]:
    """What was done, without the looks at the loan."""
    names = ("write-off", "certify", "tell-client", "sms", "bureau", "owed", "history")
    return [one.partition(":")[0] for one in played.calls if one.partition(":")[0] in names]


class TestInTime:
    async def test_everything_is_done_once_and_the_clock_is_met(self, case):
        played = Refunding()
        async with case(played) as start:
            one = await Case.begun(start, played)
            assert (await one.settled()).stage == "RECEIVED"
            await one.shows("RECEIVED", needs_person=True)
            await one.confirmed()
            assert await one.outcome() == ("WRITTEN_OFF", True)
            assert (await one.loan.handle.result()).reason == "written-off"
        assert [call for call in played.calls if call.startswith("write-off:")] != []
        assert played.keys == [f"return-collected:{one.loan.loan_id}:1"]
        assert sum(call == "tell-client" for call in played.calls) == 1
        assert (one.clock().row.state, one.clock().row.rule) == ("MET", "P13.4")
        assert one.clock().row.evidence["decision"] == played.write_offs.received.isoformat()
        assert {"tell-client", "bureau", "owed"} <= set(ours(played))
        assert "furnish:CLOSE" not in played.calls
        assert ours(played).index("write-off") < ours(played).index("tell-client") < ours(played).index("history")

    async def test_the_last_minute_of_the_fifteenth_working_day_is_in_time(self, case):
        played = Refunding()
        async with case(played) as start:
            one = await Case.begun(start, played)
            view = await one.turn_to(one.due - A_LITTLE)
            assert view.stage == "RECEIVED"
            assert {"HALF_WAY", "WARNING"} <= set(one.clock().kinds)
            assert not [call for call in played.calls if call.startswith("write-off")]
            await one.confirmed()
            assert await one.outcome() == ("WRITTEN_OFF", True)
        assert "MISSED" not in one.clock().kinds

    async def test_a_minute_later_people_are_called_and_it_is_done_all_the_same(self, case):
        played = Refunding()
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.turn_to(one.due + A_LITTLE)
            assert "MISSED" in one.clock().kinds
            await one.shows("RECEIVED", needs_person=True)
            shown = (await one.handle.describe()).typed_search_attributes
            assert (shown[attributes.DEADLINE], shown[attributes.DEADLINE_RULE]) == (one.due, "P13.4")
            await one.confirmed()
            assert await one.outcome() == ("WRITTEN_OFF", False)
        assert one.clock().row.state == "MET_LATE"
        assert len(played.keys) == 1


class TestAWorkerThatWasAway:
    @pytest.mark.parametrize("late", [False, True])
    async def test_goes_on_where_the_case_stood_on_either_side_of_the_end(self, skipping, late):
        played, queue = Refunding(), f"test-{uuid4()}"
        played.write_offs.bureau = [BureauSays(state="sent", held_up=False)]
        async with worker_of(skipping, queue, played):
            one = await Case.begun(Starter(skipping, queue), played)
            await one.confirmed()
            await one.until("bureau:sent")
            await one.until("owed:False")
            await one.settled()
        played.write_offs.bureau = [BureauSays(state="accepted", held_up=False)]
        await one.handle.signal(WriteOff.bureau_answered)
        if late:  # a virtual clock stands still without a worker, so the last day comes to it
            played.clocks.of("P13.4").row.due_at = played.write_offs.received
        async with worker_of(skipping, queue, played):
            assert await one.outcome() == ("WRITTEN_OFF", not late)
        assert len(played.keys) == 1
        assert sum(call.startswith("write-off:") for call in played.calls) == 1
        assert one.clock().row.state == ("MET_LATE" if late else "MET")


class TestAVerdictNotInForce:
    async def test_its_clock_begins_with_the_proof_and_the_wait_is_seen(self, case):
        played = Refunding()
        played.write_offs.force = ""
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.shows("WAITING_FOR_FORCE", needs_person=True)
            await one.confirmed()
            await one.turn_to(one.due + 20 * A_DAY)
            assert played.clocks.kept == {}
            await one.shows("WAITING_FOR_FORCE", needs_person=True)
            played.write_offs.force, played.write_offs.forces = "ENTERED", 1
            played.write_offs.force_received = await start.environment.get_current_time(one.handle)
            await one.told(WriteOff.proof_of_force)
            await one.shows("RECEIVED", needs_person=True)
            assert one.clock().row.received_at == played.write_offs.force_received
            assert not [call for call in played.calls if call.startswith("write-off")]
            played.write_offs.force = "CONFIRMED"
            await one.told(WriteOff.proof_of_force)
            assert await one.outcome() == ("WRITTEN_OFF", True)

    async def test_a_refused_proof_stops_its_clock_and_the_next_has_its_own(self, case):
        played = Refunding()
        played.write_offs.paper, played.write_offs.force, played.write_offs.forces = "CONFIRMED", "ENTERED", 1
        async with case(played) as start:
            one = await Case.begun(start, played)
            assert one.clock().kinds == ["STARTED"]
            played.write_offs.force = "REFUSED"
            await one.told(WriteOff.proof_of_force)
            await one.shows("WAITING_FOR_FORCE", needs_person=True)
            (first,) = played.clocks.kept.values()
            assert first.kinds == ["STARTED", "CANCELLED"]
            played.write_offs.force, played.write_offs.forces = "CONFIRMED", 2
            await one.told(WriteOff.proof_of_force)
            assert await one.outcome() == ("WRITTEN_OFF", True)
        assert [clock.row.state for clock in played.clocks.kept.values()] == ["CANCELLED", "MET"]

    @pytest.mark.parametrize("force", ["", None])
    async def test_a_refused_paper_ends_the_case_and_touches_nothing(self, case, force):
        played = Refunding()
        played.write_offs.force = force
        async with case(played) as start:
            one = await Case.begun(start, played)
            played.write_offs.paper = "REFUSED"
            await one.told()
            assert await one.outcome() == ("REFUSED", None)
            await one.loan.handle.terminate()
        assert not {"write-off", "tell-client", "bureau"} & set(ours(played))
        assert played.keys == []
        assert [clock.row.state for clock in played.clocks.kept.values()] == (["CANCELLED"] if force is None else [])


class TestTheWorldFails:
    async def test_a_bureau_that_is_away_is_waited_for_beyond_the_last_day(self, case):
        played = Refunding()
        played.write_offs.bureau = [BureauSays(state="waiting", held_up=False)]
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.confirmed()
            await one.until("owed:False")
            await one.until("tell-client")
            await one.settled()
            view = await one.turn_to(one.due + A_LITTLE)
            assert (view.stage, sorted(view.done)) == ("EXECUTING", ["notice", "order", "returned"])
            assert "MISSED" in one.clock().kinds
            await one.shows("EXECUTING", needs_person=True)
            played.write_offs.bureau = [BureauSays(state="accepted", held_up=False)]
            await one.handle.signal(WriteOff.bureau_answered)
            assert await one.outcome() == ("WRITTEN_OFF", False)
        assert len(played.keys) == 1

    async def test_a_record_that_the_bureau_refuses_is_for_people(self, case):
        played = Refunding()
        played.write_offs.bureau = [BureauSays(state="rejected", held_up=True)]
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.confirmed()
            await one.shows("EXECUTING", needs_person=True)
            played.write_offs.bureau = [BureauSays(state="dropped", held_up=False)]
            await one.handle.signal(WriteOff.bureau_answered)
            assert await one.outcome() == ("WRITTEN_OFF", True)

    async def test_a_return_that_the_bank_refuses_waits_for_two_people_and_is_another_payment_then(self, case):
        played = Refunding("payout-refused")
        played.known_decisions[fact("decision")] = "retry"
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.confirmed()
            await one.until("review:MONEY")
            await one.shows("EXECUTING", needs_person=True)
            invented = ReviewDecided(review_id=fact("review/payout-refused"), decision_id=fact("invented"))
            assert await refusal_of(one.handle, WriteOff.review_decided, invented) == "decision-unknown"
            await one.handle.signal(WriteOff.loan_changed)  # word alone pays nothing out again
            await one.settled()
            assert len(played.keys) == 1
            decided = ReviewDecided(review_id=fact("review/payout-refused"), decision_id=fact("decision"))
            await one.handle.execute_update(WriteOff.review_decided, decided)
            assert await one.outcome() == ("WRITTEN_OFF", True)
        assert played.keys == [f"return-collected:{one.loan.loan_id}:{n}" for n in (1, 2)]

    async def test_the_clock_is_not_met_before_every_proof_stands(self, case):
        played = Refunding()
        played.write_offs.missing = ["notice"]
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.confirmed()
            await one.shows("EXECUTING", needs_person=True)
            async for _ in Patience():
                view = await one.settled()
                if view.trouble:
                    break
            assert view.trouble == "duties-not-proved"
            assert one.clock().row.state == "RUNNING"
            played.write_offs.missing = []
            await one.told()
            assert await one.outcome() == ("WRITTEN_OFF", True)

    async def test_books_that_refuse_are_for_people_and_tried_again(self, case):
        played = Refunding()
        played.write_offs.trouble = [Conflict("loan-disbursed-twice")]
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.confirmed()
            await one.shows("DECIDING", needs_person=True)
            assert (await one.settled()).trouble == "loan-disbursed-twice"
            await one.handle.signal(WriteOff.loan_changed)
            assert await one.outcome() == ("WRITTEN_OFF", True)


class TestPayments:
    async def test_one_that_comes_while_the_case_is_open_goes_back_from_it(self, case):
        played = Refunding()
        played.write_offs.under_way = True  # an earlier refund is still at the bank
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.confirmed()
            await one.until("tell-client")
            await one.settled()
            assert played.keys == []
            played.write_offs.under_way = False
            await one.loan.pays(one.loan.today_outside(), Money(500))  # the loan's case passes the word on
            assert await one.outcome() == ("WRITTEN_OFF", True)
        assert played.keys == [f"return-collected:{one.loan.loan_id}:1"]

    async def test_one_that_comes_after_goes_back_from_the_loan_by_the_same_purpose(self, case):
        played = Refunding()
        async with case(played) as start:
            one = await Case.begun(start, played)
            await one.confirmed()
            assert await one.outcome() == ("WRITTEN_OFF", True)
            await one.loan.handle.result()
            played.servicing.return_case = None
            later = LoanLife(start, played, loan_id=one.loan.loan_id)
            played.servicing.paid(later.today_outside(), Money(700))
            with start.environment.with_time_skipping_disabled():
                later.handle = await start.run(Servicing.run, later.serve, later.case_id)
            assert (await later.handle.result()).reason == "written-off"
        assert played.keys == [f"return-collected:{one.loan.loan_id}:{n}" for n in (1, 2)]

    async def test_a_case_that_is_gone_leaves_the_return_to_the_loan(self, case):
        played = Refunding()
        async with case(played) as start:
            one = await Case.begun(start, played)
            played.write_offs.under_way = True
            await one.confirmed()
            await one.until("tell-client")
            await one.settled()
            await one.loan.asleep(lambda view: view.tended.written_off)  # it has told the case, which is there still
            await one.handle.terminate()
            await one.loan.pays(one.loan.today_outside(), Money(300))
            assert (await one.loan.handle.result()).reason == "written-off"
        assert played.keys == [f"return-collected:{one.loan.loan_id}:1"]


@workflow.defn(name="Suspended", sandboxed=False)
class Suspended:
    """A suspension of the loan that waits for its end."""

    @workflow.init
    def __init__(self) -> None:
        self.over = False

    @workflow.run
    async def run(self) -> bool:
        """Until it is told."""
        await workflow.wait_condition(lambda: self.over)
        return True

    @workflow.signal
    def suspension_ended(self) -> None:
        """The loan is written off."""
        self.over = True


async def test_an_open_suspension_ends_with_it_and_one_that_is_over_is_no_hindrance(case):
    played = Refunding()
    played.write_offs.suspensions = [7, 8]
    async with case(played, Suspended) as start:
        one = await Case.begun(start, played)
        with start.environment.with_time_skipping_disabled():
            open_one = await start.run(Suspended.run, None, suspension_id(one.loan.loan_id, 8))
        await one.confirmed()
        assert await one.outcome() == ("WRITTEN_OFF", True)
        assert await open_one.result()


@pytest.mark.parametrize(("rule", "ground"), [("lender-breach", "lender_breach"), ("ombudsman", "ombudsman")])
async def test_other_grounds_have_their_own_clock_and_return_nothing_that_was_owed(case, rule, ground):
    played = Refunding()
    played.write_offs.rule, played.write_offs.ground, played.write_offs.returns = rule, ground, False
    async with case(played) as start:
        one = await Case.begun(start, played)
        await one.confirmed()
        assert await one.outcome() == ("WRITTEN_OFF", True)
    assert played.keys == []
    assert "owed" not in ours(played)
    assert one.clock(rule).row.state == "MET"
