"""Rows of an MRZ as made-up probabilities, so that each rule of reading stands alone."""

from __future__ import annotations

import numpy as np

from activities.integrations.biometrics.mrz_decode import decode
from activities.integrations.biometrics.mrz_format import ALPHABET
from activities.integrations.biometrics.mrz_lines import BLANK, LogProbabilities
from activities.integrations.biometrics.mrz_text import MrzText

SEIDAKHMETOVA = [
    "IDKAZ0412365878880412401006<<<",
    "8804123F3104116KAZ<<<<<<<<<<<2",
    "SEIDAKHMETOVA<<MADINA<<<<<<<<<",
]

Doubts = dict[int, tuple[str, float]]
"""Position -> (second symbol, its share)."""


def made_row(text: str, *, doubt: Doubts | None = None) -> LogProbabilities:
    """Two frames a symbol and a blank between."""
    shares = np.full((3 * len(text), BLANK + 1), 1e-6)
    for at, symbol in enumerate(text):
        shares[3 * at : 3 * at + 2, ALPHABET.index(symbol)] = 1
        shares[3 * at + 2, BLANK] = 1
        if doubt and at in doubt:
            other, share = doubt[at]
            shares[3 * at : 3 * at + 2, ALPHABET.index(symbol)] = 1 - share
            shares[3 * at : 3 * at + 2, ALPHABET.index(other)] = share
    return np.asarray(np.log(shares / shares.sum(1, keepdims=True)), np.float32)


def made_text(lines: list[str], **doubts: Doubts) -> MrzText:
    """What our net alone makes of these lines; line0, line1, line2: what it doubts."""
    found = decode([made_row(line, doubt=doubts.get(f"line{at}")) for at, line in enumerate(lines)])
    assert found is not None
    return found[0]
