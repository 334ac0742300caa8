"""A paper that suspends a loan, on a real Temporal server with a virtual clock; activities are played.

Proven: both sides of the term, with and without the second person; a bureau that is down; what is refused, cancelled
or written off in every state; a hand-typed word decides nothing; workers that come and go.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle

from activities.suspension_bureau import Answer
from rules.calendar import local_date
from rules.clocks import deadline
from rules.days_off import CALENDAR, DayChange
from rules.errors import Conflict
from rules.suspension import CLOCK
from tests.support.loan_life import LoanLife
from tests.support.played import Played
from tests.support.turned import Patience, Turned, at_rest, worker_of
from tests.workflows.conftest import Starter
from tests.workflows.test_registration import refusal_of
from workflows import attributes
from workflows.clock import ClockMoved
from workflows.fraud_suspension import FraudSuspension
from workflows.furnishing import FurnishBatch, SendBatch, batch_case_id
from workflows.paper_messages import PaperCase, PaperDecided, SuspensionView, suspension_id

A_LITTLE = timedelta(minutes=2)
FOUR = {"fraud:collection", "fraud:accrual", "fraud:bureau:DONE", "fraud:letter"}


class Suspended(Turned):
    """One case. Its paper was received now; `due` is the first instant at which the term is missed."""

    def __init__(self, start: Starter, played: Played, handle: WorkflowHandle, paper: PaperCase) -> None:
        super().__init__(start, played, handle)
        self.paper = paper
        self.due = deadline(CLOCK, played.fraud.received_at).due
        self.early = self.due - timedelta(hours=15)  # then the duties are done without the second person

    @classmethod
    async def begun(cls, start: Any, played: Played, **changes: Any) -> Suspended:
        loan = await LoanLife.begun(start, played)  # its case runs: a clock with a child of its own stands still
        for name, value in changes.items():
            setattr(played.fraud, name, value)
        paper = PaperCase(paper_id=uuid4(), loan_id=loan.loan_id, client_id=loan.serve.client_id, n=1, edition="2025b")
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(FraudSuspension.run, paper, suspension_id(loan.loan_id, 1))
        made = cls(start, played, handle, paper)
        await made.until(lambda: bool(played.clocks.kept))
        await made.settled()
        return made

    async def settled(self) -> SuspensionView:
        """Wait until no activity or child is under way."""
        await at_rest(self.handle)
        view: SuspensionView = await self.handle.query(FraudSuspension.view)
        return view

    async def turn_to(self, instant: datetime) -> SuspensionView:
        """Turn the case's clock forward."""
        left = instant - await self.start.environment.get_current_time(self.handle)
        assert left > timedelta(0), "the clock only goes forward"
        assert await self.start.environment.fast_forward(self.handle, left)
        return await self.settled()

    async def decided(self, **changes: Any) -> str:
        """The database has another row; the case is told that somebody decided."""
        for name, value in changes.items():
            setattr(self.played.fraud, name, value)
        told = PaperDecided(paper_id=self.paper.paper_id)
        answer: str = await self.handle.execute_update(FraudSuspension.paper_decided, told)
        return answer

    async def bureau_answers(self, word: Answer = Answer.DONE) -> None:
        """A batch has been answered."""
        self.played.fraud.word = word
        await self.handle.signal(FraudSuspension.bureau_answered)

    async def needs_person(self) -> bool:
        return bool((await self.handle.describe()).typed_search_attributes[attributes.NEEDS_PERSON])

    def did(self, prefix: str = "fraud:") -> list[str]:
        return [one for one in self.played.calls if one.startswith(prefix)]

    @property
    def clock(self) -> str:
        """State of the clock."""
        return self.played.clocks.of(CLOCK).row.state

    async def ended(self) -> tuple[str, bool | None]:
        result = await self.handle.result()
        return result.why, result.in_time


async def the_duties_done(paper: Suspended, stage: str = "SUSPENDED") -> SuspensionView:
    async for _ in Patience():
        view = await paper.settled()
        if view.stage == stage:
            return view
    raise AssertionError(f"never {stage}: {view}")


class TestTheTerm:
    async def test_confirmed_at_once_the_four_duties_are_done_at_once(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played)
            shown = (await paper.handle.describe()).typed_search_attributes
            assert (shown[attributes.STAGE], shown[attributes.NEEDS_PERSON]) == ("RECEIVED", True)
            assert (shown[attributes.DEADLINE], shown[attributes.DEADLINE_RULE]) == (paper.due, CLOCK)
            assert paper.did() == []
            assert await paper.decided(state="CONFIRMED") == "CONFIRMED"
            await the_duties_done(paper)
            assert set(paper.did()) == FOUR
            assert paper.did()[:2] == ["fraud:collection", "fraud:accrual"]
            assert "sms" in played.calls
            assert paper.clock == "MET"
            assert set(played.clocks.of(CLOCK).row.evidence) == {"paper", "collection", "accrual", "bureau", "notice"}
            assert not await paper.needs_person()
            await paper.decided(cancelled=True)
            assert await paper.ended() == ("CANCELLED", True)
        assert [one for one in paper.did() if "ended" in one] == [
            "fraud:collection-ended", "fraud:accrual-ended",
            *sorted(["fraud:bureau-ended:DONE", "fraud:letter-ended"]),
        ]  # fmt: skip
        assert "history" in played.calls
        assert sum(one.startswith("tend") for one in played.calls) >= 3  # the loan is told at both ends

    async def test_confirmed_a_little_before_the_duties_would_be_done_anyway(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played)
            await paper.turn_to(paper.early - A_LITTLE)
            assert paper.did() == []
            await paper.decided(state="CONFIRMED")
            await the_duties_done(paper)
            assert "fraud:unconfirmed" not in paper.did()
            assert paper.clock == "MET"
            await paper.handle.terminate()

    async def test_without_a_second_person_they_are_done_before_the_term_ends_and_stay_open_to_a_word(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played)
            await paper.turn_to(paper.early + A_LITTLE)
            view = await the_duties_done(paper, "UNCONFIRMED")
            assert (view.paper, set(paper.did())) == ("ENTERED", FOUR | {"fraud:unconfirmed"})
            assert paper.clock == "MET"
            assert await paper.needs_person()
            assert all(at < paper.due for at in played.fraud.done.values())
            await paper.decided(state="CONFIRMED")
            assert (await paper.settled()).stage == "SUSPENDED"
            assert not await paper.needs_person()
            assert set(paper.did()) == FOUR | {"fraud:unconfirmed"}
            await paper.handle.terminate()

    async def test_where_the_rule_is_off_the_term_is_missed_and_the_duties_are_still_done(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played, unconfirmed_hours=None)
            await paper.turn_to(paper.due + A_LITTLE)
            assert (paper.did(), paper.clock) == ([], "MISSED")
            await paper.decided(state="CONFIRMED")
            await the_duties_done(paper)
            assert paper.clock == "MET_LATE"
            await paper.decided(cancelled=True)
            assert await paper.ended() == ("CANCELLED", False)

    async def test_a_paper_entered_after_its_term_is_carried_out_at_once_and_late(self, case):
        played = Played()
        async with case(played) as start:
            long_ago = datetime.now(UTC) - timedelta(days=30)
            paper = await Suspended.begun(start, played, received_at=long_ago)
            await the_duties_done(paper, "UNCONFIRMED")
            assert paper.clock == "MET_LATE"
            await paper.handle.terminate()

    async def test_a_day_off_that_is_added_gives_the_second_person_as_much_time(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played)
            calendar = CALENDAR.changed([DayChange(local_date(paper.due - A_LITTLE), works=False, act="an act")])
            (row,) = played.clocks.move(calendar)
            await paper.handle.signal("clock_moved", ClockMoved(clock_id=row.id))
            await paper.turn_to(paper.early + A_LITTLE)
            assert paper.did() == []
            later = deadline(CLOCK, played.fraud.received_at, calendar).due
            await paper.turn_to(later - timedelta(hours=15) + A_LITTLE)
            await the_duties_done(paper, "UNCONFIRMED")
            assert paper.clock == "MET"
            await paper.handle.terminate()


class TestRefused:
    async def test_before_anything_was_done_nothing_is(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played)
            await paper.decided(state="REFUSED")
            assert await paper.ended() == ("REFUSED", None)
        assert (paper.did(), paper.clock) == ([], "CANCELLED")

    async def test_after_the_duties_were_done_everything_is_undone(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played)
            await paper.turn_to(paper.early + A_LITTLE)
            await the_duties_done(paper, "UNCONFIRMED")
            await paper.decided(state="REFUSED")
            assert await paper.ended() == ("REFUSED", True)
        assert {one for one in paper.did() if "ended" in one} == {
            "fraud:collection-ended", "fraud:accrual-ended", "fraud:bureau-ended:DONE", "fraud:letter-ended",
        }  # fmt: skip

    async def test_a_word_without_a_row_decides_nothing(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played)
            assert await paper.decided() == "ENTERED"
            await paper.handle.signal(FraudSuspension.suspension_ended)
            assert ((await paper.settled()).stage, paper.did()) == ("RECEIVED", [])
            await paper.handle.terminate()


class TestTheBureau:
    @pytest.mark.parametrize("in_time", [True, False])
    async def test_one_that_is_down_for_days_holds_up_nothing_else_and_is_waited_for(self, case, in_time):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played, word=Answer.WAITING, state="CONFIRMED")
            await paper.until(lambda: "sms" in played.calls)
            view = await paper.settled()
            assert (view.stage, view.bureau) == ("CARRYING_OUT", "WAITING")
            assert {"accrual", "collection", "notice"} <= set(played.fraud.done)
            await paper.turn_to(paper.due + (-A_LITTLE if in_time else A_LITTLE))
            assert len(paper.did("fraud:bureau")) == 1  # nobody asked meanwhile
            assert await paper.needs_person() is not in_time
            await paper.bureau_answers(Answer.WAITING)  # another loan's record, say
            assert (await paper.settled()).stage == "CARRYING_OUT"
            await paper.bureau_answers()
            await the_duties_done(paper)
            assert paper.clock == ("MET" if in_time else "MET_LATE")
            assert not await paper.needs_person()
            await paper.handle.terminate()

    async def test_a_rejected_record_is_shown_to_people_until_it_is_taken(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played, word=Answer.REJECTED, state="CONFIRMED")
            await paper.until(lambda: "sms" in played.calls)
            assert (await paper.settled()).bureau == "REJECTED"
            assert await paper.needs_person()
            await paper.bureau_answers()
            await the_duties_done(paper)
            assert not await paper.needs_person()
            await paper.handle.terminate()

    async def test_a_batch_that_is_answered_tells_whoever_waits(self, case):
        played = Played()
        batch = uuid4()
        async with case(played) as start:
            paper = await Suspended.begun(start, played, word=Answer.WAITING, state="CONFIRMED")
            await paper.until(lambda: "sms" in played.calls)
            await paper.settled()
            played.furnishing.unfinished = [batch]
            played.furnishing.cases = [f"suspension/{uuid4()}/1", paper.handle.id]  # the first is over long ago
            played.fraud.word = Answer.DONE
            sent = await start.run(
                FurnishBatch.run, SendBatch(batch_id=batch, patience_hours=24), batch_case_id(batch)
            )  # fmt: skip
            await sent.result()
            await the_duties_done(paper)
            await paper.handle.terminate()

    async def test_the_end_waits_for_its_acknowledgement_too(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played, state="CONFIRMED")
            await the_duties_done(paper)
            played.fraud.word = Answer.WAITING
            await paper.decided(cancelled=True)
            await paper.until(lambda: bool(paper.did("fraud:bureau-ended")))
            assert (await paper.settled()).stage == "ENDING"
            decided = PaperDecided(paper_id=paper.paper.paper_id)
            assert await refusal_of(paper.handle, FraudSuspension.paper_decided, decided) == "paper-case-over"
            await paper.bureau_answers()
            assert await paper.ended() == ("CANCELLED", True)


class TestTheEnd:
    async def test_a_cancellation_before_the_duties_are_done_ends_them_and_the_clock(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played, word=Answer.WAITING, state="CONFIRMED")
            await paper.until(lambda: "sms" in played.calls)
            await paper.settled()
            await paper.decided(cancelled=True)
            await paper.until(lambda: bool(paper.did("fraud:bureau-ended")))
            assert paper.clock == "CANCELLED"
            await paper.bureau_answers()
            assert await paper.ended() == ("CANCELLED", None)
        assert "fraud:bureau:DONE" not in paper.did()
        assert {"fraud:collection-ended", "fraud:accrual-ended", "fraud:letter-ended"} <= set(paper.did())

    async def test_a_write_off_ends_it_without_interest_bureau_or_letter(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played, state="CONFIRMED")
            await the_duties_done(paper)
            await paper.handle.signal(FraudSuspension.suspension_ended)  # too early: the row says no
            assert (await paper.settled()).stage == "SUSPENDED"
            played.fraud.written_off = True
            await paper.handle.signal(FraudSuspension.suspension_ended)
            assert await paper.ended() == ("WRITTEN_OFF", True)
        assert [one for one in paper.did() if "ended" in one] == ["fraud:collection-ended"]
        assert "history" in played.calls

    async def test_facts_that_contradict_each_other_are_shown_until_people_have_mended_them(self, case):
        played = Played()
        async with case(played) as start:
            paper = await Suspended.begun(start, played, trouble=Conflict("corrected-fact-unknown"))
            await paper.decided(state="CONFIRMED")
            assert (await paper.settled()).trouble == "corrected-fact-unknown"
            assert await paper.needs_person()
            played.fraud.trouble = None
            await paper.turn_to(datetime.now(UTC) + timedelta(days=1, hours=1))
            assert (await the_duties_done(paper)).trouble is None
            await paper.handle.terminate()


class TestRestart:
    async def test_each_next_worker_goes_on_where_the_last_one_stopped(self, skipping):
        played, queue = Played(), f"test-{uuid4()}"
        async with worker_of(skipping, queue, played):
            paper = await Suspended.begun(Starter(skipping, queue), played, word=Answer.WAITING)
            await paper.turn_to(paper.early - A_LITTLE)
        async with worker_of(skipping, queue, played):
            await paper.turn_to(paper.early + A_LITTLE)
            await paper.until(lambda: "sms" in played.calls)
            await paper.settled()
        await paper.bureau_answers()
        async with worker_of(skipping, queue, played):
            await the_duties_done(paper, "UNCONFIRMED")
            await paper.decided(state="REFUSED")
            assert await paper.ended() == ("REFUSED", True)
        assert [paper.did().count(one) for one in ("fraud:collection", "fraud:accrual", "fraud:letter")] == [1, 1, 1]
