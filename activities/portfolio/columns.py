"""The state of many loans, a column a variable, and how it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from activities.portfolio.numbers import Factors, Flags, Ints
from activities.portfolio.plan import NEVER, Layout, Terms, divided, dues, factors_of, joined_days, split_days

_SPARE_BILLS = 4  # interest that falls due after the last due date, payment by payment


@dataclass
class Columns:
    """The state of many loans; see rules.loan_state for what each name means."""

    terms: Terms
    due: Ints
    part: Ints
    pay: Ints
    periods: Ints
    odd: Flags
    passed: Ints
    principal: Ints
    since: Ints
    running: Ints
    rest: Ints
    bills: Ints
    oldest: Ints
    bill_due: Ints
    sum_principal: Ints
    sum_interest: Ints
    paid_principal: Ints
    paid_interest: Ints
    stop: Ints
    penalty: Ints
    penalty_gone: Ints
    penalty_at: Ints
    year_end: Ints
    year: Ints
    year_penalty: Ints
    advance: Ints
    overpaid: Ints
    paid: Ints
    refunded: Ints
    interest_charged: Ints
    closed: Flags

    def unpaid_principal(self, i: Ints) -> Ints:
        """Principal of all bills that is not paid yet."""
        return self.sum_principal[self.bills[i], i] - self.paid_principal[i]

    def unpaid_interest(self, i: Ints) -> Ints:
        """Interest of all bills that is not paid yet."""
        return self.sum_interest[self.bills[i], i] - self.paid_interest[i]


def start(terms: Terms, factors: Factors) -> Columns:
    """All loans at the end of the day of their disbursement."""
    size = len(terms.lent)
    due = dues(terms)
    layout = Layout(terms.method, terms.periods, terms.interest_only)
    part, pay, odd = divided(terms.lent, factors_of(terms, due, factors), layout)
    height = len(due) + _SPARE_BILLS + 1

    columns: dict[str, Any] = {name: np.zeros(size, np.int64) for name in Columns.__dataclass_fields__}
    columns |= {name: np.zeros((height, size), np.int64) for name in ("bill_due", "sum_principal", "sum_interest")}
    columns |= {"terms": terms, "due": due, "part": part, "pay": pay, "odd": odd, "periods": terms.periods.copy()}
    columns |= {"principal": terms.lent.copy(), "since": terms.lent_on.copy(), "penalty_at": terms.lent_on.copy()}
    columns |= {"stop": np.full(size, NEVER), "year_end": anniversary(terms, np.zeros(size, np.int64))}
    return Columns(**columns | {"closed": np.zeros(size, np.bool_)})


def anniversary(terms: Terms, year: Ints) -> Ints:
    """The last day of a contract year; year 0 is the first."""
    months, days = split_days(terms.lent_on)
    return joined_days(months + 12 * (year + 1), days)
