"""Mends one misread symbol where the check digits leave exactly one plausible way, and nothing more.

A looser repair makes valid nonsense out of a few pictures in a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence

from activities.integrations.biometrics.mrz_format import ALPHABET, INDEX, Check, Format
from activities.integrations.biometrics.mrz_lines import LogProbabilities

_BUDGET = 9.0  # log-probability that a substitution may cost
_MARGIN = 1.5  # by which the best substitution has to beat the next
_TWINS = ({"0", "O"}, {"1", "I"})  # indistinguishable in many pictures: they never cost more than _TWIN
_TWIN = 1.5

Beliefs = Sequence[Sequence[LogProbabilities]]
"""Per line and position the log-probabilities of the 37 symbols."""


def mend(form: Format, lines: Sequence[str], beliefs: Beliefs) -> list[str] | None:
    """The lines with one symbol replaced so that every check digit fits; None where that is not clear.

    Rivals of two substitutions count too: where two could explain the failing digit nearly as well, nothing is mended.
    """
    failing = [check for check in form.checks if not form.check_results(lines)[check.name]]
    if not failing:
        return None
    check = failing[0]
    candidates = _candidates(form, check, lines, beliefs)
    solutions = sorted(_solutions(form, check, lines, candidates))
    if not solutions or len(solutions[0][1]) > 1:
        return None
    if len(solutions) > 1 and solutions[1][0] - solutions[0][0] < _MARGIN:
        return None
    mended = _replaced(lines, solutions[0][1])
    return mended if form.valid(mended) else None


_Change = tuple[int, int, str]


def _candidates(form: Format, check: Check, lines: Sequence[str], beliefs: Beliefs) -> list[tuple[float, _Change]]:
    """Single replacements under the check, cheapest first."""
    found = []
    for line, at in (*check.covers, check.digit):
        printed, belief = lines[line][at], beliefs[line][at]
        for symbol in ALPHABET:
            if symbol == printed or not form.masks[line][at, INDEX[symbol]]:
                continue
            cost = float(belief[INDEX[printed]] - belief[INDEX[symbol]])
            if {printed, symbol} in _TWINS:
                cost = min(cost, _TWIN)
            if cost < _BUDGET:
                found.append((cost, (line, at, symbol)))
    return sorted(found)[:40]


def _solutions(
    form: Format, check: Check, lines: Sequence[str], candidates: list[tuple[float, _Change]]
) -> list[tuple[float, tuple[_Change, ...]]]:
    """One or two replacements that make this check digit fit, with their cost."""
    tried: list[tuple[float, tuple[_Change, ...]]] = [(cost, (change,)) for cost, change in candidates]
    tried += [
        (one + other, (first, second))
        for at, (one, first) in enumerate(candidates)
        for other, second in candidates[at + 1 :]
        if first[:2] != second[:2] and one + other < _BUDGET
    ]
    return [(cost, changes) for cost, changes in tried if form.check_results(_replaced(lines, changes))[check.name]]


def _replaced(lines: Sequence[str], changes: Sequence[_Change]) -> list[str]:
    symbols = [list(line) for line in lines]
    for line, at, symbol in changes:
        symbols[line][at] = symbol
    return ["".join(line) for line in symbols]
