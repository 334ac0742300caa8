"""FraudSuspension: a paper of an investigator, or a victim's resolution, about one loan. Id `suspension/{loan_id}/{n}`.

A second person confirms the paper -> collection held, interest stands still, the bureau told and its word waited for,
the client told in writing -> open until the paper is cancelled or the loan written off -> all of it in reverse.

The clock runs from the receipt. Where nobody has decided shortly before it ends, the duties are done all the same: they
can be undone, and are, as if never, where the second person then refuses the paper.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.clocks import ClockWanted
from activities.histories import Histories, HistoryWanted
from activities.notices import NoticeRef, Notices
from activities.suspension import WRITTEN_OFF, PaperRef, PaperStands, Suspensions
from activities.suspension_bureau import Answer, BureauWord, SuspensionBureau
from activities.suspension_notices import NoticeSent, SuspensionNotices, clock_key
from rules.suspension import CLOCK, Duty
from workflows import options
from workflows.cases import Case, do, link, wrong_step
from workflows.clock import Clocks, Evidence
from workflows.furnishing import send_soon
from workflows.loan_news import tell_loan
from workflows.paper_messages import PaperCase, PaperDecided, SuspensionEnded, SuspensionView

Done = TypeVar("Done")
_AGAIN = timedelta(days=1)  # facts that people must mend are tried anew
_DUTIES = (Duty.COLLECTION, Duty.ACCRUAL, Duty.BUREAU, Duty.NOTICE)


@workflow.defn
class FraudSuspension:
    """See the module."""

    @workflow.init
    def __init__(self, start: PaperCase) -> None:
        self._start = start
        self._ref = PaperRef(paper_id=start.paper_id, loan_id=start.loan_id)
        self._case = Case("suspension", start.edition)
        self._clocks = Clocks(rang=self._rang)
        self._stage = "RECEIVED"
        self._stands: PaperStands | None = None
        self._acting = self._unconfirmed = False
        self._answers = 0  # how often the bureau has answered something about this loan
        self._word: Answer | None = None
        self._trouble: str | None = None

    @workflow.run
    async def run(self, start: PaperCase) -> SuspensionEnded:
        """Do the duties in time, stay open while the paper stands, undo them at its end."""
        stands = await self._look()
        self._show("RECEIVED")
        in_time = await self._clocks.guard(self._clock(stands), self._duties())
        if self._ended is None:
            self._show("SUSPENDED")
            await workflow.wait_condition(lambda: self._ended is not None)
        why = self._ended or ""
        if self._acting:
            self._show("ENDING")
            await self._end(why)
        self._show(why)
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._archive_history()
        return SuspensionEnded(why=why, in_time=in_time)

    # ---- the duties

    async def _duties(self) -> Evidence | None:
        """Proof of the four duties; None where the paper was refused or cancelled first."""
        await self._confirmed_or_nearly_due()
        if self._ended is not None:
            return None
        self._acting = True
        self._show("CARRYING_OUT")
        await self._carry(Suspensions.hold_collection, "взыскание и претензии: остановить")
        await self._carry(Suspensions.suspend_accrual, "начисление: приостановить")
        await tell_loan(self._start.loan_id)
        told = await self._unless_ended(
            self._bureau(SuspensionBureau.suspend_reporting, "бюро: не направлять долг"),
            self._notice(SuspensionNotices.notify_suspended, "письмо клиенту о приостановлении"),
        )
        done = (await self._look()).done
        if not told or not set(_DUTIES) <= set(done):
            return None
        return {"paper": str(self._start.paper_id), **{duty.value: done[duty].isoformat() for duty in _DUTIES}}

    async def _confirmed_or_nearly_due(self) -> None:
        """Wait for the second person, but not longer than the term allows."""
        while self._waits_for_second:
            due, hours = self._clocks.due_at(CLOCK), self._stands.unconfirmed_hours if self._stands else None
            at = due - timedelta(hours=hours) if due is not None and hours is not None else None

            def stirred(due: datetime | None = due) -> bool:
                return not self._waits_for_second or self._clocks.due_at(CLOCK) != due

            if at is not None and at <= workflow.now():
                self._unconfirmed = True
                await do(Suspensions.act_unconfirmed, self._ref, "срок выходит: без второго сотрудника", options.LOAN)
                return
            with contextlib.suppress(TimeoutError):
                left = None if at is None else at - workflow.now()
                await workflow.wait_condition(stirred, timeout=left, timeout_summary="второй сотрудник")

    async def _bureau(self, say: Callable[[Any, PaperRef], Awaitable[BureauWord]], summary: str) -> None:
        """Put the word into the bureau's line, and wait until it is acknowledged: whoever hears the answer tells us."""
        self._word, sent = None, False
        while True:
            seen = self._answers
            self._word = (await self._carry(say, summary)).answer
            self._show()
            if self._word is Answer.DONE:
                return
            if not sent:
                await send_soon()
                sent = True
            await workflow.wait_condition(lambda seen=seen: self._answers != seen)  # type: ignore[misc]

    async def _notice(self, write: Callable[[Any, PaperRef], Awaitable[UUID | None]], summary: str) -> None:
        notice_id = await self._carry(write, summary)
        if notice_id is not None:
            await do(Notices.text_client, NoticeRef(notice_id=notice_id), "SMS: есть письмо", options.LOAN)
            sent = NoticeSent(ref=self._ref, notice_id=notice_id)
            await do(SuspensionNotices.prove_notice, sent, "письмо: доказательство", options.LOAN)

    async def _unless_ended(self, *work: Coroutine[Any, Any, None]) -> bool:
        """Do all of it, unless the case ends first; whether it was done."""
        doing = [asyncio.create_task(one) for one in work]
        try:
            await workflow.wait_condition(
                lambda: self._ended is not None or all(one.done() for one in doing) or any(map(_failed, doing))
            )
            for one in doing:
                if one.done():
                    await one
            return all(one.done() for one in doing)
        finally:
            for one in doing:
                one.cancel()

    # ---- the end

    async def _end(self, why: str) -> None:
        """In reverse; a debt that is written off is neither charged nor reported any more."""
        await self._carry(Suspensions.release_collection, "взыскание: запрет снят")
        if why == WRITTEN_OFF:
            return
        await self._carry(Suspensions.resume_accrual, "начисление: возобновить или вернуть как было")
        await tell_loan(self._start.loan_id)
        bureau = self._bureau(SuspensionBureau.resume_reporting, "бюро: снова направлять")
        notice = self._notice(SuspensionNotices.notify_ended, "письмо клиенту о конце приостановления")
        await asyncio.gather(bureau, notice)

    async def _archive_history(self) -> None:
        wanted = HistoryWanted(
            workflow_id=workflow.info().workflow_id,
            client_id=self._start.client_id,
            loan_id=self._start.loan_id,
            kind="suspension_history",
        )
        await do(Histories.archive_history, wanted, "история дела в архив", options.LOAN)

    # ---- what the case reads

    async def _look(self) -> PaperStands:
        self._stands = await do(Suspensions.read_paper, self._ref, "документ: как он стоит", options.LOAN)
        return self._stands

    async def _carry(self, step: Callable[[Any, PaperRef], Awaitable[Done]], summary: str) -> Done:
        """One step; where the facts of the loan contradict each other, again once people have mended them."""
        while True:
            try:
                done = await do(step, self._ref, summary, options.LOAN)
            except ActivityError as error:
                refused = options.refusal(error)
                if refused is None:
                    raise
                self._trouble = refused.type or "unknown-code"
                self._show()
                seen = self._answers
                with contextlib.suppress(TimeoutError):
                    await workflow.wait_condition(lambda seen=seen: self._answers != seen, timeout=_AGAIN)  # type: ignore[misc]
                continue
            self._trouble = None
            return done

    def _clock(self, stands: PaperStands) -> ClockWanted:
        return ClockWanted(
            key=clock_key(self._start.paper_id),
            rule=CLOCK,
            subject=f"loan:{self._start.loan_id}",
            workflow_id=workflow.info().workflow_id,
            received_at=stands.received_at,
            client_id=self._start.client_id,
            loan_id=self._start.loan_id,
            document_id=stands.document_id,
        )

    @property
    def _ended(self) -> str | None:
        return self._stands.ended if self._stands is not None else None

    @property
    def _waits_for_second(self) -> bool:
        return self._stands is not None and self._stands.state == "ENTERED" and self._ended is None

    # ---- what the case hears

    @workflow.update(description="Решение о документе или о его отмене (действует только запись в базе)")
    async def paper_decided(self, decided: PaperDecided) -> str:
        """Somebody has decided on this paper, or on one that cancels it: the rows are read; the state they give."""
        stands = await self._look()
        self._show()
        return stands.ended or stands.state

    @paper_decided.validator
    def _may_decide(self, decided: PaperDecided) -> None:
        if self._stage == "ENDING" or self._stage == self._ended:
            raise wrong_step("paper-case-over")

    @workflow.signal(description="Заём списан: дело приостановления окончено (действует только запись в базе)")
    async def suspension_ended(self) -> None:
        """The loan may be written off: its row is read."""
        await self._look()
        self._show()

    @workflow.signal(description="Бюро ответило о займе")
    def bureau_answered(self) -> None:
        """Look at the word to the bureau again; what it answered stands in the database."""
        self._answers += 1

    @workflow.query(description="Как стоит приостановление")
    def view(self) -> SuspensionView:
        """How the case stands."""
        stands = self._stands
        return SuspensionView(
            stage=self._stage,
            paper=stands.state if stands else None,
            done=sorted(stands.done) if stands else [],
            bureau=self._word.value if self._word else None,
            trouble=self._trouble,
        )

    async def _rang(self, kind: str) -> None:
        self._show()

    def _show(self, stage: str | None = None) -> None:
        """For staff; nothing personal, and of the paper only how it stands."""
        self._stage = stage or self._stage
        if self._stage in ("SUSPENDED", "UNCONFIRMED"):
            self._stage = "UNCONFIRMED" if self._waits_for_second else "SUSPENDED"
        lines = [link(f"loan/{self._start.loan_id}", "заём"), *self._clocks.lines()]
        if self._waits_for_second:
            acting = "; меры уже приняты" if self._unconfirmed else ""
            lines.append(f"документ не подтверждён вторым сотрудником{acting}")
        if self._word is not None and self._word is not Answer.DONE:
            lines.append(_BUREAU[self._word])
        if self._trouble is not None:
            lines.append(f"факты займа противоречат друг другу (`{self._trouble}`): нужен сотрудник")
        rejected = self._word is Answer.REJECTED
        person = self._waits_for_second or rejected or self._trouble is not None or self._clocks.needs_person
        self._case.show(self._stage, "\n\n".join(lines), needs_person=person)


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


_BUREAU = {
    Answer.WAITING: "бюро ещё не подтвердило",
    Answer.REJECTED: "**бюро отклонило запись**: исправить и отправить снова",
}
