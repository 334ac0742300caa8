"""What a borrower is written about other terms: the answer, the addendum, the message.

Rules: para 7, part 7; para 9.
"""

from __future__ import annotations

from activities import letters, loan_book
from activities.context import Moment
from activities.letters import AddendumPaper, AnswerLetter
from activities.restructuring_requests import plan, terms_of
from rules.calendar import local_date
from rules.client import Person
from rules.lender import Lender
from storage.tables import Loan, RestructuringRequest


class Papers:
    """The papers of one decided request."""

    def __init__(
        self, moment: Moment, request: RestructuringRequest, loan: Loan, borrower: Person, lender: Lender
    ) -> None:
        self._moment, self._request, self._loan = moment, request, loan
        self._common = {"number": loan.number, "on": moment.day, "lender": lender, "borrower": borrower}

    def letter(self, language: str) -> AnswerLetter:
        """The written answer; where terms are proposed their first payment is still to be told."""
        request = self._request
        terms, effective, until = (None, None, None) if request.terms is None else terms_of(request)
        return AnswerLetter(
            **self._common,
            language=language,
            received=local_date(request.received_at),
            terms=terms,
            effective=effective,
            accept_until=until,
            reason_code=request.reason_code,
        )

    async def addendum(self) -> AddendumPaper:
        """The plan of the fold from the first day of the terms: what is shown is what will be booked."""
        terms, effective, until = terms_of(self._request)
        before = await loan_book.position_of(self._moment.session, self._loan.id, effective)
        return AddendumPaper(
            **self._common,
            n=self._request.n,
            terms=terms,
            effective=effective,
            accept_until=until,
            principal=before.principal,
            interest_before=before.interest_due + before.interest_accrued,
            penalty=before.penalty,
            rows=await plan(self._moment, self._loan, self._request),
        )

    def message(self, language: str) -> str:
        """The short text of the personal account."""
        if self._request.terms is None:
            return letters.message("restructuring_refused", language, number=self._loan.number)
        until = terms_of(self._request)[2]
        return letters.message("restructuring_proposed", language, number=self._loan.number, accept_until=until)
