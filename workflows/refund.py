"""Refund: money goes back once. Ids `refund/{loan_id}/{n}`, `refund/{incoming_payment_id}` (and `/{n}`: its n-th try).

To a client what a loan owes to them: what was paid above the debt, or all that was collected on a loan made by fraud;
the account must be shown to be theirs once more. Where none is known or it is not theirs, they are asked for another
(workflows.refund_account). To a payer what nobody could place, by the account it came from.
A refund that fails is an outcome: whoever asked for it tells people.

Rules: para 9, part 2; para 13, part 5.
"""

from __future__ import annotations

import contextlib
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.payout_orders import OF_THE_ACCOUNT, REFUSED, PayoutOrder
from rules.evidence import Frozen, StepResult
from workflows.cases import Case, link
from workflows.messages import NameAccount, ReviewDecided
from workflows.payout_case import PayoutCase
from workflows.refund_account import STAGE, AccountCase

_CLIENT_ASKED = "client-asked-for-account"  # before it, a refund without a receiver ended


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
        self._account = AccountCase(order, self._payout, self._show)

    @workflow.run
    async def run(self, start: RefundMoney) -> MoneyRefunded:
        """Receiver, payout, final word."""
        self._show("owner-check")
        ground = await self._payout.receiver_ground()
        if ground in OF_THE_ACCOUNT and start.loan_id is not None and workflow.patched(_CLIENT_ASKED):
            ground = await self._account.asked(ground)
        if ground is not None:
            await workflow.wait_condition(workflow.all_handlers_finished)
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

    @workflow.update(description="Клиент указал свой счёт")
    async def account_named(self, name: NameAccount) -> StepResult:
        """See AccountCase.named."""
        return await self._account.named(name)

    @account_named.validator
    def _may_name(self, name: NameAccount) -> None:
        self._account.may_name()

    @workflow.update(description="Решение двух сотрудников (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """See PayoutCase.decided, AccountCase.decided."""
        about = self._account if self._account.is_about(decided.review_id) else self._payout
        return await about.decided(decided)

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        if not self._account.is_about(decided.review_id):
            self._payout.may_decide(decided)

    def _show(self, stage: str, *, needs_person: bool = False, ground: str | None = None) -> None:
        whose = f"поступление `{self._start.incoming_payment_id}`"
        if self._start.loan_id is not None:
            whose = link(f"loan/{self._start.loan_id}", "заём")
        text = f"{whose}, основание: {ground or 'нет'}"
        if stage == STAGE:
            text += f"\n\nклиент должен указать свой счёт в личном кабинете; писем ему: {self._account.letters}"
        self._case.show(stage, text, needs_person=needs_person)
