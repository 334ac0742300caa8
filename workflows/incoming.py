"""IncomingPayment: one sum that came in, from the news of it to its place. Id `payment/{key}`.

A callback, the cash desk or the nightly reconciliation says which sum to look for; its source says what it is (the
bank's statement, the terminal network's register, our own entry). Certain matches are booked at once. What nobody
knows waits for two people: the update only wakes this case, the row in the database decides.

Rules: para 7, part 5.
"""

from __future__ import annotations

import contextlib
from datetime import date, timedelta
from urllib.parse import quote
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.client_files import ClientFiles, ReviewWanted
from activities.incoming import ABSENT, FOREIGN, AssignmentGiven, Incoming, MoneyTaken, MoneyWanted, PaymentRef
from rules.evidence import Frozen
from rules.payment_keys import case_of, return_key
from workflows import options
from workflows.cases import Case, decision_of, do, link, wrong_step
from workflows.loan_news import tell_loan
from workflows.messages import AssignmentConfirmed, ReviewDecided
from workflows.refund import Refund, RefundMoney

LOOK_AGAIN = (2, 5, 15, 60, 300, 900, 3600, 6 * 3600)  # seconds; then every six hours
GIVE_UP_AFTER = timedelta(hours=36)  # later the nightly reconciliation takes what the source shows after all
NOT_IN_TENGE = "payment-not-in-tenge"
_OPEN = ("UNMATCHED", "RETURNING")


class TakeMoney(Frozen):
    """Start. key: as in storage.tables.IncomingPayment. day: in Almaty, where to look first."""

    key: str
    day: date
    edition: str


class MoneySettled(Frozen):
    """Outcome. state: BOOKED | RETURNED, or absent | came-back | foreign as in MoneyTaken."""

    state: str
    payment_id: UUID | None = None
    loan_id: UUID | None = None


def id_of(key: str) -> str:
    """The id of a sum's case; another one for each key, whatever signs the bank's references have.

    >>> id_of("terminal:T-1:77"), id_of("bank:A/7~")
    ('payment/terminal~T-1~77', 'payment/bank~A%2F7%7E')
    """
    return "payment/" + "~".join(quote(part, safe="").replace("~", "%7E") for part in key.split(":"))


@workflow.defn
class IncomingPayment:
    """See the module."""

    @workflow.init
    def __init__(self, start: TakeMoney) -> None:
        self._start = start
        self._wanted = MoneyWanted(key=start.key, day=start.day)
        self._case = Case("incoming-payment", start.edition)
        self._taken: MoneyTaken | None = None
        self._word, self._pauses = False, 0
        self._review_id: UUID | None = None
        self._decision: str | None = None

    @workflow.run
    async def run(self, start: TakeMoney) -> MoneySettled:
        """Find the sum, place it, tell its loan."""
        self._show("LOOKING")
        taken = await self._found()
        if taken.state == FOREIGN:
            await self._told_to_people()
        taken = await self._placed(taken)
        if taken.state == "BOOKED" and taken.loan_id is not None:
            await tell_loan(taken.loan_id)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._show(taken.state)
        return MoneySettled(state=taken.state, payment_id=taken.payment_id, loan_id=taken.loan_id)

    async def _found(self) -> MoneyTaken:
        """What the source shows; asked again while it does not."""
        until = workflow.now() + GIVE_UP_AFTER
        while True:
            taken = await do(Incoming.take_money, self._wanted, "поступление по выписке или реестру", options.MONEY)
            if taken.state != ABSENT or workflow.now() >= until:
                self._taken, self._pauses = taken, 0
                return taken
            await self._pause("источник ещё не показывает поступление")

    async def _pause(self, why: str) -> None:
        seconds = LOOK_AGAIN[min(self._pauses, len(LOOK_AGAIN) - 1)]
        self._pauses += 1
        await workflow.sleep(timedelta(seconds=seconds), summary=why)

    async def _placed(self, taken: MoneyTaken) -> MoneyTaken:
        """Until two people have said where the money belongs, and that is done."""
        while taken.state in _OPEN and taken.payment_id is not None:
            ref, self._word = PaymentRef(payment_id=taken.payment_id, attempt=taken.attempt), False
            if taken.state == "RETURNING":
                taken = await self._sent_back(ref)
            else:
                taken = await do(Incoming.follow_assignment, ref, "решение двух сотрудников о поступлении")
            self._taken = taken
            if taken.state == "UNMATCHED":
                self._show(taken.state, needs_person=not taken.kept, why=taken.why)
                await workflow.wait_condition(lambda: self._word)
        return taken

    async def _sent_back(self, ref: PaymentRef) -> MoneyTaken:
        """To the payer, by the safe way; where that is not possible people look again, and may say: once more.

        Each of their words is a payment of its own with a case of its own, so that a refused one is never revived.
        """
        self._show("RETURNING")
        key = return_key(ref.payment_id, ref.attempt)
        money = RefundMoney(
            key=key, loan_id=None, incoming_payment_id=ref.payment_id, client_id=None, edition=self._start.edition
        )
        with contextlib.suppress(WorkflowAlreadyStartedError, ChildWorkflowError):
            outcome = await workflow.execute_child_workflow(
                Refund.run,
                money,
                id=case_of(key),
                parent_close_policy=ParentClosePolicy.ABANDON,  # money on its way is followed to its end
                static_summary="возврат плательщику",
            )
            if outcome.done:
                return MoneyTaken(state="RETURNED", payment_id=ref.payment_id)
            taken = await do(Incoming.wait_again, ref, "вернуть не удалось: снова решать людям")
            if taken.state == "UNMATCHED":
                return taken.model_copy(update={"why": outcome.ground})
        # another run of the refund is at work, or one was ended by hand: what the books say then
        await self._pause("возврат уже идёт")
        return await do(Incoming.take_money, self._wanted, "где поступление сейчас", options.MONEY)

    async def _told_to_people(self) -> None:
        """Money in another currency is nothing that we may book: two people deal with it at the bank."""
        wanted = ReviewWanted(kind="MONEY", workflow_id=workflow.info().workflow_id, ground=NOT_IN_TENGE)
        self._review_id = await do(ClientFiles.open_review, wanted, "поступление не в тенге: двум сотрудникам")
        self._show(FOREIGN, needs_person=True, why=NOT_IN_TENGE)
        await workflow.wait_condition(lambda: self._decision is not None)

    @workflow.update(description="Подтверждено вторым сотрудником (действует только запись в базе)")
    async def assignment_confirmed(self, confirmed: AssignmentConfirmed) -> str:
        """Two people have said where the money belongs: loan | payer | queue, by the row in our database."""
        given = AssignmentGiven(assignment_id=confirmed.assignment_id, key=self._start.key)
        belongs = await do(Incoming.assignment_stands, given, "решение двух сотрудников")
        self._word = True
        return belongs

    @assignment_confirmed.validator
    def _may_be_placed(self, confirmed: AssignmentConfirmed) -> None:
        if self._taken is not None and self._taken.state not in _OPEN:
            raise wrong_step("payment-not-unmatched")

    @workflow.update(description="Решение двух сотрудников (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """About money in another currency: whatever they decided, it is dealt with."""
        decision = await decision_of(decided)
        await workflow.wait_condition(lambda: self._review_id is not None)
        if self._review_id == decided.review_id:
            self._decision = decision
        return decision

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        foreign = self._taken is not None and self._taken.state == FOREIGN
        if not foreign or self._review_id not in (None, decided.review_id):
            raise wrong_step("review-not-open")

    def _show(self, stage: str, *, needs_person: bool = False, why: str | None = None) -> None:
        loan = self._taken.loan_id if self._taken is not None else None
        text = link(f"loan/{loan}", "заём") if loan is not None else f"поступление `{self._start.key}`"
        self._case.show(stage, f"{text}, основание: {why or 'нет'}", needs_person=needs_person)
