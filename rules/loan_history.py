"""Which facts of a loan count, and in which order: corrections resolved, twice counted once, by value date.

1. Facts that became known after the asked-for day are left out (`known_on`; the Almaty day of known_at decides).
2. Corrections are looked at newest first (by known_at). One that a newer correction names as wrong, or that names the
   same fact as a newer one, does not count. One that counts takes the fact it names away and adds its own `instead`,
   unless a newer correction names that as wrong.
3. The same key counts once: the copy that was known first.
4. By value date. On one day: the disbursement; what is agreed for the day (another due date, penalty, suspension,
   resumption); then the instalments that fall due; then payments, restructuring, write-off, refunds. The key decides
   between two of a kind. When a fact arrived or became known never matters, so money that is booked late counts as if
   it had been booked on its day.

A fact that finds nothing to change (a due date that is no longer there, a second suspension) changes nothing: money
that came in must never be refused because of what else is known of the loan.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from operator import itemgetter

from rules.calendar import local_date
from rules.errors import Conflict
from rules.loan_events import Corrected, LoanEvent

# The rank of a kind inside its day; up to BEFORE_DUES they come before the instalments that fall due that day.
RANKS = {
    "disbursed": 0,
    "due_moved": 1,
    "penalty_rule": 2,
    "suspended": 3,
    "resumed": 4,
    "paid": 5,
    "restructured": 6,
    "written_off": 7,
    "refunded": 8,
}
BEFORE_DUES = 4
_place = itemgetter(0, 1, 2)


def effective(events: Iterable[LoanEvent], on: date, known_on: date | None = None) -> list[LoanEvent]:
    """The facts that count for the debt at the end of a day, in the order in which they count.

    Args:
        known_on: only what was known at the end of this day; None for everything.

    Raises:
        Conflict: `corrected-fact-unknown`: a correction names a fact that is not there; `correction-nested`: what
            counts instead is a correction itself.
    """
    facts: Iterable[LoanEvent] = events if isinstance(events, list | tuple) else list(events)
    if "corrected" in [fact.kind for fact in facts]:
        facts = _corrected(list(facts), known_on)
    elif known_on is not None:
        facts = [fact for fact in facts if local_date(fact.known_at) <= known_on]
    order = [(day, RANKS[fact.kind], fact.key, fact) for fact in facts if (day := fact.value_date) <= on]
    keys = [entry[2] for entry in order]
    if len(set(keys)) < len(keys):
        order = [(fact.value_date, RANKS[fact.kind], fact.key, fact) for fact in _once([entry[3] for entry in order])]
    order.sort(key=_place)
    return [entry[3] for entry in order]


def _once(facts: list[LoanEvent]) -> list[LoanEvent]:
    first: dict[str, LoanEvent] = {}
    for fact in facts:
        known = first.get(fact.key)
        if known is None or _age(fact) < _age(known):
            first[fact.key] = fact
    return list(first.values())


def _age(fact: LoanEvent) -> tuple[float, str]:
    """Older first; two copies that differ but are of one age are told apart by their text, whatever their order."""
    return fact.known_at.timestamp(), fact.model_dump_json()


def _corrected(facts: list[LoanEvent], known_on: date | None) -> list[LoanEvent]:
    corrections = [fact for fact in _once(facts) if isinstance(fact, Corrected)]
    plain: list[LoanEvent] = [fact for fact in facts if not isinstance(fact, Corrected)]
    _check(corrections, plain)
    wrong: set[str] = set()
    counts: list[LoanEvent] = []
    for one in sorted(corrections, key=lambda one: (one.known_at, one.key), reverse=True):
        if one.key in wrong or one.wrong in wrong or _unknown(one, known_on):
            continue
        if one.instead is not None and one.instead.key not in wrong:
            counts.append(one.instead)
        wrong.add(one.wrong)
    counts += [fact for fact in plain if fact.key not in wrong and not _unknown(fact, known_on)]
    return counts


def _check(corrections: list[Corrected], plain: list[LoanEvent]) -> None:
    keys = {fact.key for fact in plain} | {one.key for one in corrections}
    keys |= {one.instead.key for one in corrections if one.instead is not None}
    for one in corrections:
        if isinstance(one.instead, Corrected):
            raise Conflict("correction-nested", "what counts instead of a wrong fact cannot be a correction")
        if one.wrong not in keys:
            raise Conflict("corrected-fact-unknown", "a correction names a fact that this loan does not have")


def _unknown(fact: LoanEvent, known_on: date | None) -> bool:
    return known_on is not None and local_date(fact.known_at) > known_on
