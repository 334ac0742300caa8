"""The end of a loan: the certificate of no debt, the client is told, its documents stay for the years after.

Rules: para 7, part 5; para 11; para 34.
"""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import UUID

from sqlmodel import col, select
from temporalio import activity

from activities import letters, personal_account
from activities.context import Moment, Records
from activities.contracts import Sealer
from activities.letters import CertificatePaper
from activities.loans import LoanRef
from activities.retention import loan_end, shorter_locks
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.lender import Lender
from rules.loan_care import ended_on
from rules.write_off import standing
from storage import loans, write_off
from storage.tables import Document, Loan

CERTIFICATE = "no_debt_certificate"
_AT_ONCE = 20  # documents extended in one transaction: a try that is cut off loses little


class DebtEnded(Frozen):
    """The certificate's document, the notice about it, and the day on which the debt ended."""

    document_id: UUID
    notice_id: UUID
    ended: date


class Closing:
    """Ends loans."""

    def __init__(self, records: Records, sealer: Sealer, lender: Lender) -> None:
        self._records, self._sealer, self._lender = records, sealer, lender

    @activity.defn
    async def certify(self, ref: LoanRef) -> DebtEnded:
        """The sealed certificate of no debt, archived and in the personal account, once for each end of the debt.

        Raises:
            Conflict: `loan-still-owed`.
        """
        paper, known = await self._paper(ref)
        if known is not None:
            return known
        made = await asyncio.to_thread(letters.certificate, paper)
        sealed = await self._sealer.seal(made.pdf)
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, ref.loan_id)
            known = await self._given(moment, loan, paper)
            if known is not None:
                return known
            if loan.closed_at is None:
                raise Conflict("loan-still-owed")
            client = await self._records.clients.get(moment.session, loan.client_id)
            document = await personal_account.archive_paper(self._records, moment, loan, client, sealed, CERTIFICATE)
            notice = await personal_account.give_notice(
                self._records,
                moment,
                loan,
                client,
                key=_key(loan, paper),
                kind="CLOSED",
                text=letters.message("closed", client.language, number=loan.number, written_off=paper.written_off),
                document_id=document.id,
                figures={"ended": paper.ended.isoformat(), "template": made.template_version},
            )
            return DebtEnded(document_id=document.id, notice_id=notice.id, ended=paper.ended)

    async def _paper(self, ref: LoanRef) -> tuple[CertificatePaper, DebtEnded | None]:
        async with self._records.moment() as moment:
            loan = await loans.get(moment.session, ref.loan_id)
            events, terms = await loans.events(moment.session, loan.id), loans.terms(loan)
            today = max(moment.day, loan.disbursed_on)
            ended = ended_on(events, terms, today)
            if ended is None:
                raise Conflict("loan-still-owed")
            client = await self._records.clients.get(moment.session, loan.client_id)
            off = standing(events, today)
            paper = CertificatePaper(
                number=loan.number,
                on=moment.day,
                lender=self._lender,
                borrower=self._records.clients.person(client),
                principal=terms.principal,
                disbursed=loan.disbursed_on,
                ended=off.value_date if off is not None else ended,
                written_off=off is not None,
                claim_kept=await write_off.claim_of(moment.session, loan.id) is not None,
            )
            return paper, await self._given(moment, loan, paper)

    async def _given(self, moment: Moment, loan: Loan, paper: CertificatePaper) -> DebtEnded | None:
        notice = await personal_account.noticed(moment.session, _key(loan, paper))
        if notice is None:
            return None
        return DebtEnded(document_id=notice.document_id, notice_id=notice.id, ended=paper.ended)

    @activity.defn
    async def extend_documents(self, ref: LoanRef) -> int:
        """Lock what the loan stands on until its end and the years after it; the number of locks moved.

        The end is the real one, else the last due date of the plan as it is now. A retry goes on where the last try
        stopped; nothing is ever locked for less than before.

        Rules: para 34.
        """
        moved = 0
        while True:
            async with self._records.moment() as moment:
                loan = await loans.get(moment.session, ref.loan_id)
                until = moment.retain_until(await loan_end(moment.session, loan, moment.day))
                due = await shorter_locks(moment.session, loan.client_id, loan.application_id, until, _AT_ONCE)
                for document_id in due:
                    await self._records.documents.extend(moment.session, document_id, until, f"loan:{loan.id}")
            moved += len(due)
            if len(due) < _AT_ONCE:
                return moved


def _key(loan: Loan, paper: CertificatePaper) -> str:
    """One certificate for each end of the debt: a loan that was repaid may be written off after, a claim kept later."""
    how = (":written-off" if paper.written_off else "") + (":claim" if paper.claim_kept else "")
    return f"closed:{loan.id}:{paper.ended.isoformat()}{how}"


async def certificate_of(moment: Moment, loan: Loan) -> Document | None:
    """The certificate of a loan that is closed now; None where something is owed."""
    if loan.closed_at is None:
        return None
    query = (
        select(Document)
        .where(col(Document.kind) == CERTIFICATE, col(Document.application_id) == loan.application_id)
        .order_by(col(Document.created_at).desc())
        .limit(1)
    )
    return (await moment.session.exec(query)).first()
