"""A borrower in arrears asks for other terms: who may ask until when, by when we answer, what we may propose.

The law on microfinance, art. 9-2: the borrower applies within 30 calendar days of the arrears, the lender answers in
writing within 15. Numbers are policy rows.

Rules: para 9.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from rules.errors import Conflict, InvalidInput
from rules.evidence import Frozen
from rules.loan_care import Arrears
from rules.loan_events import LoanEvent, Restructured
from rules.policy import PolicySet
from rules.schedule import LoanTerms, Method

_MOST_PERIODS = 120
_FIRST_DUE_WITHIN = timedelta(days=186)


class Ground(StrEnum):
    """Why a borrower cannot pay, in the borrower's own opinion."""

    INCOME_LOST = "income-lost"
    INCOME_LOWER = "income-lower"
    ILLNESS = "illness"
    FAMILY = "family"
    DISASTER = "disaster"
    OTHER = "other"


class Refusal(StrEnum):
    """Why the lender does not change the terms; activities.letters has the words of the written answer."""

    NO_EVIDENCE = "hardship-not-shown"
    ABLE = "able-to-pay"
    CHANGED_BEFORE = "terms-changed-before"
    NOT_BEARABLE = "new-terms-not-bearable"


class NewTerms(Frozen):
    """What an officer proposes for the principal that is left. first_due: of the new plan."""

    rate_percent_per_year: Decimal
    periods: int
    first_due: date
    method: Method = Method.ANNUITY
    interest_only_months: int = 0
    forgive_penalty: bool = False


def check_may_ask(late: Arrears | None, on: date, rules: PolicySet) -> Arrears:
    """The arrears that a request of this day is about.

    Raises:
        Conflict: `not-in-arrears`, or `restructuring-request-late`: the days for it are over.
    """
    if late is None:
        raise Conflict("not-in-arrears")
    if on > late.since + timedelta(days=rules.whole("restructuring-request-days")):
        raise Conflict("restructuring-request-late")
    return late


def answer_due(received: date, rules: PolicySet) -> date:
    """The last day for the written answer; the day of receipt is not counted.

    >>> from rules.policy import policy
    >>> answer_due(date(2026, 3, 1), policy(date(2026, 3, 1)))
    datetime.date(2026, 3, 16)
    """
    return received + timedelta(days=rules.whole("restructuring-answer-days"))


def rate_of(events: list[LoanEvent], terms: LoanTerms) -> Decimal:
    """The nominal rate of a loan today, per cent a year: that of its newest terms."""
    changes = sorted((one for one in events if isinstance(one, Restructured)), key=lambda one: one.value_date)
    return changes[-1].rate_percent_per_year if changes else terms.rate_percent_per_year


def check_terms(new: NewTerms, rate: Decimal, effective_on: date, accept_until: date) -> None:
    """Whether these terms may be proposed: never dearer than the contract, with time left to agree.

    Raises:
        InvalidInput: `rate-above-contract`, `term-too-short`, `term-outside-product`, `interest-only-too-long`,
            `first-due-too-early` (before the client must have agreed) or `first-due-too-late`.
    """
    if not 0 <= new.rate_percent_per_year <= rate:
        raise InvalidInput("rate-above-contract", field="/terms/rate_percent_per_year")
    if new.periods < 1:
        raise InvalidInput("term-too-short", field="/terms/periods")
    if new.periods > _MOST_PERIODS:
        raise InvalidInput("term-outside-product", field="/terms/periods")
    if not 0 <= new.interest_only_months < new.periods:
        raise InvalidInput("interest-only-too-long", field="/terms/interest_only_months")
    if new.first_due <= accept_until:
        raise InvalidInput("first-due-too-early", field="/terms/first_due")
    if new.first_due > effective_on + _FIRST_DUE_WITHIN:
        raise InvalidInput("first-due-too-late", field="/terms/first_due")


def restructured(new: NewTerms, request_id: UUID, effective_on: date, known_at: datetime) -> Restructured:
    """The fact of the loan's life that accepted terms are."""
    return Restructured(
        key=f"restructured:{request_id}",
        value_date=effective_on,
        known_at=known_at,
        rate_percent_per_year=new.rate_percent_per_year,
        periods=new.periods,
        first_due=new.first_due,
        method=new.method.value,
        interest_only_months=new.interest_only_months,
        forgive_penalty=new.forgive_penalty,
    )
