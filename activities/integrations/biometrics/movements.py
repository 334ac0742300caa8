"""From the head's poses over time to the movements it made: pure, no pictures.

A movement begins when the head leaves its neutral pose and ends when it is back; what it was is said by its peak.
The thresholds are for the mesh's angles (about 0.6 of the true ones) and were set on rendered and recorded clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from activities.integrations.biometrics.mesh import Points, Pose, plane_residual, pose, shape_residual
from rules.liveness import MOVEMENTS

VERSION = "2"
"""Of the limits here, in liveness.py and in continuity.py; evidence keeps it. Who changes a limit counts on."""

_NEUTRAL_MS = 450  # the clip begins with the head straight: its pose is the median of this time
_YAW, _PITCH, _CLOSER = 12.0, 8.0, 1.20  # a peak that counts
_BACK_YAW, _BACK_PITCH, _BACK_CLOSER = 6.0, 5.0, 1.10  # back at neutral
_MOVED = 0.010  # outlines of a motionless face differ by less


@dataclass(frozen=True)
class Sample:
    """One analysed frame: its instant in milliseconds and the mesh of its face."""

    at_ms: float
    points: Points


@dataclass
class Movement:
    """One movement seen. frames: numbers of its samples; peak: the sample where it is largest."""

    kind: str
    peak: int
    frames: list[int]
    depth: float
    finished: bool


@dataclass
class Motion:
    """What a clip's head did. neutral: numbers of the samples with the head straight, in runs between the movements."""

    movements: list[Movement] = field(default_factory=list)
    neutral: list[list[int]] = field(default_factory=list)
    change: float = 0.0  # the largest change of outline, share of the face's width
    start: Pose = field(default_factory=lambda: Pose(0.0, 0.0, 1.0))

    @property
    def order(self) -> list[str]:
        """The kinds of movement, in order."""
        return [movement.kind for movement in self.movements]

    @property
    def still(self) -> bool:
        """Nothing moved beyond noise."""
        return not self.movements and self.change < _MOVED

    def flat(self, yaw: float, pitch: float) -> bool:
        """The outline changed, but no head turned; or a turn had less depth than these.

        A plane explains a tilted picture's movement up to 0.014; a turn to the side, at its peak, leaves 0.029 and
        more, one up or down 0.019.
        """
        turns = [movement for movement in self.movements if movement.kind != "closer"]
        if not turns:
            return self.change >= _MOVED
        return any(turn.depth < (yaw if turn.kind in ("left", "right") else pitch) for turn in turns)


def follow(samples: Sequence[Sample]) -> Motion:
    """The movements in a clip. Samples in order of time; at least one."""
    poses = [pose(sample.points) for sample in samples]
    first = [at for at, sample in enumerate(samples) if sample.at_ms - samples[0].at_ms <= _NEUTRAL_MS]
    start = Pose(*(float(value) for value in np.median([poses[at] for at in first], axis=0)))
    base = samples[min(first, key=lambda at: _away(poses[at], start))]
    motion = Motion(start=start, neutral=[[]])
    excursion: list[int] = []
    for at, seen in enumerate(poses):
        motion.change = max(motion.change, shape_residual(base.points, samples[at].points))
        if not _is_back(seen, start):
            excursion.append(at)
            continue
        _close(motion, excursion, poses, samples, base, finished=True)
        excursion = []
        motion.neutral[-1].append(at)
    _close(motion, excursion, poses, samples, base, finished=False)
    return motion


def _close(
    motion: Motion, frames: list[int], poses: list[Pose], samples: Sequence[Sample], base: Sample, *, finished: bool
) -> None:
    """End an excursion: keep it where one of its directions came to a peak that counts."""
    if not frames:
        return
    kind, peak, strength = max(
        ((kind, *_largest(kind, frames, poses, motion.start)) for kind in MOVEMENTS), key=lambda found: found[2]
    )
    if strength < 1:
        return
    depth = plane_residual(base.points, samples[peak].points)
    motion.movements.append(Movement(kind, peak, frames, depth, finished))
    motion.neutral.append([])


def _largest(kind: str, frames: list[int], poses: list[Pose], start: Pose) -> tuple[int, float]:
    peak = max(frames, key=lambda at: _strength(kind, poses[at], start))
    return peak, _strength(kind, poses[peak], start)


def _strength(kind: str, seen: Pose, start: Pose) -> float:
    """How far a pose goes in one direction; 1 is the least that counts."""
    yaw, pitch = (seen.yaw - start.yaw) / _YAW, (seen.pitch - start.pitch) / _PITCH
    growth = (seen.size / start.size - 1) / (_CLOSER - 1)
    return {"left": -yaw, "right": yaw, "up": -pitch, "down": pitch, "closer": growth}[kind]


def _away(seen: Pose, start: Pose) -> float:
    return abs(seen.yaw - start.yaw) + abs(seen.pitch - start.pitch)


def _is_back(seen: Pose, start: Pose) -> bool:
    return (
        abs(seen.yaw - start.yaw) <= _BACK_YAW
        and abs(seen.pitch - start.pitch) <= _BACK_PITCH
        and seen.size / start.size <= _BACK_CLOSER
    )
