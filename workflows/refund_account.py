"""A refund without a receiver asks its client for an account of their own, and waits for it, however long that takes.

Each account is checked with the bank as one for a disbursement is; a wrong one is told to the client, who names
another. The client is reminded; people look where the reminders lead to nothing. What is owed stays owed.

Rules: para 9, part 2.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from uuid import UUID

from temporalio import workflow

from activities.client_files import ClientFiles, ReviewWanted
from activities.notices import NoticeRef, Notices
from activities.payments import Payments
from activities.payout_orders import OF_THE_ACCOUNT, AccountNamed, PayoutOrder
from activities.refund_accounts import (
    KNOWN,
    SILENT,
    AccountAsked,
    AccountReminded,
    AccountWanted,
    AskingEnded,
    RefundAccounts,
)
from rules.evidence import StepOutcome, StepResult
from workflows import options
from workflows.cases import decision_of, do, wrong_step
from workflows.messages import NameAccount, ReviewDecided
from workflows.payout_case import PayoutCase, Show

STAGE = "account-wanted"


class AccountCase:
    """The account of one refund. The workflow's handlers hand on to `named` and `decided`."""

    def __init__(self, order: PayoutOrder, payout: PayoutCase, show: Show) -> None:
        self._order, self._payout, self._show = order, payout, show
        self._open = self._telling = self._looked = False
        self._outcome: str | None = None
        self._review_id: UUID | None = None
        self._lock = asyncio.Lock()
        self.letters = 0

    async def asked(self, ground: str) -> str | None:
        """Ask until there is an account that is the client's: None; else the ground why no money goes back."""
        self._open = True  # the client reads the letter before we hear that it is written
        self._show(STAGE, ground=ground)
        wanted = AccountWanted(key=self._order.key, loan_id=self._loan_id, ground=ground)
        asked = await do(RefundAccounts.ask_for_account, wanted, "письмо: нужен счёт клиента", options.LOAN)
        self._written(asked.n, ground)
        texting, left = self._texted(asked.notice_id), asked.reminders
        while self._outcome is None:
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._outcome is not None or self._looked,
                    timeout=timedelta(days=asked.every_days),
                    timeout_summary="счёт клиента",
                )
            async with self._lock:  # an account that is being looked at counts
                if self._outcome is None:
                    texting, left = await self._look_again(asked, ground, texting, left)
        self._open = False
        texting.cancel()  # an SMS that could not be sent so long is of no use any more
        ended = AskingEnded(key=self._order.key, outcome=self._outcome, workflow_id=workflow.info().workflow_id)
        await do(RefundAccounts.end_asking, ended, "запрос счёта закрыт", options.LOAN)
        return None if self._outcome == KNOWN else self._outcome

    @property
    def _loan_id(self) -> UUID:
        if self._order.loan_id is None:
            raise wrong_step("wrong-step")
        return self._order.loan_id

    async def _look_again(
        self, asked: AccountAsked, ground: str, texting: asyncio.Task[None], left: int
    ) -> tuple[asyncio.Task[None], int]:
        """The sum may have gone another way, and a known account may do by now; else remind, or tell people."""
        known = await self._payout.receiver_ground()
        if known not in OF_THE_ACCOUNT:
            self._outcome = known or KNOWN
            return texting, left
        if self._looked:
            self._looked, self._review_id, left = False, None, asked.reminders
        if left == 0:
            if self._review_id is None:
                await self._tell_staff()
            return texting, left
        reminder = AccountReminded(key=self._order.key, loan_id=self._loan_id, n=self.letters + 1)
        notice_id = await do(RefundAccounts.remind_of_account, reminder, "напоминание о счёте", options.LOAN)
        self._written(self.letters + 1, ground)
        if notice_id is None:
            return texting, left - 1
        texting.cancel()
        return self._texted(notice_id), left - 1

    def _written(self, letters: int, ground: str) -> None:
        self.letters = letters
        self._show(STAGE, ground=ground)

    def _texted(self, notice_id: UUID) -> asyncio.Task[None]:
        """The SMS goes beside: a gateway that is away keeps nobody from naming an account."""
        return asyncio.create_task(
            do(Notices.text_client, NoticeRef(notice_id=notice_id), "SMS: есть письмо", options.LOAN)
        )

    async def _tell_staff(self) -> None:
        self._telling = True
        wanted = ReviewWanted(
            kind="MONEY",
            workflow_id=workflow.info().workflow_id,
            ground=SILENT,
            client_id=self._order.client_id,
        )
        self._review_id = await do(ClientFiles.open_review, wanted, "клиент не называет счёт: двум сотрудникам")
        self._telling = False
        self._show(STAGE, needs_person=True, ground=SILENT)

    async def named(self, name: NameAccount) -> StepResult:
        """Whether the account is the client's; a wrong one leaves the case open for another."""
        async with self._lock:
            self.may_name()
            named = AccountNamed(**self._order.model_dump(), account_id=name.account_id)
            result = await do(Payments.check_named, named, "счёт клиента: чей он", options.MONEY)
            if result.outcome is StepOutcome.PASSED:
                self._outcome = KNOWN
            elif result.outcome is StepOutcome.REFUSED:
                self._outcome = result.ground
            return result

    def may_name(self) -> None:
        """For the validator: refuses an account that nobody asked for, or not any more."""
        if not self._open or self._outcome is not None:
            raise wrong_step("refund-account-not-asked")

    def is_about(self, review_id: UUID) -> bool:
        """Whether a review is the one about a client who names no account."""
        return self._telling or (self._review_id is not None and self._review_id == review_id)

    async def decided(self, decided: ReviewDecided) -> str:
        """Whatever two people decided, they have looked: the client is written to anew. What is owed stays owed."""
        decision = await decision_of(decided)
        await workflow.wait_condition(lambda: not self._telling)
        if self._review_id == decided.review_id:
            self._looked = True
        return decision
