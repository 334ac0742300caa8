"""The client is told in writing that a loan is suspended, and how that ends: archived, in the personal account, by SMS.

One suspension is told of once, whatever number of papers stands behind it; a paper that comes while another one has
been told of is proved by that letter.

Rules: para 13, part 2; para 13, part 3; para 34.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from temporalio import activity

from activities import fraud_letters, letters, personal_account
from activities.context import Moment, Records
from activities.fraud_letters import Ending, EndLetter, NamedPaper, SuspensionLetter
from activities.papers import Paper
from activities.suspension import CANCELLED, PaperRef, Suspensions, beside, ended, paper_of, prove
from activities.suspension_bureau import SuspensionBureau
from rules.evidence import Frozen
from rules.lender import Lender
from rules.loan import LoanEvent, Resumed, position
from rules.loan_history import effective
from rules.money import Money
from rules.schedule import LoanTerms
from rules.suspension import CLOCK, Duty, PaperKind, suspended_key
from storage import fraud, loans
from storage.tables import Client, Loan, LoanNotice, OfficialPaper, StatutoryClock

SUSPENDED, ENDED = "suspension_notice", "suspension_ended_notice"
_A_DAY = timedelta(days=1)


class NoticeSent(Frozen):
    """A notice stands in the personal account, and the SMS about it is on its way."""

    ref: PaperRef
    notice_id: UUID


class SuspensionNotices:
    """Writes to borrowers whose loans are suspended."""

    def __init__(self, records: Records, lender: Lender) -> None:
        self._records, self._lender = records, lender

    @activity.defn
    async def notify_suspended(self, ref: PaperRef) -> UUID | None:
        """Tell of the suspension, once; the notice's id. None where another paper's letter proves it, or it is over."""
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, ref.loan_id)
            paper = await paper_of(moment, ref)
            known = await personal_account.noticed(moment.session, suspended_key(paper.id))
            if known is not None or await ended(moment, paper, loan) is not None:
                return known.id if known else None
            for other in await beside(moment, paper):
                told = await personal_account.noticed(moment.session, suspended_key(UUID(other)))
                if told is not None:
                    await prove(moment, paper, Duty.NOTICE, {"beside": [other], "notice": str(told.id)})
                    return None
            client = await self._records.clients.get(moment.session, loan.client_id)
            since = _since(await loans.events(moment.session, loan.id), paper)
            letter = SuspensionLetter(
                **self._of(moment, loan, client), paper=_named(paper), since=since, closed=loan.closed_at is not None
            )
            made = await asyncio.to_thread(fraud_letters.suspended, letter)
            text = letters.message("suspended", client.language, number=loan.number, since=since)
            figures = {"since": since.isoformat()}
            return (await self._give(moment, loan, client, paper, SUSPENDED, made, text, figures)).id

    @activity.defn
    async def notify_ended(self, ref: PaperRef) -> UUID | None:
        """Tell that the suspension has ended, or goes on for another paper; once. None: nobody was told of it."""
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, ref.loan_id)
            paper = await paper_of(moment, ref)
            known = await personal_account.noticed(moment.session, _ended_key(paper))
            if known is not None:
                return known.id
            others, done = await beside(moment, paper), await fraud.duties_of(moment.session, paper.id)
            told = await personal_account.noticed(moment.session, suspended_key(paper.id))
            if told is None and (others or Duty.ACCRUAL not in done):
                await prove(moment, paper, Duty.NOTICE_ENDED, {"nothing_to_tell": True, "beside": others})
                return None
            client = await self._records.clients.get(moment.session, loan.client_id)
            letter = await self._ended(moment, loan, client, paper, others)
            made = await asyncio.to_thread(fraud_letters.suspension_ended, letter)
            goes_on = letter.ending is Ending.CONTINUES
            text = letters.message("suspension_ended", client.language, number=loan.number, goes_on=goes_on)
            figures = {"ending": letter.ending.value, "charged": str(letter.charged) if letter.charged else None}
            return (await self._give(moment, loan, client, paper, ENDED, made, text, figures)).id

    @activity.defn
    async def prove_notice(self, sent: NoticeSent) -> None:
        """The letter is archived and stands in the personal account, the SMS was handed over: the duty is done."""
        async with self._records.moment() as moment:
            await loans.lock(moment.session, sent.ref.loan_id)
            paper = await paper_of(moment, sent.ref)
            notice = await moment.session.get_one(LoanNotice, sent.notice_id)
            evidence = {
                "notice": str(notice.id),
                "document": str(notice.document_id),
                "language": notice.language,
                "in_account": notice.sent_at.isoformat(),
                "sms": notice.sms_id,
                "sms_at": notice.sms_at.isoformat() if notice.sms_at else None,
            }
            duty = Duty.NOTICE_ENDED if notice.key == _ended_key(paper) else Duty.NOTICE
            await prove(moment, paper, duty, evidence)

    async def _ended(
        self, moment: Moment, loan: Loan, client: Client, paper: OfficialPaper, others: list[str]
    ) -> EndLetter:
        by = await fraud.cancellation_of(moment.session, paper.id)
        events, terms = await loans.events(moment.session, loan.id), loans.terms(loan)
        ending = Ending.CANCELLED if await ended(moment, paper, loan) == CANCELLED else Ending.MISTAKEN
        debt = position(events, terms, max(moment.day, loan.disbursed_on))
        resumed = None if ending is Ending.MISTAKEN else _resumed(events)
        return EndLetter(
            **self._of(moment, loan, client),
            paper=_named(paper),
            ending=Ending.CONTINUES if others else ending,
            by=_named(by) if by else None,
            still=_named(await fraud.get(moment.session, UUID(others[0]))) if others else None,
            resumed_on=resumed.value_date if resumed else None,
            charged=_charged(events, terms, resumed) if resumed and resumed.charge_later else None,
            total_to_close=debt.total_to_close,
            next_due=debt.next_due,
            next_payment=debt.next_payment,
        )

    def _of(self, moment: Moment, loan: Loan, client: Client) -> dict[str, Any]:
        person = self._records.clients.person(client)
        return {
            "number": loan.number, "on": moment.day, "lender": self._lender, "borrower": person,
            "language": client.language,
        }  # fmt: skip

    async def _give(
        self, moment: Moment, loan: Loan, client: Client, paper: OfficialPaper, kind: str, made: Paper, text: str,
        figures: dict[str, Any],
    ) -> LoanNotice:  # fmt: skip
        document = await personal_account.archive_paper(self._records, moment, loan, client, made.pdf, kind)
        begins = kind == SUSPENDED
        query = select(StatutoryClock).where(col(StatutoryClock.key) == clock_key(paper.id))
        clock = (await moment.session.exec(query)).first()
        return await personal_account.give_notice(
            self._records,
            moment,
            loan,
            client,
            key=suspended_key(paper.id) if begins else _ended_key(paper),
            kind="SUSPENSION" if begins else "SUSPENSION_ENDED",
            text=text,
            document_id=document.id,
            due_on=clock.last_day if clock and begins else None,
            figures={"paper": str(paper.id), "template": made.template_version, **figures},
        )


def suspension_activities(records: Records, lender: Lender) -> list[Callable[..., Any]]:
    """All activities of a suspension."""
    books, bureau, notices = Suspensions(records), SuspensionBureau(records), SuspensionNotices(records, lender)
    return [
        books.read_paper, books.act_unconfirmed, books.hold_collection, books.suspend_accrual,
        books.release_collection, books.resume_accrual, bureau.suspend_reporting, bureau.resume_reporting,
        notices.notify_suspended, notices.notify_ended, notices.prove_notice,
    ]  # fmt: skip


def clock_key(paper_id: UUID) -> str:
    """The business fact that the clock of a paper runs."""
    return f"{CLOCK}:{paper_id}"


def _ended_key(paper: OfficialPaper) -> str:
    return f"suspension-ended:{paper.id}"


def _named(paper: OfficialPaper) -> NamedPaper:
    return NamedPaper(kind=PaperKind(paper.kind), number=paper.number, day=paper.day, authority=paper.authority)


def _since(events: Sequence[LoanEvent], paper: OfficialPaper) -> date:
    return next(one.value_date for one in events if one.key == suspended_key(paper.id))


def _resumed(events: Sequence[LoanEvent]) -> Resumed | None:
    """The resumption that counts last."""
    return next((one for one in reversed(effective(events, date.max)) if isinstance(one, Resumed)), None)


def _charged(events: Sequence[LoanEvent], terms: LoanTerms, resumed: Resumed) -> Money:
    """Interest of the suspended days that a resumption charges after all."""
    without = [one for one in events if one.key != resumed.key]
    before = position(without, terms, max(resumed.value_date - _A_DAY, terms.disbursed))
    return before.interest_suspended - position(events, terms, resumed.value_date).interest_suspended
