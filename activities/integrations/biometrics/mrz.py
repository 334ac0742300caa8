"""Reads the machine-readable zone in a photograph: rows, symbols, check digits, and how sure it all is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.mrz_format import FORMATS, STATES, TD1_KAZ, Format
from activities.integrations.biometrics.mrz_lines import LineNet, LogProbabilities, Row, constrained, greedy
from activities.integrations.biometrics.mrz_repair import Beliefs, mend
from activities.integrations.biometrics.mrz_rows import RowFinder

READABLE = -0.25
"""Score below which the rows are no MRZ, or it lies in another direction (other text comes to -0.29 at best)."""

_MENDED = -0.12  # the score that a mended reading needs
_SURE = 3.0  # log-probability by which a sure symbol is ahead of the next one
_LENGTH_SLACK = 7  # a row whose free reading is further from a format's length is not of that format


@dataclass(frozen=True)
class MrzText:
    """An MRZ as read.

    score: mean log-probability a frame, 0 is certain. sure: per line and position, whether the symbol is clearly
    ahead of the next. accepted: check digits, state and score are as they must be.
    """

    form: Format
    lines: list[str]
    score: float
    mended: bool
    sure: list[list[bool]]
    accepted: bool

    @property
    def checks(self) -> dict[str, bool]:
        """Each check digit by name."""
        return self.form.check_results(self.lines)

    @property
    def names_sure(self) -> bool:
        """Whether every symbol of the name line is sure: no check digit covers it."""
        line = 2 if self.form.name == "TD1" else 0
        return all(self.sure[line])

    @property
    def surely_wrong(self) -> bool:
        """A check digit does not fit though every symbol under it is sure: so it is printed, not misread."""
        failing = [check for check in self.form.checks if not self.checks[check.name]]
        return self.score > _MENDED and any(
            all(self.sure[line][at] for line, at in (*check.covers, check.digit)) for check in failing
        )


class MrzReader:
    """Row finder and line net. Safe to share between threads."""

    def __init__(self, models: Path) -> None:
        self._rows, self._net = RowFinder(models), LineNet()
        self.read(np.full((96, 160, 3), 200, np.uint8))

    def read(self, image: Image) -> MrzText | None:
        """The best reading of a BGR picture, in any of the four directions; None where no rows look like an MRZ."""
        best: MrzText | None = None
        for turned in (image, None):
            picture = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE) if turned is None else turned
            for text in self._texts(np.asarray(picture, np.uint8)):
                if best is None or (text.accepted, text.score) > (best.accepted, best.score):
                    best = text
                if best.accepted:
                    return best
            if best is not None and best.score > READABLE:
                return best
        return best

    def _texts(self, image: Image) -> Iterator[MrzText]:
        for group in self._rows.groups(image):
            crops = group.crops(image)
            text = decode(self._net.read(crops))
            if text is not None:
                yield text
            if text is None or text.score < READABLE:
                upside_down = [np.asarray(cv2.rotate(crop, cv2.ROTATE_180), np.uint8) for crop in reversed(crops)]
                text = decode(self._net.read(upside_down))
                if text is not None:
                    yield text


def decode(rows: Sequence[LogProbabilities]) -> MrzText | None:
    """The best MRZ in two to four neighbouring rows.

    Where the free reading already satisfies a format's length, alphabets and check digits, it is the optimum.
    """
    free = [greedy(row) for row in rows]
    for form, start in _places(FORMATS, len(rows)):
        texts = free[start : start + form.lines]
        lines = [row.text for row in texts]
        if form.allows(lines) and form.valid(lines) and _issuer_known(lines):
            text = _judged(form, rows[start:], texts)
            if text.accepted:
                return text
    best: MrzText | None = None
    for form, start in _places(_likely(free), len(rows)):
        if any(abs(len(row.text) - form.length) > _LENGTH_SLACK for row in free[start : start + form.lines]):
            continue
        read = [constrained(rows[start + at], form.masks[at]) for at in range(form.lines)]
        fitting = [row for row in read if row is not None]
        if len(fitting) < form.lines:
            continue
        text = _judged(form, rows[start:], fitting)
        if best is None or (text.accepted, text.score) > (best.accepted, best.score):
            best = text
    return best


def _likely(free: Sequence[Row]) -> tuple[Format, ...]:
    """The formats to try; Kazakhstan's own alphabets only where its code is plainly there."""
    kazakh = any("KAZ" in row.text[1:7] and abs(len(row.text) - TD1_KAZ.length) <= _LENGTH_SLACK for row in free)
    return (TD1_KAZ, *FORMATS) if kazakh else FORMATS


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
    mended = mend(form, lines, beliefs) if score > _MENDED and not form.valid(lines) else None
    lines = mended or lines
    accepted = form.valid(lines) and score > (_MENDED if mended else READABLE) and _issuer_known(lines)
    return MrzText(form, lines, score, mended is not None, sure, accepted)


def _sure(form: Format, beliefs: Beliefs) -> list[list[bool]]:
    """Per symbol: is it ahead of the next one that may stand there by _SURE?"""
    found = []
    for mask, line in zip(form.masks, beliefs, strict=True):
        best = [np.sort(belief[allowed]) for belief, allowed in zip(line, mask, strict=True)]
        found.append([len(order) < 2 or bool(order[-1] - order[-2] >= _SURE) for order in best])
    return found


def _issuer_known(lines: Sequence[str]) -> bool:
    return lines[0][2:5] in STATES
