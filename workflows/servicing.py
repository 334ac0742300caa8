"""Servicing: lives as long as the loan. Id `loan/{loan_id}`.

It sleeps until the day on which the loan needs something (LoanCare.tend tells it), or until the books change: a due
date passes, arrears are told of in time, the bureau hears of the loan, the debt ends, money above it goes back, the
documents stay for the years after. Nothing polls, and nothing runs over all loans.

Rules: para 7, part 5; para 13, part 2; para 34.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

from activities.care import ArrearsFound, LoanCare, Tended, notice_key
from activities.clocks import ClockWanted
from activities.closing import Closing
from activities.histories import Histories, HistoryWanted
from activities.loans import LoanRef, Loans
from activities.notices import NoticeRef, Notices
from rules.calendar import end_of_day
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do
from workflows.clock import Clocks, Evidence
from workflows.deadline import Deadline
from workflows.loan_bureau import BureauTold, tell_bureau
from workflows.loan_page import described
from workflows.loan_refund import RefundCase
from workflows.messages import ReviewDecided
from workflows.paper_messages import write_off_id

_TENDED = "loan-is-tended"  # before it, a case only waited for the end of its loan
_CLOCK = "arrears-notice-on-a-clock"  # before it, only the workflow knew of the notice's last day
_BESIDE = "refund-goes-beside"  # before it, a case did nothing else until its refund had ended
_AFTER_MIDNIGHT = timedelta(minutes=30)  # loans due on one day do not all wake at one instant
_AT_LEAST = timedelta(seconds=30)  # the clocks of Temporal and of the database may differ a little
_AGAIN = timedelta(days=1)


class Remembered(Frozen):
    """What one run of the case leaves to the next; the history of a long life is cut into such runs."""

    part: int = 1
    bureau: BureauTold = BureauTold()
    refunds: int = 0


class ServeLoan(Frozen):
    """Start: the loan row exists, its money has left. remembered: of the run before."""

    loan_id: UUID
    client_id: UUID
    edition: str
    remembered: Remembered | None = None


class LoanClosed(Frozen):
    """Outcome: why the loan's life ended: repaid | written-off."""

    reason: str


class LoanView(Frozen):
    """How the case stands. tended: as the loan was last looked at; trouble: the code of what people must mend."""

    tended: Tended | None = None
    trouble: str | None = None
    part: int = 1


@workflow.defn
class Servicing:
    """See the module."""

    @workflow.init
    def __init__(self, start: ServeLoan) -> None:
        self._start = start
        self._loan = LoanRef(loan_id=start.loan_id, client_id=start.client_id)
        self._case = Case("loan", start.edition)
        before = start.remembered or Remembered()
        self._part, self._bureau = before.part, before.bureau
        self._refund = RefundCase(self._loan, start.edition, before.refunds)
        self._clocks = Clocks(self._rang)
        self._changes = 0
        self._tended: Tended | None = None
        self._trouble: str | None = None

    @workflow.run
    async def run(self, start: ServeLoan) -> LoanClosed:
        """Tell the bureau of the new loan, keep its documents, then look after it until nothing is owed."""
        if start.remembered is None:
            await self._begin()
        while True:
            seen = self._changes
            tended = await self._look()
            if tended is not None and tended.ended is not None and not tended.owed_back:
                closed = await self._close(tended)
                if seen == self._changes:
                    return closed
                continue  # money came while the case was closing: it may have to go back
            if workflow.info().is_continue_as_new_suggested() and not (self._refund.waits or self._refund.beside):
                await self._go_on_in_a_new_run()
            await self._sleep(seen, tended)

    async def _close(self, tended: Tended) -> LoanClosed:
        await do(Closing.extend_documents, self._loan, "документы займа: срок от его конца", options.LOAN)
        reason = "written-off" if tended.written_off else "repaid"
        self._case.show("CLOSED", f"заём `{self._start.loan_id}`: {_OUTCOMES[reason]}")
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._archive_history()
        return LoanClosed(reason=reason)

    async def _begin(self) -> None:
        self._case.show("ACTIVE", f"заём `{self._start.loan_id}`")
        if workflow.patched(_TENDED):
            self._bureau = await tell_bureau(self._start.loan_id, self._bureau, None)
            await do(Closing.extend_documents, self._loan, "срок хранения документов займа", options.LOAN)
            return
        await do(Loans.furnish_new, self._loan, "запись NEW в бюро", options.OUTSIDE)
        await do(Closing.extend_documents, self._loan, "срок хранения документов займа", options.OUTSIDE)
        await workflow.wait_condition(lambda: self._changes > 0)  # an older case wakes when its books change

    async def _look(self) -> Tended | None:
        """Do what the loan needs today; None where its facts must be mended by people first."""
        try:
            tended = await do(LoanCare.tend, self._loan, "что нужно займу", options.LOAN)
            if tended.notice is not None and tended.notice_by is not None:
                await self._notify(tended.notice, tended.notice_by)
                tended = await do(LoanCare.tend, self._loan, "что нужно займу", options.LOAN)
            self._bureau = await tell_bureau(self._start.loan_id, self._bureau, tended)
            if tended.ended is not None:
                await self._end_debt()
            elif tended.locks_short:
                await do(Closing.extend_documents, self._loan, "документы займа дольше", options.LOAN)
        except ActivityError as error:
            refused = options.refusal(error)
            if refused is None:
                raise
            self._trouble = refused.type or "unknown-code"
            self._show(self._tended)
            return None
        self._trouble, self._tended = None, tended
        self._show(tended)
        if tended.owed_back and not await self._written_off_tells(tended):
            if workflow.patched(_BESIDE):
                self._refund.begin(tended.refund_n, self.loan_changed, collected=tended.return_collected)
            else:
                self._changes += await self._refund.give_back(tended.refund_n)
            self._show(tended)
        return tended

    async def _written_off_tells(self, tended: Tended) -> bool:
        """Whether an open write-off sees to the money; it hears that the books have changed. Rules: para 13, part 4."""
        if tended.return_case is None:
            return False
        case = workflow.get_external_workflow_handle(write_off_id(self._start.loan_id, tended.return_case))
        try:
            await case.signal("loan_changed")
        except FailureError:
            return False  # it is gone: what it owes goes back from here
        return True

    async def _notify(self, found: ArrearsFound, by: datetime) -> None:
        """Send the notice; meanwhile its last day is watched. Law on microfinance, art. 9-2, part 1."""
        if workflow.patched(_CLOCK):
            await self._clocks.guard(self._notice_clock(found), self._send_notice(found))
            return
        sending = asyncio.create_task(self._send_notice(found))

        async def late() -> None:
            self._case.show("OVERDUE", _LATE, needs_person=True)
            await do(LoanCare.notice_late, found, "уведомление опаздывает: записать", options.LOAN)

        await Deadline("arrears-notice-days", by, late).until(sending.done, "уведомление о просрочке")
        await sending

    def _notice_clock(self, found: ArrearsFound) -> ClockWanted:
        return ClockWanted(
            key=notice_key(found.loan_id, found.since),
            rule="arrears-notice",
            subject=f"loan:{found.loan_id}",
            workflow_id=workflow.info().workflow_id,
            received_at=found.began_at or end_of_day(found.since - _AGAIN) - timedelta(microseconds=1),
            client_id=found.client_id,
            loan_id=found.loan_id,
        )

    async def _rang(self, kind: str) -> None:
        """A notice that is late, or that cannot be sent for days, needs a person."""
        if self._clocks.needs_person:
            self._case.show("OVERDUE", "\n\n".join([_LATE, *self._clocks.lines()]), needs_person=True)

    async def _send_notice(self, found: ArrearsFound) -> Evidence | None:
        """None where nothing is to be told of any more: paid, or suspended."""
        notice_id = await do(Notices.send_arrears_notice, found, "уведомление о просрочке", options.LOAN)
        if notice_id is None:
            return None
        await do(Notices.text_client, NoticeRef(notice_id=notice_id), "SMS: есть письмо", options.LOAN)
        return {"notice": str(notice_id)}

    async def _end_debt(self) -> None:
        """The certificate of no debt, and word of it; both once, however often the loan is looked at afterwards."""
        ended = await do(Closing.certify, self._loan, "справка об отсутствии долга", options.LOAN)
        await do(Notices.text_client, NoticeRef(notice_id=ended.notice_id), "SMS: есть письмо", options.LOAN)

    async def _sleep(self, seen: int, tended: Tended | None) -> None:
        wake_at = tended.wake_at if tended is not None else None
        wait = _AGAIN if wake_at is None else wake_at - workflow.now() + self._own_minute
        only_the_refund = tended is not None and wake_at is None and self._refund.beside
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._changes != seen or self._refund.decided,
                timeout=None if only_the_refund else max(wait, _AT_LEAST),
                timeout_summary="до следующего дня, когда займу что-то нужно",
            )

    @property
    def _own_minute(self) -> timedelta:
        return timedelta(seconds=self._start.loan_id.int % int(_AFTER_MIDNIGHT.total_seconds()))

    async def _go_on_in_a_new_run(self) -> None:
        """A history must not grow for ever. Signals and updates that come meanwhile are the next run's."""
        await self._archive_history()
        await workflow.wait_condition(workflow.all_handlers_finished)
        remembered = Remembered(part=self._part + 1, bureau=self._bureau, refunds=self._refund.made)
        workflow.continue_as_new(self._start.model_copy(update={"remembered": remembered}))

    async def _archive_history(self) -> None:
        wanted = HistoryWanted(
            workflow_id=workflow.info().workflow_id,
            client_id=self._start.client_id,
            loan_id=self._start.loan_id,
            kind="loan_history",
        )
        await do(Histories.archive_history, wanted, "история займа в архив", options.LOAN)

    # ---- what the case hears

    @workflow.signal(description="Изменились книги займа")
    def loan_changed(self) -> None:
        """A fact of the loan was booked: look at it now. The signal says nothing, the books are read."""
        self._changes += 1

    @workflow.signal(description="Обязательства исполнены (прежние выпуски)")
    def closed(self, reason: str) -> None:
        """As loan_changed: whether the loan is closed its books say, not this message."""
        self._changes += 1

    @workflow.update(description="Решение двух сотрудников (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """What becomes of a refund that could not be made, see RefundCase.take_decision."""
        return await self._refund.take_decision(decided)

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        self._refund.may_decide(decided)

    @workflow.query(description="Как стоит заём")
    def view(self) -> LoanView:
        """How the case stands."""
        return LoanView(tended=self._tended, trouble=self._trouble, part=self._part)

    def _show(self, tended: Tended | None) -> None:
        """For staff; no sums and nothing personal."""
        lines = [f"заём `{self._start.loan_id}`"]
        if tended is not None:
            lines += described(self._start.loan_id, tended)
        if self._trouble is not None:
            lines.append(f"факты займа противоречат друг другу (`{self._trouble}`): нужен сотрудник")
        if self._refund.waits:
            lines.append(f"возврат переплаты не выполнен (`{self._refund.ground}`): решают два сотрудника")
        stage = tended.status if tended is not None else "UNKNOWN"
        self._case.show(stage, "\n\n".join(lines), needs_person=self._trouble is not None or self._refund.waits)


_LATE = "уведомление о просрочке не отправлено в срок"
_OUTCOMES = {"repaid": "долг погашен", "written-off": "долг списан"}
