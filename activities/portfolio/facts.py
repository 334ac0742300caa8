"""The facts of a range of loans as the compiled fold reads them: by loan, in the order in which they count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import numpy as np

from activities.portfolio.details import Details
from activities.portfolio.kernel_names import PAID, RARE, REFUNDED
from activities.portfolio.tables import Factors, Ints
from activities.portfolio.valuation import Facts, Flags
from rules.day_count import DayCount
from rules.loan_events import Corrected
from storage.portfolio import Columns, PortfolioReader

COUNTS = (DayCount.ACT_365, DayCount.ACT_360)


class FactsReader:
    """Reads the facts of some loans up to a day.

    Args:
        loans: their columns. factors: of which rates are numbered.
        odd: marked where the facts of a loan are more than columns can say; marked loans are left out.
    """

    def __init__(self, reading: PortfolioReader, loans: Columns, factors: Factors, odd: Flags, on: date) -> None:
        self._reading, self._loans, self._odd, self._on = reading, loans, odd, on
        self._details = Details(factors)

    def read(self, first: int, after: int) -> Facts:
        """The facts of the loans with first <= no < after."""
        read = self._reading.facts(first, after, self._on)
        starts = np.searchsorted(read["loan_no"], self._loans["no"])
        ends = np.searchsorted(read["loan_no"], self._loans["no"], side="right")
        keyed = {*self._places(_keyed(read)), *self._in_place(read)}
        common, later = len(read["tiyn"]), list[tuple[int, int, int]]()
        for place, history in self._histories(keyed):
            starts[place] = common + len(later)
            later += history
            ends[place] = common + len(later)
        rows = np.array([read["value_date"], read["code"], read["tiyn"]])
        more = np.array(later, np.int64).reshape(-1, 3).T
        return Facts(starts, ends, np.hstack([rows, more]), self._details.rows())

    def _places(self, numbers: Ints) -> list[int]:
        """Where loans stand in the columns, -1 for those that do not."""
        known = self._loans["no"]
        if not len(known):
            return [-1] * len(numbers)
        found = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        places: list[int] = np.where(known[found] == numbers, found, -1).tolist()
        return places

    def _in_place(self, read: Columns) -> Iterator[int]:
        """Write the rarer facts over what stands for them; the places of loans that have a correction."""
        rare = np.flatnonzero(read["code"] == RARE)
        numbers = read["loan_no"][rare]
        facts = self._reading.rarer(np.unique(numbers).tolist(), self._on)
        for at, place, fact in zip(rare.tolist(), self._places(numbers), facts, strict=True):
            if isinstance(fact, Corrected):
                yield place
            elif place >= 0 and not self._odd[place]:
                said = self._details.numbers(fact, self._count(place))
                if said is None:
                    self._odd[place] = True
                else:
                    read["code"][at], read["tiyn"][at] = said

    def _histories(self, places: Iterable[int]) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
        """The facts of loans whose keys or corrections must be looked at."""
        wanted = [place for place in places if place >= 0 and not self._odd[place]]
        numbers = self._loans["no"][wanted].tolist()
        for place, events in zip(wanted, self._reading.histories(numbers), strict=True):
            lent, lent_on = int(self._loans["lent"][place]), int(self._loans["disbursed_on"][place])
            history = self._details.history(events, self._on, self._count(place), lent, lent_on)
            if history is None:
                self._odd[place] = True
            else:
                yield place, history

    def _count(self, place: int) -> DayCount:
        return COUNTS[int(self._loans["plan"][place]) // 10]


def _keyed(read: Columns) -> Ints:
    """Loans that have facts of one day which only their keys put in order."""
    loan, day, code = read["loan_no"], read["value_date"], read["code"]
    same = (loan[1:] == loan[:-1]) & (day[1:] == day[:-1]) & (code[1:] > PAID) & (code[1:] != REFUNDED)
    keyed: Ints = loan[1:][same]
    return keyed
