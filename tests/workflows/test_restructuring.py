"""A borrower's request for other terms on a real Temporal server with a virtual clock; activities are played.

Proven: both sides of the last day for the answer; the client's signature or silence; actions that overtake answers.
"""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowHandle

from activities.restructuring import RequestAnswered
from rules.calendar import end_of_day
from rules.days_off import CALENDAR
from tests.support.loan_life import A_DAY, LoanLife
from tests.support.played import Played, fact
from tests.support.turned import Patience, at_rest
from tests.workflows.test_origination import SIGN
from tests.workflows.test_registration import refusal_of
from workflows import attributes
from workflows.messages import ReviewDecided
from workflows.restructuring import AnswerRequest, Restructuring

REFUSED = RequestAnswered(state="REFUSED", notice_id=uuid4())
NOTHING = RequestAnswered(state="RECEIVED")


class Request:
    """One request's case. Its clock begins today; the answer is due on the fifteenth day after."""

    def __init__(self, start: object, played: Played, handle: WorkflowHandle) -> None:
        self.start, self.played, self.handle = start, played, handle
        self.today = LoanLife.today_outside()

    @classmethod
    async def begun(cls, start: object, played: Played) -> Request:
        played.known_decisions[fact("decision")] = "approve"
        loan = await LoanLife.begun(start, played)  # its case runs: a clock with a child of its own stands still
        loan_id = loan.loan_id
        wanted = AnswerRequest(
            request_id=uuid4(), loan_id=loan_id, client_id=loan.serve.client_id, application_id=uuid4(),
            edition="2025b", n=1,
        )  # fmt: skip
        with start.environment.with_time_skipping_disabled():  # type: ignore[attr-defined]
            handle = await start.run(Restructuring.run, wanted, f"restructuring/{loan_id}/1")  # type: ignore[attr-defined]
        made = cls(start, played, handle)
        await made.until("request:open")
        await made.settled()
        return made

    async def settled(self) -> None:
        """Wait until no activity is under way."""
        await at_rest(self.handle)

    async def until(self, call: str, times: int = 1) -> None:
        async for _ in Patience():
            if sum(one.startswith(call) for one in self.played.calls) >= times:
                return
        raise AssertionError(f"never {call}: {self.played.calls}")

    async def noon_of(self, days: int) -> None:
        """Turn the clock to noon of the n-th day after the request."""
        environment = self.start.environment  # type: ignore[attr-defined]
        wanted = end_of_day(self.today + (days - 1) * A_DAY) + timedelta(hours=12)
        left = wanted - await environment.get_current_time(self.handle)
        assert await environment.fast_forward(self.handle, left)
        await self.settled()

    async def decided(self, review: UUID | None = None) -> None:
        """An officer's decision stands in the database, and the case is told."""
        told = ReviewDecided(review_id=review or self.played.servicing.review, decision_id=fact("decision"))
        await self.handle.execute_update(Restructuring.review_decided, told)

    async def proposed(self) -> None:
        await self.decided()
        await self.until("request:answer:PROPOSED")
        await self.settled()

    def days_of(self, call: str) -> list[int]:
        """Days after the request on which something was done."""
        told = [one.rpartition(":")[2] for one in self.played.calls if one.startswith(call)]
        return [(date.fromisoformat(day) - self.today).days for day in told]

    async def ended(self) -> str:
        return str((await self.handle.result()).state)


class TestTheLastDayForTheAnswer:
    async def test_an_answer_on_the_fourteenth_day_is_in_time_after_a_reminder(self, case):
        played = Played()
        played.servicing.answers = [REFUSED]
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.noon_of(14)
            before = CALENDAR.add_working_days(request.today + 15 * A_DAY, -1)
            assert request.days_of("request:warn") == [(before - request.today).days]
            await request.decided()
            assert await request.ended() == "REFUSED"
        assert request.days_of("request:late") == []
        clock = played.clocks.of("restructuring-answer")
        assert (clock.row.state, clock.row.evidence["state"]) == ("MET", "REFUSED")
        assert "sms" in played.calls
        assert "history" in played.calls

    async def test_an_answer_on_the_fifteenth_day_is_in_time(self, case):
        played = Played()
        played.servicing.answers = [REFUSED]
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.noon_of(15)
            await request.decided()
            assert await request.ended() == "REFUSED"
        assert request.days_of("request:late") == []

    async def test_without_an_answer_by_then_people_are_called_and_a_late_one_is_given(self, case):
        played = Played()
        played.servicing.answers = [REFUSED]
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.noon_of(16)
            assert request.days_of("request:late") == [16]
            shown = (await request.handle.describe()).typed_search_attributes
            assert shown[attributes.NEEDS_PERSON] is True
            assert shown[attributes.DEADLINE_RULE] == "restructuring-answer"
            assert shown[attributes.DEADLINE] == end_of_day(request.today + 15 * A_DAY)
            await request.decided()
            assert await request.ended() == "REFUSED"
        assert played.calls.index("request:answer:REFUSED") > 0
        assert played.clocks.of("restructuring-answer").row.state == "MET_LATE"

    async def test_a_quick_answer_reminds_nobody(self, case):
        played = Played()
        played.servicing.answers = [REFUSED]
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.decided()
            assert await request.ended() == "REFUSED"
        assert not [one for one in played.calls if one.startswith(("request:warn", "request:late"))]


class TestTheDecision:
    async def test_one_that_leaves_nothing_to_write_is_asked_for_again(self, case):
        played = Played()
        played.servicing.answers = [NOTHING, REFUSED]
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.decided()
            await request.until("request:open", times=2)
            await request.settled()
            await request.decided()
            assert await request.ended() == "REFUSED"

    async def test_one_that_nobody_made_is_refused(self, case):
        played = Played()
        async with case(played) as start:
            request = await Request.begun(start, played)
            invented = ReviewDecided(review_id=played.servicing.review, decision_id=fact("invented"))
            assert await refusal_of(request.handle, Restructuring.review_decided, invented) == "decision-unknown"
            assert not [one for one in played.calls if one.startswith("request:answer")]
            await request.handle.terminate()


class TestTheClient:
    async def test_a_signature_makes_the_terms_a_fact(self, case):
        played = Played()
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.proposed()
            signed = await request.handle.execute_update(Restructuring.sign, SIGN)
            assert signed.outcome == "passed"
            assert await request.ended() == "ACCEPTED"
        assert played.calls.index("face") < played.calls.index("signature") < played.calls.index("request:apply")
        assert sum(one.startswith("tend") for one in played.calls) >= 3  # the loan was told at both ends

    async def test_another_persons_signature_changes_nothing(self, case):
        played = Played()
        played.grounds["signature"] = ["signature-other-content", None]
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.proposed()
            assert (await request.handle.execute_update(Restructuring.sign, SIGN)).outcome == "retry"
            assert "request:apply" not in played.calls
            await request.handle.execute_update(Restructuring.sign, SIGN)
            assert await request.ended() == "ACCEPTED"

    async def test_silence_leaves_the_contract_as_it_is(self, case):
        played = Played()
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.proposed()
            await request.noon_of(10)
            assert "request:end:LAPSED" not in played.calls
            await start.environment.fast_forward(request.handle, timedelta(days=1))
            assert await request.ended() == "LAPSED"
        assert "request:apply" not in played.calls

    async def test_so_does_a_no(self, case):
        played = Played()
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.proposed()
            assert (await request.handle.execute_update(Restructuring.decline)).state == "DECLINED"
            assert await request.ended() == "DECLINED"

    @pytest.mark.parametrize("update", [Restructuring.sign, Restructuring.decline])
    async def test_nothing_can_be_agreed_to_before_it_is_proposed(self, case, update):
        played = Played()
        async with case(played) as start:
            request = await Request.begun(start, played)
            argument = SIGN if update is Restructuring.sign else None
            assert await refusal_of(request.handle, update, argument) == "restructuring-not-proposed"
            await request.handle.terminate()

    async def test_a_signature_that_overtakes_word_of_the_answer_waits_for_it(self, case):
        played = Played()
        played.servicing.written.clear()
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.decided()
            await request.until("request:answer:PROPOSED")
            early = asyncio.create_task(request.handle.execute_update(Restructuring.sign, SIGN))
            await asyncio.sleep(0.5)
            assert not early.done()
            played.servicing.written.set()
            assert (await early).outcome == "passed"
            assert await request.ended() == "ACCEPTED"

    @pytest.mark.parametrize("decision", ["approve", "refuse"])
    async def test_an_unsure_face_is_looked_at_by_an_officer(self, case, decision):
        played = Played()
        played.grounds["face"] = ["face-unsure", "face-different", None]
        async with case(played) as start:
            request = await Request.begun(start, played)
            await request.proposed()
            assert (await request.handle.execute_update(Restructuring.sign, SIGN)).outcome == "review"
            played.known_decisions[fact("decision")] = decision
            await request.decided(fact("review/face-unsure"))
            again = await request.handle.execute_update(Restructuring.sign, SIGN)
            assert again.outcome == ("passed" if decision == "approve" else "retry")
            if decision == "refuse":
                await request.handle.execute_update(Restructuring.sign, SIGN)
            assert await request.ended() == "ACCEPTED"
