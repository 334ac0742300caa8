"""Shapes of what borrowers ask for while a loan runs, and of what they are told in writing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Amount, Answer, Body, Day, FreeText
from api.schemas_common import DocumentInfo
from rules.loan_events import Use
from rules.money import Money
from rules.restructuring import Ground, NewTerms, Refusal
from rules.schedule import Installment, Method


class EarlyRepaymentBody(Body):
    """A sum and a day; without a sum only what would end the loan is told, without a day it is today."""

    amount: Amount | None = None
    on: Day | None = None


class PlanAnswer(Answer):
    """What is left to pay under a choice. interest: of all instalments to come."""

    choice: Use
    instalments: int
    next_due: date
    next_payment: Money
    last_due: date
    interest: Money
    rows: list[Installment]


class EarlyRepaymentAnswer(Answer):
    """What a sum paid on a day would do. due: late or due by then, with the penalty; it is paid first.

    closes: the sum ends the loan, left_over goes back to the client. plans: the new schedule under each choice.
    """

    loan_id: UUID
    on: date
    total_to_close: Money
    due: Money
    amount: Money | None
    closes: bool
    left_over: Money
    plans: list[PlanAnswer]


class WishBody(Body):
    """What money above the debt due is for; `due` takes an earlier wish back."""

    choice: Use


class WishAnswer(Answer):
    """The wish that counts for money that comes from `since` to `until`."""

    loan_id: UUID
    choice: Use
    since: date
    until: date


class RestructuringBody(Body):
    """Why the borrower cannot pay, and the borrower's own words. Law on microfinance, art. 9-2."""

    ground: Ground
    text: FreeText


class TermsAnswer(Answer):
    """Proposed terms and the schedule they give."""

    rate_percent_per_year: Decimal
    periods: int
    method: Method
    interest_only_months: int
    forgive_penalty: bool
    effective_on: date
    accept_until: date
    rows: list[Installment]


class RestructuringAnswer(Answer):
    """A request for other terms. answer_due: the last day for our answer.

    state: RECEIVED, DECIDED, REFUSED, PROPOSED, ACCEPTED, DECLINED, LAPSED, OVERTAKEN (the debt ended first).
    next: `wait`, `sign` (or decline), None at the end.
    """

    request_id: UUID
    n: int
    state: str
    ground: Ground
    received_at: datetime
    answer_due: date
    answered_at: datetime | None
    reason: str | None
    reason_title: str | None
    terms: TermsAnswer | None
    answer: DocumentInfo | None
    addendum: DocumentInfo | None
    next: Literal["wait", "sign"] | None


class NoticeAnswer(Answer):
    """A written notice. due_on: the last day on which it is in time, where a law sets one."""

    notice_id: UUID
    kind: str
    sent_at: datetime
    due_on: date | None
    document: DocumentInfo


class RequestShown(Answer):
    """A request for other terms as staff see it; the borrower's words only where one is asked for by itself.

    held: nothing may be claimed now, a fraud is looked into: no new terms, a refusal can still be written.
    """

    request_id: UUID
    loan_id: UUID
    client_id: UUID
    n: int
    workflow_id: str
    state: str
    ground: Ground
    text: str | None = None
    arrears_since: date
    received_at: datetime
    answer_due: date
    late: bool
    held: bool
    overdue_days: int
    overdue_amount: Money
    principal: Money
    penalty: Money
    rate_percent_per_year: Decimal


def _rate(value: object) -> object:
    if not isinstance(value, str | Decimal):  # a JSON number loses digits in many clients
        raise PydanticCustomError("business", "{code}", {"code": "rate-not-text"})
    return value


class TermsBody(Body):
    """New terms for the principal that is left. The rate is text, per cent a year."""

    rate_percent_per_year: Annotated[Decimal, BeforeValidator(_rate), Field(max_digits=6, decimal_places=4)]
    periods: int = Field(ge=1, le=120)
    first_due: Day
    method: Literal["annuity", "differentiated", "own"] = "annuity"
    interest_only_months: int = Field(default=0, ge=0, le=119)
    forgive_penalty: bool = False

    def new_terms(self) -> NewTerms:
        """As rules.restructuring has them."""
        return NewTerms.model_validate(self.model_dump())


class AnswerBody(Body):
    """An officer's decision: approve with terms, or refuse with a reason that the written answer names."""

    decision: Literal["approve", "refuse"]
    terms: TermsBody | None = None
    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")

    @model_validator(mode="after")
    def _whole(self) -> AnswerBody:
        if (self.decision == "approve") != (self.terms is not None):
            raise PydanticCustomError("business", "{code}", {"code": "terms-and-decision-differ", "field": "/terms"})
        if self.decision == "refuse" and self.reason_code not in set(Refusal):
            raise PydanticCustomError("business", "{code}", {"code": "reason-unknown", "field": "/reason_code"})
        return self


class AnswerGiven(Answer):
    """delivered: the case has taken it; otherwise it will."""

    request_id: UUID
    decision_id: UUID
    delivered: bool
