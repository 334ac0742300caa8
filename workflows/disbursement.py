"""Disbursement: money leaves once, to an account shown to be the client's. Id `disbursement/{application_id}`.

owner check -> anti-fraud -> payout by the safe-payment pattern -> the bank's final word, by callback or by asking.
What the bank leaves open stays open: staff are told, two people decide, nothing is sent again under another key.

Rules: para 9, part 2.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from uuid import UUID

from temporalio import workflow

from activities.applications import ApplicationRef
from activities.client_files import ClientFiles, ReviewWanted
from activities.payments import Payments, PaymentState
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, decision_of, do, link, wrong_step
from workflows.messages import ReviewDecided


class DisburseLoan(Frozen):
    """Start: the application is signed, waited for and checked again."""

    ref: ApplicationRef
    edition: str


class Disbursed(Frozen):
    """Outcome: a loan, or the ground why no money left."""

    loan_id: UUID | None = None
    ground: str | None = None


ASK_AGAIN = (2, 3, 5, 10, 30, 60, 300, 900, 3600)  # seconds; then every hour, until the bank says
TELL_STAFF_AFTER = 6  # askings without a final word


@workflow.defn
class Disbursement:
    """See the module."""

    @workflow.init
    def __init__(self, start: DisburseLoan) -> None:
        self._start = start
        self._case = Case("disbursement", start.edition)
        self._news = False
        self._review_id: UUID | None = None
        self._telling = False
        self._decision: str | None = None

    @workflow.run
    async def run(self, start: DisburseLoan) -> Disbursed:
        """Owner, anti-fraud, payout, final word."""
        self._show("owner-check")
        ground = await do(Payments.verify_account, start.ref, "владелец счёта и антифрод", options.OUTSIDE)
        if ground is not None:
            return Disbursed(ground=ground)
        self._show("paying")
        state = await do(Payments.pay, start.ref, "перевод", options.MONEY)
        state = await self._final(state)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._show(state.state)
        return Disbursed(loan_id=state.loan_id, ground=None if state.loan_id else state.ground or "payout-refused")

    async def _final(self, state: PaymentState) -> PaymentState:
        asked = 0
        while state.state not in ("done", "refused", "returned"):
            if self._review_id is None and (asked >= TELL_STAFF_AFTER or state.state == "unknown"):
                await self._tell_staff(state.ground or "payout-outcome-unknown")
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._news or self._decision is not None,
                    timeout=timedelta(seconds=ASK_AGAIN[min(asked, len(ASK_AGAIN) - 1)]),
                    timeout_summary="ответ банка",
                )
            self._news = False
            asked += 1
            if self._decision == "refuse":
                self._decision = self._review_id = None  # where the bank shows a payout after all, they are told again
                state = await do(Payments.give_up, self._start.ref, "два сотрудника: не выплачено", options.MONEY)
            else:
                state = await do(Payments.ask_bank, self._start.ref, "состояние перевода", options.MONEY)
        return state

    async def _tell_staff(self, ground: str) -> None:
        self._telling = True
        self._review_id = await do(
            ClientFiles.open_review,
            ReviewWanted(
                kind="MONEY",
                workflow_id=workflow.info().workflow_id,
                ground=ground,
                client_id=self._start.ref.client_id,
                application_id=self._start.ref.application_id,
            ),
            "исход перевода неизвестен: двум сотрудникам",
        )
        self._telling = False
        self._show("unknown", needs_person=True, ground=ground)

    @workflow.signal(description="Сообщение банка о переводе")
    def payout_updated(self) -> None:
        """The bank called back: look at its books now. The callback's content is not believed, only asked about."""
        self._news = True

    @workflow.update(description="Решение двух сотрудников (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """approve = keep asking the bank; refuse = two people have proof that nothing was paid."""
        decision = await decision_of(decided)
        await workflow.wait_condition(lambda: not self._telling)
        if self._review_id == decided.review_id:
            self._decision = "refuse" if decision == "refuse" else None
        return decision

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        if self._review_id != decided.review_id and not self._telling:
            raise wrong_step("review-not-open")

    def _show(self, stage: str, *, needs_person: bool = False, ground: str | None = None) -> None:
        case = link(f"application/{self._start.ref.application_id}", "заявление")
        text = f"{case}, основание: {ground or 'нет'}"
        self._case.show(stage, text, needs_person=needs_person)
