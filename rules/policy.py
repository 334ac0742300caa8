"""The numbers of the law and of the lender's procedures, each with its dates, source and certainty.

A number lives in exactly one row of `rules.policy_rows`. Code asks for the rows of a day and stores
`PolicySet.version` and the `row_id` of what it used, so that a decision can be explained years later.

>>> rules = policy(date(2026, 1, 15))
>>> rules.number("waiting-threshold-mrp"), rules.row_id("waiting-threshold-mrp")
(Decimal('75'), 'waiting-threshold-mrp@2025-09-30')
>>> rules.in_tenge("waiting-threshold-mrp")
Money('324375.00')
>>> policy(date(2027, 1, 15)).number("mrp")
Traceback (most recent call last):
rules.policy.UnknownPolicy: no policy row 'mrp' on 2027-01-15
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256

from rules.errors import Fault
from rules.money import Money


class UnknownPolicy(Fault):
    """No row in force on that day. Operations must add one: a client is never refused for it."""


class Certainty(StrEnum):
    """A: official text or vendor documentation was read. B: press or the regulator's answers. C: one weak source."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True)
class PolicyRow:
    """One value for a span of days.

    since: first day it holds. until: first day it no longer holds, None for open.
    unit: per cent, days, MRP ... or `switch` for a rule that is on or off.
    paragraph: `para N[, part N]` of the Rules, or the act that the number comes from.
    """

    name: str
    value: Decimal | bool | str
    unit: str
    since: date
    until: date | None
    source: str
    certainty: Certainty
    paragraph: str

    @property
    def row_id(self) -> str:
        """How decisions cite this row: name and first day."""
        return f"{self.name}@{self.since.isoformat()}"

    def holds(self, on: date) -> bool:
        """Whether the row is in force on a day."""
        return self.since <= on and (self.until is None or on < self.until)


class PolicySet:
    """All rows of one day. version: the newest change in force, and a hash of everything in force."""

    def __init__(self, on: date, rows: Mapping[str, PolicyRow]) -> None:
        self.on = on
        self._rows = dict(rows)
        lines = "\n".join(f"{row.row_id}={row.value}" for _, row in sorted(self._rows.items()))
        newest = max(row.since for row in self._rows.values())
        self.version = f"{newest.isoformat()}.{sha256(lines.encode()).hexdigest()[:8]}"

    def row(self, name: str) -> PolicyRow:
        """The row in force.

        Raises:
            UnknownPolicy: no such row on this day, for example the MRP of a year not yet announced.
        """
        try:
            return self._rows[name]
        except KeyError:
            raise UnknownPolicy(f"no policy row '{name}' on {self.on}") from None

    def row_id(self, name: str) -> str:
        """How to cite the row, for example `waiting-hours@2025-09-30`."""
        return self.row(name).row_id

    def value(self, name: str) -> Decimal | bool | str:
        """The value, whatever its type; the typed questions below are safer."""
        return self.row(name).value

    def number(self, name: str) -> Decimal:
        """The value of a row that holds a number."""
        value = self.value(name)
        if not isinstance(value, Decimal):
            raise TypeError(f"policy row '{name}' holds no number")
        return value

    def whole(self, name: str) -> int:
        """The value of a row that holds a whole number: days, tries, seconds."""
        number = self.number(name)
        if number != number.to_integral_value():
            raise TypeError(f"policy row '{name}' holds no whole number")
        return int(number)

    def switch(self, name: str) -> bool:
        """Whether a rule is on. A rule without a row on this day is off."""
        if name not in self._rows:
            return False
        value = self.value(name)
        if not isinstance(value, bool):
            raise TypeError(f"policy row '{name}' is no switch")
        return value

    def text(self, name: str) -> str:
        """The value of a row that holds a name or a list of names."""
        value = self.value(name)
        if not isinstance(value, str):
            raise TypeError(f"policy row '{name}' holds no text")
        return value

    def in_tenge(self, name: str) -> Money:
        """A number of MRP (monthly calculation index) in tenge of this year."""
        return Money(self.number("mrp")).times(self.number(name))

    def rows(self) -> tuple[PolicyRow, ...]:
        """Every row in force, by name."""
        return tuple(self._rows[name] for name in sorted(self._rows))


def select(rows: tuple[PolicyRow, ...], on: date) -> PolicySet:
    """The set of a day out of any rows; `policy` does it for ours."""
    chosen: dict[str, PolicyRow] = {}
    for row in rows:
        if row.holds(on):
            if row.name in chosen:
                raise UnknownPolicy(f"two policy rows '{row.name}' on {on}")
            chosen[row.name] = row
    if not chosen:
        raise UnknownPolicy(f"no policy rows at all on {on}")
    return PolicySet(on, chosen)


@lru_cache(maxsize=1024)
def policy(on: date) -> PolicySet:
    """The policy of a day in Almaty.

    Raises:
        UnknownPolicy: the day lies before the first row.
    """
    from rules.policy_rows import ROWS  # the rows are made of this module's classes

    return select(ROWS, on)
