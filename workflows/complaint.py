"""A client has complained: the written answer by its last day. Id `complaint/{complaint_id}`.

The answer is written by staff, in a transaction of its own; the case watches the term, and keeps when it was met by
the answer's own instant, not by when the word of it came here.

Rules: para 7, part 7.
"""

from __future__ import annotations

from temporalio import workflow

from activities.clocks import ClockWanted
from activities.complaints import AnswerComplaint, ComplaintRef, Complaints, ComplaintSeen, subject_of
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do
from workflows.clock import Clocks, Evidence

RULE = "complaint-answer"
_ANSWERED = "ANSWERED"


class ComplaintEnded(Frozen):
    """Outcome: what the lender answered, and whether in time."""

    outcome: str
    in_time: bool | None


@workflow.defn
class ComplaintCase:
    """See the module."""

    @workflow.init
    def __init__(self, start: AnswerComplaint) -> None:
        self._ref = ComplaintRef(complaint_id=start.complaint_id)
        self._case, self._clocks = Case("complaint", start.edition), Clocks(rang=self._rang)
        self._seen: ComplaintSeen | None = None
        self._news = 0

    @workflow.run
    async def run(self, start: AnswerComplaint) -> ComplaintEnded:
        """Watch the term until staff have answered."""
        seen = self._seen = await self._look()
        wanted = ClockWanted(
            key=subject_of(start.complaint_id),
            rule=RULE,
            subject=subject_of(start.complaint_id),
            workflow_id=workflow.info().workflow_id,
            received_at=seen.received_at,
            client_id=seen.client_id,
            loan_id=seen.loan_id,
            document_id=seen.document_id,
        )
        in_time = await self._clocks.guard(wanted, self._answered(), done_at="answered_at")
        self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ComplaintEnded(outcome=self._seen.outcome or "", in_time=in_time)

    async def _answered(self) -> Evidence:
        while True:
            news = self._news
            seen = self._seen = await self._look()
            self._show()
            if seen.state == _ANSWERED and seen.answered_at is not None:
                return {
                    "outcome": seen.outcome,
                    "proof": str(seen.answer_document_id),
                    "answered_at": seen.answered_at.isoformat(),
                }
            await workflow.wait_condition(lambda news=news: self._news != news)  # type: ignore[misc]

    async def _look(self) -> ComplaintSeen:
        return await do(Complaints.see_complaint, self._ref, "как стоит жалоба", options.LOAN)

    @workflow.update(description="Сотрудник ответил (действует только запись в базе)")
    async def answer_given(self) -> str:
        """Staff have answered: read it in the database."""
        self._news += 1
        return "taken"

    async def _rang(self, kind: str) -> None:
        self._show()

    def _show(self) -> None:
        seen = self._seen
        lines = [f"жалоба `{self._ref.complaint_id}`", *self._clocks.lines()]
        waits = seen is None or seen.state != _ANSWERED
        if seen is not None:
            lines.append(f"тема: {seen.topic}" + ("" if waits else f"; ответ: {seen.outcome}"))
        self._case.show(seen.state if seen else "RECEIVED", "\n\n".join(lines), needs_person=waits)
