"""Registration: from a phone number to a client whose identity is proved. Id `registration/{client_id}`.

phone -> document -> face -> (identity centre) -> (a legal entity: authority) -> signature, where the edition asks for
one -> password -> registered. A finding leads to another try, to an officer, or to a refusal (rules.identification); a
refusal is a result, never a failure.

Rules: para 6, part 1; para 6, part 2; para 6, part 3; para 6, part 4; para 35.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from temporalio import workflow

from activities.cards import Cards, CardShown
from activities.client_files import ClientFiles, PasswordChosen, RegistrationRefused, ReviewWanted
from activities.faces import Faces, FaceShown
from activities.phone import CodeGiven, CodeWanted, Phone
from activities.signatures import SignatureGiven, Signatures, StatementWanted
from activities.state_register import ClientClaimed, StateRegister
from rules.evidence import StepOutcome, StepResult
from workflows import options
from workflows.cases import Case, decision_of, do, do_here, wrong_step
from workflows.messages import (
    ConfirmPhone,
    RegisterClient,
    Registered,
    RegistrationView,
    ReviewDecided,
    SendCode,
    SetPassword,
    SubmitDocument,
    SubmitFace,
    SubmitSignature,
)
from workflows.signatory import SignatoryAuthority


@workflow.defn
class Registration(SignatoryAuthority):
    """See the module. Updates are used, not signals: the borrower waits for each answer."""

    @workflow.init
    def __init__(self, start: RegisterClient) -> None:
        self._start = start
        self._case = Case("registration", start.edition)
        self._step, self._after_review, self._retry_step = "phone", "", ""
        self._status = "REGISTERING"
        self._ground: str | None = None
        self._statement_id: UUID | None = None
        self._review_id: UUID | None = None
        self._front_id: UUID | None = None
        self._selfie_id: UUID | None = None
        self._lock = asyncio.Lock()

    @workflow.run
    async def run(self, start: RegisterClient) -> Registered:
        """Wait for the steps; the updates do them."""
        self._case.show("phone", self._text())
        try:
            await workflow.wait_condition(
                lambda: self._status != "REGISTERING",
                timeout=timedelta(days=start.lifetime_days),
                timeout_summary="срок незавершённой регистрации",
            )
        except TimeoutError:
            await self._refuse("registration-expired")
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._case.show(self._status.lower(), self._text())
        return Registered(registered=self._status == "REGISTERED", ground=self._ground)

    @workflow.query(description="Где находится регистрация")
    def view(self) -> RegistrationView:
        """Where the registration stands."""
        return RegistrationView(
            status=self._status,
            step=self._step,
            ground=self._ground,
            statement_id=self._statement_id,
            review_id=self._review_id,
        )

    @workflow.update(description="Отправить код по SMS")
    async def send_code(self, wanted: SendCode) -> StepResult:
        """Send a one-time code by SMS."""
        return await do(
            Phone.send_code,
            CodeWanted(client_id=self._start.client_id, purpose="registration", key=wanted.key),
            "код по SMS",
            options.OUTSIDE,
        )

    @send_code.validator
    def _may_send_code(self, wanted: SendCode) -> None:
        self._expect("phone")

    @workflow.update(description="Код из SMS")
    async def confirm_phone(self, given: ConfirmPhone) -> StepResult:
        """Check the code; the next step is the document."""
        async with self._lock:
            self._expect("phone")
            result = await do_here(
                Phone.confirm_code,
                CodeGiven(client_id=self._start.client_id, purpose="registration", code=given.code, key=given.key),
            )
            return await self._follow(result, next_step="document")

    @confirm_phone.validator
    def _may_confirm_phone(self, given: ConfirmPhone) -> None:
        self._expect("phone")

    @workflow.update(description="Удостоверение личности, обе стороны")
    async def submit_document(self, shown: SubmitDocument) -> StepResult:
        """Read the card; the next step is the face."""
        async with self._lock:
            self._expect("document")
            read = await do(
                Cards.read_card,
                CardShown(client_id=self._start.client_id, front_id=shown.front_id, back_id=shown.back_id),
                "чтение удостоверения",
                options.BIOMETRICS,
            )
            self._front_id = read.front_id or shown.front_id
            return await self._follow(read.step_result(), next_step="face")

    @submit_document.validator
    def _may_submit_document(self, shown: SubmitDocument) -> None:
        self._expect("document")

    @workflow.update(description="Селфи и видео с движениями")
    async def submit_face(self, shown: SubmitFace) -> StepResult:
        """Liveness and comparison, then the state's register; the next step is the authority or the signature."""
        async with self._lock:
            self._expect("face")
            self._selfie_id = shown.selfie_id
            result = await do(
                Faces.check_face,
                FaceShown(
                    client_id=self._start.client_id,
                    act="REGISTRATION",
                    selfie_id=shown.selfie_id,
                    video_id=shown.video_id,
                    challenge_id=shown.challenge_id,
                    card_front_id=self._front_id,
                ),
                "живое лицо и сравнение",
                options.BIOMETRICS,
            )
            if result.outcome is StepOutcome.PASSED:
                result = await self._ask_state(shown.selfie_id)
            return await self._follow(result, "authority" if self._start.authority_needed else self._signing)

    @submit_face.validator
    def _may_submit_face(self, shown: SubmitFace) -> None:
        self._expect("face")

    @workflow.update(description="ЭЦП под заявлением о регистрации")
    async def submit_signature(self, given: SubmitSignature) -> StepResult:
        """Verify the signature; the next step is the password."""
        async with self._lock:
            self._expect("signature")
            stored = await do(
                Signatures.verify_signature,
                SignatureGiven(
                    client_id=self._start.client_id,
                    act="REGISTRATION",
                    document_id=given.statement_id,
                    cms_id=given.cms_id,
                ),
                "проверка ЭЦП",
                options.OUTSIDE,
            )
            return await self._follow(stored.result, next_step="password")

    @submit_signature.validator
    def _may_submit_signature(self, given: SubmitSignature) -> None:
        self._expect("signature")
        if given.statement_id != self._statement_id:
            raise wrong_step("statement-unknown")

    @workflow.update(description="Пароль для входа")
    async def set_password(self, chosen: SetPassword) -> StepResult:
        """The last step: the client is registered."""
        async with self._lock:
            self._expect("password")
            result = await do_here(
                ClientFiles.complete_registration,
                PasswordChosen(client_id=self._start.client_id, password_hash=chosen.password_hash),
            )
            if result.outcome is StepOutcome.PASSED:
                self._step, self._status = "done", "REGISTERED"
            else:
                self._step, self._status, self._ground = "done", "REFUSED", result.ground
            return result

    @set_password.validator
    def _may_set_password(self, chosen: SetPassword) -> None:
        self._expect("password")

    @workflow.update(description="Решение сотрудника (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> RegistrationView:
        """Act on a staff decision that stands in our database; anything else is refused and audited."""
        async with self._lock:
            decision = await decision_of(decided)
            if self._review_id != decided.review_id or self._step != "review":
                raise wrong_step("review-not-open")
            await self._act_on(decision)
            return self.view()

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        # the review may stand in the database before the answer that names it is here: the handler looks closer
        if self._status != "REGISTERING":
            raise wrong_step("review-not-open")

    async def _ask_state(self, selfie_id: UUID) -> StepResult:
        return await do(
            StateRegister.verify_with_state,
            ClientClaimed(client_id=self._start.client_id, selfie_id=selfie_id),
            "ЦОИД и государственная база",
            options.OUTSIDE,
        )

    async def _follow(self, result: StepResult, next_step: str) -> StepResult:
        """Go where a step's result leads."""
        self._ground = result.ground
        if result.outcome is StepOutcome.PASSED:
            await self._enter(next_step)
        elif result.outcome is StepOutcome.REVIEW:
            await self._ask_officer(result, next_step)
        elif result.outcome is StepOutcome.REFUSED:
            await self._refuse(result.ground or "refused")
        return result

    @property
    def _signing(self) -> str:
        return "signature" if self._start.signature_needed else "password"

    async def _enter(self, step: str) -> None:
        drawn = step == "signature" or (step == "password" and self._start.statement_needed)
        if drawn and self._statement_id is None:
            self._statement_id = await do(
                Signatures.draw_statement,
                StatementWanted(client_id=self._start.client_id),
                "заявление о регистрации в архив",
            )
        self._step = step
        self._case.show(step, self._text())

    async def _ask_officer(self, result: StepResult, next_step: str) -> None:
        self._review_id = await do(
            ClientFiles.open_review,
            ReviewWanted(
                kind="IDENTITY",
                workflow_id=workflow.info().workflow_id,
                ground=result.ground or result.step,
                client_id=self._start.client_id,
            ),
            "очередь проверки сотрудником",
        )
        self._after_review, self._retry_step = next_step, self._step
        self._step = "review"
        self._case.show("review", self._text(), needs_person=True)

    async def _act_on(self, decision: str) -> None:
        review_id, self._review_id = self._review_id, None
        if decision == "approve" and self._retry_step == "authority":
            self._ground = await self._authority_ground(review_id)
            await self._enter(self._after_review if self._ground is None else "authority")
        elif decision == "approve":
            self._ground = None
            await self._enter(self._after_review)
        elif decision == "retry":
            await self._enter(self._retry_step)
        else:
            await self._refuse("review-refused")

    async def _refuse(self, ground: str) -> None:
        await do(
            ClientFiles.refuse_registration,
            RegistrationRefused(client_id=self._start.client_id, ground=ground),
            "отказ в регистрации",
        )
        self._step, self._status, self._ground = "done", "REFUSED", ground

    def _expect(self, step: str) -> None:
        if self._step != step or self._status != "REGISTERING":
            raise wrong_step("wrong-step")

    def _text(self) -> str:
        return f"клиент `{self._start.client_id}`, шаг **{self._step}**, основание: {self._ground or 'нет'}"
