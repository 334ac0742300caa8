"""Origination: from an application to issued money. Id `application/{application_id}`.

due diligence -> (review) -> offers -> choice -> contract -> signing -> (waiting time, second confirmation)
-> (a seller is paid: the face once more) -> bureau once more -> disbursement, or collection in cash -> the loan lives
on in Servicing. A refusal is a result, never a failure.

Rules: para 7; para 8; para 9; para 10.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.applications import Acknowledged, Applications, OfferChosen
from activities.cash_orders import NOT_COLLECTED
from activities.contracts import Contracts, ContractSigned
from activities.due_diligence import DecisionMade, DueDiligence
from activities.faces import Faces, FaceShown
from activities.histories import Histories, HistoryWanted
from activities.signatures import SignatureGiven, Signatures
from rules.evidence import StepOutcome, StepResult
from rules.identification import passed
from rules.receiving import CASH
from workflows import options
from workflows.application_case import ApplicationCase, Ended
from workflows.cases import cms_of, decision_of, do, do_here, face_of, wrong_step
from workflows.collection import Collection
from workflows.disbursement import Disbursed, DisburseLoan, Disbursement
from workflows.merchant_payment import MerchantPayment
from workflows.messages import (
    Acknowledge,
    ApplicationView,
    ApplyForLoan,
    ChooseOffer,
    Originated,
    ReviewDecided,
    SignContract,
)
from workflows.servicing import ServeLoan, Servicing
from workflows.waiting_time import WaitingTime

_WITHDRAWABLE = frozenset({"REVIEW", "OFFERED", "SIGNING", "WAITING", "MERCHANT_CONFIRMATION"})
_BY_FACE = "contract-signed-by-face"
ACKNOWLEDGEMENTS = frozenset({"lending_rules", "payments_information", "rights_and_duties"})


@workflow.defn
class Origination(WaitingTime, MerchantPayment):
    """See the module. Borrower actions are updates: the borrower waits for each answer."""

    @workflow.init
    def __init__(self, start: ApplyForLoan) -> None:
        self._case = ApplicationCase(start)

    @workflow.run
    async def run(self, start: ApplyForLoan) -> Originated:
        """The whole case; see the module."""
        try:
            await self._due_diligence()
            await self._offer()
            await self._contract()
            await self._wait_and_confirm()
            await self._merchant_payment()
            await self._disburse()
        except Ended as end:
            await self._case.reach(end.stage, end.grounds)
        await workflow.wait_condition(workflow.all_handlers_finished)
        await do(
            Histories.archive_history,
            HistoryWanted(
                workflow_id=workflow.info().workflow_id, client_id=start.client_id, application_id=start.application_id
            ),
            "история дела в архив",
        )
        return Originated(stage=self._case.stage, loan_id=self._case.loan_id, grounds=self._case.grounds)

    # ---- the steps

    async def _due_diligence(self) -> None:
        self._case.show("DUE_DILIGENCE")
        await do(DueDiligence.screen, self._case.ref, "списки ПОД/ФТ", options.OUTSIDE)
        await do(DueDiligence.ask_bureau, self._case.bureau("decision"), "кредитное бюро", options.OUTSIDE)
        decision: DecisionMade = await do(DueDiligence.decide, self._case.ref, "решение по заявлению")
        if decision.result == "review":
            await self._case.review("AML" if decision.aml_doubt else "DECISION", decision.grounds)
            decision = await do(DueDiligence.decide_after_review, self._case.ref, "решение после проверки")
        if decision.result == "refused":
            raise Ended("REFUSED", *decision.grounds)

    async def _offer(self) -> None:
        self._case.entering = "OFFERED"
        await do(Applications.make_offers, self._case.ref, "три графика погашения")
        self._case.show("OFFERED")
        await self._case.until(
            lambda: self._case.method is not None,
            "выбор графика клиентом",
            timedelta(days=self._case.start.offer_days),
            "offer-not-chosen",
        )

    async def _contract(self) -> None:
        self._case.entering = "SIGNING"
        drawn = await do(Contracts.draw_up, self._case.ref, "договор: PDF и архив")
        self._case.contract_id, self._case.contract_document_id = drawn.contract_id, drawn.document_id
        self._case.show("SIGNING")
        while not self._case.signed:
            await self._signed_or_stopped()
        sealed = await do(
            Contracts.seal,
            ContractSigned(ref=self._case.ref, contract_id=drawn.contract_id, signature_id=self._case.signature_id),
            "печать кредитора и архив",
            options.OUTSIDE,
        )
        self._case.waiting_until = sealed.waiting_until

    async def _signed_or_stopped(self) -> None:
        """Wait for the signing; a finding about the face goes to an officer or ends the case."""
        await self._case.until(
            lambda: self._case.signed or self._case.stop is not None,
            "подписание договора",
            timedelta(days=self._case.start.signing_days),
            "contract-not-signed",
        )
        await self._case.halted("SIGNING")

    async def _disburse(self) -> None:
        await do(DueDiligence.ask_bureau, self._case.bureau("before_disbursement"), "бюро ещё раз", options.OUTSIDE)
        again: DecisionMade = await do(DueDiligence.recheck, self._case.ref, "проверка перед выдачей")
        if again.result == "refused":
            raise Ended("REFUSED", *again.grounds)
        self._case.show("DISBURSING")
        done: Disbursed = await workflow.execute_child_workflow(
            Collection.run if self._case.start.receiving_method in CASH else Disbursement.run,
            DisburseLoan(ref=self._case.ref, edition=self._case.start.edition),
            id=self._case.paying_case,
            static_summary="выдача микрокредита",
        )
        if done.loan_id is None:
            stage = "EXPIRED" if done.ground == NOT_COLLECTED else "REFUSED"
            raise Ended(stage, done.ground or "payout-refused")
        self._case.loan_id, self._case.stage = done.loan_id, "ISSUED"
        self._case.show("ISSUED")
        with contextlib.suppress(WorkflowAlreadyStartedError):  # a case that was reset: its loan lives already
            await workflow.start_child_workflow(
                Servicing.run,
                ServeLoan(loan_id=done.loan_id, client_id=self._case.start.client_id, edition=self._case.start.edition),
                id=f"loan/{done.loan_id}",
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary="сопровождение займа",
            )

    # ---- what the borrower and staff do

    @workflow.query(description="Где находится заявление")
    def view(self) -> ApplicationView:
        """Where the application stands."""
        return self._case.view()

    @workflow.update(description="Клиент ознакомлен с текстом")
    async def acknowledge(self, mark: Acknowledge) -> ApplicationView:
        """Record the client's mark under a text; a second mark under the same text changes nothing."""
        await self._case.settled("OFFERED")
        await do_here(
            Applications.acknowledge,
            Acknowledged(
                ref=self._case.ref, subject=mark.subject, text_version=mark.text_version, text_sha256=mark.text_sha256
            ),
        )
        self._case.acknowledged.add(mark.subject)
        return self._case.view()

    @acknowledge.validator
    def _may_acknowledge(self, mark: Acknowledge) -> None:
        self._case.expect("OFFERED")
        if mark.subject not in ACKNOWLEDGEMENTS:
            raise wrong_step("acknowledgement-unknown")

    @workflow.update(description="Клиент выбирает график")
    async def choose(self, chosen: ChooseOffer) -> ApplicationView:
        """The chosen schedule; all texts must have been read before."""
        async with self._case.lock:
            await self._case.settled("OFFERED")
            self._may_choose(chosen)
            await do_here(Applications.choose, OfferChosen(ref=self._case.ref, method=chosen.method))
            self._case.method = chosen.method
            self._case.stage = "CONTRACT"
            return self._case.view()

    @choose.validator
    def _may_choose(self, chosen: ChooseOffer) -> None:
        self._case.expect("OFFERED")
        if chosen.method not in ("annuity", "differentiated", "own"):
            raise wrong_step("method-unknown")
        if self._case.acknowledged != ACKNOWLEDGEMENTS:
            raise wrong_step("acknowledgements-missing")

    @workflow.update(description="Клиент подписывает договор: лицо и ЭЦП")
    async def sign(self, signing: SignContract) -> StepResult:
        """Face match with liveness, then the signature over exactly the archived bytes: as far as the edition asks.

        Rules: para 9.
        """
        async with self._case.lock:
            await self._case.settled("SIGNING")
            self._may_sign(signing)
            result = await self._face_at_signing(signing)
            if result.outcome is StepOutcome.PASSED and self._signature_needed:
                result = await self._signature(signing)
            self._case.signed = result.outcome is StepOutcome.PASSED
            return self._case.noted(result)

    @property
    def _signature_needed(self) -> bool:
        # before there was this patch, a signature was asked for whatever the start said
        return self._case.start.signature_needed or not workflow.patched(_BY_FACE)

    async def _signature(self, signing: SignContract) -> StepResult:
        stored = await do(
            Signatures.verify_signature,
            SignatureGiven(
                client_id=self._case.start.client_id,
                act="CONTRACT",
                document_id=self._case.contract_document_id,
                cms_id=cms_of(signing),
                application_id=self._case.start.application_id,
            ),
            "проверка ЭЦП договора",
            options.OUTSIDE,
        )
        self._case.signature_id = stored.signature_id
        return stored.result

    async def _face_at_signing(self, signing: SignContract) -> StepResult:
        if self._case.face_approved or not self._case.start.face_needed:
            return passed("face")
        selfie_id, video_id, challenge_id = face_of(signing)
        shown = FaceShown(
            client_id=self._case.start.client_id,
            act="CONTRACT",
            selfie_id=selfie_id,
            video_id=video_id,
            challenge_id=challenge_id,
            application_id=self._case.start.application_id,
        )
        return await do(Faces.check_face, shown, "лицо при подписании", options.BIOMETRICS)

    @sign.validator
    def _may_sign(self, signing: SignContract) -> None:
        self._case.expect("SIGNING")
        if self._case.signed:
            raise wrong_step("already-signed")
        if self._case.start.face_needed:
            face_of(signing)
        if self._case.start.signature_needed:
            cms_of(signing)

    @workflow.update(description="Клиент отзывает заявление")
    async def withdraw(self) -> ApplicationView:
        """The client takes the application back; possible until the money is on its way."""
        self._case.withdrawn = True
        await workflow.wait_condition(
            lambda: self._case.stage in ("WITHDRAWN", "EXPIRED", "DISBURSING", "ISSUED", "REFUSED")
        )
        return self._case.view()

    @withdraw.validator
    def _may_withdraw(self) -> None:
        if not {self._case.stage, self._case.entering} & _WITHDRAWABLE:
            raise wrong_step("wrong-step")

    @workflow.update(description="Решение сотрудника (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> ApplicationView:
        """Act on a staff decision that stands in our database; anything else is refused and audited."""
        decision = await decision_of(decided)
        await self._case.settled("REVIEW")
        if self._case.review_id == decided.review_id:
            self._case.review_decision = decision
        return self._case.view()

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        self._case.expect("REVIEW", "review-not-open")
