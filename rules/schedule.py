"""Repayment schedules: annuity, differentiated, the lender's own method."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from rules.money import Money


class Method(StrEnum):
    """How a microcredit is repaid. Rules: para 8, part 4."""

    ANNUITY = "annuity"
    DIFFERENTIATED = "differentiated"
    OWN = "own"


class DayCount(StrEnum):
    """How days become a share of a year; one value for preview, contract, accrual and effective rate."""

    ACT_365 = "act/365"
    THIRTY_360 = "30/360"


class Installment(BaseModel):
    """One row. days: of interest. balance: principal left after this payment."""

    model_config = ConfigDict(frozen=True)

    n: int
    due: date
    days: int
    interest: Money
    principal: Money
    payment: Money
    balance: Money


class LoanTerms(BaseModel):
    """Everything a schedule follows from; stored with contract and loan.

    rate_percent_per_year: nominal. rounding: last_absorbs (the last instalment takes the difference).
    interest_only_months: of the lender's own method. penalty figures come from policy rows, by name.
    """

    model_config = ConfigDict(frozen=True)

    principal: Money
    rate_percent_per_year: Decimal
    periods: int
    method: Method
    disbursed: date
    first_due: date
    day_count: DayCount = DayCount.ACT_365
    rounding: str = "last_absorbs"
    interest_only_months: int = 0
    product_code: str = ""
    product_version: str = ""
    policy_version: str = ""


class RepaymentSchedule(BaseModel):
    """A schedule with its totals and the annual effective rate (ГЭСВ), per cent, two decimals."""

    model_config = ConfigDict(frozen=True)

    terms: LoanTerms
    rows: tuple[Installment, ...]
    total_interest: Money
    total_payment: Money
    annual_effective_rate_percent: Decimal
