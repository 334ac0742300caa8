"""A client wants another phone number, or other bank details. Id `change/{client_id}/{n}`.

code to the new number -> whose number it is (bank details: the bank says whose they are) -> face -> signature, where
the edition asks for one -> changed. What is not done when the lender's own term ends, is not done at all: nothing has
changed until the last step.

Rules: para 6, part 4; para 6, part 5; para 35.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.account_changes import AccountChanges
from activities.client_files import ClientFiles, ReviewWanted
from activities.details_changes import ChangeCode, ChangeEnd, ChangeRef, DetailsChanges
from activities.details_desk import ACCOUNT, ACT, PHONE, ChangeSeen
from activities.faces import Faces, FaceShown
from activities.signatures import SignatureGiven, Signatures
from rules.evidence import Frozen, StepOutcome, StepResult
from rules.identification import passed
from workflows import options
from workflows.cases import Case, decision_of, do, do_here, wrong_step
from workflows.messages import ConfirmPhone, ReviewDecided, SendCode, SubmitFace, SubmitSignature


class ChangeDetails(Frozen):
    """Start: the wish is stored. expires_at: what is not done by then is not done. kind: PHONE | ACCOUNT."""

    change_id: UUID
    client_id: UUID
    n: int
    edition: str
    signature_needed: bool
    expires_at: datetime
    kind: str = PHONE


class DetailsChanged(Frozen):
    """Outcome: CHANGED | REFUSED | EXPIRED; the last two are results, not failures."""

    state: str
    ground: str | None = None


@workflow.defn
class DetailsChange:
    """See the module. Updates are used, not signals: the client waits for each answer."""

    @workflow.init
    def __init__(self, start: ChangeDetails) -> None:
        self._start, self._ref = start, ChangeRef(change_id=start.change_id)
        self._case = Case("details-change", start.edition)
        self._seen = ChangeSeen(state="OPEN", ground=None)
        self._step, self._ending = ("account" if start.kind == ACCOUNT else "phone"), False
        self._statement_id: UUID | None = None
        self._review_id: UUID | None = None
        self._lock = asyncio.Lock()

    @workflow.run
    async def run(self, start: ChangeDetails) -> DetailsChanged:
        """Wait for the steps; the updates do them."""
        self._show()
        asking = asyncio.create_task(self._ask_bank()) if start.kind == ACCOUNT else None
        try:
            await workflow.wait_condition(
                lambda: self._seen.state != "OPEN",
                timeout=max(start.expires_at - workflow.now(), timedelta(0)),
                timeout_summary="срок смены телефона",
            )
        except TimeoutError:
            await self._expire()
        if asking is not None:
            asking.cancel()
        if self._seen.state == "CHANGED" and start.kind == ACCOUNT:
            await do(AccountChanges.tell_account_change, self._ref, "SMS клиенту", options.LOAN)
        elif self._seen.state == "CHANGED":
            await do(DetailsChanges.tell_change, self._ref, "SMS на старый и новый номер", options.LOAN)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._show()
        return DetailsChanged(state=self._seen.state, ground=self._seen.ground)

    async def _ask_bank(self) -> None:
        """Only an account that the bank calls the client's goes on to the face."""
        async with self._lock:
            result = await do(AccountChanges.check_account_owner, self._ref, "чей это счёт: банк", options.OUTSIDE)
            await self._follow(result, next_step="face")

    # ---- the client's steps

    @workflow.update(description="Отправить код на новый номер")
    async def send_code(self, wanted: SendCode) -> StepResult:
        """Send a one-time code to the new number."""
        asked = ChangeCode(change_id=self._start.change_id, key=wanted.key)
        return await do(DetailsChanges.send_change_code, asked, "код на новый номер", options.OUTSIDE)

    @send_code.validator
    def _may_send_code(self, wanted: SendCode) -> None:
        self._expect("phone")

    @workflow.update(description="Код с нового номера")
    async def confirm_phone(self, given: ConfirmPhone) -> StepResult:
        """Check the code, then whose number it is; the next step is the face."""
        async with self._lock:
            self._expect("phone")
            code = ChangeCode(change_id=self._start.change_id, key=given.key, code=given.code)
            result = await do_here(DetailsChanges.confirm_new_phone, code)
            if result.outcome is StepOutcome.PASSED:
                result = await do(DetailsChanges.check_new_owner, self._ref, "чей это номер", options.OUTSIDE)
            return await self._follow(result, next_step="face")

    @confirm_phone.validator
    def _may_confirm_phone(self, given: ConfirmPhone) -> None:
        self._expect("phone")

    @workflow.update(description="Селфи и видео с движениями")
    async def submit_face(self, shown: SubmitFace) -> StepResult:
        """Liveness and the enrolled face; the next step is the signature. Rules: para 35."""
        async with self._lock:
            self._expect("face")
            face = FaceShown(
                client_id=self._start.client_id,
                act=ACT,
                selfie_id=shown.selfie_id,
                video_id=shown.video_id,
                challenge_id=shown.challenge_id,
            )
            result = await do(Faces.check_face, face, "живое лицо и сравнение", options.BIOMETRICS)
            if result.outcome is StepOutcome.REVIEW:
                await self._ask_officer(result)
                return result
            return await self._follow(result, next_step="signature")

    @submit_face.validator
    def _may_submit_face(self, shown: SubmitFace) -> None:
        self._expect("face")

    @workflow.update(description="ЭЦП под заявлением о смене данных")
    async def submit_signature(self, given: SubmitSignature) -> StepResult:
        """Verify the signature; then the number, or the bank details, are changed."""
        async with self._lock:
            self._expect("signature")
            signed = SignatureGiven(
                client_id=self._start.client_id, act=ACT, document_id=given.statement_id, cms_id=given.cms_id
            )
            stored = await do(Signatures.verify_signature, signed, "проверка ЭЦП", options.OUTSIDE)
            return await self._follow(stored.result, next_step="done")

    @submit_signature.validator
    def _may_submit_signature(self, given: SubmitSignature) -> None:
        self._expect("signature")
        if given.statement_id != self._statement_id:
            raise wrong_step("statement-unknown")

    # ---- staff

    @workflow.update(description="Решение сотрудника о лице (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """Act on a staff decision that stands in our database; anything else is refused and audited."""
        async with self._lock:
            decision = await decision_of(decided)
            if self._review_id != decided.review_id or self._step != "review":
                raise wrong_step("review-not-open")
            self._review_id = None
            if decision == "approve":
                await self._follow(passed("face"), next_step="signature")
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

    # ---- where a step leads

    async def _follow(self, result: StepResult, next_step: str) -> StepResult:
        """Go where a step's result leads. A doubt that nobody can look into ends the case, it can be asked anew."""
        if self._ending or self._seen.state != "OPEN":
            await workflow.wait_condition(lambda: self._seen.state != "OPEN")
            return self._refused(result.step)
        if result.outcome in (StepOutcome.REVIEW, StepOutcome.REFUSED):
            await self._end("REFUSED", result.ground or "refused")
            return self._refused(result.step)
        if result.outcome is StepOutcome.PASSED:
            return await self._go_on(result, next_step)
        return result

    async def _go_on(self, result: StepResult, next_step: str) -> StepResult:
        if next_step == "signature" and self._statement_id is None:
            draw = (
                AccountChanges.draw_account_statement
                if self._start.kind == ACCOUNT
                else DetailsChanges.draw_change_statement
            )
            self._statement_id = await do(draw, self._ref, "заявление о смене данных в архив", options.LOAN)
            if self._ending or self._seen.state != "OPEN":
                return await self._follow(result, next_step)
        if next_step == "done" or (next_step == "signature" and not self._start.signature_needed):
            await self._change()
            return result if self._seen.state == "CHANGED" else self._refused(result.step)
        self._enter(next_step)
        return result

    async def _change(self) -> None:
        self._ending = True
        try:
            apply = AccountChanges.apply_account_change if self._start.kind == ACCOUNT else DetailsChanges.apply_change
            self._seen = await do(apply, self._ref, "сменить данные", options.LOAN)
        except ActivityError:
            self._ending = False  # nothing was changed: the term goes on
            raise

    async def _end(self, state: str, ground: str) -> None:
        self._ending = True
        ended = ChangeEnd(change_id=self._start.change_id, state=state, ground=ground)
        self._seen = await do(DetailsChanges.end_change, ended, "данные не меняются", options.LOAN)

    async def _expire(self) -> None:
        """What has begun to end before the term, ends as it would have; a step that is looked at comes too late."""
        if self._ending:
            await workflow.wait_condition(lambda: self._seen.state != "OPEN")
        else:
            await self._end("EXPIRED", "details-change-expired")

    async def _ask_officer(self, found: StepResult) -> None:
        wanted = ReviewWanted(
            kind="IDENTITY",
            workflow_id=workflow.info().workflow_id,
            ground=found.ground or "face-unsure",
            client_id=self._start.client_id,
        )
        self._review_id = await do(ClientFiles.open_review, wanted, "лицо: сотруднику", options.LOAN)
        self._enter("review")

    def _refused(self, step: str) -> StepResult:
        return StepResult(step=step, outcome=StepOutcome.REFUSED, ground=self._seen.ground)

    def _enter(self, step: str) -> None:
        self._step = step
        self._show()

    def _expect(self, step: str) -> None:
        if self._ending or self._seen.state != "OPEN":
            raise wrong_step("details-change-ended")
        if self._step != step:
            raise wrong_step("wrong-step")

    def _show(self) -> None:
        seen = self._seen
        text = f"клиент `{self._start.client_id}`, шаг **{self._step}**, основание: {seen.ground or 'нет'}"
        stage = self._step if seen.state == "OPEN" else seen.state
        self._case.show(stage, text, needs_person=seen.state == "OPEN" and self._step == "review")
