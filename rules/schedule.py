"""Repayment schedules: annuity, differentiated, the lender's own method.

Interest of a row = balance x rate x days / (100 x days of the year), rounded once, halves away from zero:
anybody can recompute it by hand. Level instalments come from P x prod(1 + f) / fn with the exact factor f of
each period (equal factors give the usual annuity), so real days of months do not bend them. Where the interest
of a long first period exceeds the instalment, that row is the interest alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction

from pydantic import BaseModel, ConfigDict

from rules.day_count import DayCount, Period, periods
from rules.effective_rate import annual_effective_rate
from rules.errors import InvalidInput
from rules.money import Money

__all__ = [
    "Charge", "DayCount", "Installment", "LoanTerms", "Method", "RepaymentSchedule", "Rounding",
    "build", "exact_interest", "instalments", "rounded",
]  # fmt: skip

_EXACT = Context(prec=50)
_PERCENT = Decimal("0.01")
_NOTHING = Money(0)


class Method(StrEnum):
    """How a microcredit is repaid. Rules: para 8, part 4."""

    ANNUITY = "annuity"
    DIFFERENTIATED = "differentiated"
    OWN = "own"


class Rounding(StrEnum):
    """What becomes of the rounding difference; named in the contract. last_absorbs: the last instalment takes it."""

    LAST_ABSORBS = "last_absorbs"


class Installment(BaseModel):
    """One row. days: of interest. balance: principal left after this payment."""

    model_config = ConfigDict(frozen=True)

    n: int
    due: date
    days: int
    interest: Money
    principal: Money
    payment: Money
    balance: Money


class Charge(BaseModel):
    """Something the client pays besides the instalments, to the lender or to a third party."""

    model_config = ConfigDict(frozen=True)

    name: str
    amount: Money
    on: date


class LoanTerms(BaseModel):
    """Everything a schedule follows from; stored with contract and loan.

    rate_percent_per_year: nominal. periods: the number of instalments, always as asked.
    interest_only_months: of the lender's own method. penalty figures come from policy rows, by name.
    """

    model_config = ConfigDict(frozen=True)

    principal: Money
    rate_percent_per_year: Decimal
    periods: int
    method: Method
    disbursed: date
    first_due: date
    day_count: DayCount = DayCount.ACT_365
    rounding: Rounding = Rounding.LAST_ABSORBS
    interest_only_months: int = 0
    product_code: str = ""
    product_version: str = ""
    policy_version: str = ""

    def repayment_periods(self) -> list[Period]:
        """From the disbursement to the last due date."""
        return periods(self.disbursed, self.first_due, self.periods)


class RepaymentSchedule(BaseModel):
    """A schedule with its totals and the annual effective rate (ГЭСВ), per cent, two decimals."""

    model_config = ConfigDict(frozen=True)

    terms: LoanTerms
    rows: tuple[Installment, ...]
    total_interest: Money
    total_payment: Money
    annual_effective_rate_percent: Decimal
    charges: tuple[Charge, ...] = ()

    def flows(self) -> list[tuple[date, Money]]:
        """Money as the client sees it: plus is received, minus is paid; charges included."""
        received = [(self.terms.disbursed, self.terms.principal)]
        paid = [(row.due, -row.payment) for row in self.rows]
        return received + paid + [(charge.on, -charge.amount) for charge in self.charges]

    @property
    def overpayment(self) -> Money:
        """Interest and charges together."""
        return self.total_interest + Money.total(charge.amount for charge in self.charges)


def exact_interest(balance: Money, rate_percent: Decimal, share: Fraction) -> Fraction:
    """Interest in tenge before rounding: balance x rate / 100 x share of the year."""
    over, under = rate_percent.as_integer_ratio()
    tiyn = int(balance.root.scaleb(2))
    return Fraction(tiyn * over * share.numerator, 10_000 * under * share.denominator)


def rounded(tenge: Fraction) -> Money:
    """An exact amount to the nearest tiyn, halves away from zero, as Money.rounded does it."""
    tiyn, rest = divmod(abs(tenge.numerator) * 100, tenge.denominator)
    tiyn += 2 * rest >= tenge.denominator
    return Money(Decimal(tiyn if tenge >= 0 else -tiyn).scaleb(-2))


def build(terms: LoanTerms, charges: Sequence[Charge] = ()) -> RepaymentSchedule:
    """The schedule of the terms; preview, contract and booking all call this.

    Raises:
        InvalidInput: terms that give no sound schedule (no instalment may be zero, none may come after the end).

    Rules: para 8, part 4.

    >>> loan = LoanTerms(principal=Money(15000), rate_percent_per_year=Decimal(24), periods=12,
    ...     method=Method.DIFFERENTIATED, disbursed=date(2025, 1, 15), first_due=date(2025, 2, 15),
    ...     day_count=DayCount.THIRTY_360)
    >>> made = build(loan)
    >>> made.rows[0].payment, made.rows[-1].payment, made.total_interest
    (Money('1550.00'), Money('1275.00'), Money('1950.00'))
    """
    _check(terms)
    with localcontext(_EXACT):
        rows = _rows(terms)
    payments = Money.total(row.payment for row in rows)
    draft = RepaymentSchedule(
        terms=terms,
        rows=tuple(rows),
        total_interest=Money.total(row.interest for row in rows),
        total_payment=payments,
        annual_effective_rate_percent=Decimal(0),
        charges=tuple(charges),
    )
    rate = annual_effective_rate(draft.flows()).quantize(_PERCENT, ROUND_HALF_UP)
    return draft.model_copy(update={"annual_effective_rate_percent": rate})


def instalments(terms: LoanTerms) -> list[Installment]:
    """The rows alone, without the effective rate: what pricing tries many of."""
    _check(terms)
    with localcontext(_EXACT):
        return _rows(terms)


def _check(terms: LoanTerms) -> None:
    if terms.principal <= _NOTHING:
        raise InvalidInput("amount-not-positive", field="/amount")
    if terms.periods < 1:
        raise InvalidInput("term-too-short", field="/term_months")
    if terms.rate_percent_per_year < 0:
        raise InvalidInput("rate-negative")
    if terms.first_due <= terms.disbursed:
        raise InvalidInput("first-due-too-early", field="/first_due")
    if not 0 <= terms.interest_only_months < terms.periods:
        raise InvalidInput("interest-only-too-long")


def _rows(terms: LoanTerms) -> list[Installment]:
    spans = terms.repayment_periods()
    shares = [span.share(terms.day_count) for span in spans]
    parts = _principal_parts(terms, shares)
    rows, balance = [], terms.principal
    for n, (span, share) in enumerate(zip(spans, shares, strict=True), 1):
        interest = rounded(exact_interest(balance, terms.rate_percent_per_year, share))
        part = balance if n == terms.periods else parts(n, balance, interest)
        balance -= part
        payment = interest + part
        if payment <= _NOTHING or part < _NOTHING or (balance <= _NOTHING) != (n == terms.periods):
            raise InvalidInput("terms-impossible", "the amount is too small for so many instalments")
        rows.append(
            Installment(
                n=n, due=span.due, days=span.days(terms.day_count),
                interest=interest, principal=part, payment=payment, balance=balance,
            )
        )  # fmt: skip
    return rows


def _principal_parts(terms: LoanTerms, shares: Sequence[Fraction]) -> Callable[[int, Money, Money], Money]:
    """What a row but the last repays, given its number, the balance before it and its interest."""
    if terms.method is Method.DIFFERENTIATED:
        level = Money.rounded(terms.principal.root / terms.periods)
        return lambda n, balance, interest: level
    free = terms.interest_only_months if terms.method is Method.OWN else 0
    instalment = _level_instalment(terms.principal, terms.rate_percent_per_year, shares[free:])

    def part(n: int, balance: Money, interest: Money) -> Money:
        nonlocal instalment
        if n <= free:
            return _NOTHING
        if interest >= instalment:  # the debt must not grow: this row is interest alone, the rest is level again
            instalment = _level_instalment(balance, terms.rate_percent_per_year, shares[n:])
            return _NOTHING
        return instalment - interest

    return part


def _level_instalment(balance: Money, rate: Decimal, shares: Sequence[Fraction]) -> Money:
    factors = [rate * share.numerator / (100 * share.denominator) for share in shares]
    product, divisor = 1 + factors[0], Decimal(1)
    for factor in factors[1:]:
        divisor = 1 + divisor * (1 + factor)
        product *= 1 + factor
    return Money.rounded(balance.root * product / divisor)
