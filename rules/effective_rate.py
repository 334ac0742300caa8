"""The annual effective rate (ГЭСВ): sum of flow / (1 + r)^(t / 365) = 0, t in calendar days.

With x = ln(1 + r) a loan (money in once, then payments) has exactly one root, so bisection between fixed
ends finds it whatever the size: no start value, no divergence. The search runs in floats, as a rate is
searched and not an amount; the answer is then corrected in Decimal, so that rounding never hangs on a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from itertools import pairwise
from math import exp

from rules.errors import InvalidInput
from rules.money import Money

YEAR_DAYS = Decimal(365)
_LOW, _HIGH, _STEPS = -12.0, 12.0, 960  # r from -99.999 % to 16 million %
_WORK = Context(prec=34)
_SIX = Decimal("0.000001")

Flow = tuple[Decimal, Decimal]  # years from the first flow, signed amount


def annual_effective_rate(flows: Sequence[tuple[date, Money]], year_days: Decimal = YEAR_DAYS) -> Decimal:
    """Per cent a year to six decimals. Plus is what the client receives; the order does not matter.

    Raises:
        InvalidInput: `effective-rate-no-solution`, or `effective-rate-several-roots`: never a guess among them.

    >>> annual_effective_rate([(date(2025, 1, 1), Money(100000)), (date(2025, 1, 31), Money(-103720))])
    Decimal('55.953041')
    """
    first = min(day for day, _ in flows)
    found = roots([(Decimal((day - first).days), amount.root) for day, amount in flows], year_days)
    if not found:
        raise InvalidInput("effective-rate-no-solution", "no rate makes these payments equal")
    if len(found) > 1:
        raise InvalidInput("effective-rate-several-roots", "several rates make these payments equal")
    return found[0]


def roots(flows: Sequence[Flow], year_days: Decimal = YEAR_DAYS) -> list[Decimal]:
    """Every rate, per cent to six decimals, that makes flows of (day, amount) equal; days may be fractions."""
    with localcontext(_WORK):
        timed = _by_time(flows, year_days)
        rough = [(float(time), float(amount)) for time, amount in timed]
        return [_percent(timed, _bisect(rough, low, high)) for low, high in _brackets(rough)]


def present_value(flows: Sequence[tuple[date, Money]], rate_percent: Decimal) -> Decimal:
    """Value on the first day at an effective rate; negative where the flows cost more than that rate."""
    first = min(day for day, _ in flows)
    with localcontext(_WORK):
        timed = _by_time([(Decimal((day - first).days), amount.root) for day, amount in flows], YEAR_DAYS)
        x = (1 + rate_percent / 100).ln()
        return sum((amount * (-x * time).exp() for time, amount in timed), Decimal(0))


def _by_time(flows: Sequence[Flow], year_days: Decimal) -> list[Flow]:
    net: dict[Decimal, Decimal] = {}
    for day, amount in flows:
        net[day] = net.get(day, Decimal(0)) + amount
    first = min(net)
    return [((day - first) / year_days, net[day]) for day in sorted(net) if net[day]]


def _value(flows: Sequence[tuple[float, float]], x: float) -> float:
    shift = flows[-1][0] if x < 0 else 0.0  # only the sign matters: seen from the end where the start would overflow
    return sum(amount * exp(x * (shift - time)) for time, amount in flows)


def _brackets(flows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    changes = sum((before[1] > 0) != (after[1] > 0) for before, after in pairwise(flows))
    if changes == 0:
        return []
    steps = 1 if changes == 1 else _STEPS  # one change of sign: one root; more: look everywhere
    grid = [_LOW + (_HIGH - _LOW) * k / steps for k in range(steps + 1)]
    values = [_value(flows, x) for x in grid]
    return [(grid[k], grid[k + 1]) for k in range(steps) if (values[k] > 0) != (values[k + 1] > 0)]


def _bisect(flows: Sequence[tuple[float, float]], low: float, high: float) -> float:
    rising = _value(flows, high) > 0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if (_value(flows, middle) > 0) == rising:
            high = middle
        else:
            low = middle


def _percent(flows: Sequence[Flow], rough: float) -> Decimal:
    x = Decimal(rough)
    for _ in range(2):  # each step of Newton doubles the sixteen digits that the float gave
        parts = [(time, amount * (-x * time).exp()) for time, amount in flows]
        slope = sum((-time * part for time, part in parts), Decimal(0))
        if not slope:
            break
        x -= sum((part for _, part in parts), Decimal(0)) / slope
    return ((x.exp() - 1) * 100).quantize(_SIX, ROUND_HALF_UP)
