"""What is decided about a loan that is written off: the figures of the moment, and the order that says them.

Rules: para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from activities.context import Moment, Records
from activities.furnishing_queue import FurnishWanted
from activities.letters import WriteOffLetter, WriteOffOrder
from activities.write_off_cases import ground_of, in_force_since
from rules.calendar import local_date
from rules.evidence import Frozen
from rules.furnishing import Op
from rules.lender import Lender
from rules.loan import position
from rules.loan_events import WrittenOff
from rules.money import Money
from rules.write_off import WRITTEN_OFF, Ground, Loss, is_enough, loss, standing
from storage import fraud, loans
from storage.tables import Client, Loan, OfficialPaper

_FACT = "write-off:"


class Decision(Frozen):
    """What is decided now. known_key: of an earlier write-off that leaves nothing to be decided any more.

    whole: what the loan costs the lender in all, earlier write-offs included. Personal data: it stays in the activity.
    """

    order: WriteOffOrder
    returns: bool
    known_key: str | None
    whole: Loss


def fact_key(paper_id: UUID) -> str:
    """The fact that a paper writes a loan off."""
    return f"{_FACT}{paper_id}"


async def drawn(records: Records, moment: Moment, loan: Loan, paper: OfficialPaper, lender: Lender) -> Decision:
    """What is to be decided on a locked loan whose books are of today."""
    ground = ground_of(paper)
    returns = ground.returns_paid(moment.policy)
    facts = await loans.events(moment.session, loan.id)
    known = standing(facts, moment.day)
    own = loss(position(facts, loans.terms(loan), max(moment.day, loan.disbursed_on)), returns=returns)
    client = await records.clients.get(moment.session, loan.client_id)
    order = WriteOffOrder(
        number=loan.number,
        on=moment.day,
        lender=lender,
        borrower=records.clients.person(client),
        n=paper.n,
        ground=ground.name,
        paper_number=paper.number,
        paper_day=paper.day,
        authority=paper.authority,
        received=local_date(paper.received_at),
        in_force_on=await in_force_since(moment.session, paper),
        loss=own,
        returns=returns,
        guilty=bool(paper.guilty_client),
    )
    return Decision(
        order=order,
        returns=returns or (known is not None and known.return_paid),
        known_key=known.key if known is not None and is_enough(known, returns=returns) else None,
        whole=await _whole(moment, known, own),
    )


async def _whole(moment: Moment, known: WrittenOff | None, own: Loss) -> Loss:
    """What an earlier write-off cost, and what this one adds."""
    if known is None:
        return own
    proofs = await fraud.duties_of(moment.session, UUID(known.key.removeprefix(_FACT)))
    before = Loss.model_validate(proofs[WRITTEN_OFF].evidence["loss"])
    summed = {
        name: getattr(before, name) + getattr(own, name) for name in ("principal", "interest", "penalty", "returned")
    }
    return Loss(**summed, overpaid=own.overpaid)


def letter_of(
    records: Records,
    moment: Moment,
    loan: Loan,
    paper: OfficialPaper,
    client: Client,
    lender: Lender,
    written: dict[str, Any],
) -> WriteOffLetter:
    """What the client is told. written: the proof that the debt is written off."""
    whole = Loss.model_validate(written["loss"])
    return WriteOffLetter(
        number=loan.number,
        on=moment.day,
        lender=lender,
        borrower=records.clients.person(client),
        language=client.language,
        ground=ground_of(paper).name,
        paper_number=paper.number,
        paper_day=paper.day,
        decided=date.fromisoformat(written["day"]),
        debt=whole.debt,
        to_pay_back=Money(written["to_pay_back"]),
        returns=written["returns"],
        guilty=bool(paper.guilty_client),
        claim=whole.total,
    )


def correction_of(paper: OfficialPaper, ground: Ground) -> FurnishWanted:
    """What the bureau is told: no debt, no overdue days."""
    return FurnishWanted(
        key=f"correction:{paper.id}",
        loan_id=paper.loan_id,
        op=Op.CORRECTION,
        reason=ground.name.replace("_", "-"),
        legal_basis=ground.basis,
    )
