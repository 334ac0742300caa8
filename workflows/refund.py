"""Refund: money goes back once. Ids `refund/{loan_id}/{n}`, `refund/{incoming_payment_id}`.

To a client what a loan owes to them: what was paid above the debt, or all that was collected on a loan made by fraud;
the account must be shown to be theirs once more. To a payer what nobody could place, by the account it came from.
A refund that fails is an outcome: whoever asked for it tells people.

Rules: para 9, part 2; para 13, part 5.
"""

from __future__ import annotations

import contextlib
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.payout_orders import REFUSED, PayoutOrder
from rules.evidence import Frozen
from workflows.cases import Case, link
from workflows.messages import ReviewDecided
from workflows.payout_case import PayoutCase


class RefundMoney(Frozen):
    """Start. key: the payment's (rules.payment_keys); it says whether a loan or an incoming payment is named."""

    key: str
    loan_id: UUID | None = None
    incoming_payment_id: UUID | None = None
    client_id: UUID | None = None
    edition: str


class MoneyRefunded(Frozen):
    """Outcome: the money left and is booked, or the ground why it did not leave."""

    done: bool
    ground: str | None = None


@workflow.defn
class Refund:
    """See the module."""

    @workflow.init
    def __init__(self, start: RefundMoney) -> None:
        self._start = start
        self._case = Case("refund", start.edition)
        order = PayoutOrder(
            key=start.key,
            client_id=start.client_id,
            loan_id=start.loan_id,
            incoming_payment_id=start.incoming_payment_id,
        )
        self._payout = PayoutCase(order, self._show)

    @workflow.run
    async def run(self, start: RefundMoney) -> MoneyRefunded:
        """Receiver, payout, final word."""
        self._show("owner-check")
        ground = await self._payout.receiver_ground()
        if ground is not None:
            self._show("refused", ground=ground)
            return MoneyRefunded(done=False, ground=ground)
        self._show("paying")
        state = await self._payout.paid()
        if state.state == "done" and start.loan_id is not None:
            with contextlib.suppress(FailureError):  # a case that is closed is told nothing
                await workflow.get_external_workflow_handle(f"loan/{start.loan_id}").signal("loan_changed")
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._show(state.state, ground=state.ground)
        if state.state == "done":
            return MoneyRefunded(done=True)
        return MoneyRefunded(done=False, ground=state.ground or REFUSED)

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
        whose = f"поступление `{self._start.incoming_payment_id}`"
        if self._start.loan_id is not None:
            whose = link(f"loan/{self._start.loan_id}", "заём")
        self._case.show(stage, f"{whose}, основание: {ground or 'нет'}", needs_person=needs_person)
