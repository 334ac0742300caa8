"""Reads the machine-readable zone in a photograph: rows, symbols, check digits, and how sure it all is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from activities.integrations.biometrics import mrz_lines, mrz_rows, mrz_second
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.mrz_decode import decode
from activities.integrations.biometrics.mrz_lines import LineNet
from activities.integrations.biometrics.mrz_rows import WHOLE, Area, Group, Look, RowFinder
from activities.integrations.biometrics.mrz_second import SecondReader
from activities.integrations.biometrics.mrz_text import HOPELESS, READABLE, MrzText
from rules.errors import BrokenContract
from rules.evidence import DocumentOutcome

__all__ = ["READABLE", "MrzReader", "MrzText"]

_SIDES = (544, 960, 960)  # pixels of the longer side in which rows are looked for, while the look before does not do
_PAGE = 4  # so many groups of long rows, all of them other text, are a page: no closer look


@dataclass(frozen=True)
class _Found:
    """A text, and the crops of its rows for the second reader."""

    text: MrzText
    crops: Sequence[Image]

    @property
    def worth(self) -> tuple[bool, bool, float]:
        return self.text.alone, self.text.accepted, self.text.score


def _contradict(one: MrzText, other: MrzText) -> bool:
    """Both good, and not the same under the check digits."""
    if not (one.accepted and other.accepted):
        return False
    return one.form.name != other.form.name or one.covered() != other.covered()


def _next_area(number: int, look: Look, best: _Found | None, hopeless: list[Group]) -> Area | None:
    """Where to look again: first where there is text; all over, where a doubtful MRZ may owe that to the cut."""
    if number == 0:
        return None if best is None and len(hopeless) >= _PAGE else look.text
    doubtful = best is not None and best.text.outcome is DocumentOutcome.RETAKE
    return WHOLE if number == 1 and doubtful and look.area != WHOLE else None


class MrzReader:
    """Row finder, line net and second reader. Safe to share between threads.

    Raises:
        BrokenContract: the line net in the project is not the measured one.
    """

    def __init__(self, models: Path) -> None:
        own = hashlib.sha256(mrz_lines.MODEL.read_bytes()).hexdigest()
        if own != mrz_lines.MODEL_SHA256:
            raise BrokenContract("mrz_lines.onnx is not the measured one")
        self.model_sha256 = {mrz_lines.MODEL.name: own} | {
            name: hashlib.sha256((models / name).read_bytes()).hexdigest()
            for name in (mrz_rows.MODEL, mrz_second.MODEL)
        }
        self._rows, self._net, self._second = RowFinder(models), LineNet(), SecondReader(models)
        self.read(np.full((96, 160, 3), 200, np.uint8))

    def read(self, image: Image) -> MrzText | None:
        """The best reading of a BGR picture, in any of the four directions; None where no rows look like an MRZ.

        A second, closer look where the first does not settle it, at that part where there is text. Where one look says
        that a wrong check digit is printed and the other reads a good text, or both read good texts that differ under
        the check digits, that text counts as not sure.
        """
        best, denied, hopeless = None, False, list[Group]()
        area = WHOLE
        for number, side in enumerate(_SIDES):
            look = self._rows.look(image, side, area)
            for found in self._texts(image, look.groups, hopeless):
                denied |= found.text.surely_wrong or (best is not None and _contradict(best.text, found.text))
                if best is None or found.worth > best.worth:
                    best = found
                if found.text.alone and not denied:
                    return self._told(found.text)
            following = _next_area(number, look, best, hopeless)
            if following is None:
                break
            area = following
        if best is None:
            return None
        if not best.text.accepted:
            return self._told(best.text)
        text = replace(best.text, settled=best.text.settled and not denied)
        return self._told(replace(text, second=self._second.lines(best.crops, text.form)))

    def _told(self, text: MrzText) -> MrzText:
        return replace(text, model_sha256=self.model_sha256)

    def _texts(self, image: Image, groups: list[Group], hopeless: list[Group]) -> Iterator[_Found]:
        """Readings of each group of rows; turned around where they make no sense as they are. Adds to `hopeless`."""
        for group in groups:
            if any(group.same(other) for other in hopeless):
                continue
            crops, best = group.crops(image), HOPELESS
            for way in (crops, [np.asarray(cv2.rotate(crop, cv2.ROTATE_180), np.uint8) for crop in reversed(crops)]):
                read = decode(self._net.read(way)) if best <= READABLE else None
                if read is not None:
                    text, start = read
                    best = max(best, text.score)
                    yield _Found(replace(text, height=group.height), way[start : start + text.form.lines])
            if best <= HOPELESS:
                hopeless.append(group)
