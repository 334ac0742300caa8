"""The arrears notice: written in the client's language, archived, put into the personal account, told of by SMS.

The law on microfinance, art. 9-2, part 1, says by when and what: sum, days, rights, consequences. The SMS says only
that a letter waits. One episode of arrears is told of once.

Rules: para 7, part 7; para 34.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from temporalio import activity

from activities import letters, personal_account
from activities.care import ArrearsFound, notice_key
from activities.context import Moment, Records
from activities.letters import ArrearsLetter
from activities.ports import Sms
from rules.client import Person
from rules.errors import InvalidInput
from rules.evidence import Frozen
from rules.lender import Lender
from rules.loan import Position, position
from rules.loan_care import Arrears, arrears
from storage import audit, fraud, loans
from storage.tables import Client, Loan, LoanNotice

_SMS_LIVES_SECONDS = 24 * 3600


class NoticeRef(Frozen):
    """A notice that was given."""

    notice_id: UUID


class Notices:
    """Writes to borrowers."""

    def __init__(self, records: Records, sms: Sms, lender: Lender) -> None:
        self._records, self._sms, self._lender = records, sms, lender

    @activity.defn
    async def send_arrears_notice(self, found: ArrearsFound) -> UUID | None:
        """Tell of these arrears, once; the notice's id. None where they are over or held by now.

        The loan is held meanwhile, so that the figures are those of the moment of sending.
        """
        key = notice_key(found.loan_id, found.since)
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, found.loan_id)
            known = await personal_account.noticed(moment.session, key)
            if known is not None:
                return known.id
            if await fraud.is_held(moment.session, loan.id):
                return None
            events, terms = await loans.events(moment.session, loan.id), loans.terms(loan)
            late = arrears(events, terms, moment.day, moment.policy)
            if late is None or late.since != found.since:
                return None
            client = await self._records.clients.get(moment.session, loan.client_id)
            letter = self._letter(moment, loan, client, late, position(events, terms, moment.day))
            return (await self._give(moment, loan, client, letter, key, late)).id

    def _letter(self, moment: Moment, loan: Loan, client: Client, late: Arrears, debt: Position) -> ArrearsLetter:
        return ArrearsLetter(
            number=loan.number,
            on=moment.day,
            lender=self._lender,
            borrower=self._records.clients.person(client),
            language=client.language,
            since=late.since,
            overdue_days=debt.overdue_days,
            overdue_principal=debt.overdue_principal,
            overdue_interest=debt.overdue_interest,
            penalty=debt.penalty,
            total_to_close=debt.total_to_close,
            apply_until=late.since + timedelta(days=moment.policy.whole("restructuring-request-days")),
        )

    async def _give(
        self, moment: Moment, loan: Loan, client: Client, letter: ArrearsLetter, key: str, late: Arrears
    ) -> LoanNotice:
        paper = await asyncio.to_thread(letters.arrears_notice, letter)
        document = await personal_account.archive_paper(
            self._records, moment, loan, client, paper.pdf, "arrears_notice"
        )
        shown = {name: getattr(letter, name) for name in ("number", "overdue_days", "to_pay", "apply_until")}
        return await personal_account.give_notice(
            self._records,
            moment,
            loan,
            client,
            key=key,
            kind="ARREARS",
            text=letters.message("arrears", client.language, **shown),
            document_id=document.id,
            due_on=late.notice_due,
            figures={
                "since": late.since.isoformat(),
                "overdue_days": letter.overdue_days,
                "to_pay": str(letter.to_pay),
                "apply_until": letter.apply_until.isoformat(),
                "template": paper.template_version,
            },
        )

    @activity.defn
    async def text_client(self, ref: NoticeRef) -> None:
        """Say by SMS that a letter waits. The notice is the message's key, so that a retry is no second SMS."""
        async with self._records.moment() as moment:
            notice = await moment.session.get_one(LoanNotice, ref.notice_id)
            loan = await loans.get(moment.session, notice.loan_id)
            client = await self._records.clients.get(moment.session, loan.client_id)
        if notice.sms_at is not None:
            return
        person, text = self._records.clients.person(client), letters.sms_notice(notice.language)
        sms_id = await self._handed_over(ref, person, text)
        async with self._records.moment() as moment:
            notice = await moment.session.get_one(LoanNotice, ref.notice_id)
            notice.sms_id, notice.sms_at = sms_id, moment.at
            moment.session.add(notice)
            await audit.record(
                moment.session,
                actor="system:worker",
                action="notice-texted" if sms_id else "notice-not-texted",
                subject=f"loan:{notice.loan_id}",
                paragraph="7",
                detail={"notice": str(notice.id), "sms": sms_id},
            )

    async def _handed_over(self, ref: NoticeRef, person: Person, text: str) -> str | None:
        """The gateway's id; None where it refuses the number: the letter in the personal account stands."""
        try:
            return await self._sms.send(f"notice/{ref.notice_id}", person.phone, text, _SMS_LIVES_SECONDS)
        except InvalidInput:
            return None
