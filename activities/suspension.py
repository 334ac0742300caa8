"""What a paper of an investigator or a victim's resolution demands, and what its end does: each step once, with proof.

A hold on collection marks that the case stands: it is placed first and lifted first, so that of two cases of one loan
that end together the later one sees that none stands. All is written under the loan's lock.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from temporalio import activity

from activities import loan_book
from activities.context import Moment, Records
from rules.calendar import local_date
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.loan_events import LoanEvent
from rules.suspension import (
    SUSPENDING,
    Cancelled,
    Duty,
    overtaken,
    resumption,
    suspended_key,
    suspension,
    undone,
)
from storage import audit, fraud, loans
from storage.tables import Loan, OfficialPaper

CANCELLED, WRITTEN_OFF = "CANCELLED", "WRITTEN_OFF"
_NOT_CONFIRMED = ("REFUSED", "WITHDRAWN")
_UNCONFIRMED = "unconfirmed"
_ACTOR = "system:worker"


class PaperRef(Frozen):
    """Which paper."""

    paper_id: UUID
    loan_id: UUID


class PaperStands(Frozen):
    """How a paper stands. state: ENTERED | CONFIRMED | REFUSED | WITHDRAWN.

    ended: None while the case goes on, else REFUSED | WITHDRAWN | CANCELLED | WRITTEN_OFF.
    unconfirmed_hours: so long before its last day ends a case goes on without its second person; None: never.
    done: what was proved, and when.
    """

    state: str
    ended: str | None
    received_at: datetime
    document_id: UUID
    unconfirmed_hours: int | None
    done: dict[str, datetime]


class Suspensions:
    """Books, collection, and what the case asks of our database."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def read_paper(self, ref: PaperRef) -> PaperStands:
        """How a paper stands in the database: no message says so, it only has this asked."""
        async with self._records.moment() as moment:
            paper = await paper_of(moment, ref)
            loan = await loans.get(moment.session, ref.loan_id)
            rules = moment.policy
            acts = rules.switch("suspension-unconfirmed-rule")
            return PaperStands(
                state=paper.state,
                ended=await ended(moment, paper, loan),
                received_at=paper.received_at,
                document_id=paper.document_id,
                unconfirmed_hours=rules.whole("suspension-unconfirmed-hours") if acts else None,
                done={name: row.done_at for name, row in (await fraud.duties_of(moment.session, paper.id)).items()},
            )

    @activity.defn
    async def act_unconfirmed(self, ref: PaperRef) -> None:
        """Keep that the duties are done although no second person has decided; the term ends. It can be undone."""
        async with self._records.moment() as moment:
            paper = await paper_of(moment, ref)
            if await fraud.prove(moment.session, paper.id, _UNCONFIRMED, moment.at, {"state": paper.state}):
                await tell(moment, paper, "suspension-unconfirmed", {})

    # ---- it begins

    @activity.defn
    async def hold_collection(self, ref: PaperRef) -> None:
        """Stop collection and claims: arrears care and restructuring respect the hold."""
        async with self._records.moment() as moment:
            paper, loan = await _locked(moment, ref)
            if await ended(moment, paper, loan) is not None:
                return
            held = await fraud.hold(moment.session, paper, moment.at)
            evidence = {"held": held.placed_at.isoformat(), "beside": await beside(moment, paper)}
            await prove(moment, paper, Duty.COLLECTION, evidence)

    @activity.defn
    async def suspend_accrual(self, ref: PaperRef) -> None:
        """No interest from the day of the receipt on; what began to run meanwhile for another paper stands still."""
        async with self._records.moment() as moment:
            paper, loan = await _locked(moment, ref)
            if await ended(moment, paper, loan) is not None:
                return
            fact = suspension(paper.id, paper.received_at, loan.disbursed_on, moment.at)
            events = await loans.events(moment.session, loan.id)
            wrong = [] if _has(events, fact.key) else overtaken(events, fact.value_date, moment.at)
            facts: list[LoanEvent] = [*wrong, fact]
            for one in facts:
                if not _has(events, one.key):
                    await _record(moment, paper, one)
            since = next((one for one in events if one.key == fact.key), fact).value_date
            evidence = {"since": since.isoformat(), "fact": fact.key, "beside": await beside(moment, paper)}
            await prove(moment, paper, Duty.ACCRUAL, evidence)

    # ---- it ends

    @activity.defn
    async def release_collection(self, ref: PaperRef) -> None:
        """Lift the hold; another paper's stands on."""
        async with self._records.moment() as moment:
            paper, loan = await _locked(moment, ref)
            why = await _end(moment, paper, loan)
            if await fraud.lift(moment.session, paper.id, moment.at, why) is None:
                return
            await prove(moment, paper, Duty.COLLECTION_ENDED, {"why": why, "beside": await beside(moment, paper)})

    @activity.defn
    async def resume_accrual(self, ref: PaperRef) -> None:
        """Interest runs again, unless another paper stands. What nobody confirmed is taken back as if never."""
        async with self._records.moment() as moment:
            paper, loan = await _locked(moment, ref)
            if Duty.ACCRUAL_ENDED in await fraud.duties_of(moment.session, paper.id):
                return
            why = await _end(moment, paper, loan)
            events = await loans.events(moment.session, loan.id)
            done: list[str] = []
            if why in _NOT_CONFIRMED:
                back = undone(events, paper.id, moment.at, (paper.reason_code or "paper-refused"))
                done += [await _record(moment, paper, back)] if back is not None else []
                events = await loans.events(moment.session, loan.id)
            others = await beside(moment, paper)
            if not others:
                for one in resumption(events, await _cancelled(moment, loan), paper.id, moment.at):
                    done.append(await _record(moment, paper, one))
            await prove(moment, paper, Duty.ACCRUAL_ENDED, {"why": why, "facts": done, "beside": others})


async def paper_of(moment: Moment, ref: PaperRef) -> OfficialPaper:
    """The paper of a case.

    Raises:
        Conflict: `paper-not-suspending`: it is of another kind or loan.
    """
    paper = await fraud.get(moment.session, ref.paper_id)
    if paper.kind not in SUSPENDING or paper.loan_id != ref.loan_id:
        raise Conflict("paper-not-suspending")
    return paper


async def ended(moment: Moment, paper: OfficialPaper, loan: Loan) -> str | None:
    """Why the case of a paper is over; None while it goes on."""
    if paper.state in _NOT_CONFIRMED:
        return paper.state
    if await fraud.cancellation_of(moment.session, paper.id) is not None:
        return CANCELLED
    return WRITTEN_OFF if loan.status == WRITTEN_OFF else None


async def beside(moment: Moment, paper: OfficialPaper) -> list[str]:
    """Ids of the other papers whose holds stand on the loan, oldest first."""
    return [
        str(one.paper_id) for one in await fraud.standing(moment.session, paper.loan_id) if one.paper_id != paper.id
    ]


async def prove(moment: Moment, paper: OfficialPaper, duty: Duty, evidence: dict[str, Any]) -> None:
    """Append the proof of a duty, once, and tell the audit trail."""
    if await fraud.prove(moment.session, paper.id, duty, moment.at, evidence):
        await tell(moment, paper, f"duty-{duty}", evidence)


async def tell(moment: Moment, paper: OfficialPaper, action: str, detail: dict[str, Any]) -> None:
    """The audit trail of the loan."""
    await audit.record(
        moment.session,
        actor=_ACTOR,
        action=action,
        subject=f"loan:{paper.loan_id}",
        reason=paper.kind,
        paragraph="13",
        detail={"paper": str(paper.id), "n": paper.n, **detail},
    )


async def _locked(moment: Moment, ref: PaperRef) -> tuple[OfficialPaper, Loan]:
    loan = await loans.lock(moment.session, ref.loan_id)
    return await paper_of(moment, ref), loan


async def _end(moment: Moment, paper: OfficialPaper, loan: Loan) -> str:
    why = await ended(moment, paper, loan)
    if why is None:
        raise Conflict("suspension-stands")
    return why


async def _cancelled(moment: Moment, loan: Loan) -> dict[str, Cancelled]:
    """Which suspensions of a loan two people have ended, by the keys of their facts."""
    found: dict[str, Cancelled] = {}
    for one in await fraud.of_loan(moment.session, loan.id):
        if one.cancels is not None and one.state == "CONFIRMED" and one.decided_at is not None:
            end = Cancelled(on=local_date(one.decided_at), charge_later=bool(one.charge_later))
            found.setdefault(suspended_key(one.cancels), end)
    return found


def _has(events: Sequence[LoanEvent], key: str) -> bool:
    return any(one.key == key for one in events)


async def _record(moment: Moment, paper: OfficialPaper, fact: LoanEvent) -> str:
    detail = {"paper": str(paper.id)}
    await loan_book.record(moment, paper.loan_id, fact, actor=_ACTOR, paragraph="13", reason=paper.kind, detail=detail)
    return fact.key
