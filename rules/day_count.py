"""Day counts and repayment periods: one value for preview, contract, accrual and effective rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from rules.calendar import add_months


class DayCount(StrEnum):
    """How days become a share of a year.

    act/365: real days over 365, leap year or not. 30/360: each whole month counts 30 days, the days left over
    count as they are.
    """

    ACT_365 = "act/365"
    THIRTY_360 = "30/360"


@dataclass(frozen=True)
class Period:
    """From one due date (or the disbursement) to the next. months: whole months inside, rest: days left over."""

    start: date
    due: date
    months: int
    rest: int = 0

    @property
    def real_days(self) -> int:
        """Calendar days."""
        return (self.due - self.start).days

    def days(self, count: DayCount) -> int:
        """Days of interest by a day count."""
        return self.real_days if count is DayCount.ACT_365 else 30 * self.months + self.rest

    def share(self, count: DayCount, elapsed: int | None = None) -> Fraction:
        """Share of a year of the whole period, or of its first `elapsed` calendar days, exact.

        >>> month = Period(date(2025, 1, 31), date(2025, 2, 28), 1)
        >>> month.share(DayCount.ACT_365), month.share(DayCount.THIRTY_360), month.share(DayCount.THIRTY_360, 14)
        (Fraction(28, 365), Fraction(1, 12), Fraction(1, 24))
        """
        if count is DayCount.ACT_365:
            return Fraction(self.real_days if elapsed is None else elapsed, 365)
        whole = Fraction(self.days(count), 360)
        return whole if elapsed is None else whole * Fraction(elapsed, self.real_days)


def periods(disbursed: date, first_due: date, count: int) -> list[Period]:
    """The repayment periods: the first of any length, then month by month.

    The original day is kept: from 31 January come 28 February, 31 March, 30 April.

    >>> [period.due.isoformat() for period in periods(date(2025, 1, 31), date(2025, 2, 28), 3)]
    ['2025-02-28', '2025-03-31', '2025-04-30']
    """
    months = (first_due.year - disbursed.year) * 12 + first_due.month - disbursed.month
    if add_months(disbursed, months) > first_due:
        months -= 1
    rest = (first_due - add_months(disbursed, months)).days
    anchor, skipped = (disbursed, months) if rest == 0 else (first_due, 0)
    dues = [first_due] + [add_months(anchor, skipped + k) for k in range(1, count)]
    later = [Period(start, due, 1) for start, due in pairwise(dues)]
    return [Period(disbursed, first_due, months, rest), *later]
