"""Is a clip one recording? Its clock, cuts between two takes, and frames that stand still.

A hand that films moves the picture for a while; a cut changes it in one step, with calm before and after.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import Face
from activities.integrations.biometrics.mesh import Points, pose

MAX_GAP_MS = 700  # between two analysed frames
_MIN_FRAMES = 10
_MIN_MS_PER_STEP = 500
_SMALL = (48, 64)  # the frame is compared at this size
_LEAST_BACKGROUND = 100  # of its cells, to be compared

# One step is a cut where it is so large, and so many times any of the two steps before and after it.
_BACKGROUND, _BACKGROUND_TIMES = (
    4.0,
    3.0,
)  # grey levels outside of the head; lone steps of live clips: below 3
_MOVE, _MOVE_TIMES = 0.05, 4.0  # widths of the face, while the head does not turn
_TURNING = 4.0  # degrees in one step: then the face may leap as it likes
_STUCK = 0.05  # grey levels: a sensor's noise alone makes ten times that
_MOST_STUCK = 8  # steps in a row without one: a live camera makes none, a clip at a low rate five


@dataclass(frozen=True)
class Look:
    """What is kept of one frame to compare it with the next."""

    at_ms: float
    small: NDArray[np.float32]
    outside: NDArray[np.bool_]
    centre: NDArray[np.float64]
    width: float
    yaw: float
    pitch: float


def look(at_ms: float, image: Image, face: Face, points: Points) -> Look:
    """A frame as it is compared."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, _SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)
    outside = np.ones(small.shape, bool)
    x, y, width, height = face.box
    across, down = _SMALL[0] / image.shape[1], _SMALL[1] / image.shape[0]
    left, right = int((x - width / 2) * across), int((x + width * 1.5) * across)
    top, bottom = int((y - height / 2) * down), int((y + height * 1.5) * down)
    outside[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = False
    seen = pose(points)
    return Look(at_ms, small, outside, points[:, :2].mean(0), float(np.ptp(points[:, 0])), seen.yaw, seen.pitch)


def plausible(times: Sequence[float], steps: int) -> bool:
    """Enough frames, in order of time, without holes, long enough for the movements."""
    gaps = np.diff(times)
    return bool(
        len(times) >= _MIN_FRAMES
        and times[-1] - times[0] >= _MIN_MS_PER_STEP * steps
        and (gaps > 0).all()
        and (gaps <= MAX_GAP_MS).all()
    )


def joins(looks: Sequence[Look]) -> list[int]:
    """Milliseconds at which the clip seems cut."""
    steps = [_step(one, other) for one, other in itertools.pairwise(looks)]
    background = [step[0] for step in steps]
    moved = [step[1] for step in steps]
    found = []
    for at in range(len(steps)):
        behind = _alone(background, at, _BACKGROUND, _BACKGROUND_TIMES)
        face = steps[at][2] <= _TURNING and _alone(moved, at, _MOVE, _MOVE_TIMES)
        if behind or face:
            found.append(round(looks[at + 1].at_ms))
    return found


def stuck(looks: Sequence[Look]) -> int:
    """The most frames in a row that are the same picture."""
    longest = row = 0
    for one, other in itertools.pairwise(looks):
        row = row + 1 if float(np.abs(one.small - other.small).mean()) < _STUCK else 0
        longest = max(longest, row)
    return longest


def frozen(looks: Sequence[Look]) -> bool:
    """Whether the picture stood still for so long as no camera's does."""
    return stuck(looks) >= _MOST_STUCK


def _step(one: Look, other: Look) -> tuple[float | None, float, float]:
    """Change of the background, way of the face, turn of the head between two frames.

    The background is None where a near face leaves too little of it to tell.
    """
    both = one.outside & other.outside
    behind = float(np.abs(one.small - other.small)[both].mean()) if both.sum() > _LEAST_BACKGROUND else None
    way = float(np.linalg.norm(other.centre - one.centre)) / one.width
    return behind, way, max(abs(other.yaw - one.yaw), abs(other.pitch - one.pitch))


def _alone(values: Sequence[float | None], at: int, least: float, times: float) -> bool:
    """Whether a step stands out of those beside it. One that cannot be told is no calm beside another."""
    value = values[at]
    near = [values[place] for place in (at - 2, at - 1, at + 1, at + 2) if 0 <= place < len(values)]
    known = [one for one in near if one is not None]
    return value is not None and value >= least and len(known) >= 3 and value >= times * max(known)
