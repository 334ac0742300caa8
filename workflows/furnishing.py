"""Furnishing: records for the credit bureau leave in batches. Ids `furnishing` and `furnishing/{batch_id}`.

Furnishing is short: it puts what may travel into batches, one after the other, starts FurnishBatch for each and ends
when nothing is left. Its fixed id keeps it alone, so there is no second maker of batches. A batch has a case of its
own, because a bureau that never finishes one must hold up the loans of that batch only, and not a victim's
suspension of reporting. Whoever enqueues something urgent calls `send_soon`; a schedule calls it for the rest, and
takes up again whatever batch has lost its case.

Law on microfinance, art. 4. Rules: para 13, part 2.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.furnishing import Answered, BatchMade, BatchRef, BatchState, BatchWanted
from activities.furnishing import Furnishing as Records
from rules.calendar import local_date
from rules.editions import edition
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do, link

CASE_ID = "furnishing"
GATHER = timedelta(seconds=2)  # records of the same moment travel together, not each in a batch of its own
BUREAU_ANSWERED = "bureau_answered"  # the signal that waiting cases hear
_TELLS = "tells-who-waits"  # before it, nobody waited for the bureau's word
_STARTS = 5  # the case may end between our look and our word; what fails for good the schedule makes up for


ASK_AGAIN = (1, 2, 5, 10, 30, 60, 300, 900, 3600)  # seconds; then every hour, until the bureau has done it


class SendBatch(Frozen):
    """Start: the batch is stored. patience_hours: without the bureau's last word after them a person is told.

    asked: how often the bureau was asked before this run.
    """

    batch_id: UUID
    patience_hours: int
    asked: int = 0


class RoundDue(Frozen):
    """Start of a round. by: `schedule`, or what was sent anew."""

    by: str


class BatchesMade(Frozen):
    """Outcome: how many batches were made, of how many records."""

    batches: int
    records: int


def batch_case_id(batch_id: UUID) -> str:
    """The id of a batch's case."""
    return f"furnishing/{batch_id}"


async def send_soon() -> None:
    """Call from a workflow whose records are committed: they leave within seconds, whatever becomes of the caller."""
    for _ in range(_STARTS):
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                Furnishing.run,
                id=CASE_ID,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary="записи для кредитного бюро",
            )
            return
        with contextlib.suppress(FailureError):  # it has just ended
            await workflow.get_external_workflow_handle_for(Furnishing.run, CASE_ID).signal(Furnishing.records_waiting)
            return


async def tell_waiting(answered: Answered) -> None:
    """The cases that wait for the bureau's word look at it now: nobody has to ask again and again."""
    for case_id in await do(Records.cases_waiting, answered, "кто ждёт ответа бюро", options.LOAN):
        with contextlib.suppress(FailureError):  # it is over
            await workflow.get_external_workflow_handle(case_id).signal(BUREAU_ANSWERED)


@workflow.defn
class Furnishing:
    """See the module."""

    @workflow.init
    def __init__(self) -> None:
        self._waiting = True
        self._batches = self._records = 0
        self._case = Case("furnishing", edition(local_date(workflow.now())).name)

    @workflow.run
    async def run(self) -> BatchesMade:
        """Make and start batches until nothing waits that may travel."""
        while self._waiting:
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new()
            await workflow.sleep(GATHER, summary="записи одного времени вместе")
            self._waiting = False
            made = await self._make()
            while made.size:
                made = await self._make()
        return BatchesMade(batches=self._batches, records=self._records)

    async def _make(self) -> BatchMade:
        wanted = BatchWanted(batch_id=workflow.uuid4())
        made = await do(Records.make_batch, wanted, "пакет записей для бюро")
        self._batches += made.size > 0
        self._records += made.size
        self._case.show("COLLECTING", f"ждут {made.waiting}, у бюро {made.sent}, отклонено {made.rejected}")
        for batch_id in made.unfinished:
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await workflow.start_child_workflow(
                    FurnishBatch.run,
                    SendBatch(batch_id=batch_id, patience_hours=made.patience_hours),
                    id=batch_case_id(batch_id),
                    parent_close_policy=ParentClosePolicy.ABANDON,
                    static_summary="пакет записей для бюро",
                )
        return made

    @workflow.signal(description="Появились записи для бюро")
    def records_waiting(self) -> None:
        """Somebody has enqueued records: look once more before ending."""
        self._waiting = True


@workflow.defn
class FurnishBatch:
    """Sends one batch and asks about it until the bureau has said its last word."""

    @workflow.init
    def __init__(self, start: SendBatch) -> None:
        self._batch = BatchRef(batch_id=start.batch_id)
        self._case = Case("furnishing", edition(local_date(workflow.now())).name)
        self._asked, self._stage, self._late = start.asked, "SENDING", False
        self._state: BatchState | None = None

    @workflow.run
    async def run(self, start: SendBatch) -> BatchState:
        """Send, ask, tell a person when it takes too long; then let go what has waited behind this batch."""
        self._show()
        work = asyncio.create_task(self._deliver())
        await workflow.wait([work], timeout=timedelta(hours=start.patience_hours).total_seconds())
        if not work.done():
            self._late = True
            self._show()
        state = await work
        if state.more:
            await send_soon()
        if workflow.patched(_TELLS):
            await tell_waiting(Answered(batch_id=start.batch_id))
        return state

    async def _deliver(self) -> BatchState:
        state = await do(Records.send_batch, self._batch, "пакет в бюро", options.MONEY)
        while state.state != "done":
            self._stage, self._state = "SENT", state
            self._show()
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(SendBatch(batch_id=self._batch.batch_id, patience_hours=0, asked=self._asked))
            pause = ASK_AGAIN[min(self._asked, len(ASK_AGAIN) - 1)]
            await workflow.sleep(pause, summary="бюро работает над пакетом")
            self._asked += 1
            state = await do(Records.ask_batch, self._batch, "ответ бюро на пакет", options.MONEY)
        self._stage, self._state, self._late = _end(state), state, False
        self._show()
        return state

    def _show(self) -> None:
        state = self._state
        text = "" if state is None else (
            f"записей {state.size}, принято {state.accepted}, отклонено {state.rejected}"
        )  # fmt: skip
        waiting = ", бюро не отвечает слишком долго" if self._late else ""
        self._case.show(self._stage, f"{text}{waiting}\n\n{link(CASE_ID, 'сбор пакетов')}", needs_person=self._late)


def _end(state: BatchState) -> str:
    if state.accepted + state.rejected < state.size:
        return "HALVED"
    return "ACCEPTED" if not state.rejected else "PARTLY_ACCEPTED" if state.accepted else "REJECTED"


@workflow.defn
class FurnishingRound:
    """What the schedule and the API start: see whether something waits."""

    @workflow.run
    async def run(self, due: RoundDue) -> None:
        """Start or wake the case."""
        await send_soon()
        cause, _, which = due.by.partition(":")
        if cause == "decision":  # what two people drop the bureau never answers
            await tell_waiting(Answered(decision_id=UUID(which)))
