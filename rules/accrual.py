"""Accrual: the one rounding convention of interest, for schedule, loan, preview, contract and effective rate.

The factor of a period or of a part of it, rate / 100 x share of the year, has 12 significant digits, half-even, and
is never finer than 1e-18. Interest of a period is the sum over its parts of balance x factor, unrounded, rounded
once to the tiyn, half-even. A part ends only where balance, rate or suspension changes, or on the due date.

Everything is whole numbers: money in tiyn, a factor in units of 1e-18, exact interest in units of 1e-18 tiyn. So code
that works on columns of numbers repeats it exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache

from rules.day_count import DayCount, Period, Periods
from rules.money import Money

SCALE = 10**18
_DIGITS = 12
_FIXED_YEARS = {DayCount.ACT_365: 365, DayCount.ACT_360: 360, DayCount.THIRTY_360: 360}
_HALF = SCALE // 2


@lru_cache(maxsize=65536)
def factor(
    rate_percent: Decimal, period: Period, count: DayCount, since: date | None = None, to: date | None = None
) -> int:
    """Interest of one tiyn over a whole period, or over its days from since to `to`, in units of 1e-18.

    Inside a period of 30/360 the factor of the whole period is shared out by its real days and rounded again.

    >>> february = Period(date(2024, 2, 1), date(2024, 3, 1), 1)
    >>> factor(Decimal(7), february, DayCount.THIRTY_360)
    5833333333330000
    >>> factor(Decimal(7), february, DayCount.THIRTY_360, date(2024, 2, 29))
    201149425287000
    """
    since, to = since or period.start, to or period.due
    elapsed = to.toordinal() - since.toordinal()
    if count is DayCount.THIRTY_360:
        whole = _table(rate_percent, count)[period.days(count)]
        return whole if elapsed == period.real_days else twelve_digits(whole * elapsed, SCALE * period.real_days)
    if count in _FIXED_YEARS:
        return _table(rate_percent, count)[elapsed]
    over, under = rate_percent.as_integer_ratio()
    share = period.share(count, since, to)
    return twelve_digits(over * share.numerator, under * 100 * share.denominator)


def factors_of(rate_percent: Decimal, periods: Sequence[Period], count: DayCount) -> list[int]:
    """The factors of whole periods, as `factor` gives each of them."""
    if count not in _FIXED_YEARS:
        return [factor(rate_percent, period, count) for period in periods]
    table = _table(rate_percent, count)
    days = periods.days(count) if isinstance(periods, Periods) else [period.days(count) for period in periods]
    return list(map(table.__getitem__, days))


class _ByDays(dict[int, int]):
    """Factors of a rate by days, where a day is always the same share of a year; made as they are asked for."""

    def __init__(self, rate_percent: Decimal, year: int) -> None:
        over, under = rate_percent.as_integer_ratio()
        self._over, self._under = over, under * 100 * year

    def __missing__(self, days: int) -> int:
        self[days] = made = twelve_digits(self._over * days, self._under)
        return made


@lru_cache(maxsize=4096)
def _table(rate_percent: Decimal, count: DayCount) -> _ByDays:
    return _ByDays(rate_percent, _FIXED_YEARS[count])


def twelve_digits(over: int, under: int) -> int:
    """A quotient, not negative, to 12 significant digits, half-even, in units of 1e-18.

    >>> twelve_digits(7, 1200), twelve_digits(2, 3), twelve_digits(1, 3 * 10**9)
    (5833333333330000, 666666666667000000, 333333333)
    """
    surplus = len(str(over * SCALE // under)) - _DIGITS
    unit = 10**surplus if surplus > 0 else 1
    return nearest(over * SCALE, under * unit) * unit


def nearest(over: int, under: int) -> int:
    """A quotient to the nearest whole number, half-even. under: positive.

    >>> [nearest(tiyn, 2) for tiyn in (1, 3, 5, -1, -3)]
    [0, 2, 2, 0, -2]
    """
    whole, rest = divmod(over, under)
    twice = 2 * rest
    return whole + (twice > under or (twice == under and whole & 1))


def to_tiyn(exact: int) -> int:
    """Exact interest, units of 1e-18 tiyn, to the nearest tiyn, half-even.

    >>> to_tiyn(SCALE // 2), to_tiyn(3 * SCALE // 2), to_tiyn(-SCALE // 2 - 1)
    (0, 2, -1)
    """
    whole, rest = divmod(exact, SCALE)
    return whole + (rest > _HALF or (rest == _HALF and whole & 1))


def interest(balance: Money, by: int) -> Money:
    """Interest of one balance by one factor, rounded to the tiyn.

    >>> february = Period(date(2024, 2, 1), date(2024, 3, 1), 1)
    >>> interest(Money(150), factor(Decimal(7), february, DayCount.THIRTY_360))
    Money('0.87')
    """
    return Money.of_tiyn(to_tiyn(balance.tiyn * by))
