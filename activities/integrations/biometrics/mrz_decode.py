"""From the probabilities of neighbouring rows to the best MRZ in them: format, text, repair, gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from activities.integrations.biometrics.mrz_format import DIGITS, FORMATS, KAZAKH, STATES, Format
from activities.integrations.biometrics.mrz_lines import LogProbabilities, Row, constrained, greedy
from activities.integrations.biometrics.mrz_repair import SURE, Beliefs, mend, settled
from activities.integrations.biometrics.mrz_text import HOPELESS, MENDED, READABLE, MrzText

_FILLERS = 2  # every MRZ has more
_DATED = 9  # digits in the line with the dates; real ones read 15 or more
_LENGTH_SLACK = 7  # a row whose free reading is further from a format's length is not of that format


def decode(rows: Sequence[LogProbabilities]) -> tuple[MrzText, int] | None:
    """The best MRZ in two to four neighbouring rows, and the row it begins with.

    Where the free reading already satisfies a format's length, alphabets and check digits, it is the optimum.
    """
    free = [greedy(row) for row in rows]
    for form, start in _places(FORMATS, len(rows)):
        texts = free[start : start + form.lines]
        lines = [row.text for row in texts]
        if form.allows(lines) and form.valid(lines) and _issuer_known(lines):
            text = _judged(form, rows[start:], texts)
            if text.accepted:
                return text, start
    best: tuple[MrzText, int] | None = None
    for form, start in _places(_likely(free), len(rows)):
        texts = free[start : start + form.lines]
        if not _may_be(form, texts):
            continue
        fitting = _forced(form, rows[start:], texts)
        if fitting is None:
            continue
        text = _judged(form, rows[start:], fitting)
        if best is None or (text.accepted, text.score) > (best[0].accepted, best[0].score):
            best = text, start
    return best


def _may_be(form: Format, free: Sequence[Row]) -> bool:
    """Whether it is worth the time: fillers, digits where the dates stand, and a free reading that scores well enough
    (a forced one scores worse).
    """
    if any(abs(len(row.text) - form.length) > _LENGTH_SLACK for row in free):
        return False
    if sum(row.text.count("<") for row in free) < _FILLERS:
        return False
    if sum(symbol in DIGITS for symbol in free[form.dates[0][0]].text) < _DATED:
        return False
    return sum(row.score for row in free) / len(free) > READABLE


def _forced(form: Format, rows: Sequence[LogProbabilities], free: Sequence[Row]) -> list[Row] | None:
    """The lines in the format's alphabets and length; None where they fit so badly that it is no MRZ.

    The line with the dates first, as other text fails there most. Given up as soon as the free readings of the rest
    could not make up for it.
    """
    found = list(free)
    for line in sorted(range(form.lines), key=lambda line: line != form.dates[0][0]):
        row = constrained(rows[line], form.masks[line])
        if row is None:
            return None
        found[line] = row
        if sum(row.score for row in found) / form.lines <= HOPELESS:
            return None
    return found


def _likely(free: Sequence[Row]) -> tuple[Format, ...]:
    """The formats to try; Kazakhstan's own alphabets only where its code is plainly there."""
    kazakh = [
        form
        for form in KAZAKH
        if any(row.text[2:5] == "KAZ" and abs(len(row.text) - form.length) <= _LENGTH_SLACK for row in free)
    ]
    return (*kazakh, *FORMATS)


def _places(forms: Sequence[Format], rows: int) -> Iterator[tuple[Format, int]]:
    for form in forms:
        for start in range(rows - form.lines + 1):
            yield form, start


def _judged(form: Format, rows: Sequence[LogProbabilities], read: Sequence[Row]) -> MrzText:
    """Mends where that is clear, and applies the gates."""
    lines, score = [row.text for row in read], sum(row.score for row in read) / len(read)
    beliefs = [
        [row[max(0, at - 1) : at + 2, :-1].max(0) for at in text.frames] for row, text in zip(rows, read, strict=False)
    ]
    sure = _sure(form, beliefs)
    mended = mend(form, lines, beliefs) if score > MENDED and not form.valid(lines) else None
    lines = mended or lines
    good = form.valid(lines) and form.dates_real(lines) and _issuer_known(lines)
    accepted = good and score > (MENDED if mended else READABLE)
    covered = {place for check in form.checks_of(lines) for place in (*check.covers, check.digit)}
    everywhere = {(line, at) for line in range(form.lines) for at in range(form.length)}
    return MrzText(
        form,
        lines,
        score,
        mended is not None,
        sure,
        accepted,
        settled=accepted and settled(form, lines, beliefs, sorted(covered)),
        names_sure=all(sure[line][at] for line, at in everywhere - covered),
    )


def _sure(form: Format, beliefs: Beliefs) -> list[list[bool]]:
    """Per symbol: is it ahead of the next one that may stand there by SURE?"""
    found = []
    for mask, line in zip(form.masks, beliefs, strict=True):
        best = [np.sort(belief[allowed]) for belief, allowed in zip(line, mask, strict=True)]
        found.append([len(order) < 2 or bool(order[-1] - order[-2] >= SURE) for order in best])
    return found


def _issuer_known(lines: Sequence[str]) -> bool:
    return lines[0][2:5] in STATES
