"""Exact arithmetic on columns: tiyn x factor without floats, in two parts that fit into 64 bits.

An exact amount is a whole number of tiyn and a rest in units of 1e-18 tiyn, as rules.accrual counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from rules.accrual import SCALE, factor
from rules.day_count import DayCount, Period

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LARGEST_BALANCE = 8 * 10**9  # tiyn: a balance below this times the largest factor stays below 2**63
LARGEST_FACTOR = SCALE
_HALF = SCALE // 2
_LIMB = 10**9
_MOST_DAYS = 4000


def product(balance: Ints, by: Ints) -> tuple[Ints, Ints]:
    """balance x factor as whole tiyn and rest. Balances and factors are not negative and below the limits."""
    high, low = _divided(by, _LIMB)
    whole, middle = _divided(balance * high, _LIMB)
    carried, rest = _divided(middle * _LIMB + balance * low, SCALE)
    return whole + carried, rest


def _divided(amount: Ints, by: int) -> tuple[Ints, Ints]:
    """Quotient and rest by a constant; several times quicker than np.divmod."""
    whole = amount // by
    return whole, amount - whole * by


def add(whole: Ints, rest: Ints, more_whole: Ints, more_rest: Ints) -> tuple[Ints, Ints]:
    """The sum of two exact amounts."""
    total = rest + more_rest
    carry = total >= SCALE
    return whole + more_whole + carry, total - carry * SCALE


def nearest(whole: Ints, rest: Ints) -> Ints:
    """An exact amount to the nearest tiyn, half-even."""
    up: Flags = (rest > _HALF) | ((rest == _HALF) & ((whole & 1) == 1))
    return whole + up


def nearest_of(amount: Ints, unit: int) -> Ints:
    """A count of 1/unit tiyn to the nearest tiyn, half-even."""
    whole, rest = _divided(amount, unit)
    up: Flags = (2 * rest > unit) | ((2 * rest == unit) & ((whole & 1) == 1))
    return whole + up


class Factors:
    """Factors by rate and days, for day counts in which a day is always the same share of a year.

    Args:
        rates: per cent a year; the position in this list is the rate's number.
    """

    def __init__(self, rates: Iterable[Decimal], count: DayCount) -> None:
        start = date(2000, 1, 1)
        rows = [
            [
                min(factor(rate, Period(start, start + timedelta(days=days), 0, days), count), LARGEST_FACTOR)
                for days in range(_MOST_DAYS - 1)
            ]
            + [LARGEST_FACTOR]  # further away than the table reaches
            for rate in rates
        ]
        self._flat: Ints = np.array(rows, dtype=np.int64).reshape(-1)

    def of(self, rate: Ints, days: Ints) -> Ints:
        """The factor of each, at most LARGEST_FACTOR: one that large is the scalar fold's to count."""
        return self._flat[rate * _MOST_DAYS + np.minimum(days, _MOST_DAYS - 1)]
