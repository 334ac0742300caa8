"""Values every loan on a day: reads ranges of loans as columns, folds them, counts what is left one by one.

Nothing is stored and nothing runs nightly: whoever needs the figures of a day asks for them. Threads suffice, also
inside a worker: PostgreSQL works in processes of its own, and the compiled fold holds no lock of Python's. Each thread
hands back what `reduce` makes of its ranges, so that a report never holds a million loans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from queue import SimpleQueue
from typing import TypeVar

import numpy as np

from activities.portfolio.compiled import make_ready
from activities.portfolio.facts import COUNTS, FactsReader
from activities.portfolio.kernel_names import R_END
from activities.portfolio.tables import Factors, Ints, rules_in_numbers
from activities.portfolio.valuation import Debts, Flags, Terms, value
from rules.loan import figures, servicing_rules
from storage.portfolio import Columns, PortfolioReader, readers

T = TypeVar("T")

RANGE = 8192  # loans folded at once: small enough for the processor's caches
THREADS = 3  # one more than the two cores that are meant: while one waits for PostgreSQL, another one folds
_MILLION = 10**6


@dataclass(frozen=True)
class Batch:
    """Some loans and their debts on a day.

    numbers: `loan.no`. facts: how many count. scalar: how many loans were counted one by one.
    """

    numbers: Ints
    terms: Terms
    debts: Debts
    facts: int
    scalar: int


def value_portfolio(
    url: str, on: date, reduce: Callable[[Batch], T], *, threads: int = THREADS, size: int = RANGE
) -> Iterator[T]:
    """What `reduce` makes of each range of loans, in their order; it is called in several threads at once.

    Args:
        url: of a role that may read loans.
        on: the debts at the end of this day, by all that is known now.
    """
    make_ready()
    with readers(url, threads) as opened, ThreadPoolExecutor(threads) as pool:
        free: SimpleQueue[PortfolioReader] = SimpleQueue()
        for reading in opened:
            free.put(reading)

        def work(first: int) -> T:
            reading = free.get()
            try:
                return reduce(_valued(reading, first, first + size, on))
            finally:
                free.put(reading)

        yield from pool.map(work, range(1, opened[0].last() + 1, size))


def _valued(reading: PortfolioReader, first: int, after: int, on: date) -> Batch:
    loans, factors = reading.loans(first, after, on), Factors()
    terms, rules, odd = _terms(loans, factors)
    facts = FactsReader(reading, loans, factors, odd, on).read(first, after)
    debts = value(terms, facts, factors.table(), rules, on.toordinal(), odd)
    scalar = np.flatnonzero(debts.odd)
    _one_by_one(reading, loans["no"], debts, scalar, on)
    return Batch(loans["no"], terms, debts, int((facts.after - facts.first).sum()), len(scalar))


def _terms(loans: Columns, factors: Factors) -> tuple[Terms, Ints, Flags]:
    """Terms, the sets of rules that they point to, and which loans columns do not cover."""
    plan = loans["plan"]
    rules, of_rules = _rules(loans["starts"])
    terms = Terms(
        lent=loans["lent"],
        rate=_rates(loans, factors),
        periods=loans["periods"],
        method=plan % 10,
        interest_only=loans["interest_only"],
        disbursed=loans["starts"],
        first_due=loans["first_due"],
        lent_on=loans["disbursed_on"],
        rules=np.maximum(of_rules, 0),
    )
    return terms, rules, (plan < 0) | (of_rules < 0)


def _rates(loans: Columns, factors: Factors) -> Ints:
    """Numbers of the loans' rates; any number for a loan that columns do not cover."""
    pairs, which = np.unique(loans["rate_millionths"] * 10 + np.maximum(loans["plan"], 0) // 10, return_inverse=True)
    numbers = [factors.number(Decimal(pair // 10) / _MILLION, COUNTS[pair % 10]) for pair in pairs.tolist()]
    return np.array(numbers, np.int64)[which]


def _rules(disbursed: Ints) -> tuple[Ints, Ints]:
    """Sets of rules, and the one of each loan: that of its disbursement day, as rules.loan takes; -1 for none."""
    days, which = np.unique(disbursed, return_inverse=True)
    of_days = [_rules_of(day) for day in days.tolist()]
    sets = list({one: None for one in of_days if one is not None})
    numbers = [-1 if one is None else sets.index(one) for one in of_days]
    return np.array(sets, np.int64).reshape(-1, R_END), np.array(numbers, np.int64)[which]


@lru_cache(maxsize=8192)
def _rules_of(day: int) -> tuple[int, ...] | None:
    return rules_in_numbers(servicing_rules(date.fromordinal(day)))


def _one_by_one(reading: PortfolioReader, numbers: Ints, debts: Debts, chosen: Ints, on: date) -> None:
    """The scalar fold for loans that columns do not cover."""
    if not len(chosen):
        return
    places = dict(zip(numbers[chosen].tolist(), chosen.tolist(), strict=True))
    for number, terms, events in reading.whole(list(places)):
        debts.put(places[number], figures(events, terms, on))
