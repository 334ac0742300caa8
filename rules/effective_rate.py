"""The annual effective rate (ГЭСВ): sum of flow / (1 + r)^(t / 365) = 0, t in calendar days.

With x = ln(1 + r) a loan (money in once, then payments) has exactly one root, so bisection between fixed ends finds
it whatever the size: no start value, no divergence. Flows that change sign more often are searched interval by
interval: one is dropped only when its bounds show that it holds no root, and none is overlooked. The search runs in
floats, as a rate is searched and not an amount; the answer is then corrected in Decimal, so that rounding never hangs
on a float.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, getcontext, localcontext
from itertools import pairwise
from math import exp

from rules.errors import InvalidInput
from rules.money import Money

YEAR_DAYS = Decimal(365)
_LOWEST, _HIGHEST = -20_000.0, 700.0  # of x: r from a loss of all within a minute up to 10^306 %
_REACH_OF_MANY = 60.0  # where flows change sign often
_NARROW = 1e-9  # an interval that may still hold two roots or none; Decimal decides
_DIGITS = 50
_MOST_STEPS = 12
_SIX = Decimal("0.000001")
_TOUCH = Decimal("1e-20")

Flow = tuple[Decimal, Decimal]  # years from the first flow, signed amount
Sums = tuple[float, float, float, float]


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


def two_decimals(rate_percent: Decimal) -> Decimal:
    """A rate as contracts print it: halves up.

    >>> two_decimals(Decimal("55.953041")), two_decimals(Decimal("45.985000"))
    (Decimal('55.95'), Decimal('45.99'))
    """
    with localcontext(Context(prec=400)):  # a fee on a day's loan makes any number
        return rate_percent.quantize(Decimal("0.01"), ROUND_HALF_UP)


def roots(flows: Sequence[Flow], year_days: Decimal = YEAR_DAYS, digits: int = _DIGITS) -> list[Decimal]:
    """Every rate, per cent to six decimals, that makes flows of (day, amount) equal; days may be fractions.

    Args:
        digits: to compute with; more are taken by itself where a rate is so large that it needs them.

    >>> roots([(Decimal(0), Decimal(-1000)), (Decimal(365), Decimal(2300)), (Decimal(730), Decimal(-1320))])
    [Decimal('10.000000'), Decimal('20.000000')]
    """
    with localcontext(Context(prec=digits)):
        timed = _by_time(flows, year_days)
        changes = sum((before > 0) != (after > 0) for (_, before), (_, after) in pairwise(timed))
        rough = [(float(time), float(amount)) for time, amount in timed]
        if changes == 0:
            return []
        exact = _confirmed(timed, _all_roots(rough) if changes > 1 else [(x, False) for x in _only_root(rough)])
        needed = _DIGITS + int(max((*exact, Decimal(0))))
        if needed > digits + _DIGITS // 2:
            return roots(flows, year_days, needed)
        return [((x.exp() - 1) * 100).quantize(_SIX, ROUND_HALF_UP) for x in exact]


def discount_factors(days: Sequence[int], rate_percent: Decimal) -> list[Decimal]:
    """What a tenge is worth, so many days later, at an effective rate."""
    with localcontext(Context(prec=_DIGITS)):
        x = (1 + rate_percent / 100).ln() / YEAR_DAYS
        return [(-x * day).exp() for day in days]


def present_value(flows: Sequence[tuple[date, Money]], rate_percent: Decimal) -> Decimal:
    """Value on the first day at an effective rate; negative where the flows cost more than that rate."""
    first = min(day for day, _ in flows)
    factors = discount_factors([(day - first).days for day, _ in flows], rate_percent)
    with localcontext(Context(prec=_DIGITS)):
        return sum((amount.root * factor for (_, amount), factor in zip(flows, factors, strict=True)), Decimal(0))


def _by_time(flows: Sequence[Flow], year_days: Decimal) -> list[Flow]:
    net: dict[Decimal, Decimal] = {}
    for day, amount in flows:
        net[day] = net.get(day, Decimal(0)) + amount
    kept = sorted(day for day, amount in net.items() if amount)
    return [((day - kept[0]) / year_days, net[day]) for day in kept]


def _only_root(flows: Sequence[tuple[float, float]]) -> list[float]:
    """The root of flows that change sign once: there is one, if not beyond the reach."""
    if (_value(flows, _LOWEST)[0] > 0) == (_value(flows, _HIGHEST)[0] > 0):
        return []
    return [_narrowed(flows, _LOWEST, _HIGHEST)]


def _value(flows: Sequence[tuple[float, float]], x: float) -> tuple[float, float]:
    """The sum and its slope; seen from the end where the start would overflow, which changes no sign and no root."""
    shift = flows[-1][0] if x < 0 else 0.0
    total = slope = 0.0
    for time, amount in flows:
        part = amount * exp(x * (shift - time))
        total += part
        slope -= part * time
    return total, slope


def _narrowed(flows: Sequence[tuple[float, float]], low: float, high: float) -> float:
    """The root between two points of different sign: Newton's steps where they converge inside, halves elsewhere."""
    rising = _value(flows, high)[0] > 0
    x = 0.0 if low < 0 < high else (low + high) / 2
    step = before = high - low
    while True:
        value, slope = _value(flows, x)
        if (value > 0) == rising:
            high = x
        else:
            low = x
        by_newton = value / slope if slope else high - low
        if low < x - by_newton < high and abs(by_newton) < abs(before) / 2:
            before, step = step, by_newton
        else:
            before, step = step, x - (low + high) / 2
        if x - step in (low, high, x) or not value:
            return x
        x -= step


def _all_roots(flows: Sequence[tuple[float, float]]) -> Iterator[tuple[float, bool]]:
    """Where roots are, from the lowest rate on; True: the sum comes so near to zero that it may only touch it."""
    reach = min(_REACH_OF_MANY, 600 / max(flows[-1][0], 1.0))  # beyond it the powers overflow
    waiting = [(-reach, _sums(flows, -reach), reach, _sums(flows, reach))]
    while waiting:
        low, at_low, high, at_high = waiting.pop()
        if not _may_vanish(at_low[:2], at_high[:2]):
            continue
        if not _may_vanish(at_low[2:], at_high[2:]):  # the slope keeps its sign: one root or none
            if (at_low[0] > at_low[1]) != (at_high[0] > at_high[1]):
                yield _narrowed(flows, low, high), False
        elif high - low < _NARROW:
            yield (low + high) / 2, True
        else:
            middle = (low + high) / 2
            at_middle = _sums(flows, middle)
            waiting += [(middle, at_middle, high, at_high), (low, at_low, middle, at_middle)]


def _sums(flows: Sequence[tuple[float, float]], x: float) -> Sums:
    """What is received and what is paid, discounted; and each weighted by its time: all fall as x grows."""
    received = paid = received_late = paid_late = 0.0
    for time, amount in flows:
        part = amount * exp(-x * time)
        if amount > 0:
            received += part
            received_late += part * time
        else:
            paid -= part
            paid_late -= part * time
    return received, paid, received_late, paid_late


def _may_vanish(low: tuple[float, ...], high: tuple[float, ...]) -> bool:
    """Whether the difference of two sums, which both fall from low to high, can be zero between."""
    return high[0] <= low[1] and low[0] >= high[1]


def _newton(flows: Sequence[Flow], rough: float, of_slope: bool = False) -> Decimal:
    """A root of the sum, or of its slope; each step doubles the sixteen digits that the float gave."""
    x, settled = Decimal(rough), Decimal(10) ** -(getcontext().prec // 2 - 14)  # the next step is about its square
    for _ in range(_MOST_STEPS):
        parts = [(time, (-time if of_slope else 1) * amount * (-x * time).exp()) for time, amount in flows]
        slope = sum((-time * part for time, part in parts), Decimal(0))
        step = sum((part for _, part in parts), Decimal(0)) / slope if slope else Decimal(0)
        x -= step
        if abs(step) < settled:
            break
    return x


def _confirmed(flows: Sequence[Flow], found: Iterable[tuple[float, bool]]) -> list[Decimal]:
    """The roots in Decimal: where the sum may only touch zero it must vanish there, and is named once."""
    exact: list[Decimal] = []
    for near, touches in found:
        x = _newton(flows, near, of_slope=touches)
        if not touches or (_vanishes(flows, x) and not (exact and abs(exact[-1] - x) < _TOUCH)):
            exact.append(x)
    return exact


def _vanishes(flows: Sequence[Flow], x: Decimal) -> bool:
    parts = [amount * (-x * time).exp() for time, amount in flows]
    size = sum((abs(part) for part in parts), Decimal(0))
    return abs(sum(parts, Decimal(0))) <= _TOUCH * size
