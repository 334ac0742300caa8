"""Reads printed Kazakh and Russian with Tesseract, a program of the system, on one thread and in bounded time.

The program gets grey pixels that we made ourselves, never a file from outside, and nothing is written to disk.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess  # nosec B404  # a fixed program, an argument list, our own pixels
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from activities.integrations.biometrics.decoder import Image
from rules.errors import BrokenContract, Unavailable

LANGUAGES = ("kaz", "rus")
_SECONDS = 45.0  # wall time of one reading on a busy machine; it needs 0.3 s of the processor
_ENVIRONMENT = {"OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"}  # its threads cost three times what they gain


@dataclass(frozen=True)
class Line:
    """Words that stand side by side. left, top, width, height in pixels; confidence 0..100, of the weakest word."""

    text: str
    left: int
    top: int
    width: int
    height: int
    confidence: float

    @property
    def right(self) -> int:
        """Where it ends."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """Where it ends below."""
        return self.top + self.height

    @property
    def middle(self) -> float:
        """Down the picture."""
        return self.top + self.height / 2


class Tesseract:
    """The program with its language files. Safe to share between threads: each reading is its own process.

    Raises:
        BrokenContract: the program or a language is not installed.
    """

    def __init__(self) -> None:
        program = shutil.which("tesseract")
        if program is None:
            raise BrokenContract("tesseract is not installed: run `make setup`")
        self._program = program
        told = self._run("--list-langs").stdout.decode()
        folder = re.search(r'"(.+)"', told)
        if folder is None or not set(LANGUAGES) <= set(told.split()):
            raise BrokenContract("tesseract lacks Kazakh or Russian: run `make setup`")
        version = self._run("--version").stdout.decode().split("\n")[0].strip()
        files = [Path(folder[1]) / f"{language}.traineddata" for language in LANGUAGES]
        self.model_sha256 = {file.name: _sha256(file) for file in files} | {version: _sha256(Path(program))}

    def lines(self, grey: Image, *, languages: str = "kaz", sparse: bool = True) -> list[Line]:
        """The lines of print in a grey picture, top to bottom.

        Args:
            languages: as Tesseract writes them, `kaz` or `kaz+rus`.
            sparse: lines anywhere; else one column of text.

        Raises:
            Unavailable: the program did not end in time, or failed.
        """
        height, width = grey.shape
        pixels = f"P5 {width} {height} 255\n".encode() + grey.tobytes()
        done = self._run(
            "stdin", "stdout", "--oem", "1", "--psm", "11" if sparse else "4", "-l", languages, "tsv", given=pixels
        )
        if done.returncode:
            raise Unavailable("tesseract failed")
        return _lines(done.stdout.decode())

    def _run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [self._program, *arguments]
        try:
            return subprocess.run(  # nosec B603
                command, input=given, capture_output=True, timeout=_SECONDS, env=_ENVIRONMENT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable("tesseract does not answer") from error


def _lines(table: str) -> list[Line]:
    """Columns of the table: level (5: a word), five numbers, the box, confidence, text."""
    words = []
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[0] == "5" and any(letter.isalnum() for letter in cells[11]):
            left, top, width, height = (int(cell) for cell in cells[6:10])
            words.append(Line(cells[11], left, top, width, height, float(cells[10])))
    return joined(words)


def joined(words: Sequence[Line]) -> list[Line]:
    """Words into lines by where they stand: the program's own lines break at every gleam. Top to bottom.

    A gap wider than two and a half letters is the end of a line: what stands beyond it is another field.
    """
    rows: list[list[Line]] = []
    for word in sorted(words, key=lambda word: word.middle):
        near = [row for row in rows[-3:] if _level(row[-1], word) and _level(row[0], word)]
        if near:
            near[-1].append(word)
        else:
            rows.append([word])
    lines = []
    for row in rows:
        row.sort(key=lambda word: word.left)
        part = [row[0]]
        for word in row[1:]:
            if word.left - part[-1].right > 2.5 * max(word.height, part[-1].height):
                lines.append(_one(part))
                part = []
            part.append(word)
        lines.append(_one(part))
    return sorted(lines, key=lambda line: line.top)


def _level(one: Line, other: Line) -> bool:
    return abs(one.middle - other.middle) < 0.45 * min(one.height, other.height) and (
        max(one.height, other.height) < 2.5 * min(one.height, other.height)
    )


def _one(words: Sequence[Line]) -> Line:
    left, top = min(word.left for word in words), min(word.top for word in words)
    width, height = max(word.right for word in words) - left, max(word.bottom for word in words) - top
    return Line(" ".join(word.text for word in words), left, top, width, height, min(w.confidence for w in words))


@lru_cache(maxsize=8)
def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
