"""How well machine-readable zones are read: against the truth, counting above all what was taken and wrong.

Columns of the truth: file (relative to it), doc_format (TD1, TD2, TD3; anything else has no MRZ), mrz (lines joined by
`|`), level, and where known check_digits_valid. `read_exact`: every symbol is right, whatever the outcome. `accepted`:
outcome READ. `accepted_wrong_protected`: READ or READ_NAME_UNSURE though number, dates or optional data are wrong, or
though there is no MRZ or its check digits are printed wrong. `accepted_wrong_name`: READ with another field wrong.
`cpu_ms`: processor time of the reader for a picture with an MRZ; a JPEG is decoded in a child process before it.
`rss_mb`: the most memory that the process held after a picture.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil

from activities.integrations.biometrics import images
from activities.integrations.biometrics.mrz import MrzReader, MrzText
from bench.face_engine import models_folder
from bench.face_figures import wilson
from rules.errors import InvalidInput
from rules.evidence import DocumentOutcome

_FORMATS = ("TD1", "TD2", "TD3")
_TAKEN = (DocumentOutcome.READ, DocumentOutcome.READ_NAME_UNSURE)
_PROTECTED = frozenset({"number", "birth", "expiry", "optional", "optional_2"})
_CARD = {
    "type": (0, 0, 2), "issuer": (0, 2, 5), "number": (0, 5, 15), "optional": (0, 15, 30), "birth": (1, 0, 7),
    "sex": (1, 7, 8), "expiry": (1, 8, 15), "nationality": (1, 15, 18), "optional_2": (1, 18, 30), "names": (2, 0, 30),
}  # fmt: skip
_TWO_LINES = {
    "type": (0, 0, 2), "issuer": (0, 2, 5), "names": (0, 5, 44), "number": (1, 0, 10), "nationality": (1, 10, 13),
    "birth": (1, 13, 20), "sex": (1, 20, 21), "expiry": (1, 21, 28), "optional": (1, 28, 44),
}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """A picture. lines: empty where it has no MRZ. valid: whether the printed check digits fit."""

    path: Path
    name: str
    form: str
    level: str
    lines: list[str]
    valid: bool


@dataclass(frozen=True)
class Seen:
    """What the reader made of it, in how many milliseconds of processor time; memory of the process after it."""

    truth: Truth
    text: MrzText | None
    cpu_ms: float
    rss_mb: float = 0.0

    @property
    def outcome(self) -> DocumentOutcome:
        return self.text.outcome if self.text else DocumentOutcome.RETAKE

    @property
    def exact(self) -> bool:
        return self.text is not None and self.text.lines == self.truth.lines

    @property
    def wrong(self) -> set[str]:
        """The fields that differ from the truth."""
        expected = fields(self.truth.form, self.truth.lines)
        got = fields(self.truth.form, self.text.lines) if self.text and self.text.form.name == self.truth.form else {}
        return {name for name, value in expected.items() if got.get(name) != value}

    @property
    def wrong_protected(self) -> bool:
        """Taken, and not what is printed or not what may be taken."""
        if self.outcome not in _TAKEN:
            return False
        return not self.truth.lines or not self.truth.valid or bool(self.wrong & _PROTECTED)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--truth", type=Path, required=True, metavar="FILE.csv", help="which pictures, and their text")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Figures of one run.

    Raises:
        InvalidInput: the CSV or a picture cannot be read.
    """
    truths = read_truth(args.truth)
    reader = MrzReader(models_folder())
    return figures([_seen(reader, truth) for truth in truths])


def read_truth(file: Path) -> list[Truth]:
    """The pictures of a CSV.

    Raises:
        InvalidInput: truth-unreadable.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as source:
            rows = list(csv.DictReader(source))
        return [
            Truth(
                file.parent / row["file"],
                row["file"],
                row["doc_format"],
                row.get("level") or "",
                row["mrz"].split("|") if row["doc_format"] in _FORMATS else [],
                row.get("check_digits_valid") != "0",
            )
            for row in rows
        ]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise InvalidInput("truth-unreadable", f"{file}: {error}") from None


def fields(form: str, lines: Sequence[str]) -> dict[str, str]:
    """The symbols of each field, with its check digit."""
    if form not in _FORMATS:
        return {}
    places = _CARD if form == "TD1" else _TWO_LINES
    return {name: lines[line][start:end] for name, (line, start, end) in places.items()}


def _seen(reader: MrzReader, truth: Truth) -> Seen:
    try:
        picture = images.decode(truth.path.read_bytes())
    except (OSError, InvalidInput) as error:
        raise InvalidInput("image-unreadable", f"{truth.path}: {error}") from None
    began = time.process_time()
    text = reader.read(picture)
    spent = (time.process_time() - began) * 1000
    return Seen(truth, text, spent, psutil.Process().memory_info().rss / 1e6)


def figures(seen: Sequence[Seen]) -> dict[str, Any]:
    """The answer of the bench. Rows without an MRZ count among `pictures` and the outcomes, not in the shares."""
    texts = [one for one in seen if one.truth.lines]
    expected = sum(len(fields(one.truth.form, one.truth.lines)) for one in texts)
    outcomes = Counter(one.outcome for one in seen)
    times = [one.cpu_ms for one in texts or seen]
    return {
        "pictures": len(seen),
        "read_exact": sum(one.exact for one in texts),
        "field_error": round(sum(len(one.wrong) for one in texts) / expected, 5) if expected else 0.0,
        "accepted": outcomes[DocumentOutcome.READ],
        "accepted_wrong_protected": sum(one.wrong_protected for one in seen),
        "accepted_wrong_name": sum(_wrong_name(one) for one in seen),
        "unsure": outcomes[DocumentOutcome.READ_NAME_UNSURE],
        "rejected": outcomes[DocumentOutcome.REJECTED],
        "retake": outcomes[DocumentOutcome.RETAKE],
        "cpu_ms": {"p50": round(median(times), 1), "p90": round(_p90(times), 1)} if times else {"p50": 0.0, "p90": 0.0},
        "rss_mb": round(max((one.rss_mb for one in seen), default=0.0), 1),
        "by_format": _parts(texts, lambda one: one.truth.form),
        "by_level": _parts(texts, lambda one: one.truth.level),
        "misses": [_miss(one) for one in seen if _missed(one)],
    }


def _wrong_name(one: Seen) -> bool:
    return one.outcome is DocumentOutcome.READ and not one.wrong_protected and not one.exact


def _missed(one: Seen) -> bool:
    """Not exact, or taken though it may not be."""
    return (bool(one.truth.lines) and not one.exact) or one.wrong_protected


def _p90(times: Sequence[float]) -> float:
    return quantiles(times, n=10, method="inclusive")[8] if len(times) > 1 else times[0]


def _parts(seen: Sequence[Seen], of: Any) -> dict[str, Any]:
    parts: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        parts[of(one)].append(one)
    return {
        name: {
            "pictures": len(part),
            "read_exact": sum(one.exact for one in part),
            "confidence_95": wilson(sum(one.exact for one in part), len(part)),
        }
        for name, part in sorted(parts.items())
    }


def _miss(one: Seen) -> dict[str, Any]:
    return {
        "file": one.truth.name,
        "outcome": one.outcome.value,
        "expected": one.truth.lines,
        "got": one.text.lines if one.text else [],
    }
