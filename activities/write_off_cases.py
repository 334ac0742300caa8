"""How a case of a write-off stands by the database: its paper, the proof that a verdict is in force, what is proved.

Staff enter papers and proofs, a second person confirms; a workflow and a page of staff read the same things here.

Rules: para 13, part 4; para 27; para 28.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from activities.context import Moment
from rules.calendar import local_date
from rules.errors import Conflict, InvalidInput, NotFound
from rules.evidence import Frozen
from rules.write_off import GROUNDS, RETURNED, VERDICT, WRITTEN_OFF, Ground, in_force
from storage import audit, fraud, loans, write_off
from storage.tables import FraudDuty, OfficialPaper, VerdictForce


class CaseState(Frozen):
    """How the case stands. state: of its paper; proof: of the proof of force, None where none is needed or there.

    received_at, document_id: what the clock runs from; None while no verdict is shown to be in force. clock_key: the
    business fact of that clock. ready: two people have confirmed all of it. done: what is proved, and when; missing:
    what is not proved yet of a debt that is written off.
    """

    state: str
    rule: str
    proof: str | None = None
    received_at: datetime | None = None
    document_id: UUID | None = None
    clock_key: str | None = None
    ready: bool = False
    done: dict[str, datetime] = {}
    missing: list[str] = []


def ground_of(paper: OfficialPaper) -> Ground:
    """The ground of a paper.

    Raises:
        Conflict: `paper-no-write-off`: papers of this kind write nothing off.
    """
    found = GROUNDS.get(paper.kind)
    if found is None:
        raise Conflict("paper-no-write-off")
    return found


async def case_of(session: AsyncSession, paper: OfficialPaper) -> CaseState:
    """What its workflow goes by. A verdict that does not show itself to be in force waits for the proof."""
    rule = ground_of(paper).clock
    proof = None
    if paper.kind != VERDICT or in_force(paper.in_force_on, local_date(paper.received_at)):
        start, key = (paper.received_at, paper.document_id), f"{rule}:{paper.id}"
    else:
        proof = await write_off.force_of(session, paper.id)
        if proof is None:
            return CaseState(state=paper.state, rule=rule)
        start, key = (proof.received_at, proof.document_id), f"{rule}:{paper.id}:{proof.id}"
    proofs = await fraud.duties_of(session, paper.id)
    return CaseState(
        state=paper.state,
        rule=rule,
        proof=proof.state if proof else None,
        done={name: row.done_at for name, row in proofs.items()},
        missing=_missing(paper, proofs),
        received_at=start[0],
        document_id=start[1],
        clock_key=key,
        ready=paper.state == "CONFIRMED" and (proof is None or proof.state == "CONFIRMED"),
    )


def _missing(paper: OfficialPaper, proofs: dict[str, FraudDuty]) -> list[str]:
    if WRITTEN_OFF not in proofs:
        return []
    returns = proofs[WRITTEN_OFF].evidence["returns"]
    wanted = ground_of(paper).duties(returns=returns, guilty=bool(paper.guilty_client))
    return [name for name in wanted if name not in proofs]


async def in_force_since(session: AsyncSession, paper: OfficialPaper) -> date | None:
    """The day on which a verdict entered into force, by whatever shows it."""
    proof = await write_off.force_of(session, paper.id)
    return paper.in_force_on if proof is None else proof.in_force_on


async def open_return(session: AsyncSession, loan_id: UUID) -> int | None:
    """The number of the case that gives the payments of a written-off loan back now; None where none does."""
    for paper in await fraud.of_loan(session, loan_id):
        if paper.kind in GROUNDS and paper.state == "CONFIRMED":
            done = await fraud.duties_of(session, paper.id)
            if WRITTEN_OFF in done and done[WRITTEN_OFF].evidence["returns"] and RETURNED not in done:
                return paper.n
    return None


# ---- the proof that a verdict is in force


async def enter_force(
    moment: Moment,
    paper_id: UUID,
    *,
    proof_id: UUID,
    in_force_on: date,
    received_at: datetime,
    document_id: UUID,
    staff_id: UUID,
) -> VerdictForce:
    """The first person's word; the clock runs from the receipt, whenever it is confirmed.

    Raises:
        NotFound, Conflict, InvalidInput: see `check_open`.
        Conflict: `verdict-force-entered`: a proof stands already.
    """
    paper = await check_open(moment, paper_id, in_force_on, received_at)
    proof = VerdictForce(
        id=proof_id,
        paper_id=paper_id,
        in_force_on=in_force_on,
        received_at=received_at,
        document_id=document_id,
        entered_by=staff_id,
        entered_at=moment.at,
    )
    await write_off.enter_force(moment.session, proof)
    await _note(moment, paper, proof, "verdict-force-entered", staff_id)
    return proof


async def check_open(moment: Moment, paper_id: UUID, in_force_on: date, received_at: datetime) -> OfficialPaper:
    """The verdict, locked, if such a proof of its force can be taken.

    Raises:
        NotFound: `paper-unknown`.
        Conflict: `paper-decided`: the verdict was refused; `verdict-force-not-needed`: the paper shows it itself;
            `verdict-force-entered`: a proof stands already.
        InvalidInput: `instant-without-zone`, `received-in-the-future`, `paper-day-after-receipt`, or
            `verdict-not-in-force` on the day of the receipt.
    """
    paper = await _held(moment, paper_id)
    if paper.state not in write_off.STANDING:
        raise Conflict("paper-decided")
    if paper.kind != VERDICT or in_force(paper.in_force_on, local_date(paper.received_at)):
        raise Conflict("verdict-force-not-needed")
    if await write_off.force_of(moment.session, paper_id) is not None:
        raise Conflict("verdict-force-entered")
    if received_at.tzinfo is None:
        raise InvalidInput("instant-without-zone", field="/received_at")
    if received_at > moment.at:
        raise InvalidInput("received-in-the-future", field="/received_at")
    if local_date(received_at) < paper.day:
        raise InvalidInput("paper-day-after-receipt", field="/received_at")
    if not in_force(in_force_on, local_date(received_at)) or in_force_on < paper.day:
        raise InvalidInput("verdict-not-in-force", field="/in_force_on")
    return paper


async def _held(moment: Moment, paper_id: UUID) -> OfficialPaper:
    paper = await fraud.get(moment.session, paper_id)
    await loans.lock(moment.session, paper.loan_id)
    return await fraud.locked(moment.session, paper_id)


async def decide_force(
    moment: Moment, paper_id: UUID, proof_id: UUID, staff_id: UUID, *, confirmed: bool, reason_code: str | None
) -> VerdictForce:
    """The second person's word.

    Raises:
        NotFound: `paper-unknown`, `verdict-force-unknown`.
        NotAllowed: `second-person-needed`.
        Conflict: `paper-decided` already.
    """
    paper = await _held(moment, paper_id)
    if proof_id not in {one.id for one in await write_off.forces_of(moment.session, paper_id)}:
        raise NotFound("verdict-force-unknown")
    proof = await write_off.decide_force(
        moment.session, proof_id, staff_id, moment.at, confirmed=confirmed, reason_code=reason_code
    )
    await _note(moment, paper, proof, f"verdict-force-{proof.state.lower()}", staff_id)
    return proof


async def _note(moment: Moment, paper: OfficialPaper, proof: VerdictForce, action: str, staff_id: UUID) -> None:
    await audit.record(
        moment.session,
        actor=f"staff:{staff_id}",
        action=action,
        subject=f"loan:{paper.loan_id}",
        reason=proof.reason_code,
        paragraph="13",
        detail={
            "paper": str(paper.id),
            "proof": str(proof.id),
            "document": str(proof.document_id),
            "in_force_on": proof.in_force_on,
            "received": proof.received_at.isoformat(),
        },
    )
