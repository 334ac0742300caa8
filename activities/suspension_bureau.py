"""The bureau's part of a suspension: that the debt is not sent, and later that it is again, each acknowledged.

One SUSPEND_REPORTING holds for every paper about a loan, one RESUME ends them all. A word is put into the loan's line
and looked at again when the bureau has answered; whether it travels is workflows.furnishing's care.

Rules: para 13, part 2; para 13, part 3. Law on microfinance, art. 4.
"""

from __future__ import annotations

from enum import StrEnum

from temporalio import activity

from activities.context import Moment, Records
from activities.furnishing_queue import FurnishWanted, enqueue_in
from activities.suspension import CANCELLED, PaperRef, beside, ended, paper_of, prove
from rules.evidence import Frozen
from rules.furnishing import Op
from rules.suspension import Duty
from storage import furnishing, loans
from storage.tables import FurnishingRecord, OfficialPaper

_ACT = "resolution 217, para 13"


class Answer(StrEnum):
    """DONE: the bureau has acknowledged it, or there is nothing to tell. WAITING: it is on its way.

    REJECTED: the bureau took it not, or something before it in the loan's line; people must mend that.
    """

    DONE = "DONE"
    WAITING = "WAITING"
    REJECTED = "REJECTED"


class BureauWord(Frozen):
    """How a word to the bureau stands."""

    answer: Answer


class SuspensionBureau:
    """What the bureau is told of a suspended loan."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def suspend_reporting(self, ref: PaperRef) -> BureauWord:
        """Have the bureau told that this debt is not sent, once a loan; how that word stands. Ask again: the same word.

        Of a loan that is repaid no debt is sent anyway.
        """
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, ref.loan_id)
            paper = await paper_of(moment, ref)
            if await ended(moment, paper, loan) is not None:
                return BureauWord(answer=Answer.DONE)
            last = await furnishing.word_on_reporting(moment.session, loan.id)
            if last is None or last.op == Op.RESUME:
                if loan.closed_at is not None:
                    await prove(moment, paper, Duty.BUREAU, {"nothing_to_tell": "loan-closed"})
                    return BureauWord(answer=Answer.DONE)
                last = await _say(moment, paper, Op.SUSPEND_REPORTING, "fraud-investigated", "part 2")
            return await _word(moment, paper, Duty.BUREAU, last)

    @activity.defn
    async def resume_reporting(self, ref: PaperRef) -> BureauWord:
        """Have the bureau told that the debt is sent again, unless another paper stands; how that word stands."""
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, ref.loan_id)
            paper = await paper_of(moment, ref)
            last = await furnishing.word_on_reporting(moment.session, loan.id)
            others = await beside(moment, paper)
            if others or last is None:
                evidence = {"beside": others, "nothing_to_tell": last is None}
                await prove(moment, paper, Duty.BUREAU_ENDED, evidence)
                return BureauWord(answer=Answer.DONE)
            if last.op == Op.SUSPEND_REPORTING:
                why = await ended(moment, paper, loan)
                reason = "suspension-cancelled" if why == CANCELLED else "suspension-mistaken"
                last = await _say(moment, paper, Op.RESUME, reason, "part 3")
            return await _word(moment, paper, Duty.BUREAU_ENDED, last)


async def _say(moment: Moment, paper: OfficialPaper, op: Op, reason: str, part: str) -> FurnishingRecord:
    wanted = FurnishWanted(
        key=f"{op.value.lower().replace('_', '-')}:{paper.id}",
        loan_id=paper.loan_id,
        op=op,
        reason=reason,
        legal_basis=f"{_ACT}, {part}",
    )
    record_id = await enqueue_in(moment, wanted)
    assert record_id is not None  # only updates are left unsaid
    return await furnishing.by_id(moment.session, record_id)


async def _word(moment: Moment, paper: OfficialPaper, duty: Duty, record: FurnishingRecord) -> BureauWord:
    """Acknowledged, or given up or told otherwise by two people: then we are silent about the debt all the same."""
    if record.state in ("accepted", "dropped", "superseded"):
        evidence = {
            "record": str(record.id),
            "op": record.op,
            "state": record.state,
            "batch": str(record.batch_id),
            "answered": record.answered_at.isoformat() if record.answered_at else None,
            "beside": await beside(moment, paper),
        }
        await prove(moment, paper, duty, evidence)
        return BureauWord(answer=Answer.DONE)
    held_up = await furnishing.held_up(moment.session, record)
    return BureauWord(answer=Answer.REJECTED if held_up else Answer.WAITING)
