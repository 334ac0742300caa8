"""Facts as numbers: kinds, amounts, and details of what has more to it than an amount."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import numpy as np

from activities.portfolio.kernel_names import (
    DETAILS,
    DUE_MOVED,
    PAID,
    PENALTY_RULE,
    REFUNDED,
    RESTRUCTURED,
    RESUMED,
    SHORTER_TERM,
    SMALLER_INSTALMENT,
    SUSPENDED,
    WRITTEN_OFF,
)
from activities.portfolio.tables import LAST_FIRST_DUE, Factors, Ints, penalty_in_numbers
from rules.day_count import DayCount
from rules.loan_events import (
    Disbursed,
    DueMoved,
    LoanEvent,
    Paid,
    PenaltyRule,
    Refunded,
    Restructured,
    Resumed,
    Suspended,
    Use,
    WrittenOff,
)
from rules.loan_facts import GROUNDS
from rules.loan_history import effective

METHODS = ("annuity", "differentiated", "bullet", "own")
_USES = {Use.DUE: PAID, Use.SHORTER_TERM: SHORTER_TERM, Use.SMALLER_INSTALMENT: SMALLER_INSTALMENT}

Numbers = tuple[int, int]


class Details:
    """Writes facts as kind and amount; what has no amount becomes a row of details, and its number the amount.

    Args:
        factors: of which rates are numbered; restructurings bring new ones.
    """

    def __init__(self, factors: Factors) -> None:
        self._factors = factors
        self._rows: list[list[int]] = []

    def rows(self) -> Ints:
        """A row each."""
        return np.array(self._rows, np.int64).reshape(-1, DETAILS)

    def numbers(self, fact: LoanEvent, count: DayCount) -> Numbers | None:
        """Kind and amount of one fact; None where columns cannot say it."""
        if isinstance(fact, Paid):
            return _USES[fact.use], fact.amount.tiyn
        if isinstance(fact, Refunded):
            return REFUNDED, fact.amount.tiyn
        if fact.kind not in _KINDS:
            return None
        kind, told = _KINDS[fact.kind]
        row = told(fact, lambda rate: self._factors.number(rate, count))
        if row is None:
            return None
        self._rows.append([*row, *[0] * (DETAILS - len(row))])
        return kind, len(self._rows) - 1

    def history(
        self, events: Iterable[LoanEvent], on: date, count: DayCount, lent: int, lent_on: int
    ) -> list[tuple[int, int, int]] | None:
        """Day, kind, amount of the facts that count after the disbursement, in the order of rules.loan_history.

        None where columns cannot say one of them, or the money left otherwise than the loan's own columns say.

        Raises:
            Conflict: as `effective` does.
        """
        facts = effective(events, on)
        first = facts[0] if facts else None
        if not isinstance(first, Disbursed) or (first.amount.tiyn, first.value_date.toordinal()) != (lent, lent_on):
            return None
        made = []
        for fact in facts[1:]:
            numbers = self.numbers(fact, count)
            if numbers is None:
                return None
            made.append((fact.value_date.toordinal(), *numbers))
        return made


_Number = Callable[[Any], int]


def _due_moved(fact: DueMoved, _: _Number) -> list[int]:
    return [fact.due.toordinal(), fact.to.toordinal(), fact.later_too]


def _penalty_rule(fact: PenaltyRule, _: _Number) -> list[int] | None:
    return penalty_in_numbers(fact.daily_percent, fact.first_days, fact.later_daily_percent, fact.year_cap_percent)


def _suspended(_: Suspended, __: _Number) -> list[int]:
    return []


def _resumed(fact: Resumed, _: _Number) -> list[int]:
    return [fact.charge_later]


def _restructured(fact: Restructured, number: _Number) -> list[int] | None:
    rate, free = fact.rate_percent_per_year, fact.interest_only_months
    if fact.method not in METHODS or rate < 0 or fact.first_due >= LAST_FIRST_DUE or not 0 <= free < fact.periods:
        return None
    method = METHODS.index(fact.method)
    return [number(rate), fact.periods, method, free, fact.first_due.toordinal(), fact.forgive_penalty]


def _written_off(fact: WrittenOff, _: _Number) -> list[int] | None:
    return [fact.return_paid] if fact.ground in GROUNDS else None


_KINDS: dict[str, tuple[int, Callable[[Any, _Number], list[int] | None]]] = {
    "due_moved": (DUE_MOVED, _due_moved),
    "penalty_rule": (PENALTY_RULE, _penalty_rule),
    "suspended": (SUSPENDED, _suspended),
    "resumed": (RESUMED, _resumed),
    "restructured": (RESTRUCTURED, _restructured),
    "written_off": (WRITTEN_OFF, _written_off),
}
