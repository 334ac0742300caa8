"""Reads one row of an MRZ: our own small net gives symbol probabilities along the row, decoding makes text of them.

The net (mrz_lines.onnx, 310,390 parameters) was trained on generated OCR-B rows only; training is no part of set-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.mrz_format import ALPHABET, Mask
from activities.integrations.biometrics.sessions import session

MODEL = Path(__file__).with_name("mrz_lines.onnx")
MODEL_SHA256 = "eb054d76103251412d4cbf4e3610b582148d15290e8dda1734769a8268eca524"

BLANK = len(ALPHABET)
_HEIGHT, _STRIDE, _FLOOR = 32, 4, -16.1
_NEVER = np.float32(-1e9)
_TwoBest = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]

LogProbabilities = NDArray[np.float32]
"""(frames, 38): the alphabet's 37 symbols and blank."""


@dataclass(frozen=True)
class Row:
    """One row as text. score: mean log-probability a frame, 0 is certain. frames: where each symbol was seen."""

    text: str
    score: float
    frames: list[int]


class LineNet:
    """The net, on one thread."""

    def __init__(self) -> None:
        self._session = session(MODEL, arena=False)

    def read(self, crops: Sequence[Image]) -> list[LogProbabilities]:
        """Log-probabilities of rows cut out in BGR, text upright, any size; all rows in one batch."""
        widths = [max(8, round(crop.shape[1] * _HEIGHT / crop.shape[0] / _STRIDE) * _STRIDE) for crop in crops]
        batch = np.zeros((len(crops), 3, _HEIGHT, max(widths)), np.float32)
        for at, (crop, width) in enumerate(zip(crops, widths, strict=True)):
            row = cv2.resize(crop, (width, _HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
            batch[at, :, :, :width] = (row.transpose(2, 0, 1) - row.mean()) / (row.std() + 8)
        return list(np.maximum(self._session.run(None, {"x": batch})[0], _FLOOR))


def greedy(row: LogProbabilities) -> Row:
    """The best path without any knowledge of the format."""
    best = row.argmax(1)
    frames = [at for at in range(len(best)) if best[at] != BLANK and (at == 0 or best[at - 1] != best[at])]
    return Row("".join(ALPHABET[best[at]] for at in frames), float(row.max(1).mean()), frames)


def constrained(row: LogProbabilities, mask: Mask) -> Row | None:
    """The best path with exactly len(mask) symbols, each one that its position allows; None where none fits.

    Viterbi over (position, symbol) and the blank after a position. A symbol may follow a different one directly,
    an equal one only through a blank. `best` and `second` are the two best symbols at a position, so that "the best
    other symbol" is known without looking at all pairs.
    """
    length, symbols = mask.shape
    if len(row) < length:
        return None
    forbidden = np.where(mask, np.float32(0), np.float32(-1e4))
    blank = np.full(length + 1, _NEVER)
    blank[0] = 0
    symbol = np.full((length, symbols), _NEVER)
    came_blank = np.full((len(row), length + 1), -1, np.int8)  # -1: from blank, else from that symbol
    came_symbol = np.zeros((len(row), length, symbols), np.int8)  # -2: stayed, -1: from blank, else from that symbol
    every = np.arange(symbols)[None]
    for at in range(len(row)):
        best, second, best_score, second_score = _two_best(symbol)
        came_blank[at] = np.where(blank >= best_score, -1, best)
        other = np.where(every == best[:-1, None], second_score[:-1, None], best_score[:-1, None])
        other_symbol = np.where(every == best[:-1, None], second[:-1, None], best[:-1, None])
        entering = np.maximum(blank[:-1, None], other)
        came = np.where(blank[:-1, None] >= other, -1, other_symbol)
        came_symbol[at] = np.where(symbol >= entering, -2, came)
        symbol = np.maximum(symbol, entering) + row[at, None, :BLANK] + forbidden
        blank = np.maximum(blank, best_score) + row[at, BLANK]
    last = int(symbol[-1].argmax())
    ends_blank = blank[-1] >= symbol[-1, last]
    score = float(blank[-1] if ends_blank else symbol[-1, last]) / len(row)
    return _trace(came_blank, came_symbol, -1 if ends_blank else last, score)


def _two_best(symbol: NDArray[np.float32]) -> _TwoBest:
    """Best and second symbol and their scores after each position; index 0 is "before the first"."""
    length = len(symbol)
    places, rest = np.arange(length), symbol.copy()
    best, second = np.zeros(length + 1, np.int64), np.zeros(length + 1, np.int64)
    best_score, second_score = np.full(length + 1, _NEVER), np.full(length + 1, _NEVER)
    best[1:] = rest.argmax(1)
    best_score[1:] = rest[places, best[1:]]
    rest[places, best[1:]] = -np.inf
    second[1:] = rest.argmax(1)
    second_score[1:] = rest[places, second[1:]]
    return best, second, best_score, second_score


def _trace(came_blank: NDArray[np.int8], came_symbol: NDArray[np.int8], last: int, score: float) -> Row:
    """Walk the pointers back from the end: the text, and the frame where each symbol begins."""
    length = came_blank.shape[1] - 1
    text, frames, position, current = ["<"] * length, [0] * length, length, last
    for at in range(len(came_blank) - 1, -1, -1):
        if current == -1:
            current = int(came_blank[at, position])
            continue
        text[position - 1], frames[position - 1] = ALPHABET[current], at
        came = int(came_symbol[at, position - 1, current])
        if came != -2:
            position, current = position - 1, came
    return Row("".join(text), score, frames)
