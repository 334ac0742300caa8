"""Understands the print on the front of Kazakhstan's card: which line is the surname, which the birth date.

Fields are found by their labels, above the value or to its left, in Kazakh or Russian: two or three layouts circulate,
and the places differ. A field whose label a gleam hides is what stands alone between its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from rapidfuzz import fuzz

from activities.integrations.biometrics.card_text import Line
from rules import iin

NAMES = ("surname", "given_name", "patronymic")

_LABELS = {
    "surname": ("ТЕГІ", "ФАМИЛИЯ", "ФАМИЛИЯСЫ"),
    "given_name": ("АТЫ", "ИМЯ"),
    "patronymic": ("ӘКЕСІНІҢ АТЫ", "ОТЧЕСТВО"),
    "birth_date": ("ТУҒАН КҮНІ", "ДАТА РОЖДЕНИЯ"),
    "iin": ("ЖСН", "ИИН"),
    "": ("ЖЫНЫСЫ", "ПОЛ", "ҚОЛЫ", "ПОДПИСЬ", "АЗАМАТТЫҒЫ", "ГРАЖДАНСТВО", "ҰЛТЫ", "НАЦИОНАЛЬНОСТЬ"),
}
_ON_BOTH_SIDES = ("", "birth_date")  # the back has a place of birth
_HEADING = "heading"
_HEADINGS = ("ҚАЗАҚСТАН РЕСПУБЛИКАСЫ", "РЕСПУБЛИКА КАЗАХСТАН", "ЖЕКЕ КУӘЛІК", "УДОСТОВЕРЕНИЕ ЛИЧНОСТИ")
_ALIKE = 75.0  # of a label and of what was read in its place, 0..100
_LABEL_SHARE = 0.75  # of a line's letters: then the line is nothing but a label
_BELOW, _ASIDE, _RIGHT = 5.0, 4.0, 40.0  # how far a value may stand from its label, in heights of the label
_LAST_RESORT = 1e6
_CONFIDENT = 60.0
_DATE = re.compile(r"(?<!\d)(\d{2})[.,\s]*(\d{2})[.,\s]*(\d{4})(?!\d)")


@dataclass
class Front:
    """What was read. labels: how many lines of the front's own words were found. places: the line of each field."""

    values: dict[str, str] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    labels: int = 0
    places: dict[str, Line] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everything that the card must carry is here; not everybody has a patronymic."""
        return {"surname", "given_name", "birth_date", "iin"} <= self.values.keys()

    @property
    def sure(self) -> bool:
        """Complete, and no line of it read with doubt."""
        return self.complete and "patronymic" in self.values and not self.unsure

    def joined(self, other: Front) -> Front:
        """This reading, with what another one of the same picture has more, or more surely."""
        better = {name for name in other.values if name not in self.values or name in self.unsure - other.unsure}
        return Front(
            self.values | {name: other.values[name] for name in better},
            (self.unsure - better) | (other.unsure & better),
            max(self.labels, other.labels),
            self.places | {name: place for name, place in other.places.items() if name in better},
        )


def understood(lines: Sequence[Line]) -> Front:
    """The fields in the lines of a front.

    >>> lines = [Line("ТЕГІ / ФАМИЛИЯ", 500, 180, 210, 20, 90.0), Line("ЩЕРБАКОВА", 500, 220, 300, 40, 95.0),
    ...          Line("ЖСН / ИИН", 60, 750, 140, 22, 90.0), Line("900101300811", 500, 740, 480, 45, 96.0)]
    >>> understood(lines).values
    {'iin': '900101300811', 'surname': 'ЩЕРБАКОВА'}
    """
    labels: dict[str, tuple[float, Line]] = {}
    values, words = [], 0
    for line in lines:
        name, points, rest = _label(line)
        words += points > 0 and name not in _ON_BOTH_SIDES
        if name in _LABELS and points > labels.get(name, (0.0, line))[0]:
            labels[name] = (points, line)
        if rest is not None:
            values.append(rest)
    front = Front(labels=words)
    _numbers(front, lines)
    found = {name: line for name, (_, line) in labels.items()}
    for name in NAMES:
        if name in found:
            _take(front, name, _beside(found[name], values, found.values(), front.places.values()))
    _between(front, values, found, bottom_of_headings(lines))
    return front


def bottom_of_headings(lines: Iterable[Line]) -> int:
    """Where the card's headings end; 0 where none was read."""
    return max((line.bottom for line in lines if _heading(line.text)), default=0)


def real_date(text: str) -> date | None:
    """DD.MM.YYYY, however its points were read; None where no such day is."""
    match = _DATE.search(text)
    try:
        return date(int(match[3]), int(match[2]), int(match[1])) if match else None
    except ValueError:
        return None


def valid_iin(text: str) -> str | None:
    """The first twelve digits in a line that are an IIN."""
    digits = re.sub(r"(?<=\d)\s+(?=\d)", "", text)
    return next((number for number in re.findall(r"(?<!\d)\d{12}(?!\d)", digits) if iin.is_valid(number)), None)


def cleaned(text: str) -> str:
    """A name without what a pattern or an edge added at its ends.

    >>> cleaned("| СЕРІКҰЛЫ /."), cleaned("Ә6ДІРАХМАНОВА"), cleaned("ҚАСЫМ-ЖОМАРТ"), cleaned("Е СЕРІК")
    ('СЕРІКҰЛЫ', 'ӘДІРАХМАНОВА', 'ҚАСЫМ-ЖОМАРТ', 'СЕРІК')
    """
    words = [re.sub(r"[^\w-]|[\d_]", "", word).strip("-") for word in text.upper().split()]
    return " ".join(word for word in words if len(word) > 1)


def _heading(text: str) -> bool:
    upper = text.upper()
    return any(fuzz.partial_ratio(heading, upper) >= 85 for heading in _HEADINGS) if len(upper) >= 10 else False


def _label(line: Line) -> tuple[str, float, Line | None]:
    """The label in a line and how much of it was recognised, and what is left of the line as a value."""
    if _heading(line.text):
        return _HEADING, 2.0, None
    words = re.findall(r"\w+", line.text.upper())
    best, points, taken = "", 0.0, set[int]()
    for name, spellings in _LABELS.items():
        hits, places = 0.0, set[int]()
        for spelling in spellings:
            share, at = _window(words, spelling)
            if share >= _ALIKE:
                hits += len(spelling) * share / 100
                places |= at
        if hits > points:
            best, points, taken = name, hits, places
    if not taken:
        return "", 0.0, line
    letters = sum(len(word) for word in words if not word.isdigit())
    if sum(len(words[at]) for at in taken) >= _LABEL_SHARE * letters:
        return best, points, None
    rest = [word for at, word in enumerate(words) if at > max(taken)]
    return best, points, Line(" ".join(rest), line.left, line.top, line.width, line.height, line.confidence)


def _window(words: Sequence[str], spelling: str) -> tuple[float, set[int]]:
    """The likeness of the words that resemble a label most, and which they are."""
    long = spelling.count(" ") + 1
    best, at = 0.0, set[int]()
    for start in range(len(words) - long + 1):
        likeness = fuzz.ratio(" ".join(words[start : start + long]), spelling)
        if likeness > best:
            best, at = likeness, set(range(start, start + long))
    return best, at


def _numbers(front: Front, lines: Sequence[Line]) -> None:
    """IIN and birth date tell themselves by their form. Of several dates the earliest is the birth."""
    for line in lines:
        number = valid_iin(line.text)
        if number and "iin" not in front.values:
            front.values["iin"], front.places["iin"] = number, line
    dates = [(day, line) for line in lines if (day := real_date(line.text)) is not None]
    if dates:
        day, line = min(dates, key=lambda found: found[0])
        front.values["birth_date"], front.places["birth_date"] = day.isoformat(), line


def _take(front: Front, name: str, line: Line | None) -> None:
    if line is None:
        return
    front.values[name], front.places[name] = cleaned(line.text), line
    if line.confidence < _CONFIDENT:
        front.unsure.add(name)


def _is_name(line: Line) -> bool:
    letters = cleaned(line.text)
    return len(letters) >= 2 and len(letters) >= 0.6 * len(line.text)


def _beside(label: Line, values: Sequence[Line], labels: Iterable[Line], used: Iterable[Line]) -> Line | None:
    """The value of a label: the nearest name under it, else to its right; never one that belongs to another label."""
    taken, others = set(used), [other for other in labels if other is not label]
    height = label.height
    best: tuple[float, Line] | None = None
    for line in values:
        if line in taken or not _is_name(line):
            continue
        down, aside = line.middle - label.middle, line.left - label.left
        if 0.4 * height < down < _BELOW * height and abs(aside) < _ASIDE * height:
            if any(label.middle < other.middle < line.middle - 0.3 * height for other in others):
                continue
            cost = down
        elif abs(down) < 0.8 * max(height, line.height) and -height < line.left - label.right < _RIGHT * height:
            cost = max(0.0, float(line.left - label.right)) / 4
        elif line.left == label.left and line.top == label.top:  # label and value were read as one line
            cost = _LAST_RESORT
        else:
            continue
        if best is None or cost < best[0]:
            best = (cost, line)
    return best[1] if best else None


def _between(front: Front, values: Sequence[Line], labels: dict[str, Line], top: int) -> None:
    """A name without a label is the one line that stands alone in the column, between what was found."""
    if not front.places:
        return
    column = min(line.left for line in front.places.values())
    tall = 1.2 * min((label.height for label in labels.values()), default=0)  # values are printed larger than labels
    order = [*NAMES, "birth_date"]
    for at, name in enumerate(NAMES):
        above = max([top, *(front.places[other].bottom for other in order[:at] if other in front.places)])
        below = [front.places[other].top for other in order[at + 1 :] if other in front.places]
        near = order[max(0, at - 1) : at] + order[at + 1 : at + 2]
        if name in front.values or name in labels or not all(other in front.places for other in near):
            continue
        alone = [
            line
            for line in values
            if above <= line.middle < min(below) and abs(line.left - column) < 2 * line.height
            and _is_name(line) and line.confidence >= _CONFIDENT and line.height > tall
        ]  # fmt: skip
        if len(alone) == 1:
            _take(front, name, alone[0])
