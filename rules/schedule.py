"""Repayment schedules: what the client sees, signs and is booked by.

The figures come from rules.plan, in whole tiyn; here they get their dates and names. An annual effective rate (ГЭСВ)
goes with every schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from rules.calendar import MonthEnd, OffDays
from rules.day_count import DayCount, PeriodUnit
from rules.effective_rate import annual_effective_rate, two_decimals
from rules.money import Money
from rules.plan import rows_in_tiyn
from rules.terms import Charge, LoanTerms, Method, Rounding

__all__ = [
    "Charge", "DayCount", "Installment", "LoanTerms", "Method", "MonthEnd", "OffDays", "PeriodUnit",
    "RepaymentSchedule", "Rounding", "build", "instalments",
]  # fmt: skip


class Installment(BaseModel):
    """One row. days: calendar days of the period. balance: principal left after this payment.

    pay_by: the last day to pay without being late; later than due where a payment day on a day off moves.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    due: date
    days: int
    interest: Money
    principal: Money
    payment: Money
    balance: Money
    pay_by: date = Field(default_factory=lambda row: row["due"])


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


def build(terms: LoanTerms, charges: Sequence[Charge] = ()) -> RepaymentSchedule:
    """The schedule of the terms; preview, contract and booking all call this.

    Raises:
        InvalidInput: terms that give no sound schedule (no instalment may be zero, none may come after the end).
        CalendarUnknown: payment days move off days off, and a year has no table of them yet.

    Rules: para 8, part 4.

    >>> loan = LoanTerms(principal=Money(15000), rate_percent_per_year=Decimal(24), periods=12,
    ...     method=Method.DIFFERENTIATED, disbursed=date(2025, 1, 15), first_due=date(2025, 2, 15),
    ...     day_count=DayCount.THIRTY_360)
    >>> made = build(loan)
    >>> made.rows[0].payment, made.rows[-1].payment, made.total_interest
    (Money('1550.00'), Money('1275.00'), Money('1950.00'))
    """
    rows = instalments(terms)
    draft = RepaymentSchedule(
        terms=terms,
        rows=tuple(rows),
        total_interest=Money.total(row.interest for row in rows),
        total_payment=Money.total(row.payment for row in rows),
        annual_effective_rate_percent=Decimal(0),
        charges=tuple(charges),
    )
    rate = two_decimals(annual_effective_rate(draft.flows()))
    return draft.model_copy(update={"annual_effective_rate_percent": rate})


def instalments(terms: LoanTerms) -> list[Installment]:
    """The rows alone, without the effective rate."""
    return [
        Installment(
            n=n,
            due=period.due,
            days=period.real_days,
            interest=Money.of_tiyn(interest),
            principal=Money.of_tiyn(principal),
            payment=Money.of_tiyn(payment),
            balance=Money.of_tiyn(balance),
            pay_by=terms.pay_by(period.due),
        )
        for n, ((interest, principal, payment, balance), period) in enumerate(
            zip(rows_in_tiyn(terms), terms.repayment_periods(), strict=True), 1
        )
    ]
