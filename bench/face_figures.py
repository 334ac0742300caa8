"""Figures of a two-way decision: rates, their confidence, the point where both errors are equal."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

_Z = 1.959964  # two-sided 95 %


def wilson(hits: int, of: int) -> list[float]:
    """The 95 % interval of a share, by Wilson's score: sound for shares near 0 and 1.

    >>> wilson(321, 321), wilson(0, 139), wilson(0, 0)
    ([0.9882, 1.0], [0.0, 0.0269], [0.0, 1.0])
    """
    if not of:
        return [0.0, 1.0]
    share, square = hits / of, _Z * _Z
    centre = (share + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return [round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)]


def equal_error_rate(genuine: Sequence[float], impostors: Sequence[float]) -> float:
    """The error rate at the threshold where false accepts and false rejects come nearest to each other.

    >>> equal_error_rate([0.5, 0.6, 0.9, 0.3], [0.1, 0.2, 0.4, 0.0]), equal_error_rate([0.5], [0.1])
    (0.25, 0.0)
    """
    if not genuine or not impostors:
        return 0.0
    best = (2.0, 0.0)
    for threshold in sorted({*genuine, *impostors}):
        rejected = sum(score < threshold for score in genuine) / len(genuine)
        accepted = sum(score >= threshold for score in impostors) / len(impostors)
        best = min(best, (abs(rejected - accepted), (rejected + accepted) / 2))
    return round(best[1], 4)


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile.

    >>> quantile([3, 1, 2], 0.5), quantile(list(range(1, 101)), 0.95)
    (2, 95)
    """
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]
