"""Day counts and repayment periods: one value for preview, contract, accrual and effective rate."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple

from rules.calendar import MonthEnd, add_months

_LEAP, _COMMON = 366, 365


class DayCount(StrEnum):
    """How days become a share of a year. Where a year is split, the rule of the split is part of the name.

    act/365, act/360: real days over a fixed year, leap or not.
    30/360: each whole month counts 30 days of 360, the days left over count as they are; inside a period the real
    days share the whole evenly.
    act/act: real days over the length of the year they lie in, the night to 1 January belongs to the old year.
    act/act-31dec: the same, but the night that begins on 31 December belongs to the new year.
    act/act-feb29: real days over 366 where the period holds a 29 February after its first day, else over 365.
    """

    __hash__ = str.__hash__  # a key of caches

    ACT_365 = "act/365"
    ACT_360 = "act/360"
    THIRTY_360 = "30/360"
    ACT_ACT = "act/act"
    ACT_ACT_31DEC = "act/act-31dec"
    ACT_ACT_FEB29 = "act/act-feb29"


class PeriodUnit(StrEnum):
    """What the distance between two instalments is counted in."""

    __hash__ = str.__hash__  # a key of caches

    MONTHS = "months"
    WEEKS = "weeks"
    DAYS = "days"


class Period(NamedTuple):
    """From one due date (or the disbursement) to the next. months: whole months inside, rest: days left over."""

    start: date
    due: date
    months: int
    rest: int = 0

    @property
    def real_days(self) -> int:
        """Calendar days."""
        return self.due.toordinal() - self.start.toordinal()

    def days(self, count: DayCount) -> int:
        """Days of interest by a day count."""
        return 30 * self.months + self.rest if count is DayCount.THIRTY_360 else self.real_days

    def share(self, count: DayCount, since: date | None = None, to: date | None = None) -> Fraction:
        """Share of a year of the whole period, or of the days from since to `to` inside it, exact.

        >>> month = Period(date(2023, 12, 12), date(2024, 1, 12), 1)
        >>> month.share(DayCount.ACT_365), month.share(DayCount.THIRTY_360)
        (Fraction(31, 365), Fraction(1, 12))
        >>> month.share(DayCount.ACT_ACT) == Fraction(20, 365) + Fraction(11, 366)
        True
        >>> month.share(DayCount.ACT_ACT_31DEC) == Fraction(19, 365) + Fraction(12, 366)
        True
        """
        since, to = since or self.start, to or self.due
        days = to.toordinal() - since.toordinal()
        match count:
            case DayCount.ACT_365:
                return Fraction(days, 365)
            case DayCount.ACT_360:
                return Fraction(days, 360)
            case DayCount.THIRTY_360:
                return Fraction(self.days(count), 360) * Fraction(days, self.real_days)
            case DayCount.ACT_ACT:
                return _by_years(since, to)
            case DayCount.ACT_ACT_31DEC:
                return _by_years(since + timedelta(days=1), to + timedelta(days=1))
            case DayCount.ACT_ACT_FEB29:
                return Fraction(days, _LEAP if _holds_leap_day(self.start, self.due) else _COMMON)


def _by_years(since: date, to: date) -> Fraction:
    total = Fraction(0)
    while since < to:
        year_end = date(since.year + 1, 1, 1)
        end = min(to, year_end)
        total += Fraction((end - since).days, _LEAP if _is_leap(since.year) else _COMMON)
        since = end
    return total


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _holds_leap_day(start: date, due: date) -> bool:
    return any(_is_leap(year) and start < date(year, 2, 29) <= due for year in range(start.year, due.year + 1))


class Periods(tuple[Period, ...]):
    """Periods that follow each other, from the disbursement to the last due date; remembers their days."""

    def days(self, count: DayCount) -> list[int]:
        """Days of interest of each, by a day count."""
        return self._thirties if count is DayCount.THIRTY_360 else self._real

    @cached_property
    def _thirties(self) -> list[int]:
        return [period.days(DayCount.THIRTY_360) for period in self]

    @cached_property
    def _real(self) -> list[int]:
        return [period.real_days for period in self]


@lru_cache(maxsize=4096)
def periods(
    disbursed: date,
    first_due: date,
    count: int,
    unit: PeriodUnit = PeriodUnit.MONTHS,
    every: int = 1,
    month_end: MonthEnd = MonthEnd.CLAMP,
) -> Periods:
    """The repayment periods: the first of any length, then one after the other.

    The original day is kept: from 31 January come 28 February, 31 March, 30 April (or, rolled, 1 March, 31 March,
    1 May).

    >>> [period.due.isoformat() for period in periods(date(2025, 1, 31), date(2025, 2, 28), 3)]
    ['2025-02-28', '2025-03-31', '2025-04-30']
    """
    if unit is not PeriodUnit.MONTHS:
        step = timedelta(days=every * (7 if unit is PeriodUnit.WEEKS else 1))
        dues = [first_due + k * step for k in range(count)]
        return Periods(Period(start, due, 0, (due - start).days) for start, due in pairwise([disbursed, *dues]))
    months = (first_due.year - disbursed.year) * 12 + first_due.month - disbursed.month
    while add_months(disbursed, months, month_end) > first_due:
        months -= 1
    rest = (first_due - add_months(disbursed, months, month_end)).days
    anchor, skipped = (disbursed, months) if rest == 0 else (first_due, 0)
    dues = [first_due] + [add_months(anchor, skipped + k * every, month_end) for k in range(1, count)]
    later = (Period(start, due, every) for start, due in pairwise(dues))
    return Periods((Period(disbursed, first_due, months, rest), *later))
