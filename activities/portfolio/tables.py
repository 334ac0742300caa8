"""What the compiled fold looks up: factors by rate and days, first days of months, the rules in whole numbers."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from activities.portfolio.kernel_names import (
    MOST_DAYS,
    NEVER,
    PAY_INTEREST,
    PAY_LATE_INTEREST,
    PAY_LATE_PRINCIPAL,
    PAY_PENALTY,
    PAY_PRINCIPAL,
    SCALE,
)
from rules.accrual import factors_of
from rules.day_count import DayCount, Period, Periods
from rules.servicing_rules import ServicingRules

Ints = NDArray[np.int64]

MONTHS: Ints = np.array(
    [date(month // 12, month % 12 + 1, 1).toordinal() for month in range(12 * 1990, 12 * 2120)], np.int64
)
LAST_FIRST_DUE = date(2100, 1, 1)  # a plan that begins later may leave the table of months
_START = date(2000, 1, 1)
_SPANS = Periods(Period(_START, _START + timedelta(days=days), 0, days) for days in range(MOST_DAYS))
_MOST_DAILY, _MOST_CAP = 100_000, 10**8  # millionths; times the largest balance, by years of nights, below 2**63
_NAMES = {
    "overdue_principal": PAY_LATE_PRINCIPAL,
    "overdue_interest": PAY_LATE_INTEREST,
    "penalty": PAY_PENALTY,
    "principal": PAY_PRINCIPAL,
    "interest": PAY_INTEREST,
}


class Factors:
    """Rates in use, each with a number: how many tables of factors lie before its own.

    For day counts in which a day is always the same share of a year.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[Decimal, DayCount], int] = {}

    def number(self, rate: Decimal, count: DayCount) -> int:
        """The number of a rate (per cent a year); a new one where it is not in use yet."""
        return self._numbers.setdefault((rate, count), len(self._numbers))

    def table(self) -> Ints:
        """One table after the other."""
        return np.concatenate([_by_days(*one) for one in self._numbers] or [np.zeros(0, np.int64)])


@lru_cache(maxsize=1024)
def _by_days(rate: Decimal, count: DayCount) -> Ints:
    """Factors by days, at most SCALE."""
    return np.array([min(by, SCALE) for by in factors_of(rate, _SPANS, count)], np.int64)


def rules_in_numbers(rules: ServicingRules) -> tuple[int, ...] | None:
    """Penalty, the days after which interest stops, the order of the waterfall; None where columns cannot say it.

    They cannot where an instalment of today is paid before a late one: unpaid bills would not be the last ones.
    """
    penalty = penalty_in_numbers(
        rules.penalty_daily_percent,
        rules.penalty_first_days,
        rules.penalty_later_daily_percent,
        rules.penalty_year_cap_percent,
    )
    stop = NEVER if rules.accrual_stop_days is None else rules.accrual_stop_days
    order = [_NAMES[name] for name in rules.allocation if name in _NAMES]
    oldest_first = order.index(PAY_LATE_PRINCIPAL) < order.index(PAY_PRINCIPAL) and order.index(
        PAY_LATE_INTEREST
    ) < order.index(PAY_INTEREST)
    return (*penalty, stop, *order) if penalty and oldest_first else None


def penalty_in_numbers(daily: Decimal, days: int, later: Decimal, cap: Decimal) -> list[int] | None:
    """Per cent as millionths of the whole; None where a figure has more digits than that, or is too large.

    >>> penalty_in_numbers(Decimal("0.5"), 90, Decimal("0.03"), Decimal(10))
    [5000, 90, 300, 100000]
    >>> penalty_in_numbers(Decimal("0.00001"), 90, Decimal("0.03"), Decimal(10))
    """
    first, second, most = daily * 10_000, later * 10_000, cap * 10_000
    if any(rate != int(rate) or not 0 <= rate <= _MOST_DAILY for rate in (first, second)):
        return None
    return [int(first), days, int(second), int(most)] if most == int(most) and 0 <= most <= _MOST_CAP else None
