"""Mends one misread symbol where the check digits leave exactly one plausible way, and tells whether a text is settled.

A looser repair makes valid nonsense out of a few pictures in a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from activities.integrations.biometrics.mrz_format import ALPHABET, INDEX, Check, Format, Place
from activities.integrations.biometrics.mrz_lines import LogProbabilities

SURE = 3.0
"""Log-probability by which a sure symbol is ahead of the next one that may stand there."""

_BUDGET = 9.0  # log-probability that a rival's substitutions may cost
_MARGIN = 1.5  # by which the best substitution has to beat the next
_MOST_DOUBTS = 12

Beliefs = Sequence[Sequence[LogProbabilities]]
"""Per line and position the log-probabilities of the 37 symbols."""

_Change = tuple[int, int, str]


def mend(form: Format, lines: Sequence[str], beliefs: Beliefs) -> list[str] | None:
    """The lines with one doubtful symbol replaced so that every check digit fits; None where that is not clear.

    A symbol that the net was sure of stays. Rivals of two substitutions count: where two could explain the failing
    digit nearly as well, nothing is mended.
    """
    results = form.check_results(lines)
    failing = [check for check in form.checks_of(lines) if not results[check.name]]
    if not failing:
        return None
    check = failing[0]
    candidates = _changes(form, (*check.covers, check.digit), lines, beliefs, _BUDGET)[:40]
    solutions = sorted(_solutions(form, check, lines, candidates))
    if not solutions or len(solutions[0][1]) > 1 or solutions[0][0] >= SURE:
        return None
    if len(solutions) > 1 and solutions[1][0] - solutions[0][0] < _MARGIN:
        return None
    mended = _replaced(lines, solutions[0][1])
    return mended if form.valid(mended) else None


def settled(form: Format, lines: Sequence[str], beliefs: Beliefs, places: Sequence[Place]) -> bool:
    """Whether no other text in these places is plausible: each doubt, and any two, would break a check digit."""
    doubts = _changes(form, places, lines, beliefs, SURE)
    if len(doubts) > _MOST_DOUBTS:
        return False
    others: list[tuple[_Change, ...]] = [(change,) for _, change in doubts]
    others += [pair for pair in combinations([change for _, change in doubts], 2) if pair[0][:2] != pair[1][:2]]
    return not any(form.valid(_replaced(lines, changes)) for changes in others)


def _changes(
    form: Format, places: Sequence[Place], lines: Sequence[str], beliefs: Beliefs, budget: float
) -> list[tuple[float, _Change]]:
    """Single replacements in these places, cheapest first."""
    found = []
    for line, at in places:
        printed, belief = lines[line][at], beliefs[line][at]
        for symbol in ALPHABET:
            if symbol == printed or not form.masks[line][at, INDEX[symbol]]:
                continue
            cost = float(belief[INDEX[printed]] - belief[INDEX[symbol]])
            if cost < budget:
                found.append((cost, (line, at, symbol)))
    return sorted(found)


def _solutions(
    form: Format, check: Check, lines: Sequence[str], candidates: list[tuple[float, _Change]]
) -> list[tuple[float, tuple[_Change, ...]]]:
    """One or two replacements that make this check digit fit, with their cost."""
    tried: list[tuple[float, tuple[_Change, ...]]] = [(cost, (change,)) for cost, change in candidates]
    tried += [
        (one + other, (first, second))
        for (one, first), (other, second) in combinations(candidates, 2)
        if first[:2] != second[:2] and one + other < _BUDGET
    ]
    return [
        (cost, changes)
        for cost, changes in tried
        if form.check_results(_replaced(lines, changes)).get(check.name, False)
    ]


def _replaced(lines: Sequence[str], changes: Sequence[_Change]) -> list[str]:
    symbols = [list(line) for line in lines]
    for line, at, symbol in changes:
        symbols[line][at] = symbol
    return ["".join(line) for line in symbols]
