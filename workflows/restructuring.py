"""Restructuring: a borrower in arrears asked for other terms. Id `restructuring/{loan_id}/{n}`.

an officer decides -> the written answer, in time -> the client signs the addendum, or does not -> the loan's new terms.
The last day for the answer is watched by a statutory clock; an answer that comes late is still given.

Rules: para 7, part 7; para 9; para 34.
"""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

from temporalio import workflow

from activities.client_files import ClientFiles, ReviewWanted
from activities.clocks import ClockWanted
from activities.faces import Faces, FaceShown
from activities.histories import Histories, HistoryWanted
from activities.notices import NoticeRef, Notices
from activities.restructuring import (
    AddendumSigned,
    DecisionTaken,
    RequestAnswered,
    RequestEnded,
    RequestOpened,
    RequestRef,
    Restructurings,
)
from activities.signatures import SignatureGiven, Signatures
from rules.clocks import WARNING
from rules.evidence import Frozen, StepOutcome, StepResult
from rules.identification import passed
from workflows import options
from workflows.cases import Case, cms_of, decision_of, do, face_of, link, wrong_step
from workflows.clock import Clocks, Evidence
from workflows.deadline import Deadline
from workflows.loan_news import tell_loan
from workflows.messages import ReviewDecided, SignContract

_CLOCK = "restructuring-answer-on-a-clock"  # before it, only the workflow knew of the answer's last day
ACT = "ADDENDUM"  # what the client's face and signature are for


class AnswerRequest(Frozen):
    """Start: the request is stored. signature_needed: of the addendum, by the edition."""

    request_id: UUID
    loan_id: UUID
    client_id: UUID
    application_id: UUID
    edition: str
    n: int
    signature_needed: bool = True


class RequestClosed(Frozen):
    """Outcome: REFUSED | ACCEPTED | DECLINED | LAPSED | OVERTAKEN."""

    state: str


@workflow.defn
class Restructuring:
    """See the module."""

    @workflow.init
    def __init__(self, start: AnswerRequest) -> None:
        self._start = start
        self._ref = RequestRef(request_id=start.request_id, client_id=start.client_id)
        self._case = Case("restructuring", start.edition)
        self._stage, self._late = "RECEIVED", False
        self._clocks = Clocks(self._rang)
        self._opened: RequestOpened | None = None
        self._decided: ReviewDecided | None = None
        self._answered: RequestAnswered | None = None
        self._review_id: UUID | None = None  # of a face that an officer must look at
        self._answering = self._face_approved = self._declined = self._signed = False
        self._signature_id: UUID | None = None
        self._lock = asyncio.Lock()

    @workflow.run
    async def run(self, start: AnswerRequest) -> RequestClosed:
        """Answer in time, then wait for the client."""
        await tell_loan(start.loan_id)
        answered = await self._answer()
        state = answered.state if answered.state != "PROPOSED" else await self._consent(answered)
        self._show(state)
        await tell_loan(start.loan_id)
        await workflow.wait_condition(workflow.all_handlers_finished)
        await do(
            Histories.archive_history,
            HistoryWanted(
                workflow_id=workflow.info().workflow_id,
                client_id=start.client_id,
                loan_id=start.loan_id,
                kind="restructuring_history",
            ),
            "история заявления в архив",
            options.LOAN,
        )
        return RequestClosed(state=state)

    # ---- the answer

    async def _answer(self) -> RequestAnswered:
        opened = await do(Restructurings.open_request, self._ref, "заявление в очередь сотрудников", options.LOAN)
        self._opened = opened
        self._show("RECEIVED", needs_person=True)
        answered = self._answered = await self._in_time(opened)
        self._late = False
        if answered.notice_id is not None:
            await do(Notices.text_client, NoticeRef(notice_id=answered.notice_id), "SMS: есть письмо", options.LOAN)
        return answered

    async def _in_time(self, opened: RequestOpened) -> RequestAnswered:
        """The answer, its last day watched."""
        if not workflow.patched(_CLOCK) or opened.received_at is None:
            work = asyncio.create_task(self._decided_and_written(opened))
            await Deadline(
                "restructuring-answer-days", opened.due_at, self._is_late, warn_at=opened.warn_at, warn=self._warn
            ).until(work.done, "ответ на заявление")
            return await work
        wanted = ClockWanted(
            key=f"restructuring:{self._start.request_id}", rule="restructuring-answer",
            subject=f"loan:{self._start.loan_id}", workflow_id=workflow.info().workflow_id,
            received_at=opened.received_at, document_id=opened.document_id,
            client_id=self._start.client_id, loan_id=self._start.loan_id,
        )  # fmt: skip
        written: list[RequestAnswered] = []

        async def work_of_staff() -> Evidence | None:
            answered = await self._decided_and_written(opened)
            written.append(answered)
            return None if answered.notice_id is None else {"state": answered.state, "notice": str(answered.notice_id)}

        await self._clocks.guard(wanted, work_of_staff())
        return written[0]

    async def _rang(self, kind: str) -> None:
        if kind == WARNING:
            await self._warn()
        elif kind == "MISSED":
            await self._is_late()
        else:
            self._show(self._stage, needs_person=self._stage == "RECEIVED")

    async def _decided_and_written(self, opened: RequestOpened) -> RequestAnswered:
        """What an officer decided, in writing; a decision that leaves nothing to write is asked for again."""
        while True:
            await workflow.wait_condition(lambda: self._decided is not None)
            decided, self._decided = self._decided, None
            if decided is None:
                continue
            taken = DecisionTaken(ref=self._ref, review_id=decided.review_id, decision_id=decided.decision_id)
            self._answering = True
            answered = await do(Restructurings.answer_request, taken, "письменный ответ: PDF и архив", options.LOAN)
            if answered.state != "RECEIVED":
                return answered
            self._answering = False
            self._opened = await do(Restructurings.open_request, self._ref, "снова в очередь", options.LOAN)
            self._show("RECEIVED", needs_person=True)

    async def _warn(self) -> None:
        await do(Restructurings.warn_answer_due, self._ref, "напоминание: скоро срок ответа", options.LOAN)
        self._show("RECEIVED", needs_person=True)

    async def _is_late(self) -> None:
        self._late = True
        self._show("RECEIVED", needs_person=True)
        await do(Restructurings.answer_late, self._ref, "срок ответа прошёл: записать", options.LOAN)

    # ---- the client's consent

    async def _consent(self, answered: RequestAnswered) -> str:
        self._show("PROPOSED")
        left = answered.accept_until - workflow.now() if answered.accept_until is not None else None
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._signed or self._declined,
                timeout=left,
                timeout_summary="подпись клиента под дополнительным соглашением",
            )
        async with self._lock:  # a signature that is being looked at when the time ends was given in time
            if self._signed:
                signed = AddendumSigned(ref=self._ref, signature_id=self._signature_id)
                return await do(Restructurings.apply_addendum, signed, "новые условия: печать и книги", options.LOAN)
            ended = RequestEnded(ref=self._ref, state="DECLINED" if self._declined else "LAPSED")
            self._declined = True
            return await do(Restructurings.end_request, ended, "условия не изменились", options.LOAN)

    @workflow.update(description="Клиент подписывает дополнительное соглашение: лицо и ЭЦП")
    async def sign(self, signing: SignContract) -> StepResult:
        """Face with liveness, then the signature over the archived addendum, where one is needed. Rules: para 9."""
        async with self._lock:
            await workflow.wait_condition(lambda: self._answered is not None)
            self._may_sign(signing)
            result = await self._face(signing)
            if result.outcome is StepOutcome.REVIEW:
                await self._ask_about_face(result)
            if result.outcome is not StepOutcome.PASSED or self._answered is None or self._answered.addendum_id is None:
                return result
            if not self._start.signature_needed:
                self._signed = True
                return result
            given = SignatureGiven(
                client_id=self._start.client_id, act=ACT, document_id=self._answered.addendum_id,
                cms_id=cms_of(signing), application_id=self._start.application_id,
            )  # fmt: skip
            stored = await do(
                Signatures.verify_signature, given, "проверка ЭЦП дополнительного соглашения", options.OUTSIDE
            )
            self._signature_id = stored.signature_id
            self._signed = stored.signature_id is not None
            return stored.result

    @sign.validator
    def _may_sign(self, signing: SignContract) -> None:
        self._may_answer()
        face_of(signing)
        if self._start.signature_needed:
            cms_of(signing)

    async def _face(self, signing: SignContract) -> StepResult:
        if self._face_approved:
            return passed("face")
        selfie_id, video_id, challenge_id = face_of(signing)
        shown = FaceShown(
            client_id=self._start.client_id, act=ACT, selfie_id=selfie_id, video_id=video_id,
            challenge_id=challenge_id, application_id=self._start.application_id,
        )  # fmt: skip
        return await do(Faces.check_face, shown, "лицо при подписании", options.BIOMETRICS)

    async def _ask_about_face(self, found: StepResult) -> None:
        wanted = ReviewWanted(
            kind="IDENTITY",
            workflow_id=workflow.info().workflow_id,
            ground=found.ground or "face-unsure",
            client_id=self._start.client_id,
            application_id=self._start.application_id,
        )
        self._review_id = await do(ClientFiles.open_review, wanted, "лицо: сотруднику", options.LOAN)
        self._show("PROPOSED", needs_person=True)

    @workflow.update(description="Клиент не согласен с новыми условиями")
    async def decline(self) -> RequestClosed:
        """The client does not want the proposed terms: the request ends."""
        await workflow.wait_condition(lambda: self._answered is not None)
        async with self._lock:
            self._may_answer()
            self._declined = True
        await workflow.wait_condition(lambda: self._stage not in ("RECEIVED", "PROPOSED"))
        return self.view()

    @decline.validator
    def _may_decline(self) -> None:
        self._may_answer()

    def _may_answer(self) -> None:
        """Refuse what is too early or too late. The answer may stand in the database a moment before we know of it."""
        proposed = self._answering if self._answered is None else self._answered.state == "PROPOSED"
        if not proposed or self._stage not in ("RECEIVED", "PROPOSED"):
            raise wrong_step("restructuring-not-proposed")
        if self._declined or self._signed:
            raise wrong_step("restructuring-ended")

    # ---- staff

    @workflow.update(description="Решение сотрудника (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """About the request: the answer is written as the database has it. About a face: approve lets it sign."""
        decision = await decision_of(decided)
        if decided.review_id == self._review_id:
            self._face_approved, self._review_id = decision == "approve", None  # else the client may try again
            self._show(self._stage)
        else:
            await workflow.wait_condition(lambda: self._opened is not None)
            if self._opened is not None and decided.review_id == self._opened.review_id:
                self._decided = decided
        return decision

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        if self._stage not in ("RECEIVED", "PROPOSED"):
            raise wrong_step("review-not-open")

    @workflow.query(description="Где находится заявление")
    def view(self) -> RequestClosed:
        """The state of the request."""
        return RequestClosed(state=self._stage)

    def _show(self, stage: str, *, needs_person: bool = False) -> None:
        self._stage = stage
        due = "" if self._opened is None else f"ответить до {self._opened.due_at.isoformat(timespec='minutes')}"
        late = "срок ответа прошёл" if self._late else ""
        texts = [link(f"loan/{self._start.loan_id}", "заём"), due if stage == "RECEIVED" else "", late]
        self._case.show(stage, "\n\n".join(filter(None, texts)), needs_person=needs_person)
