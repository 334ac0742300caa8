"""Perceptual fingerprints of a clip's frames: a clip encoded again has nearly the same, another has not."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from activities.integrations.biometrics.decoder import Image

COUNT = 12
"""Fingerprints kept of one clip, evenly spread over its time."""

_SIDE = 16
_BITS = _SIDE * _SIDE
_MEAN, _WORST = 0.06, 0.12  # shares of differing bits up to which two recordings are the same one


def fingerprint(image: Image) -> str:
    """256 bits as hexadecimal: whether each cell of a 16 x 17 grid is brighter than its right neighbour."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cells = cv2.resize(grey, (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.packbits(cells[:, :-1] > cells[:, 1:] + 1).tobytes().hex()


def distance(one: str, other: str) -> float:
    """Share of differing bits, 0..1.

    >>> distance("ff", "fe") * 256
    1.0
    """
    return (int(one, 16) ^ int(other, 16)).bit_count() / _BITS


def same_recording(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two clips' fingerprints come from one recording, encoded differently. False where one has none."""
    if not one or len(one) != len(other):
        return False
    apart = [distance(a, b) for a, b in zip(one, other, strict=True)]
    return sum(apart) / len(apart) <= _MEAN and max(apart) <= _WORST
