"""US nominal rates by unit periods (12 CFR 1026, Appendix J): not ours, but a test of dates and odd first periods.

With the odd time f and w whole units before the first payment, k units after it: advance = sum of payment /
((1 + f i) (1 + i)^(w + k)); the rate is i x units of a year. Odd time is measured backwards from the first payment.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from cli.conformance.report import FileReport, day
from rules.calendar import add_months

_SEMI = "semi-monthly"
_DAYS_OF_A_MONTH, _DAYS_OF_HALF_A_MONTH, _DAYS_OF_A_WEEK = 30, 15, 7
_STEPS = 200


def judge(content: dict[str, Any]) -> FileReport:
    """Rates to the printed decimals."""
    report = FileReport()
    for case in content["cases"]:
        unit, flows = case["unit_period"], sorted((day(when), Decimal(amount)) for when, amount in case["flows"])
        if unit != _SEMI and unit[0] not in "MW":
            report.skip(f"unit period {unit}")
        elif flows[0][1] <= 0 or any(amount > 0 for _, amount in flows[1:]):
            report.skip("several advances")
        else:
            wanted = Decimal(case["expected_nominal_apr_percent"])
            found = _rate(flows, unit).quantize(Decimal("0.01"), ROUND_HALF_UP)
            report.compare(case["id"], None if found == wanted.quantize(found) else f"{found}, printed {wanted}")
    return report


def _rate(flows: list[tuple[date, Decimal]], unit: str) -> Decimal:
    (advanced, advance), (first, _), *_ = flows
    whole, odd = _before(advanced, first, unit)
    times = [(whole + _units(first, when, unit), -amount) for when, amount in flows[1:]]

    def worth(i: Decimal) -> Decimal:
        return sum((amount / ((1 + odd * i) * (1 + i) ** k) for k, amount in times), Decimal(0))

    low, high = Decimal(0), Decimal(1)
    while worth(high) > advance:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if worth(middle) > advance else (low, middle)
    return low * _units_of_a_year(unit) * 100


def _units_of_a_year(unit: str) -> int:
    if unit == _SEMI:
        return 24
    return (12 if unit[0] == "M" else 52) // int(unit[1:])


def _before(advanced: date, first: date, unit: str) -> tuple[int, Decimal]:
    """Whole units from the advance to the first payment, and the odd rest as a share of a unit."""
    if unit[0] == "W":
        length = _DAYS_OF_A_WEEK * int(unit[1:])
        whole, rest = divmod((first - advanced).days, length)
        return whole, _decimal(Fraction(rest, length))
    months = _steps_back(advanced, lambda k: add_months(first, -k))
    days = (add_months(first, -months) - advanced).days
    if unit == _SEMI:
        halves, days = divmod(days, _DAYS_OF_HALF_A_MONTH)
        return 2 * months + halves, _decimal(Fraction(days, _DAYS_OF_HALF_A_MONTH))
    each = int(unit[1:])
    whole, left = divmod(months, each)
    return whole, _decimal(Fraction(_DAYS_OF_A_MONTH * left + days, _DAYS_OF_A_MONTH * each))


def _steps_back(advanced: date, back: Callable[[int], date]) -> int:
    count = 0
    while back(count + 1) >= advanced:
        count += 1
    return count


def _units(first: date, when: date, unit: str) -> int:
    """Whole units between two payments."""
    if unit[0] == "W":
        return round((when - first) / timedelta(days=_DAYS_OF_A_WEEK * int(unit[1:])))
    months = (when.year - first.year) * 12 + when.month - first.month
    if unit == _SEMI:
        return 2 * months + (when.day - first.day) // _DAYS_OF_HALF_A_MONTH
    return months // int(unit[1:])


def _decimal(share: Fraction) -> Decimal:
    return Decimal(share.numerator) / share.denominator
