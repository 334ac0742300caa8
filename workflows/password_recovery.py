"""A client who has shown a code to their own number wants another password. Id `recovery/{client_id}/{n}`.

face -> (an officer, where the machine is not sure) -> new password. What is not done when the lender's own term ends,
is not done at all: until then the old password holds.

Rules: para 6, part 4; para 35.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.client_files import ClientFiles, ReviewWanted
from activities.faces import Faces, FaceShown
from activities.recoveries import NewPassword, Recoveries, RecoveryEnd, RecoverySeen, act_of
from activities.security_notices import SecurityNotices
from rules.evidence import Frozen, StepOutcome, StepResult
from rules.identification import passed
from workflows import options
from workflows.cases import Case, decision_of, do, wrong_step
from workflows.messages import ReviewDecided, SetPassword, SubmitFace


class RecoverPassword(Frozen):
    """Start: the recovery is stored. expires_at: what is not done by then is not done."""

    recovery_id: UUID
    client_id: UUID
    n: int
    edition: str
    expires_at: datetime


class PasswordRecovered(Frozen):
    """Outcome: CHANGED | REFUSED | EXPIRED; the last two are results, not failures."""

    state: str
    ground: str | None = None


@workflow.defn
class PasswordRecovery:
    """See the module. Updates are used, not signals: the client waits for each answer."""

    @workflow.init
    def __init__(self, start: RecoverPassword) -> None:
        self._start = start
        self._case = Case("recovery", start.edition)
        self._seen = RecoverySeen(state="OPEN", ground=None)
        self._step, self._ending = "face", False
        self._review_id: UUID | None = None
        self._lock = asyncio.Lock()

    @workflow.run
    async def run(self, start: RecoverPassword) -> PasswordRecovered:
        """Wait for the steps; the updates do them."""
        self._show()
        try:
            await workflow.wait_condition(
                lambda: self._seen.state != "OPEN",
                timeout=max(start.expires_at - workflow.now(), timedelta(0)),
                timeout_summary="срок восстановления доступа",
            )
        except TimeoutError:
            await self._expire()
        if self._seen.notice is not None:
            await do(SecurityNotices.text_notice, self._seen.notice, "SMS о восстановлении доступа", options.LOAN)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._show()
        return PasswordRecovered(state=self._seen.state, ground=self._seen.ground)

    @workflow.update(description="Лицо клиента: селфи и движения")
    async def submit_face(self, shown: SubmitFace) -> StepResult:
        """Liveness and comparison with the enrolled face; a doubt waits for an officer."""
        async with self._lock:
            self._expect("face")
            face = FaceShown(
                client_id=self._start.client_id,
                act=act_of(self._start.n),
                selfie_id=shown.selfie_id,
                video_id=shown.video_id,
                challenge_id=shown.challenge_id,
            )
            result = await do(Faces.check_face, face, "живое лицо и сравнение", options.BIOMETRICS)
            if self._ending or self._seen.state != "OPEN":
                await workflow.wait_condition(lambda: self._seen.state != "OPEN")
                return self._refused("face")
            if result.outcome is StepOutcome.PASSED:
                self._enter("password")
            elif result.outcome is StepOutcome.REVIEW:
                await self._ask_officer(result)
            elif result.outcome is StepOutcome.REFUSED:
                await self._end("REFUSED", result.ground or "refused")
                return self._refused("face")
            return result

    @submit_face.validator
    def _may_submit_face(self, shown: SubmitFace) -> None:
        self._expect("face")

    @workflow.update(description="Новый пароль")
    async def set_password(self, chosen: SetPassword) -> StepResult:
        """The last step."""
        async with self._lock:
            self._expect("password")
            self._ending = True
            wanted = NewPassword(recovery_id=self._start.recovery_id, password_hash=chosen.password_hash)
            try:
                self._seen = await do(Recoveries.apply_recovery, wanted, "новый пароль", options.LOAN)
            except ActivityError:
                self._ending = False  # nothing was changed: the term goes on
                raise
            return passed("password") if self._seen.state == "CHANGED" else self._refused("password")

    @set_password.validator
    def _may_set_password(self, chosen: SetPassword) -> None:
        self._expect("password")

    @workflow.update(description="Решение сотрудника (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """Act on a staff decision that stands in our database; anything else is refused and audited."""
        async with self._lock:
            decision = await decision_of(decided)
            if self._review_id != decided.review_id or self._step != "review" or self._ending:
                raise wrong_step("review-not-open")
            self._review_id = None
            if decision == "approve":
                self._enter("password")
            elif decision == "retry":
                self._enter("face")
            else:
                await self._end("REFUSED", "review-refused")
            return decision

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        # the review may stand in the database before the answer that names it is here: the handler looks closer
        if self._seen.state != "OPEN":
            raise wrong_step("review-not-open")

    @workflow.query(description="Где находится восстановление")
    def view(self) -> dict[str, str | None]:
        """Where it stands: face, review, password, done."""
        return {"step": self._step if self._seen.state == "OPEN" else "done", "ground": self._seen.ground}

    async def _ask_officer(self, found: StepResult) -> None:
        wanted = ReviewWanted(
            kind="IDENTITY",
            workflow_id=workflow.info().workflow_id,
            ground=found.ground or "face-unsure",
            client_id=self._start.client_id,
        )
        self._review_id = await do(ClientFiles.open_review, wanted, "лицо: сотруднику", options.LOAN)
        self._enter("review")

    async def _end(self, state: str, ground: str) -> None:
        self._ending = True
        ended = RecoveryEnd(recovery_id=self._start.recovery_id, state=state, ground=ground)
        self._seen = await do(Recoveries.end_recovery, ended, "пароль не меняется", options.LOAN)

    async def _expire(self) -> None:
        """What has begun to end before the term, ends as it would have; a step that is looked at comes too late."""
        if self._ending:
            await workflow.wait_condition(lambda: self._seen.state != "OPEN" or not self._ending)
        if self._seen.state == "OPEN":
            await self._end("EXPIRED", "recovery-expired")

    def _refused(self, step: str) -> StepResult:
        return StepResult(step=step, outcome=StepOutcome.REFUSED, ground=self._seen.ground)

    def _enter(self, step: str) -> None:
        self._step = step
        self._show()

    def _expect(self, step: str) -> None:
        if self._ending or self._seen.state != "OPEN":
            raise wrong_step("recovery-ended")
        if self._step != step:
            raise wrong_step("wrong-step")

    def _show(self) -> None:
        seen = self._seen
        text = f"клиент `{self._start.client_id}`, шаг **{self._step}**, основание: {seen.ground or 'нет'}"
        stage = self._step if seen.state == "OPEN" else seen.state
        self._case.show(stage, text, needs_person=seen.state == "OPEN" and self._step == "review")
