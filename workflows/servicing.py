"""Servicing: lives as long as the loan. Id `loan/{loan_id}`.

In this edition of the system it furnishes the new loan to the credit bureau, keeps its documents locked long enough
and stands open for the loan's life; payments, notices, suspension and closing join it here.

Rules: para 7, part 5; para 34.
"""

from __future__ import annotations

from uuid import UUID

from temporalio import workflow

from activities.loans import LoanRef, Loans
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do


class ServeLoan(Frozen):
    """Start: the loan row exists, its money has left."""

    loan_id: UUID
    client_id: UUID
    edition: str


class LoanClosed(Frozen):
    """Outcome: why the loan's life ended."""

    reason: str


@workflow.defn
class Servicing:
    """See the module."""

    @workflow.init
    def __init__(self, start: ServeLoan) -> None:
        self._start = start
        self._case = Case("loan", start.edition)
        self._closed: str | None = None

    @workflow.run
    async def run(self, start: ServeLoan) -> LoanClosed:
        """Tell the bureau, keep the documents for the loan's life, then serve until the loan is closed."""
        self._case.show("ACTIVE", f"заём `{start.loan_id}`")
        loan = LoanRef(loan_id=start.loan_id, client_id=start.client_id)
        await do(Loans.furnish_new, loan, "запись NEW в бюро", options.OUTSIDE)
        await do(Loans.extend_documents, loan, "срок хранения документов займа", options.OUTSIDE)
        await workflow.wait_condition(lambda: self._closed is not None)
        self._case.show("CLOSED", f"заём `{start.loan_id}`: {self._closed}")
        return LoanClosed(reason=self._closed or "")

    @workflow.signal(description="Обязательства исполнены")
    def closed(self, reason: str) -> None:
        """The loan's obligations have ended, by the loan's own events."""
        self._closed = reason
