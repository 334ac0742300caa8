"""Pricing: the annual effective rate (ГЭСВ), its caps, and the greatest nominal rate under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from rules.accrual import factors_of
from rules.day_count import DayCount
from rules.effective_rate import annual_effective_rate, discount_factors, present_value
from rules.errors import InvalidInput, NotAllowed
from rules.money import Money
from rules.plan import shape_of, tried_rows
from rules.policy import PolicySet
from rules.schedule import Charge, LoanTerms, RepaymentSchedule

__all__ = ["RateCap", "annual_effective_rate", "check_cap", "greatest_rate_under_cap", "rate_cap", "within_cap"]


@dataclass(frozen=True)
class RateCap:
    """The caps on one loan. daily_percent: must not be reached; None where only the yearly cap binds."""

    effective_percent: Decimal
    daily_percent: Decimal | None
    policy_rows: tuple[str, ...]


def rate_cap(terms: LoanTerms, policy: PolicySet) -> RateCap:
    """The caps that bind these terms: short and small loans have their own, all others the general one."""
    days = (terms.repayment_periods()[-1].due - terms.disbursed).days
    short = (
        policy.switch("short-term-rule")
        and days <= policy.whole("short-term-max-days")
        and terms.principal <= policy.in_tenge("short-term-max-mrp")
    )
    if not short:
        return RateCap(policy.number("aer-cap-percent"), None, (policy.row_id("aer-cap-percent"),))
    names = ("short-term-aer-cap-percent", "short-term-daily-cap-percent")
    return RateCap(policy.number(names[0]), policy.number(names[1]), tuple(map(policy.row_id, names)))


def within_cap(terms: LoanTerms, flows: Sequence[tuple[date, Money]], cap: RateCap) -> bool:
    """Whether a loan keeps its caps, compared unrounded: its flows, valued at the cap, are no loss to the client."""
    if _reaches_daily(cap, terms.rate_percent_per_year, terms.day_count):
        return False
    return present_value(flows, cap.effective_percent) >= 0


def _reaches_daily(cap: RateCap, rate_percent: Decimal, count: DayCount) -> bool:
    """Whether a day costs as much as the daily cap or more; of a split year the dearer day counts."""
    year = 360 if count in (DayCount.ACT_360, DayCount.THIRTY_360) else 365
    return cap.daily_percent is not None and rate_percent >= cap.daily_percent * year


def check_cap(schedule: RepaymentSchedule, policy: PolicySet) -> RateCap:
    """The caps that a schedule keeps; asked when an offer is made and again when the contract is.

    Raises:
        NotAllowed: `rate-above-cap`.
    """
    cap = rate_cap(schedule.terms, policy)
    if not within_cap(schedule.terms, schedule.flows(), cap):
        raise NotAllowed("rate-above-cap", "the effective rate is above the cap in force")
    return cap


def greatest_rate_under_cap(
    terms: LoanTerms, policy: PolicySet, charges: Sequence[Charge] = (), step: Decimal = Decimal("0.01")
) -> Decimal:
    """The greatest nominal rate, per cent a year in whole steps, at which these terms keep the caps.

    The rate in `terms` does not matter.

    Raises:
        InvalidInput: `charges-above-cap`, the charges alone break the cap.
    """
    cap, periods, shape = rate_cap(terms, policy), terms.repayment_periods(), shape_of(terms)
    terms.check()
    days = [(day - terms.disbursed).days for day in (*(charge.on for charge in charges), *(one.due for one in periods))]
    worth = discount_factors(days, cap.effective_percent)
    left = terms.principal.root - sum(charge.amount.root * by for charge, by in zip(charges, worth, strict=False))
    worth = worth[len(charges) :]

    def keeps(steps: int) -> bool:
        rate = steps * step
        if _reaches_daily(cap, rate, terms.day_count):
            return False
        rows = tried_rows(terms.principal.tiyn, factors_of(rate, periods, terms.day_count), shape)
        return sum(row[2] * by for row, by in zip(rows, worth, strict=True)) <= 100 * left

    if not keeps(0):
        raise InvalidInput("charges-above-cap", "the charges alone break the cap")
    low, high = 0, int((cap.effective_percent / step).to_integral_value(ROUND_CEILING))
    while keeps(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low * step
