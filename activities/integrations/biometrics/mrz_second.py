"""The second reader: a general text recogniser (PP-OCR) on the same rows. Asked only where our own net is not sure.

It reads worse than our net, but errs elsewhere; so what both read alike is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
import onnxruntime

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.mrz_format import ALPHABET, Format
from activities.integrations.biometrics.mrz_lines import LogProbabilities, constrained
from activities.integrations.biometrics.sessions import session

MODEL = "mrz_second_reader.onnx"

_HEIGHT, _STRIDE = 48, 8
_ALIKE = {
    "<": "＜〈《≤く«",
    "0": "oОоＯ",
    "I": "l|",
    "A": "А", "B": "В", "C": "cСс", "E": "Е", "H": "Н", "K": "Кк", "M": "М", "P": "Р", "S": "s", "T": "Т",
    "U": "u", "V": "v", "W": "w", "X": "Хх×", "Y": "У", "Z": "z",
}  # fmt: skip


class SecondReader:
    """The model (21 MB) is loaded when it is first asked. Safe to share between threads."""

    def __init__(self, models: Path) -> None:
        self._path, self._lock = models / MODEL, Lock()
        self._loaded: tuple[onnxruntime.InferenceSession, list[int], list[list[int]]] | None = None

    def lines(self, crops: Sequence[Image], form: Format) -> list[str] | None:
        """The rows in the alphabets and lengths of the format; None where they have no such reading."""
        found = [constrained(self._read(crop), mask) for crop, mask in zip(crops, form.masks, strict=True)]
        texts = [row.text for row in found if row is not None]
        return texts if len(texts) == form.lines else None

    def _read(self, crop: Image) -> LogProbabilities:
        """Log-probabilities of the 37 symbols, look-alikes of other scripts counted in, and blank."""
        model, classes, alike = self._model()
        width = max(_STRIDE, round(crop.shape[1] * _HEIGHT / crop.shape[0] / _STRIDE) * _STRIDE)
        row = cv2.resize(crop, (width, _HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        blob = np.ascontiguousarray(((row / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])
        shares = model.run(None, {model.get_inputs()[0].name: blob})[0][0]
        kept = shares[:, classes]
        for at, others in enumerate(alike):
            if others:
                kept[:, at] += shares[:, others].sum(1)
        kept += 1e-7
        return np.asarray(np.log(kept / kept.sum(1, keepdims=True)), np.float32)

    def _model(self) -> tuple[onnxruntime.InferenceSession, list[int], list[list[int]]]:
        with self._lock:
            if self._loaded is None:
                model = session(self._path, arena=False)
                listed = model.get_modelmeta().custom_metadata_map["character"].rstrip("\n").split("\n")
                at = {symbol.rstrip("\r"): index for index, symbol in enumerate(listed, 1)}
                alike = [[at[other] for other in _ALIKE.get(symbol, "") if other in at] for symbol in ALPHABET]
                self._loaded = model, [*(at[symbol] for symbol in ALPHABET), 0], alike
            return self._loaded
