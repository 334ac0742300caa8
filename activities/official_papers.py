"""Papers of investigators, courts and the ombudsman, as they come in through the API, and the second word on each.

One member of staff enters what the paper says and archives its scan; another one confirms or refuses it. The clock of
the law runs from the receipt, so the case begins with the entry.

Rules: para 13, part 2; para 27; para 34.
"""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, select

from activities import loan_book
from activities.context import Moment, Records
from activities.retention import loan_end
from rules.errors import Conflict, InvalidInput
from rules.suspension import SUSPENDING, PaperEntered, PaperKind, check
from storage import audit, fraud, loans
from storage.tables import Contract, Loan, OfficialPaper

SCAN = "official_paper"
_WRITTEN_OFF = "WRITTEN_OFF"


async def loan_of(moment: Moment, contract_number: str) -> Loan:
    """The loan of a contract that a paper names.

    Raises:
        Conflict: `loan-not-disbursed`: a contract whose money never left; there is nothing to suspend.
        InvalidInput: `contract-unknown`.
    """
    number = contract_number.strip().upper()
    loan = (await moment.session.exec(select(Loan).where(col(Loan.number) == number))).one_or_none()
    if loan is not None:
        # money that left by mistake is a fact that was corrected: such a loan owes nothing either
        await loan_book.position_of(moment.session, loan.id, max(moment.day, loan.disbursed_on))
        return loan
    known = (await moment.session.exec(select(Contract.id).where(col(Contract.number) == number))).first()
    raise Conflict("loan-not-disbursed") if known else InvalidInput("contract-unknown", field="/contract_number")


async def receive(
    records: Records,
    moment: Moment,
    loan_id: UUID,
    entered: PaperEntered,
    scan: bytes,
    media_type: str,
    staff_id: UUID,
    *,
    paper_id: UUID,
) -> OfficialPaper:
    """Archive the scan and keep what an officer reads off the paper; the same id again is the same paper.

    Raises:
        InvalidInput, NotAllowed: see rules.suspension.check; `paper-day-wrong`: it cancels a younger paper.
        NotFound: `paper-unknown`: the cancelled one.
        Conflict: `paper-known`, `loan-written-off`, `paper-not-confirmed`, `paper-cancelled`.
    """
    check(entered, moment.at, moment.policy)
    loan = await loans.lock(moment.session, loan_id)
    known = await moment.session.get(OfficialPaper, paper_id)
    if known is not None:
        return known
    if entered.kind in SUSPENDING and loan.status == _WRITTEN_OFF:
        raise Conflict("loan-written-off")
    if entered.cancels is not None:
        cancelled = await _cancelled(moment, loan, entered.cancels, entered)
        _must_be_open(cancelled)
    client = await records.clients.get(moment.session, loan.client_id)
    document = await records.documents.keep(
        moment.session,
        scan,
        kind=SCAN,
        media_type=media_type,
        direction="received",
        client=client,
        application_id=loan.application_id,
        retain_until=moment.retain_until(await loan_end(moment.session, loan, moment.day)),
        actor=f"staff:{staff_id}",
    )
    paper = OfficialPaper(
        id=paper_id,
        loan_id=loan.id,
        client_id=loan.client_id,
        document_id=document.id,
        entered_by=staff_id,
        entered_at=moment.at,
        n=0,
        **entered.model_dump(),
    )
    await fraud.add(moment.session, paper)
    await _tell(moment, paper, f"staff:{staff_id}", "paper-entered", None)
    return paper


async def decide(
    moment: Moment, paper_id: UUID, staff_id: UUID, *, confirmed: bool, reason_code: str | None = None
) -> OfficialPaper:
    """The second person's word on a paper. A cancellation can be confirmed only of a paper that two people confirmed.

    Raises:
        NotFound: `paper-unknown`.
        NotAllowed: `second-person-needed`.
        Conflict: `paper-decided`; of a cancellation also `paper-not-confirmed`, `paper-cancelled`.
    """
    found = await fraud.get(moment.session, paper_id)
    loan = await loans.lock(moment.session, found.loan_id)
    paper = await fraud.decide(
        moment.session, paper_id, staff_id, moment.at, confirmed=confirmed, reason_code=reason_code
    )
    if confirmed and paper.cancels is not None:
        cancelled = await _cancelled(moment, loan, paper.cancels, paper, than=paper.id)
        if cancelled.state == "ENTERED":
            raise Conflict("paper-not-confirmed")
        _must_be_open(cancelled)
    await _tell(moment, paper, f"staff:{staff_id}", f"paper-{paper.state.lower()}", reason_code)
    return paper


async def _cancelled(
    moment: Moment, loan: Loan, paper_id: UUID, by: PaperEntered | OfficialPaper, than: UUID | None = None
) -> OfficialPaper:
    """The paper that another one cancels, if it can be cancelled."""
    paper = await fraud.get(moment.session, paper_id)
    if paper.loan_id != loan.id or paper.kind not in SUSPENDING:
        raise InvalidInput("paper-not-of-loan", field="/cancels")
    if by.day < paper.day:
        raise InvalidInput("paper-day-wrong", field="/day")
    earlier = await fraud.cancellation_of(moment.session, paper.id)
    if earlier is not None and earlier.id != than:
        raise Conflict("paper-cancelled")
    return paper


def _must_be_open(paper: OfficialPaper) -> None:
    if paper.state not in ("ENTERED", "CONFIRMED"):
        raise Conflict("paper-not-confirmed")


async def _tell(moment: Moment, paper: OfficialPaper, actor: str, action: str, reason: str | None) -> None:
    await audit.record(
        moment.session,
        actor=actor,
        action=action,
        subject=f"loan:{paper.loan_id}",
        reason=reason,
        paragraph="13" if PaperKind(paper.kind) in SUSPENDING | {PaperKind.CANCELLATION} else "27",
        detail={
            "paper": str(paper.id),
            "kind": paper.kind,
            "n": paper.n,
            "received": paper.received_at,
            "document": str(paper.document_id),
            "cancels": str(paper.cancels) if paper.cancels else None,
        },
    )
