"""The engine of the worker on its prepared models, and photographs from the operator's own disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from activities.integrations.biometrics import images
from activities.integrations.biometrics.faces import DeepFaceEngine
from infra.settings import state_folder
from infra.setup.models import ModelsNotReady, verify
from rules.calendar import local_date
from rules.errors import InvalidInput, Unavailable
from rules.policy import policy

_PORTABLE = (b"P5", b"P6")  # PGM, PPM: collections of faces come so


def models_folder() -> Path:
    """The prepared models of this state folder.

    Raises:
        Unavailable: one is missing or altered.
    """
    models = state_folder() / "models"
    try:
        verify(models)
    except ModelsNotReady as error:
        raise Unavailable(str(error)) from None
    return models


def ready_engine() -> DeepFaceEngine:
    """As the worker has it today, with today's thresholds.

    Raises:
        Unavailable: a model is missing or altered.
    """
    numbers = policy(local_date(datetime.now(UTC)))
    same, unsure = numbers.number("face-same-cosine"), numbers.number("face-unsure-cosine")
    return DeepFaceEngine(models_folder(), float(same), float(unsure))


def photograph(path: Path) -> bytes:
    """A file as it would be uploaded: JPEG and PNG as they are, PGM and PPM as PNG.

    Raises:
        InvalidInput: image-unreadable: no such file, or none that can be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput("image-unreadable", f"{path}: {error.strerror}") from None
    if not content.startswith(_PORTABLE):
        return content
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise InvalidInput("image-unreadable", f"{path}: a damaged picture")
    return images.encode_png(np.asarray(picture, np.uint8))
