"""Pricing: the annual effective rate (ГЭСВ), its caps, and the greatest nominal rate under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from rules.effective_rate import annual_effective_rate, present_value
from rules.errors import InvalidInput, NotAllowed
from rules.money import Money
from rules.policy import PolicySet
from rules.schedule import Charge, LoanTerms, RepaymentSchedule, instalments

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
    if cap.daily_percent is not None and terms.rate_percent_per_year >= cap.daily_percent * 365:
        return False
    return present_value(flows, cap.effective_percent) >= 0


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
    cap = rate_cap(terms, policy)

    def keeps(steps: int) -> bool:
        tried = terms.model_copy(update={"rate_percent_per_year": steps * step})
        paid = [(row.due, -row.payment) for row in instalments(tried)]
        paid += [(charge.on, -charge.amount) for charge in charges]
        return within_cap(tried, [(tried.disbursed, tried.principal), *paid], cap)

    if not keeps(0):
        raise InvalidInput("charges-above-cap", "the charges alone break the cap")
    low, high = 0, int((cap.effective_percent / step).to_integral_value(ROUND_CEILING))
    while keeps(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low * step
