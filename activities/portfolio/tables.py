"""What the compiled fold looks up: factors by rate and days, first days of months, the rules in whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from activities.portfolio.kernel_names import MOST_DAYS, NEVER, SCALE
from rules.accrual import factor
from rules.day_count import DayCount, Period
from rules.servicing_rules import ServicingRules

Ints = NDArray[np.int64]

MONTHS: Ints = np.array(
    [date(month // 12, month % 12 + 1, 1).toordinal() for month in range(12 * 1990, 12 * 2120)], np.int64
)
_NAMES = {"overdue_principal": 0, "overdue_interest": 1, "penalty": 2, "principal": 3, "interest": 4}


def factors(rates: Iterable[Decimal], count: DayCount) -> Ints:
    """Factors of each rate (per cent a year) by days, one rate after the other, at most SCALE.

    For day counts in which a day is always the same share of a year.
    """
    start = date(2000, 1, 1)
    made = [
        min(factor(rate, Period(start, start + timedelta(days=days), 0, days), count), SCALE)
        for rate in rates
        for days in range(MOST_DAYS)
    ]
    return np.array(made, np.int64)


def rules_in_numbers(rules: ServicingRules) -> tuple[Ints, Ints] | None:
    """Rates in millionths, days, and the order of the waterfall; None where a rate has more digits than that."""
    rates = (rules.penalty_daily_percent, rules.penalty_later_daily_percent, rules.penalty_year_cap_percent)
    millionths = [rate * 10_000 for rate in rates]
    if any(rate != int(rate) for rate in millionths):
        return None
    first, later, cap = map(int, millionths)
    stop = NEVER if rules.accrual_stop_days is None else rules.accrual_stop_days
    order = [_NAMES[name] for name in rules.allocation if name in _NAMES]
    return np.array([first, rules.penalty_first_days, later, cap, stop], np.int64), np.array(order, np.int64)
