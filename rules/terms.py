"""The terms of a loan: everything its schedule follows from, and nothing else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from rules.calendar import MonthEnd, OffDays
from rules.day_count import DayCount, Periods, PeriodUnit, periods
from rules.days_off import next_working_day
from rules.errors import InvalidInput
from rules.money import Money

_MOST_PERIODS = 1200


class Method(StrEnum):
    """How a microcredit is repaid. Rules: para 8, part 4.

    annuity: level instalments. differentiated: level principal. bullet: interest each period, all principal with the
    last one. own: the lender's own, as data of the terms (interest alone first, grace, steps).
    """

    ANNUITY = "annuity"
    DIFFERENTIATED = "differentiated"
    BULLET = "bullet"
    OWN = "own"


class Rounding(StrEnum):
    """What becomes of the rounding difference; named in the contract.

    last_absorbs: the last instalment takes it. spread: where it is more than half a tiyn an instalment, level
    instalments change by whole tiyn as long as the difference of the last one shrinks; it takes the rest. An instalment
    rounded to more than a tiyn, and a stepped one, leave the difference to the last in any case.
    """

    LAST_ABSORBS = "last_absorbs"
    SPREAD = "spread"


class Charge(BaseModel):
    """Something the client pays besides the instalments, to the lender or to a third party."""

    model_config = ConfigDict(frozen=True)

    name: str
    amount: Money
    on: date


class LoanTerms(BaseModel):
    """Everything a schedule follows from; stored with contract and loan.

    rate_percent_per_year: nominal. periods: the number of instalments, always as asked; between two lie `every` units
    (a month). multiple_of: what level instalments (or parts of principal) are rounded to, to the nearest.
    month_end: where a day goes that a month lacks. off_days: whether a payment day on a day off moves; interest does
    not. Penalty figures come from policy rows, by name.

    Of the lender's own method: interest_only_months counts instalments of interest alone; interest of the first
    grace_periods falls due together after them; after every step_every instalments they grow by step_percent.
    """

    model_config = ConfigDict(frozen=True)

    principal: Money
    rate_percent_per_year: Decimal
    periods: int
    method: Method
    disbursed: date
    first_due: date
    day_count: DayCount = DayCount.ACT_365
    rounding: Rounding = Rounding.LAST_ABSORBS
    interest_only_months: int = 0
    grace_periods: int = 0
    step_percent: Decimal = Decimal(0)
    step_every: int = 12
    multiple_of: Money = Money("0.01")
    unit: PeriodUnit = PeriodUnit.MONTHS
    every: int = 1
    month_end: MonthEnd = MonthEnd.CLAMP
    off_days: OffDays = OffDays.KEEP
    product_code: str = ""
    product_version: str = ""
    policy_version: str = ""

    def repayment_periods(self) -> Periods:
        """From the disbursement to the last due date.

        Raises:
            InvalidInput: `terms-impossible`, they end beyond the calendar.
        """
        try:
            return periods(self.disbursed, self.first_due, self.periods, self.unit, self.every, self.month_end)
        except (ValueError, OverflowError):
            raise InvalidInput("terms-impossible", "the last instalment lies beyond the calendar") from None

    def pay_by(self, due: date) -> date:
        """The last day to pay what falls due on a day without being late.

        Raises:
            CalendarUnknown: payment days move off days off, and the year has no table of them yet.
        """
        return due if self.off_days is OffDays.KEEP else next_working_day(due)

    def check(self) -> None:
        """Whether a schedule can follow from these at all.

        Raises:
            InvalidInput: names what is wrong.
        """
        if self.principal.root <= 0:
            raise InvalidInput("amount-not-positive", field="/amount")
        if self.periods < 1:
            raise InvalidInput("term-too-short", field="/term_months")
        if self.rate_percent_per_year < 0:
            raise InvalidInput("rate-negative")
        if self.first_due <= self.disbursed:
            raise InvalidInput("first-due-too-early", field="/first_due")
        if self.method is Method.OWN:
            self._check_own()
        if self.periods > _MOST_PERIODS or self.every < 1 or self.multiple_of.root <= 0:
            raise InvalidInput("terms-impossible", "these terms give no schedule")

    def _check_own(self) -> None:
        if not (0 <= self.interest_only_months < self.periods and 0 <= self.grace_periods < self.periods):
            raise InvalidInput("interest-only-too-long")
        if self.step_every < 1 or self.step_percent <= -100:
            raise InvalidInput("terms-impossible", "these terms give no schedule")
