"""From columns of terms and facts to columns of debt."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activities.portfolio.kernel import fold
from activities.portfolio.kernel_names import NEVER
from activities.portfolio.tables import MONTHS, Ints
from rules.loan import Figures

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Terms:
    """Columns, one element a loan. Days are proleptic ordinals, money is tiyn.

    rate, rules: numbers in the tables that come with them. disbursed: what the contract's plan counts from.
    lent_on: when the money really left.
    """

    lent: Ints
    rate: Ints
    periods: Ints
    method: Ints
    interest_only: Ints
    disbursed: Ints
    first_due: Ints
    lent_on: Ints
    rules: Ints

    def rows(self) -> Ints:
        """As the compiled fold reads them."""
        return np.array([getattr(self, one.name) for one in fields(self)])


@dataclass(frozen=True)
class Facts:
    """Facts after the disbursement. first, after: where each loan's facts begin and end, in their order.

    rows: the day (a proleptic ordinal), the kind (of kernel_names), the amount (tiyn, or which row of details).
    """

    first: Ints
    after: Ints
    rows: Ints
    details: Ints


@dataclass(frozen=True)
class Debts:
    """The figures of rules.loan_position, a column each; tiyn and days. next_due: NEVER where nothing is to come.

    odd: loans that only the scalar fold can count: out of `value` their figures mean nothing.
    """

    principal: Ints
    principal_due: Ints
    interest_due: Ints
    interest_accrued: Ints
    penalty: Ints
    advance: Ints
    overdue_days: Ints
    overdue_principal: Ints
    overdue_interest: Ints
    next_due: Ints
    next_payment: Ints
    total_to_close: Ints
    overpaid: Ints
    interest_charged: Ints
    penalty_charged: Ints
    paid: Ints
    refunded: Ints
    closed: Flags
    odd: Flags

    def put(self, index: int, figures: Figures) -> None:
        """Write the debt of one loan, counted by the scalar fold."""
        told = figures._asdict() | {"odd": True}
        told["next_due"] = figures.next_due.toordinal() if figures.next_due else NEVER
        told["next_payment"] = figures.next_payment or 0
        for name in self.__dataclass_fields__:
            getattr(self, name)[index] = told[name]


def nothing(size: int) -> Debts:
    """Columns to be filled."""
    columns: dict[str, Any] = {name: np.zeros(size, np.int64) for name in Debts.__dataclass_fields__}
    return Debts(**columns | {name: np.ones(size, np.bool_) for name in ("closed", "odd")})


def value(terms: Terms, facts: Facts, factors: Ints, rules: Ints, on: int, odd: Flags | None = None) -> Debts:
    """The debt of each loan at the end of a day; facts after it are left out.

    Args:
        factors: of the rates of the terms and of the details. rules: a row for each set of them.
        odd: loans that are left to the scalar fold beforehand.
    """
    told = np.zeros((len(fields(Debts)), len(terms.lent)), np.int64)
    if odd is not None:
        told[-1] = odd
    fold(terms.rows(), facts.first, facts.after, facts.rows, facts.details, factors, MONTHS, rules, on, told)
    columns: list[Any] = [*told[:-2], told[-2] > 0, told[-1] > 0]
    return Debts(*columns)
