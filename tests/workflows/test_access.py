"""Recovery of access, and the two cases of one message, on a real Temporal server with a virtual clock.

Proven: nothing changes before the face; a doubt waits for an officer; both sides of the term; who is told.

Rules: para 6, part 4; para 25.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle

from activities.log_in_codes import LogInCodeWanted
from activities.recoveries import RecoverySeen
from activities.security_notices import NoticeRef
from rules.evidence import StepOutcome, StepResult
from tests.support.played import Played, fact
from tests.workflows.test_registration import refusal_of
from workflows import attributes
from workflows.access import ClientNotice, LogInCode
from workflows.messages import ReviewDecided, SetPassword, SubmitFace
from workflows.password_recovery import PasswordRecovery, RecoverPassword

A_LITTLE = timedelta(minutes=2)
TERM = timedelta(hours=24)
FACE = SubmitFace(selfie_id=fact("selfie"), video_id=fact("video"), challenge_id=fact("challenge"))
PASSWORD = SetPassword(password_hash="hash")


class Recovering:
    """One client's case."""

    def __init__(self, start: Any, handle: WorkflowHandle, expires_at: datetime) -> None:
        self.start, self.handle, self.expires_at = start, handle, expires_at

    @classmethod
    async def begun(cls, start: Any) -> Recovering:
        client_id, expires_at = uuid4(), datetime.now(UTC) + TERM
        begin = RecoverPassword(recovery_id=uuid4(), client_id=client_id, n=1, edition="2025b", expires_at=expires_at)
        with start.environment.with_time_skipping_disabled():
            handle = await start.run(PasswordRecovery.run, begin, f"recovery/{client_id}/1")
        return cls(start, handle, expires_at)

    async def face(self) -> StepResult:
        return await self.handle.execute_update(PasswordRecovery.submit_face, FACE)

    async def password(self) -> StepResult:
        return await self.handle.execute_update(PasswordRecovery.set_password, PASSWORD)

    async def turn_to(self, at: datetime) -> None:
        left = at - await self.start.environment.get_current_time(self.handle)
        await self.start.environment.fast_forward(self.handle, left)

    async def ended(self) -> tuple[str, str | None]:
        found = await self.handle.result()
        return found.state, found.ground


async def test_the_face_and_then_the_password_and_the_client_is_told(case) -> None:
    played = Played()
    async with case(played) as start:
        recovering = await Recovering.begun(start)
        assert await refusal_of(recovering.handle, PasswordRecovery.set_password, PASSWORD) == "wrong-step"
        assert (await recovering.face()).outcome is StepOutcome.PASSED
        assert (await recovering.password()).outcome is StepOutcome.PASSED
        assert await recovering.ended() == ("CHANGED", None)
    assert played.calls == ["face", "access:applied", "access:texted"]


async def test_a_doubt_waits_for_an_officer_whose_decision_must_stand_in_the_database(case) -> None:
    played = Played()
    played.grounds["face"] = ["face-unsure", None]
    async with case(played) as start:
        recovering = await Recovering.begun(start)
        assert (await recovering.face()).outcome is StepOutcome.REVIEW
        shown = (await recovering.handle.describe()).typed_search_attributes
        assert shown.get(attributes.NEEDS_PERSON) is True
        review, decision = fact("review/face-unsure"), uuid4()
        decided = ReviewDecided(review_id=review, decision_id=decision)
        refused = await refusal_of(recovering.handle, PasswordRecovery.review_decided, decided)
        assert refused == "decision-unknown"
        played.known_decisions[decision] = "retry"
        await recovering.handle.execute_update(PasswordRecovery.review_decided, decided)
        assert (await recovering.face()).outcome is StepOutcome.PASSED
        await recovering.password()
        assert await recovering.ended() == ("CHANGED", None)


async def test_what_no_further_try_can_mend_ends_it_without_a_new_password(case) -> None:
    played = Played()
    played.grounds["face"] = ["liveness-replayed"]
    async with case(played) as start:
        recovering = await Recovering.begun(start)
        assert (await recovering.face()).outcome is StepOutcome.REFUSED
        assert await recovering.ended() == ("REFUSED", "liveness-replayed")
    assert played.calls == ["face", "access:refused:liveness-replayed"]


@pytest.mark.parametrize(("early", "state"), [(True, "CHANGED"), (False, "EXPIRED")])
async def test_what_is_not_done_by_its_term_is_not_done(case, early: bool, state: str) -> None:
    played = Played()
    async with case(played) as start:
        recovering = await Recovering.begun(start)
        await recovering.face()
        await recovering.turn_to(recovering.expires_at + (-A_LITTLE if early else A_LITTLE))
        if early:
            await recovering.password()
        assert (await recovering.ended())[0] == state
    assert ("access:expired:recovery-expired" in played.calls) is not early


async def test_the_database_has_the_last_word(case) -> None:
    played = Played()
    played.access.applied = RecoverySeen(state="REFUSED", ground="identity-to-be-confirmed")
    async with case(played) as start:
        recovering = await Recovering.begun(start)
        await recovering.face()
        assert (await recovering.password()).ground == "identity-to-be-confirmed"
        assert await recovering.ended() == ("REFUSED", "identity-to-be-confirmed")
    assert "access:texted" not in played.calls


async def test_a_code_and_a_notice_are_one_message_each(case) -> None:
    played = Played()
    async with case(played) as start:
        wanted = LogInCodeWanted(authentication_id=uuid4(), n=1)
        code = await start.run(LogInCode.run, wanted, f"log-in-code/{wanted.authentication_id}/1")
        assert (await code.result()).outcome is StepOutcome.PASSED
        ref = NoticeRef(notice_id=uuid4())
        notice = await start.run(ClientNotice.run, ref, f"security-notice/{ref.notice_id}")
        await notice.result()
    assert played.calls == ["access:code", "access:texted"]
