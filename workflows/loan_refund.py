"""Money above the debt goes back to the client: child cases `refund/{loan_id}/{n}`, and people where one fails.

Of a loan that was written off all that was paid does: `refund/{loan_id}/collected-{n}`.

Rules: para 9, part 2; para 13, part 4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.client_files import ClientFiles, ReviewWanted
from activities.loans import LoanRef
from activities.payout_orders import NOTHING
from rules.payment_keys import case_of, refund_key, return_collected_key
from workflows import options
from workflows.cases import decision_of, do, wrong_step
from workflows.messages import ReviewDecided
from workflows.refund import Refund, RefundMoney

_NOT_MADE = "refund-not-made"
_LOOK_AGAIN = timedelta(days=1)


class RefundCase:
    """The refunds of one loan. made: how many were begun; ground: why the last one failed."""

    def __init__(self, loan: LoanRef, edition: str, made: int) -> None:
        self._loan, self._edition = loan, edition
        self.made = made
        self.ground: str | None = None
        self.decided = False
        self._opening = False
        self._review: UUID | None = None
        self._beside: asyncio.Task[None] | None = None
        self._again = False

    @property
    def waits(self) -> bool:
        """Whether a refund has failed and people have not decided yet."""
        return self.ground is not None and not self.decided

    @property
    def beside(self) -> bool:
        """Whether a refund is on its way; it may wait for years for its client to name an account."""
        return self._beside is not None and not self._beside.done()

    def begin(self, n: int, changed: Callable[[], None], *, collected: bool = False) -> None:
        """As give_back, beside the case, which goes on with the loan. changed: called when it is over."""
        if self.waits:
            return
        if self.beside:
            self._again = True  # more may be owed by now than it takes along
            return
        if self._beside is not None:
            self._beside.result()  # what broke there breaks the case
        self.ground, self.decided, self._again = None, False, False
        self._beside = asyncio.create_task(self._followed(n, changed, collected))

    async def _followed(self, n: int, changed: Callable[[], None], collected: bool) -> None:
        wake = True
        try:
            done = await self.give_back(n, collected=collected)
            wake = self._again or self.waits  # a refund that was made has told the loan itself
            if not (done or wake):  # it runs without us, or the sum is on another way
                await workflow.sleep(_LOOK_AGAIN, summary="возврат идёт помимо этого случая")
                wake = True
        finally:
            if wake:
                changed()

    async def give_back(self, n: int, *, collected: bool = False) -> bool:
        """Pay once; whether the books have changed. Where one failed, it is tried again only when people say so.

        n: the refund's number by the books; one that was refused left no fact there, so ours may be ahead.
        collected: the loan was written off, and all that was paid goes back.
        """
        if self.waits:
            return False
        self.ground, self.decided = None, False
        n = max(n, self.made + 1)
        key = return_collected_key(self._loan.loan_id, n) if collected else refund_key(self._loan.loan_id, n)
        try:
            done = await workflow.execute_child_workflow(
                Refund.run,
                RefundMoney(
                    key=key,
                    loan_id=self._loan.loan_id,
                    client_id=self._loan.client_id,
                    edition=self._edition,
                ),
                id=case_of(key),
                parent_close_policy=ParentClosePolicy.ABANDON,  # money on its way is followed to its end
                static_summary="возврат взысканного" if collected else "возврат переплаты",
            )
            ground = None if done.done else done.ground or _NOT_MADE
        except WorkflowAlreadyStartedError:
            return False  # begun before this case was taken up again; it tells the loan when it ends
        except ChildWorkflowError:
            ground = _NOT_MADE
        self.made = n
        if ground == NOTHING and (collected or self._beside is not None):
            return False  # while it waited for its client, the money went another way
        if ground is not None:
            await self._ask_people(ground)
        return ground is None

    async def _ask_people(self, ground: str) -> None:
        self.ground, self._opening = ground, True
        wanted = ReviewWanted(
            kind="MONEY",
            workflow_id=workflow.info().workflow_id,
            ground=ground,
            client_id=self._loan.client_id,
        )
        self._review = await do(ClientFiles.open_review, wanted, "возврат не выполнен: двум людям", options.LOAN)
        self._opening = False

    async def take_decision(self, decided: ReviewDecided) -> str:
        """Any decision of two people has the refund tried again: they have mended what stood in its way.

        What was given back otherwise they book as a fact of the loan first; then nothing is owed back any more.
        """
        decision = await decision_of(decided)
        await workflow.wait_condition(lambda: not self._opening)
        if self._review == decided.review_id:
            self.decided = True
        return decision

    def may_decide(self, decided: ReviewDecided) -> None:
        """For the validator: refuses a decision on a review that is not open here."""
        if not self._opening and (self._review != decided.review_id or not self.waits):
            raise wrong_step("review-not-open")
