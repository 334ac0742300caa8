"""Write-off: the lender's order, the debt given up in the books, the bureau's correction, word to the client.

The order, the fact of the loan, its postings, the record for the bureau and the claim against a guilty client are one
transaction: none stands without the others. Each step is done once and leaves a proof under its paper.

Rules: para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from temporalio import activity

from activities import letters, loan_book, personal_account
from activities.context import Moment, Records
from activities.contracts import Sealer
from activities.furnishing_queue import enqueue_in
from activities.write_off_books import book, keep_claim
from activities.write_off_cases import CaseState, case_of, ground_of
from activities.write_off_papers import Decision, correction_of, drawn, fact_key, letter_of
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.lender import Lender
from rules.loan import position
from rules.loan_events import Refunded
from rules.money import Money
from rules.suspension import SUSPENDING
from rules.write_off import BUREAU, CERTIFIED, DECIDED, NOTIFIED, RETURNED, WRITTEN_OFF
from storage import fraud, furnishing, loans, payments, write_off
from storage.tables import Loan, OfficialPaper

ORDER, NOTICE = "write_off_order", "write_off_notice"


class WriteOffRef(Frozen):
    """Which paper, about which loan of whom."""

    paper_id: UUID
    loan_id: UUID
    client_id: UUID


class DebtGone(Frozen):
    """The debt is written off. returns: what was paid goes back. suspensions: numbers of cases that end with it."""

    returns: bool
    suspensions: list[int] = []


class ClientTold(Frozen):
    """What the client is to be told with: the certificate of no debt."""

    ref: WriteOffRef
    certificate_id: UUID


class BureauSays(Frozen):
    """state: of the correction: waiting | sent | accepted | rejected | dropped (two people: it will never be taken).

    held_up: it, or what stands before it in the loan's line, was rejected: people must mend that.
    """

    state: str
    held_up: bool

    @property
    def done(self) -> bool:
        """Whether nothing is to be waited for any more."""
        return self.state in ("accepted", "dropped")


class OwedBack(Frozen):
    """Whether money must still go to the client, or is on its way. refund_n: numbers the next refund."""

    owed: bool
    under_way: bool
    refund_n: int


class WriteOffs:
    """Writes debts off."""

    def __init__(self, records: Records, sealer: Sealer, lender: Lender) -> None:
        self._records, self._sealer, self._lender = records, sealer, lender

    def all(self) -> list[Callable[..., Any]]:
        """All activities."""
        return [self.write_off_case, self.write_off, self.tell_client, self.bureau_says, self.owed_back]

    @activity.defn
    async def write_off_case(self, ref: WriteOffRef) -> CaseState:
        """How the case stands by the database."""
        async with self._records.moment() as moment:
            return await case_of(moment.session, await fraud.get(moment.session, ref.paper_id))

    @activity.defn
    async def write_off(self, ref: WriteOffRef) -> DebtGone:
        """Order, books, bureau's record and claim at once; again is the same as once.

        Raises:
            Conflict: `write-off-not-confirmed`: two people have not confirmed all of it, whoever says so.
        """
        while True:
            async with self._records.moment() as moment:
                paper, decision = await self._decision(moment, ref)
                if decision is None:
                    return await _gone(moment, paper)
            made = await asyncio.to_thread(letters.write_off_order, decision.order)
            sealed = await self._sealer.seal(made.pdf)
            async with self._records.moment() as moment:
                paper, now = await self._decision(moment, ref)
                if now is not None and now != decision:
                    continue  # a payment or midnight came between: the order must say what is booked
                if now is not None:
                    await self._decide(moment, paper, decision, sealed, made.template_version)
                return await _gone(moment, paper)

    async def _decision(self, moment: Moment, ref: WriteOffRef) -> tuple[OfficialPaper, Decision | None]:
        """What is to be decided on the locked loan; None where it was decided already."""
        loan = await loans.lock(moment.session, ref.loan_id)
        paper = await fraud.locked(moment.session, ref.paper_id)
        if DECIDED in await fraud.duties_of(moment.session, paper.id):
            return paper, None
        if not (await case_of(moment.session, paper)).ready:
            raise Conflict("write-off-not-confirmed")
        await loan_book.catch_up(moment, loan.id)
        return paper, await drawn(self._records, moment, loan, paper, self._lender)

    async def _decide(
        self, moment: Moment, paper: OfficialPaper, decision: Decision, sealed: bytes, template: str
    ) -> None:
        loan = await loans.get(moment.session, paper.loan_id)
        client = await self._records.clients.get(moment.session, loan.client_id)
        document = await personal_account.archive_paper(self._records, moment, loan, client, sealed, ORDER)
        ground = ground_of(paper)
        proof = {
            "document": str(document.id),
            "sha256": document.sha256,
            "template": template,
            "basis": ground.basis,
            "policy": moment.policy.version,
        }
        await fraud.prove(moment.session, paper.id, DECIDED, moment.at, proof)
        if decision.known_key is None:
            await book(moment, paper, ground, decision, document.id)
        written = {
            "fact": decision.known_key or fact_key(paper.id),
            "day": moment.day.isoformat(),
            "returns": decision.returns,
            "loss": decision.whole.model_dump(mode="json"),
            "to_pay_back": str(decision.order.loss.to_pay_back),
        }
        await fraud.prove(moment.session, paper.id, WRITTEN_OFF, moment.at, written)
        await enqueue_in(moment, correction_of(paper, ground))
        if paper.guilty_client:
            await keep_claim(moment, paper, decision.whole)

    @activity.defn
    async def tell_client(self, told: ClientTold) -> UUID:
        """The notice in the client's language, archived and in the personal account, once; its id."""
        ref = told.ref
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, ref.loan_id)
            paper = await fraud.locked(moment.session, ref.paper_id)
            known = await personal_account.noticed(moment.session, fact_key(paper.id))
            if known is not None:
                return known.id
            certificate = {"document": str(told.certificate_id)}
            await fraud.prove(moment.session, paper.id, CERTIFIED, moment.at, certificate)
            return await self._notify(moment, loan, paper)

    async def _notify(self, moment: Moment, loan: Loan, paper: OfficialPaper) -> UUID:
        client = await self._records.clients.get(moment.session, loan.client_id)
        written = (await fraud.duties_of(moment.session, paper.id))[WRITTEN_OFF].evidence
        letter = letter_of(self._records, moment, loan, paper, client, self._lender, written)
        made = await asyncio.to_thread(letters.write_off_notice, letter)
        document = await personal_account.archive_paper(self._records, moment, loan, client, made.pdf, NOTICE)
        case = await case_of(moment.session, paper)
        notice = await personal_account.give_notice(
            self._records,
            moment,
            loan,
            client,
            key=fact_key(paper.id),
            kind="WRITTEN_OFF",
            text=letters.message("written_off", client.language, number=loan.number, to_pay_back=letter.to_pay_back),
            document_id=document.id,
            figures={
                "decided": letter.decided.isoformat(),
                "debt": str(letter.debt),
                "to_pay_back": str(letter.to_pay_back),
                "template": made.template_version,
            },
            due_on=await write_off.last_day(moment.session, case.clock_key),
        )
        word = {"notice": str(notice.id), "document": str(document.id), "language": client.language}
        await fraud.prove(moment.session, paper.id, NOTIFIED, moment.at, word)
        return notice.id

    @activity.defn
    async def bureau_says(self, ref: WriteOffRef) -> BureauSays:
        """Where the correction stands; once it is accepted, or two people have dropped it, that is the proof."""
        async with self._records.moment() as moment:
            await loans.lock(moment.session, ref.loan_id)
            record = await furnishing.newest(moment.session, f"correction:{ref.paper_id}")
            said = BureauSays(state=record.state, held_up=await furnishing.held_up(moment.session, record))
            if said.done:
                proof = {
                    "record": str(record.id),
                    "hash": record.record_hash,
                    "state": record.state,
                    "batch": str(record.batch_id),
                    "answered": record.answered_at.isoformat() if record.answered_at else None,
                }
                await fraud.prove(moment.session, ref.paper_id, BUREAU, moment.at, proof)
            return said

    @activity.defn
    async def owed_back(self, ref: WriteOffRef) -> OwedBack:
        """Whether money must still go to the client; once all of it is back, that is the proof.

        Raises:
            Conflict: the loan's facts contradict each other: people must correct them.
        """
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, ref.loan_id)
            facts, day = await loans.events(moment.session, loan.id), max(moment.day, loan.disbursed_on)
            debt = position(facts, loans.terms(loan), day)
            on_its_way = await payments.under_way(moment.session, loan.id)
            back = [fact for fact in facts if isinstance(fact, Refunded)]
            found = OwedBack(
                owed=debt.overpaid > on_its_way, under_way=on_its_way > Money(0), refund_n=1 + len(back)
            )  # fmt: skip
            if not (found.owed or found.under_way):
                proof = {"total": str(debt.refunded), "payments": [fact.key for fact in back]}
                await fraud.prove(moment.session, ref.paper_id, RETURNED, moment.at, proof)
            return found


async def _gone(moment: Moment, paper: OfficialPaper) -> DebtGone:
    proofs = await fraud.duties_of(moment.session, paper.id)
    return DebtGone(
        returns=proofs[WRITTEN_OFF].evidence["returns"],
        suspensions=[
            one.n
            for one in await fraud.of_loan(moment.session, paper.loan_id)
            if one.kind in SUSPENDING and one.state in write_off.STANDING
        ],
    )
