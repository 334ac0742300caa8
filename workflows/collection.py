"""A microcredit that waits to be collected in cash. Id `collection/{application_id}`.

order placed -> the client comes to a cash desk or a terminal -> paid, or annulled when nobody came in time. Paying is
done at the desk or by the terminal network, in one transaction with the loan; this case only learns of it.

Rules: para 8, part 6; para 9.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from uuid import UUID

from temporalio import workflow

from activities.cash_orders import CashOrderDecided, CashOrders, CashOrderState, DigitalDocumentShown
from activities.client_files import ClientFiles, ReviewWanted
from rules.evidence import StepResult
from rules.payment_keys import disbursement_key
from workflows import options
from workflows.cases import Case, decision_of, do, link, wrong_step
from workflows.disbursement import Disbursed, DisburseLoan
from workflows.messages import ReviewDecided, ShowDigitalDocument
from workflows.payout_case import ASK_AGAIN, TELL_STAFF_AFTER

OPEN = ("waiting", "paying")
UNKNOWN = "payout-outcome-unknown"


@workflow.defn
class Collection:
    """See the module."""

    @workflow.init
    def __init__(self, start: DisburseLoan) -> None:
        self._ref = start.ref
        self._case = Case("collection", start.edition)
        self._news = False
        self._asked = 0
        self._review_id: UUID | None = None
        self._telling = False
        self._decided: ReviewDecided | None = None

    @workflow.run
    async def run(self, start: DisburseLoan) -> Disbursed:
        """The order, the wait, the outcome."""
        self._show("placing")
        state = await do(CashOrders.place_order, self._ref, "ордер на выдачу наличных", options.OUTSIDE)
        while state.state in OPEN:
            await self._tell_staff_of_silence(state)
            self._show(state.state, needs_person=self._review_id is not None)
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._news or self._decided is not None,
                    timeout=self._patience(state),
                    timeout_summary="получение наличных",
                )
            state = await self._next()
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._show(state.state, ground=state.ground)
        return Disbursed(loan_id=state.loan_id, ground=None if state.loan_id else state.ground or UNKNOWN)

    def _patience(self, state: CashOrderState) -> timedelta:
        """Until the order's end; while a terminal is counting the money out, until it is asked about again."""
        if state.state == "paying":
            return timedelta(seconds=ASK_AGAIN[min(self._asked, len(ASK_AGAIN) - 1)])
        left = state.expires_at - workflow.now() if state.expires_at is not None else timedelta(0)
        return max(left, timedelta(seconds=1))

    async def _next(self) -> CashOrderState:
        """What people decided, else how the order stands now."""
        self._news, decided, self._decided = False, self._decided, None
        if decided is not None:
            self._review_id = None
            what = CashOrderDecided(ref=self._ref, review_id=decided.review_id, decision_id=decided.decision_id)
            return await do(CashOrders.settle_order, what, "два сотрудника: исход выдачи", options.MONEY)
        return await do(CashOrders.look_at_order, self._ref, "состояние ордера", options.MONEY)

    async def _tell_staff_of_silence(self, state: CashOrderState) -> None:
        """A terminal that was told to pay and says nothing more: two people ask its network."""
        self._asked = self._asked + 1 if state.state == "paying" else 0
        if self._asked <= TELL_STAFF_AFTER or self._review_id is not None:
            return
        self._telling = True
        wanted = ReviewWanted(
            kind="MONEY",
            workflow_id=workflow.info().workflow_id,
            ground=UNKNOWN,
            client_id=self._ref.client_id,
            application_id=self._ref.application_id,
            payment_key=disbursement_key(self._ref.application_id),
        )
        self._review_id = await do(ClientFiles.open_review, wanted, "терминал молчит: двум сотрудникам")
        self._telling = False

    # ---- what the desk, the terminal and staff do

    @workflow.update(description="Ордер изменился: касса или терминал")
    async def order_changed(self) -> str:
        """A desk or a terminal has done something with the order: look at it now."""
        self._news = True
        return "noted"

    @workflow.update(description="Цифровой документ получателя у кассы")
    async def check_digital_document(self, shown: ShowDigitalDocument) -> StepResult:
        """What the digital documents service shows for the code of the person at the desk. Rules: para 9."""
        what = DigitalDocumentShown(ref=self._ref, code=shown.code)
        return await do(CashOrders.check_digital_document, what, "сервис цифровых документов", options.OUTSIDE)

    @workflow.update(description="Решение двух сотрудников (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """approve = the terminal has paid, under a receipt; refuse = it has not; retry = look again."""
        decision = await decision_of(decided)
        await workflow.wait_condition(lambda: not self._telling)
        if self._review_id == decided.review_id:
            self._decided = decided
        return decision

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        if self._review_id != decided.review_id and not self._telling:
            raise wrong_step("review-not-open")

    def _show(self, stage: str, *, needs_person: bool = False, ground: str | None = None) -> None:
        case = link(f"application/{self._ref.application_id}", "заявление")
        self._case.show(stage, f"{case}, основание: {ground or 'нет'}", needs_person=needs_person)
