"""From columns of terms and facts to columns of debt."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Columns, one element a loan. Days are proleptic ordinals, money is tiyn, rate is a number in the factors' table.

    disbursed: what the contract's plan counts from. lent_on: when the money really left.
    """

    lent: Ints
    rate: Ints
    periods: Ints
    method: Ints
    interest_only: Ints
    disbursed: Ints
    first_due: Ints
    lent_on: Ints

    def take(self, chosen: Ints) -> Terms:
        """The same of some of the loans."""
        return Terms(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def rows(self) -> Ints:
        """As the compiled fold reads them."""
        return np.ascontiguousarray(np.vstack([getattr(self, name) for name in self.__dataclass_fields__]))


@dataclass(frozen=True)
class Facts:
    """Facts after the disbursement, loan by loan and day by day. first: where each loan's facts begin, and their end.

    day: proleptic ordinal. kind: as loan_event.code, payments of a day before its refunds. amount: tiyn.
    """

    first: Ints
    day: Ints
    kind: Ints
    amount: Ints

    def take(self, chosen: Ints) -> Facts:
        """The facts of some of the loans."""
        if len(chosen) + 1 == len(self.first):
            return self
        sizes = self.first[chosen + 1] - self.first[chosen]
        first = np.append(0, np.cumsum(sizes))
        at = np.arange(first[-1]) + np.repeat(self.first[chosen] - first[:-1], sizes)
        return Facts(first, self.day[at], self.kind[at], self.amount[at])


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

    def place(self, chosen: Ints, some: Debts) -> None:
        """Write the debts of some loans."""
        for name in self.__dataclass_fields__:
            getattr(self, name)[chosen] = getattr(some, name)

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


def value(terms: Terms, facts: Facts, factors: Ints, rules: tuple[Ints, Ints], on: int) -> Debts:
    """The debt of each loan at the end of a day; facts after it are left out."""
    told = np.zeros((len(Debts.__dataclass_fields__), len(terms.lent)), np.int64)
    rows = np.ascontiguousarray(np.vstack([facts.day, facts.kind, facts.amount]))
    fold(terms.rows(), facts.first, rows, factors, MONTHS, *rules, on, told)
    columns: list[Any] = [*told[:-2], told[-2] > 0, told[-1] > 0]
    return Debts(*columns)
