"""A client whom we owe money is asked for an account of their own: in writing, and again until there is one.

Rules: para 9, part 2; para 13, part 5.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from temporalio import activity

from activities import letters, loan_book, personal_account
from activities.context import Moment, Records
from activities.letters import RefundLetter
from activities.payout_orders import DISPUTED, NO_RECEIVER
from rules.evidence import Frozen
from rules.lender import Lender
from rules.money import Money
from storage import audit, loans, refunds, reviews
from storage.tables import Client, Loan, LoanNotice, RefundRequest

KIND = "REFUND_ACCOUNT"  # of the notices
KNOWN = "account"  # outcome of a request that led to an account
SILENT = "client-names-no-account"  # ground of the review, once the reminders are used up


class AccountWanted(Frozen):
    """For which payment the client is asked, and why."""

    key: str
    loan_id: UUID
    ground: str


class AccountAsked(Frozen):
    """The client was written to, for the n-th time in all. reminders: how often more before people look, every so many
    days.
    """

    notice_id: UUID
    n: int
    every_days: int
    reminders: int


class AccountReminded(Frozen):
    """The n-th letter about a payment is due."""

    key: str
    loan_id: UUID
    n: int


class AskingEnded(Frozen):
    """How the asking ended: `account`, or the ground why no money goes back. workflow_id: of the case that asked."""

    key: str
    outcome: str
    workflow_id: str


class RefundAccounts:
    """Writes to clients whom we owe money."""

    def __init__(self, records: Records, lender: Lender) -> None:
        self._records, self._lender = records, lender

    @activity.defn
    async def ask_for_account(self, wanted: AccountWanted) -> AccountAsked:
        """The first letter about a payment; again is the same as once."""
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, wanted.loan_id)
            request = await refunds.ask(moment.session, wanted.key, wanted.loan_id, wanted.ground, moment.at)
            fresh = request.noticed_at is None or request.noticed_at < request.asked_at
            notice = await (self._written(moment, loan, request) if fresh else _last(moment, request))
            return AccountAsked(
                notice_id=notice.id,
                n=request.notices,
                every_days=moment.policy.whole("refund-account-reminder-days"),
                reminders=moment.policy.whole("refund-account-reminders"),
            )

    @activity.defn
    async def remind_of_account(self, reminder: AccountReminded) -> UUID | None:
        """One more letter; its notice. None where the request has ended meanwhile."""
        async with self._records.moment() as moment:
            loan = await loans.lock(moment.session, reminder.loan_id)
            request = await refunds.lock(moment.session, reminder.key)
            if request.ended_at is not None:
                return None
            known = await personal_account.noticed(moment.session, _key(request, reminder.n))
            return (known or await self._written(moment, loan, request)).id

    @activity.defn
    async def end_asking(self, ended: AskingEnded) -> None:
        """The request is over, and nobody has to look at it any more."""
        async with self._records.moment() as moment:
            request = await refunds.lock(moment.session, ended.key)
            await reviews.close_of_case(moment.session, ended.workflow_id, SILENT)
            if await refunds.end(moment.session, ended.key, ended.outcome):
                await audit.record(
                    moment.session,
                    actor="system:worker",
                    action="refund-account-known" if ended.outcome == KNOWN else "refund-account-given-up",
                    subject=f"loan:{request.loan_id}",
                    reason=ended.outcome,
                    paragraph="9",
                    detail={"key": ended.key, "notices": request.notices},
                )

    async def _written(self, moment: Moment, loan: Loan, request: RefundRequest) -> LoanNotice:
        """One letter with today's sum, archived and in the personal account."""
        client = await self._records.clients.get(moment.session, loan.client_id)
        on = max(moment.day, loan.disbursed_on)
        letter = self._letter(
            moment, loan, client, request, (await loan_book.position_of(moment.session, loan.id, on)).overpaid
        )
        paper = await asyncio.to_thread(letters.refund_account, letter)
        document = await personal_account.archive_paper(
            self._records, moment, loan, client, paper.pdf, "refund_account"
        )
        request.notices, request.noticed_at = request.notices + 1, moment.at
        moment.session.add(request)
        return await personal_account.give_notice(
            self._records,
            moment,
            loan,
            client,
            key=_key(request, request.notices),
            kind=KIND,
            text=letters.message("refund_account", client.language, number=loan.number, amount=letter.amount),
            document_id=document.id,
            figures={"amount": str(letter.amount), "ground": request.ground, "template": paper.template_version},
        )

    def _letter(
        self, moment: Moment, loan: Loan, client: Client, request: RefundRequest, amount: Money
    ) -> RefundLetter:
        return RefundLetter(
            number=loan.number,
            on=moment.day,
            lender=self._lender,
            borrower=self._records.clients.person(client),
            language=client.language,
            amount=amount,
            account_failed=request.ground not in (NO_RECEIVER, DISPUTED),
            disputed=request.ground == DISPUTED,
        )


def _key(request: RefundRequest, n: int) -> str:
    """The business fact that the client was written to for the n-th time about a payment."""
    return f"refund-account:{request.payment_key}:{n}"


async def _last(moment: Moment, request: RefundRequest) -> LoanNotice:
    notice = await personal_account.noticed(moment.session, _key(request, request.notices))
    if notice is None:
        raise LookupError("a letter was counted and is not there")
    return notice
