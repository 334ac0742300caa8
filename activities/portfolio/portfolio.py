"""Values every loan on a day: streams ranges of loans, folds them as columns, counts the rare ones one by one.

Nothing is stored and nothing runs nightly: whoever needs the figures of a day asks for them. Ranges are shared out
over processes; each hands back what `reduce` makes of its ranges, so that a report never holds a million loans.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from activities.portfolio.kernel_names import NEVER, REFUNDED
from activities.portfolio.tables import Ints, factors, rules_in_numbers
from activities.portfolio.valuation import Debts, Facts, Flags, Terms, nothing, value
from rules.day_count import DayCount
from rules.loan import ServicingRules, figures, servicing_rules
from storage.portfolio import reader

T = TypeVar("T")

RANGE = 16_384  # loans folded at once: small enough for the processor's caches
_COUNTS = (DayCount.ACT_365, DayCount.ACT_360)
_MILLION = 10**6


@dataclass(frozen=True)
class Batch:
    """Some loans and their debts on a day. numbers: `loan.no`. scalar: how many were counted one by one."""

    numbers: Ints
    terms: Terms
    debts: Debts
    facts: int
    scalar: int


def value_portfolio(
    url: str, on: date, reduce: Callable[[Batch], T], *, processes: int = 2, size: int = RANGE
) -> Iterator[T]:
    """What `reduce` (a function of a module) makes of each range of loans, in no order.

    Args:
        url: of a role that may read loans.
        on: the debts at the end of this day, by all that is known now.
    """
    with reader(url) as reading:
        last = reading.last()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_open, initargs=(url, on, reduce)) as pool:
        starts = range(1, last + 1, size)
        yield from pool.map(_work, starts, [min(start + size, last + 1) for start in starts])


def as_it_is(batch: Batch) -> Batch:
    """The `reduce` of whoever wants every figure of every loan."""
    return batch


class _Process:
    """What one process keeps between its ranges."""

    def __init__(self, url: str, on: date, reduce: Callable[[Batch], Any]) -> None:
        self.manager = reader(url)
        self.reading = self.manager.__enter__()
        self.on, self.reduce = on, reduce
        self.rates = self.reading.rates()
        decimals = [Decimal(rate) / _MILLION for rate in self.rates]
        self.factors = {count: factors(decimals, count) for count in _COUNTS}


_process: list[_Process] = []


def _open(url: str, on: date, reduce: Callable[[Batch], Any]) -> None:
    _process[:] = [_Process(url, on, reduce)]


def _work(first: int, after: int) -> Any:
    work = _process[0]
    return work.reduce(_valued(work, first, after))


def _valued(work: _Process, first: int, after: int) -> Batch:
    loans = work.reading.loans(first, after, work.on)
    numbers, plan = _column(loans, "no"), _column(loans, "plan")
    terms = _terms(loans, plan, work.rates)
    facts, rare = _facts(work.reading.facts(first, after, work.on), numbers)
    odd = rare | (plan < 0)
    debts = _folded(work, terms, facts, plan, odd)
    scalar = np.flatnonzero(debts.odd)
    _one_by_one(work, numbers, debts, scalar)
    return Batch(numbers, terms, debts, len(facts.day), len(scalar))


def _column(table: pa.Table, name: str) -> Ints:
    column: Ints = table[name].to_numpy().astype(np.int64, copy=False)
    return column


def _terms(loans: pa.Table, plan: Ints, rates: list[int]) -> Terms:
    rate = np.searchsorted(np.array(rates, np.int64), _column(loans, "rate_millionths"))
    return Terms(
        lent=_column(loans, "lent"),
        rate=rate,
        periods=_column(loans, "periods"),
        method=np.where(plan < 0, 0, plan % 10),
        interest_only=_column(loans, "interest_only"),
        disbursed=_column(loans, "disbursed"),
        first_due=_column(loans, "first_due"),
        lent_on=_column(loans, "lent_on"),
    )


def _facts(table: pa.Table, numbers: Ints) -> tuple[Facts, Flags]:
    """The facts by loan, and which loans have one that columns do not cover."""
    loan, code = _column(table, "loan_no"), _column(table, "code")
    first = np.searchsorted(loan, np.append(numbers, NEVER))
    rare = np.zeros(len(numbers), np.bool_)
    day = _column(table, "day")
    rare[np.searchsorted(numbers, loan[code > REFUNDED])] = True
    # the keys decide between payments of one day whose rests are wanted for different things
    same = (loan[1:] == loan[:-1]) & (day[1:] == day[:-1]) & (code[1:] != code[:-1]) & (code[1:] < REFUNDED)
    rare[np.searchsorted(numbers, loan[1:][same])] = True
    return Facts(first, day, code, _column(table, "tiyn")), rare


def _folded(work: _Process, terms: Terms, facts: Facts, plan: Ints, odd: Flags) -> Debts:
    """Debts by columns; one pass for each set of rules and each day count that is in use."""
    debts = nothing(len(plan))
    for rules, of_rules in _by_rules(terms.disbursed):
        for number, count in enumerate(_COUNTS):
            chosen = np.flatnonzero(of_rules & (plan >= 0) & (plan // 10 == number) & ~odd)
            if len(chosen):
                some = value(terms.take(chosen), facts.take(chosen), work.factors[count], rules, work.on.toordinal())
                debts.place(chosen, some)
    return debts


def _by_rules(disbursed: Ints) -> Iterator[tuple[tuple[Ints, Ints], Flags]]:
    """Sets of rules, and the loans of each: those of the policy rows of the disbursement day, as rules.loan takes."""
    days, which = np.unique(disbursed, return_inverse=True)
    found: dict[ServicingRules, list[int]] = {}
    for index, day in enumerate(days):
        found.setdefault(servicing_rules(date.fromordinal(int(day))), []).append(index)
    for rules, indices in found.items():
        numbers = rules_in_numbers(rules)
        if numbers is not None:
            yield numbers, np.isin(which, indices) if len(indices) < len(days) else np.ones(len(which), np.bool_)


def _one_by_one(work: _Process, numbers: Ints, debts: Debts, chosen: Ints) -> None:
    """The scalar fold for loans that columns do not cover."""
    places = {int(numbers[index]): int(index) for index in chosen}
    for number, terms, events in work.reading.whole(list(places)):
        debts.put(places[number], figures(events, terms, work.on))
