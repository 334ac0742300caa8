"""Disbursement: money leaves once, to an account shown to be the client's. Id `disbursement/{application_id}`.

owner check -> anti-fraud -> payout by the safe-payment pattern (workflows.payout_case) -> the bank's final word, by
callback or by asking.

Rules: para 9, part 2.
"""

from __future__ import annotations

from uuid import UUID

from temporalio import workflow

from activities.applications import ApplicationRef
from activities.payout_orders import REFUSED, PayoutOrder
from rules.evidence import Frozen
from workflows.cases import Case, link
from workflows.messages import ReviewDecided
from workflows.payout_case import PayoutCase


class DisburseLoan(Frozen):
    """Start: the application is signed, waited for and checked again."""

    ref: ApplicationRef
    edition: str


class Disbursed(Frozen):
    """Outcome: a loan, or the ground why no money left."""

    loan_id: UUID | None = None
    ground: str | None = None


@workflow.defn
class Disbursement:
    """See the module."""

    @workflow.init
    def __init__(self, start: DisburseLoan) -> None:
        self._start = start
        self._case = Case("disbursement", start.edition)
        self._payout = PayoutCase(PayoutOrder.disbursement(start.ref), self._show)

    @workflow.run
    async def run(self, start: DisburseLoan) -> Disbursed:
        """Owner, anti-fraud, payout, final word."""
        self._show("owner-check")
        ground = await self._payout.receiver_ground()
        if ground is not None:
            return Disbursed(ground=ground)
        self._show("paying")
        state = await self._payout.paid()
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._show(state.state)
        return Disbursed(loan_id=state.loan_id, ground=None if state.loan_id else state.ground or REFUSED)

    @workflow.signal(description="Сообщение банка о переводе")
    def payout_updated(self) -> None:
        """The bank called back: look at its books now."""
        self._payout.look_again()

    @workflow.update(description="Решение двух сотрудников (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """See PayoutCase.decided."""
        return await self._payout.decided(decided)

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        self._payout.may_decide(decided)

    def _show(self, stage: str, *, needs_person: bool = False, ground: str | None = None) -> None:
        case = link(f"application/{self._start.ref.application_id}", "заявление")
        text = f"{case}, основание: {ground or 'нет'}"
        self._case.show(stage, text, needs_person=needs_person)
