"""The biometric engines on the prepared models, loaded once, and the photographs."""

from __future__ import annotations

import os
from datetime import date
from functools import lru_cache
from pathlib import Path

import pytest

from activities.integrations.biometrics.documents import CardReader
from activities.integrations.biometrics.faces import DeepFaceEngine
from activities.integrations.biometrics.liveness import HeadMovements
from activities.integrations.biometrics.mesh import FaceMesh
from activities.integrations.biometrics.recording import Recorder
from infra.borrower.camera import Camera
from rules.evidence import LivenessResult
from rules.liveness import LivenessPolicy
from rules.policy import policy

PREPARED = Path(os.environ.get("NESIE_STATE") or Path(__file__).parents[2] / ".state").absolute()
MODELS, PHOTOS = PREPARED / "models", PREPARED / "photos"
SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared(folder: str, what: str) -> Path:
    """A folder of further test material beside the project; where it is not, the test says so."""
    if not (SHARED / folder).is_dir():
        pytest.skip(f"../shared/data/{folder} is not here: 0 {what} ran")
    return SHARED / folder


def photo(name: str) -> bytes:
    """One of the six photographs."""
    return (PHOTOS / f"{name}.jpg").read_bytes()


@lru_cache(maxsize=1)
def faces() -> DeepFaceEngine:
    return DeepFaceEngine(MODELS)


@lru_cache(maxsize=1)
def liveness() -> HeadMovements:
    return HeadMovements(MODELS, faces())


NUMBERS = LivenessPolicy.of(policy(date(2026, 1, 15)))


def judged(clip: bytes, sequence: list[str], selfie: bytes | None, **how: object) -> LivenessResult:
    """A clip against what was asked, with the numbers of a day."""
    return liveness().check(clip, sequence, selfie, NUMBERS, **how)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def recorder() -> Recorder:
    return Recorder(1)


@lru_cache(maxsize=1)
def reader() -> CardReader:
    return CardReader(MODELS)


@lru_cache(maxsize=1)
def camera() -> Camera:
    return Camera(FaceMesh(MODELS).of_photo)
