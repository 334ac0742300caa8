"""A change of the phone number or of bank details on a real Temporal server, a virtual clock; activities are played.

Proven: nothing changes before the last proof; both sides of the term, with workers that come and go; who needs no
signature; a doubt about the face waits for an officer, any other ends the case.

Rules: para 6, part 4; para 6, part 5.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.details_desk import ACCOUNT, PHONE, ChangeSeen
from activities.interceptors import BusinessErrors
from infra.temporal import RUNNER
from rules.errors import BusinessError
from rules.evidence import StepResult
from tests.support.played import Played, fact
from tests.support.turned import Patience
from tests.workflows.conftest import WORKFLOWS, Starter
from tests.workflows.test_registration import refusal_of
from workflows import attributes
from workflows.details_change import ChangeDetails, DetailsChange
from workflows.messages import ConfirmPhone, ReviewDecided, SendCode, SubmitFace, SubmitSignature
from workflows.options import BIOMETRICS_QUEUE

A_LITTLE = timedelta(minutes=2)
TERM = timedelta(hours=24)
A_MOMENT = timedelta(seconds=15)  # a real one; enough for one step of a case, also on a slow machine
FACE = SubmitFace(selfie_id=fact("selfie"), video_id=fact("video"), challenge_id=fact("challenge"))
CODE = ConfirmPhone(code="123456", key="k")


class Wanted:
    """One client's case."""

    def __init__(self, start: Starter, played: Played, handle: WorkflowHandle, expires_at: datetime) -> None:
        self.start, self.played, self.handle, self.expires_at = start, played, handle, expires_at

    @classmethod
    async def begun(
        cls, start: Any, played: Played, *, signature_needed: bool = True, term: timedelta = TERM, kind: str = PHONE
    ) -> Wanted:
        client_id, expires_at = uuid4(), datetime.now(UTC) + term
        begin = ChangeDetails(
            change_id=uuid4(), client_id=client_id, n=1, edition="2025b", signature_needed=signature_needed,
            expires_at=expires_at, kind=kind,
        )  # fmt: skip
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(DetailsChange.run, begin, f"change/{client_id}/1")
        return cls(start, played, handle, expires_at)

    async def phone(self) -> StepResult:
        await self.handle.execute_update(DetailsChange.send_code, SendCode(key="k"))
        return await self.handle.execute_update(DetailsChange.confirm_phone, CODE)

    async def face(self) -> StepResult:
        return await self.handle.execute_update(DetailsChange.submit_face, FACE)

    async def sign(self) -> StepResult:
        given = SubmitSignature(statement_id=self.played.details.statement_id, cms_id=fact("cms"))
        return await self.handle.execute_update(DetailsChange.submit_signature, given)

    async def turn_to(self, at: datetime) -> None:
        left = at - await self.start.environment.get_current_time(self.handle)
        await self.start.environment.fast_forward(self.handle, left)

    async def ended(self) -> tuple[str, str | None]:
        found = await self.handle.result()
        return found.state, found.ground


async def test_every_proof_in_its_order_changes_the_number_and_both_numbers_are_told(case) -> None:
    played = Played()
    async with case(played) as start:
        wanted = await Wanted.begun(start, played)
        for step in (wanted.phone, wanted.face, wanted.sign):
            assert "change:applied" not in played.calls
            assert (await step()).outcome == "passed"
        assert await wanted.ended() == ("CHANGED", None)
    assert played.calls == [
        "change:code", "change:phone", "change:owner", "face", "change:statement", "signature", "change:applied",
        "change:told",
    ]  # fmt: skip


async def test_where_the_edition_asks_for_no_signature_it_changes_without_one(case) -> None:
    played = Played()
    async with case(played) as start:
        wanted = await Wanted.begun(start, played, signature_needed=False)
        await wanted.phone()
        assert (await wanted.face()).outcome == "passed"
        assert await wanted.ended() == ("CHANGED", None)
    assert "signature" not in played.calls
    assert "change:statement" in played.calls


async def test_no_step_is_left_out(case) -> None:
    played = Played()
    async with case(played) as start:
        wanted = await Wanted.begun(start, played)
        assert await refusal_of(wanted.handle, DetailsChange.submit_face, FACE) == "wrong-step"
        signature = SubmitSignature(statement_id=played.details.statement_id, cms_id=fact("cms"))
        await wanted.phone()
        assert await refusal_of(wanted.handle, DetailsChange.submit_signature, signature) == "wrong-step"
        await wanted.face()
        other = SubmitSignature(statement_id=uuid4(), cms_id=fact("cms"))
        assert await refusal_of(wanted.handle, DetailsChange.submit_signature, other) == "statement-unknown"
        assert "change:applied" not in played.calls
        await wanted.sign()
        assert await wanted.ended() == ("CHANGED", None)


@pytest.mark.parametrize(
    ("step", "ground"),
    [("owner", "phone-not-owned"), ("owner", "phone-owner-unknown"), ("face", "liveness-replayed"),
     ("signature", "signature-other-person"), ("applied", "phone-taken")],
)  # fmt: skip
async def test_a_proof_that_fails_ends_it_with_nothing_changed(case, step, ground) -> None:
    played = Played()
    if step == "owner":
        played.details.owner_ground = ground
    elif step == "applied":
        played.details.applied = ChangeSeen(state="REFUSED", ground=ground)
    else:
        played.grounds[step] = [ground]
    async with case(played) as start:
        wanted = await Wanted.begun(start, played)
        for one in (wanted.phone, wanted.face, wanted.sign):
            answer = await one()
            if answer.outcome == "refused":
                break
        assert (answer.outcome, answer.ground) == ("refused", ground)
        assert await wanted.ended() == ("REFUSED", ground)
    assert ("change:applied" in played.calls) is (step == "applied")
    assert "change:told" not in played.calls


async def test_a_wrong_code_and_a_blurred_face_are_tried_again(case) -> None:
    played = Played()
    played.grounds |= {"change:phone": ["code-wrong", None], "face": ["photo-blurred", None]}
    async with case(played) as start:
        wanted = await Wanted.begun(start, played)
        assert (await wanted.phone()).outcome == "retry"
        assert "change:owner" not in played.calls
        await wanted.phone()
        assert (await wanted.face()).outcome == "retry"
        assert "change:statement" not in played.calls
        await wanted.face()
        await wanted.sign()
        assert await wanted.ended() == ("CHANGED", None)


@pytest.mark.parametrize(("decision", "state"), [("approve", "CHANGED"), ("retry", "CHANGED"), ("refuse", "REFUSED")])
async def test_an_officer_looks_at_an_unsure_face_and_a_hand_typed_word_decides_nothing(case, decision, state) -> None:
    played = Played()
    played.grounds["face"] = ["face-unsure", None]
    async with case(played) as start:
        wanted = await Wanted.begun(start, played)
        await wanted.phone()
        assert (await wanted.face()).outcome == "review"
        shown = (await wanted.handle.describe()).typed_search_attributes
        assert shown[attributes.NEEDS_PERSON] is True
        decided = ReviewDecided(review_id=fact("review/face-unsure"), decision_id=uuid4())
        assert await refusal_of(wanted.handle, DetailsChange.review_decided, decided) == "decision-unknown"
        played.known_decisions[decided.decision_id] = decision
        await wanted.handle.execute_update(DetailsChange.review_decided, decided)
        if decision == "retry":
            await wanted.face()
        if decision != "refuse":
            await wanted.sign()
        assert (await wanted.ended())[0] == state


async def test_what_is_not_done_when_the_term_ends_is_not_done(case) -> None:
    played = Played()
    async with case(played) as start:
        wanted = await Wanted.begun(start, played)
        await wanted.phone()
        await wanted.face()
        await wanted.turn_to(wanted.expires_at + A_LITTLE)
        assert await wanted.ended() == ("EXPIRED", "details-change-expired")
    assert played.calls[-1] == "change:expired:details-change-expired"
    assert not {"change:applied", "change:told"} & set(played.calls)


async def test_just_before_the_end_it_is_in_time_whatever_worker_is_there(skipping) -> None:
    played, queue = Played(), f"test-{uuid4()}"

    def worker(on: str, **more: Any) -> Worker:
        return Worker(
            skipping.client, task_queue=on, activities=played.activities(), interceptors=[BusinessErrors()],
            workflow_failure_exception_types=[BusinessError], **more,
        )  # fmt: skip

    def ours() -> Worker:
        return worker(queue, workflows=WORKFLOWS, workflow_runner=RUNNER, debug_mode=True)

    async with worker(BIOMETRICS_QUEUE):
        async with ours():
            wanted = await Wanted.begun(Starter(skipping, queue), played)
            await wanted.phone()
        async with ours():
            await wanted.face()
        async with ours():
            await wanted.turn_to(wanted.expires_at - A_LITTLE)
            assert (await wanted.sign()).outcome == "passed"
            assert await wanted.ended() == ("CHANGED", None)
    assert played.calls.count("change:applied") == 1


async def test_a_step_that_is_looked_at_when_the_term_ends_comes_too_late(case) -> None:
    played = Played()
    async with case(played) as start:
        # a clock does not jump over a step that runs, so the end of this term is real
        wanted = await Wanted.begun(start, played, signature_needed=False)
        await wanted.phone()
        played.details.hold.clear()
        await wanted.turn_to(wanted.expires_at - A_MOMENT)
        shown = asyncio.create_task(wanted.face())
        async for _ in Patience():
            if any(one.startswith("change:expired") for one in played.calls):
                break
        assert "change:statement" in played.calls
        played.details.hold.set()
        answer = await shown
        assert (answer.outcome, answer.ground) == ("refused", "details-change-expired")
        assert await wanted.ended() == ("EXPIRED", "details-change-expired")
    assert "change:applied" not in played.calls


# ---- bank details


async def at_the_face(wanted: Wanted) -> None:
    """The bank has answered: the case asks for the face."""
    async for _ in Patience():
        if (await wanted.handle.describe()).typed_search_attributes.get(attributes.STAGE) == "face":
            return
    raise AssertionError(wanted.played.calls)


@pytest.mark.parametrize("signature_needed", [True, False])
async def test_bank_details_change_after_the_banks_yes_and_every_proof(case, signature_needed) -> None:
    played = Played()
    async with case(played) as start:
        wanted = await Wanted.begun(start, played, kind=ACCOUNT, signature_needed=signature_needed)
        assert await refusal_of(wanted.handle, DetailsChange.send_code, SendCode(key="k")) == "wrong-step"
        await at_the_face(wanted)
        assert (await wanted.face()).outcome == "passed"
        if signature_needed:
            assert "change:account-applied" not in played.calls
            assert (await wanted.sign()).outcome == "passed"
        assert await wanted.ended() == ("CHANGED", None)
    signed = ["signature"] if signature_needed else []
    assert played.calls == [
        "change:bank", "face", "change:account-statement", *signed, "change:account-applied", "change:account-told",
    ]  # fmt: skip


async def test_an_account_of_another_ends_it_before_any_proof(case) -> None:
    played = Played()
    played.details.owner_ground = "account-not-owned"
    async with case(played) as start:
        wanted = await Wanted.begun(start, played, kind=ACCOUNT)
        assert await wanted.ended() == ("REFUSED", "account-not-owned")
    assert played.calls == ["change:bank", "change:refused:account-not-owned"]


async def test_a_bank_that_is_silent_to_the_end_of_the_term_changes_nothing(case) -> None:
    played = Played()
    played.details.asked.clear()
    async with case(played) as start:
        # a clock does not jump over a step that runs, so this term is real
        wanted = await Wanted.begun(start, played, kind=ACCOUNT, term=A_MOMENT)
        assert await refusal_of(wanted.handle, DetailsChange.submit_face, FACE) == "wrong-step"
        assert await wanted.ended() == ("EXPIRED", "details-change-expired")
        played.details.asked.set()
    assert "change:account-applied" not in played.calls
