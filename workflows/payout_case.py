"""One outgoing payment inside a case: from the intent to the bank's final word. Shared by Disbursement and Refund.

What the bank leaves open stays open: staff are told, two people decide, nothing is sent again under another key.

Rules: para 9, part 2.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from temporalio import workflow

from activities.client_files import ClientFiles, ReviewWanted
from activities.payments import Payments
from activities.payout_orders import LARGE, UNKNOWN, PaymentDecided, PaymentState, PayoutOrder
from workflows import options
from workflows.cases import decision_of, do, wrong_step
from workflows.messages import ReviewDecided

ASK_AGAIN = (2, 3, 5, 10, 30, 60, 300, 900, 3600)  # seconds; then every hour, until the bank says
TELL_STAFF_AFTER = 6  # askings without a final word
FINAL = ("done", "refused", "returned")
_EVIDENCE = "decisions-with-evidence"  # before it, people could only say "not paid"


class Show(Protocol):
    """How the case shows its stage to staff."""

    def __call__(self, stage: str, *, needs_person: bool = False, ground: str | None = None) -> None:
        """Show it."""


class PayoutCase:
    """The payment of one case. The workflow's handlers hand on to `look_again` and `decided`."""

    def __init__(self, order: PayoutOrder, show: Show) -> None:
        self._order, self._show = order, show
        self._news = False
        self._review_id: UUID | None = None
        self._telling = False
        self._decision: tuple[str, ReviewDecided] | None = None

    async def receiver_ground(self) -> str | None:
        """Why the receiver gets no money, None where the account is shown to be theirs."""
        return await do(Payments.verify_account, self._order, "владелец счёта и антифрод", options.MONEY)

    async def paid(self) -> PaymentState:
        """Send the money once, and wait until it is known what became of it: done, refused or returned."""
        state, asked = await do(Payments.pay, self._order, "перевод", options.MONEY), 0
        while state.state not in FINAL:
            if state.state == "held":
                state = await self._approved()
                continue
            if state.state == "absent":
                state = await do(Payments.pay, self._order, "перевод", options.MONEY)
                continue
            if self._review_id is None and (asked >= TELL_STAFF_AFTER or state.state == "unknown"):
                await self._tell_staff("unknown", state.ground or UNKNOWN)
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._news or self._decision is not None,
                    timeout=timedelta(seconds=ASK_AGAIN[min(asked, len(ASK_AGAIN) - 1)]),
                    timeout_summary="ответ банка",
                )
            self._news = False
            asked += 1
            state = await self._next()
        return state

    async def _next(self) -> PaymentState:
        """What people decided, else what the bank says now."""
        if self._decision is None:
            return await do(Payments.ask_bank, self._order, "состояние перевода", options.MONEY)
        (decision, decided), self._decision = self._decision, None
        self._review_id = None  # where the case stays open after all, they are told again
        if decision == "refuse":
            return await do(Payments.give_up, self._of(decided), "два сотрудника: не выплачено", options.MONEY)
        if decision == "approve":
            return await do(Payments.apply_decision, self._of(decided), "два сотрудника: выплачено", options.MONEY)
        return await do(Payments.ask_bank, self._order, "состояние перевода", options.MONEY)

    async def _approved(self) -> PaymentState:
        """An amount above the limit: two people, before anything is sent."""
        await self._tell_staff("held", LARGE)
        await workflow.wait_condition(lambda: self._decision is not None)
        state = PaymentState(state="held", ground=LARGE)
        if self._decision is not None:
            decided, self._decision, self._review_id = self._decision[1], None, None
            state = await do(Payments.apply_decision, self._of(decided), "решение о крупной выплате", options.MONEY)
        self._show("paying")
        return state

    async def _tell_staff(self, stage: str, ground: str) -> None:
        self._telling = True
        wanted = ReviewWanted(
            kind="MONEY",
            workflow_id=workflow.info().workflow_id,
            ground=ground,
            client_id=self._order.client_id,
            application_id=self._order.application_id,
            payment_key=self._order.key,
        )
        what = "крупная выплата" if stage == "held" else "исход перевода неизвестен"
        self._review_id = await do(ClientFiles.open_review, wanted, f"{what}: двум сотрудникам")
        self._telling = False
        self._show(stage, needs_person=True, ground=ground)

    def _of(self, decided: ReviewDecided) -> PaymentDecided:
        return PaymentDecided(**self._order.model_dump(), review_id=decided.review_id, decision_id=decided.decision_id)

    def look_again(self) -> None:
        """The bank called back: its books are asked, the callback's content is not believed."""
        self._news = True

    async def decided(self, decided: ReviewDecided) -> str:
        """What two people decided, by the row in our database.

        About a large amount: approve sends it, refuse ends it. About an outcome: approve = it was paid, with the
        bank's reference and day; refuse = it was not paid; retry = the bank is asked once more.
        """
        decision = await decision_of(decided)
        await workflow.wait_condition(lambda: not self._telling)
        if self._review_id == decided.review_id and (decision == "refuse" or workflow.patched(_EVIDENCE)):
            self._decision = decision, decided
        return decision

    def may_decide(self, decided: ReviewDecided) -> None:
        """For the validator: refuses a decision on a review that is not this payment's open one."""
        if self._review_id != decided.review_id and not self._telling:
            raise wrong_step("review-not-open")
