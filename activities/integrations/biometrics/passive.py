"""Passive liveness: does a single frame look like a face, or like a picture of one? MiniFASNet by DeepFace.

No package carries its weights. Where the operator puts both files into the models' weights folder they are used, and
their hashes recorded with every result; where not, it is said so, and policy decides what that means (rules.liveness).

The two nets are not certified for detecting attacks (ISO 30107-3); a good replay on a screen passes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import Face
from activities.passive_weights import FOLDER, WEIGHTS, supplied

_SCALES = (2.7, 4.0)  # what each net looks at, in boxes of the face
_SIDE = 80
_REAL = 1  # the label of a real face
LEAST_FRAMES = 5

Crops = tuple[Image, Image]
"""What the two nets see of one frame."""


class MiniFasNet:
    """Satisfies activities.identity_ports.PassiveLiveness. Safe to share between threads.

    models: file to sha256, as it is recorded.
    """

    def __init__(self, models: Path) -> None:
        from deepface.models.spoofing import FasNetUtils

        from activities.integrations.biometrics.sessions import session

        paths = [models / FOLDER / name for name in WEIGHTS]
        self.models = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        # DeepFace's own class would fetch missing files, and opens sessions that spin on every core
        self._nets: list[Any] = [session(path) for path in paths]
        self._names = [net.get_inputs()[0].name for net in self._nets]
        self._crop = FasNetUtils.crop

    def crops(self, image: Image, face: Face) -> Crops:
        """What is kept of a frame until it is judged."""
        one, other = (np.asarray(self._crop(image, face.box, scale, _SIDE, _SIDE), np.uint8) for scale in _SCALES)
        return one, other

    def score(self, frames: Sequence[Crops]) -> float:
        """How real the frames look, 0..1, by their median. Pixels are fed as 0..255; the nets end in a softmax."""
        return round(float(np.median([self._real(crops) for crops in frames])), 4)

    def _real(self, crops: Crops) -> float:
        shares = [
            net.run(None, {name: crop[None].astype(np.float32)})[0][0][_REAL]
            for net, name, crop in zip(self._nets, self._names, crops, strict=True)
        ]
        return float(sum(shares)) / len(shares)


def passive_of(models: Path) -> MiniFasNet | None:
    """The passive model, None where none is supplied."""
    return MiniFasNet(models) if supplied(models) else None
