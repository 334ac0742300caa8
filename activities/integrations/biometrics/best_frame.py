"""The clearest frame of a clip: by pose, blur, noise and light. Procedure: S26."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.mesh import Pose

_STRAIGHT = 20.0  # degrees of the mesh: nothing is left of a frame turned so far
_SHARP = 300.0  # variance of the Laplacian of a clear face
_NOISY = 12.0  # grey levels
_LIGHT, _LIGHT_ROOM = 130.0, 90.0  # the best mean of a face, and how far from it nothing is left
_WIDE = 160.0  # pixels of the face: more adds nothing


@dataclass(frozen=True)
class Quality:
    """Of one frame. sharpness: variance of the Laplacian; noise: grey levels; light: mean; overexposed: share."""

    sharpness: float
    noise: float
    light: float
    overexposed: float
    width: float


def quality(crop: Image, sharp: float, width: float) -> Quality:
    """Of a grey 160 x 160 face.

    Noise is what a median of 3 x 3 takes away, robustly: edges hardly count. A strongly compressed clip has little of
    either noise or sharpness.
    """
    smooth = cv2.medianBlur(crop, 3)
    noise = float(np.median(np.abs(crop.astype(np.int16) - smooth))) * 1.4826
    return Quality(sharp, noise, float(crop.mean()), float((crop >= 250).mean()), width)


def scores(pose: Pose, start: Pose, seen: Quality) -> dict[str, float]:
    """What speaks for a frame: the raw figures, and `score` 0..1, the product of the parts.

    start: the pose the clip begins with; a phone is held below the face, so straight is no certain pitch.
    """
    straight = max(0.0, 1 - max(abs(pose.yaw), abs(pose.pitch - start.pitch)) / _STRAIGHT)
    sharp = min(1.0, seen.sharpness / _SHARP)
    quiet = max(0.2, 1 - seen.noise / _NOISY)
    lit = max(0.0, 1 - abs(seen.light - _LIGHT) / _LIGHT_ROOM) * (1 - seen.overexposed)
    near = min(1.0, seen.width / _WIDE)
    parts = (straight, 0.3 + 0.7 * sharp, quiet, 0.2 + 0.8 * lit, 0.5 + 0.5 * near)
    return {
        "yaw": round(pose.yaw, 1),
        "pitch": round(pose.pitch, 1),
        "sharpness": round(seen.sharpness, 1),
        "noise": round(seen.noise, 2),
        "light": round(seen.light, 1),
        "overexposed": round(seen.overexposed, 4),
        "width": round(seen.width, 1),
        "score": round(float(np.prod(parts)), 4),
    }


def best(frames: Sequence[dict[str, float]]) -> int | None:
    """The number of the frame with the highest score; the first of equals, None of none."""
    return max(range(len(frames)), key=lambda at: (frames[at]["score"], -at)) if frames else None
