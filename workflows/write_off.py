"""WriteOff: a debt that must be given up is, in every respect and in time. Id `write-off/{loan_id}/{n}`.

paper received -> (a verdict must be shown to be in force) -> the clock runs -> two people have confirmed it ->
order, books, bureau, notice and certificate, everything paid goes back. What nobody confirms ends without a trace in
the loan. A missed last day is told to people; what is due is done all the same.

Rules: para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

from activities.clocks import ClockWanted
from activities.closing import Closing
from activities.histories import Histories, HistoryWanted
from activities.loans import LoanRef
from activities.notices import NoticeRef, Notices
from activities.write_off_cases import CaseState
from activities.write_offs import ClientTold, WriteOffRef, WriteOffs
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do, link
from workflows.clock import Clocks
from workflows.furnishing import send_soon
from workflows.loan_news import tell_loan
from workflows.loan_refund import RefundCase
from workflows.messages import ReviewDecided
from workflows.paper_messages import PaperCase, PaperDecided, suspension_id

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_AGAIN = timedelta(days=1)  # a word that was lost on its way costs a day at the most
_DUTIES = {
    "order": "приказ и списание в книгах",
    "notice": "уведомление и справка клиенту",
    "bureau": "исправление в бюро принято",
    "returned": "взысканное и уплаченное возвращено",
}


class WriteOffEnded(Frozen):
    """Outcome. state: WRITTEN_OFF | REFUSED | WITHDRAWN. in_time: whether the clock was met, None where it was not."""

    state: str
    in_time: bool | None = None


class WriteOffView(Frozen):
    """How the case stands: its stage, what is done, the code of what people must mend."""

    stage: str
    done: list[str]
    trouble: str | None = None


@workflow.defn
class WriteOff:
    """See the module."""

    @workflow.init
    def __init__(self, start: PaperCase) -> None:
        self._start = start
        self._ref = WriteOffRef(paper_id=start.paper_id, loan_id=start.loan_id, client_id=start.client_id)
        self._case = Case("write-off", start.edition)
        self._clocks = Clocks(rang=self._rang)
        self._refund = RefundCase(LoanRef(loan_id=start.loan_id, client_id=start.client_id), start.edition, 0)
        self._stage = "RECEIVED"
        self._trouble: str | None = None
        self._done: list[str] = []
        self._news = self._seen = 0
        self._held_up = False

    @workflow.run
    async def run(self, start: PaperCase) -> WriteOffEnded:
        """The clock runs while the verdict is shown to be in force; a proof that is refused stops it again."""
        in_time = None
        while in_time is None:
            case = await self._look()
            if case.state in ("REFUSED", "WITHDRAWN"):
                return await self._end(case.state, None)
            if case.received_at is None:
                await self._wait("WAITING_FOR_FORCE")
                continue
            in_time = await self._clocks.guard(self._clock(case), self._work(case))
        return await self._end("WRITTEN_OFF", in_time)

    def _clock(self, case: CaseState) -> ClockWanted:
        assert case.clock_key is not None
        assert case.received_at is not None
        return ClockWanted(
            key=case.clock_key,
            rule=case.rule,
            subject=f"loan:{self._start.loan_id}",
            workflow_id=workflow.info().workflow_id,
            received_at=case.received_at,
            client_id=self._start.client_id,
            loan_id=self._start.loan_id,
            document_id=case.document_id,
        )

    async def _work(self, case: CaseState) -> dict[str, Any] | None:
        """Everything, once two people have confirmed it; None where the clock falls away."""
        key = case.clock_key
        while not case.ready:
            await self._wait("RECEIVED")
            case = await self._look()
            if case.clock_key != key or case.state not in ("ENTERED", "CONFIRMED"):
                return None
        self._show("DECIDING")
        gone = await self._insist(WriteOffs.write_off, self._ref, "приказ, списание, запись для бюро, требование")
        self._is_done("order")
        for n in gone.suspensions:
            with contextlib.suppress(FailureError):  # it has ended already
                case_id = suspension_id(self._start.loan_id, n)
                await workflow.get_external_workflow_handle(case_id).signal("suspension_ended")
        await send_soon()
        await tell_loan(self._start.loan_id)
        await asyncio.gather(self._tell_client(), self._bureau(), *([self._return()] if gone.returns else []))
        case = await self._look()
        while case.missing:  # the clock is met by what stands in the database, not by what is told here
            self._trouble = "duties-not-proved"
            await self._wait("EXECUTING")
            case = await self._look()
        self._trouble = None
        return {"paper": str(self._start.paper_id), **{name: at.isoformat() for name, at in case.done.items()}}

    # ---- the duties

    async def _tell_client(self) -> None:
        ref = LoanRef(loan_id=self._start.loan_id, client_id=self._start.client_id)
        ended = await self._insist(Closing.certify, ref, "справка об отсутствии долга")
        told = ClientTold(ref=self._ref, certificate_id=ended.document_id)
        notice_id = await self._insist(WriteOffs.tell_client, told, "уведомление о списании")
        await self._insist(Notices.text_client, NoticeRef(notice_id=notice_id), "SMS: есть письмо")
        self._is_done("notice")

    async def _bureau(self) -> None:
        """Until the bureau has acknowledged that there is no debt; it says so by `bureau_answered`."""
        while True:
            seen = self._news
            said = await self._insist(WriteOffs.bureau_says, self._ref, "исправление в бюро: что с ним")
            self._held_up = said.held_up
            self._show(self._stage)
            if said.done:
                return self._is_done("bureau")
            await self._stirred(seen, "ответ бюро")

    async def _return(self) -> None:
        """Everything that the client paid, to an account shown to be theirs; people look where it fails."""
        while True:
            seen = self._news
            found = await self._insist(WriteOffs.owed_back, self._ref, "сколько ещё вернуть")
            if not (found.owed or found.under_way):
                return self._is_done("returned")
            if found.owed and await self._refund.give_back(found.refund_n, collected=True):
                continue
            self._show(self._stage)
            await self._stirred(seen, "возврат клиенту")

    async def _insist(
        self, activity: Callable[[Any, Argument], Awaitable[Result]], argument: Argument, summary: str
    ) -> Result:
        """Until it is done: what the business refuses people must mend, and then it is tried again."""
        while True:
            seen = self._news
            try:
                result = await do(activity, argument, summary, options.LOAN)
            except ActivityError as error:
                refused = options.refusal(error)
                if refused is None:
                    raise
                self._trouble = refused.type or "unknown-code"
            else:
                self._trouble = None
                return result
            self._show(self._stage)
            await self._stirred(seen, "сотрудник исправляет")

    async def _stirred(self, seen: int, summary: str) -> None:
        """Until there is news, a decision on a return that failed, or a day has passed."""
        blocked = self._refund.waits
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._news != seen or (blocked and not self._refund.waits),
                timeout=_AGAIN,
                timeout_summary=summary,
            )

    # ---- the case

    async def _look(self) -> CaseState:
        """How paper and proof stand in the database; no message is believed."""
        self._seen = self._news
        return await do(WriteOffs.write_off_case, self._ref, "бумага и её подтверждение", options.LOAN)

    async def _wait(self, stage: str) -> None:
        """Until somebody says that something has changed since the last look. It is for people to act."""
        self._show(stage)
        await workflow.wait_condition(lambda: self._news != self._seen)

    async def _end(self, state: str, in_time: bool | None) -> WriteOffEnded:
        self._show(state)
        await workflow.wait_condition(workflow.all_handlers_finished)
        wanted = HistoryWanted(
            workflow_id=workflow.info().workflow_id,
            client_id=self._start.client_id,
            loan_id=self._start.loan_id,
            kind="write_off_history",
        )
        await do(Histories.archive_history, wanted, "история списания в архив", options.LOAN)
        return WriteOffEnded(state=state, in_time=in_time)

    # ---- what the case hears

    @workflow.update(description="Бумага подтверждена или отклонена (действует только запись в базе)")
    async def paper_decided(self, decided: PaperDecided) -> None:
        """A second person has decided on the verdict, the breach or the ombudsman's decision."""
        self._news += 1

    @workflow.update(description="Вступление приговора в силу: внесено или решено (действует только запись в базе)")
    async def proof_of_force(self, decided: PaperDecided) -> None:
        """A proof that the verdict is in force was entered, confirmed or refused."""
        self._news += 1

    @workflow.signal(description="Бюро ответило о займе")
    def bureau_answered(self) -> None:
        """The bureau has said something about this loan: see what."""
        self._news += 1

    @workflow.signal(description="Изменились книги займа")
    def loan_changed(self) -> None:
        """A payment came, or money left: see whether something must go back."""
        self._news += 1

    @workflow.update(description="Решение двух сотрудников о возврате (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """A return that could not be made is tried again, see RefundCase.take_decision."""
        return await self._refund.take_decision(decided)

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        self._refund.may_decide(decided)

    @workflow.query(description="Как стоит списание")
    def view(self) -> WriteOffView:
        """How the case stands."""
        return WriteOffView(stage=self._stage, done=self._done, trouble=self._trouble)

    def _is_done(self, duty: str) -> None:
        self._done.append(duty)
        self._show("EXECUTING")

    async def _rang(self, kind: str) -> None:
        self._show(self._stage)

    def _show(self, stage: str) -> None:
        """For staff; no sums and nothing personal."""
        self._stage = stage
        waits = stage in _WAITS
        lines = [link(f"loan/{self._start.loan_id}", "заём"), f"бумага `{self._start.paper_id}`", *self._clocks.lines()]
        if waits:
            lines.append(_WAITS[stage])
        if stage == "EXECUTING":
            lines += [f"{'готово' if name in self._done else 'ещё нет'}: {words}" for name, words in _DUTIES.items()]
        if self._trouble is not None:
            lines.append(f"не выполнено (`{self._trouble}`): нужен сотрудник")
        if self._held_up:
            lines.append("бюро отклонило запись этого займа: очередь записей бюро")
        if self._refund.waits:
            lines.append(f"возврат не выполнен (`{self._refund.ground}`): решают два сотрудника")
        needs = waits or self._trouble is not None or self._held_up or self._refund.waits or self._clocks.needs_person
        self._case.show(stage, "\n\n".join(lines), needs_person=needs)


_WAITS = {
    "WAITING_FOR_FORCE": "приговор ещё не вступил в силу или это не подтверждено: срок не идёт, нужна отметка суда",
    "RECEIVED": "второй сотрудник ещё не подтвердил: срок идёт со дня получения",
}
