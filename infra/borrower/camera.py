"""The borrower's camera: a selfie, and clips in which the face of a photograph makes the movements that were asked.

Each clip is its own recording: framing, tempo, light and noise follow its seed, so two clips of one sequence differ.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.borrower.head import HEIGHT, WIDTH, Head, Image
from infra.borrower.person import Persona

RATE = 12  # frames a second
_NEUTRAL, _STEP, _PAUSE = (0.85, 1.05), (0.95, 1.15), (0.30, 0.45)  # seconds, from - to
_SHADE = 0.16  # how much darker or brighter than the middle a part of the frame may be lit
_CLOSER = 0.42  # growth of the picture when the face comes closer


class Camera:
    """Films faces. Safe to share between threads; the turned pictures of a photo are rendered once.

    Args:
        mesh: the 468 x (x, y, z) points of the largest face of an encoded photograph, in its pixels.
    """

    def __init__(self, mesh: Callable[[bytes], NDArray[Any]]) -> None:
        self._mesh = mesh
        self._heads: dict[str, Head] = {}
        self._lock = threading.Lock()

    def selfie(self, persona: Persona) -> bytes:
        """The person's second photograph, JPEG."""
        return persona.photo_selfie

    def clip(
        self,
        photo: bytes,
        sequence: Sequence[str],
        *,
        flat: bool = False,
        frozen: bool = False,
        seed: int | None = None,
    ) -> bytes:
        """MP4, 360 x 480, in which the face makes the movements and comes back to the middle after each.

        Args:
            photo: whose face, an encoded photograph.
            sequence: out of left, right, up, down, closer; left and right are the person's own.
            flat: tilt the photograph instead of turning the head (an attack).
            frozen: one motionless picture for the same time (an attack).
            seed: the same seed gives the same clip; None gives a new recording.
        """
        seed = secrets.randbits(63) if seed is None else seed
        with self._lock:
            head = self._head(photo)
            pictures = list(self._pictures(head, sequence, np.random.default_rng(seed), flat=flat, frozen=frozen))
        return _encoded(_recorded(pictures, np.random.default_rng([seed, 1])))

    def _head(self, photo: bytes) -> Head:
        digest = hashlib.sha256(photo).hexdigest()
        if digest not in self._heads:
            picture = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
            self._heads[digest] = Head(np.asarray(picture, np.uint8), np.asarray(self._mesh(photo), np.float64))
        return self._heads[digest]

    @staticmethod
    def _pictures(
        head: Head, sequence: Sequence[str], draw: np.random.Generator, *, flat: bool, frozen: bool
    ) -> Iterator[tuple[Image, float]]:
        """Picture and zoom of each frame."""
        for _ in range(_count(draw, _NEUTRAL)):
            yield head.still, 1.0
        for movement in sequence:
            frames = _count(draw, _STEP)
            for at in range(frames):
                share = 0.0 if frozen else math.sin(math.pi * at / (frames - 1))
                if movement == "closer":
                    yield head.still, 1.0 + _CLOSER * share
                else:
                    yield head.tilted(movement, share) if flat else head.turned(movement, share), 1.0
            for _ in range(_count(draw, _PAUSE)):
                yield head.still, 1.0


def _count(draw: np.random.Generator, seconds: tuple[float, float]) -> int:
    return round(draw.uniform(*seconds) * RATE)


def _recorded(pictures: list[tuple[Image, float]], draw: np.random.Generator) -> Iterator[Image]:
    """The pictures as a hand-held phone sees them: its own framing, light, small movements and noise."""
    angle, zoom = draw.uniform(-3, 3), draw.uniform(0.94, 1.06)
    x, y, light = draw.uniform(-17, 17), draw.uniform(-17, 17), draw.uniform(0.90, 1.06)
    grain = cv2.cvtColor(draw.normal(128.5, 0.5, (HEIGHT + 16, WIDTH + 16)).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    phase, room = draw.uniform(0, 6.3, 2), _room(draw)
    for at, (picture, closer) in enumerate(pictures):
        there = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT * 0.46), angle, zoom * closer)
        there[0, 2] += x + 0.6 * math.sin(at / 5 + phase[0])
        there[1, 2] += y + 0.6 * math.sin(at / 7 + phase[1])
        seen = cv2.warpAffine(picture, there, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        left, top = (int(value) for value in draw.integers(0, 16, 2))
        noise = grain[top : top + HEIGHT, left : left + WIDTH]
        lit = cv2.multiply(seen, room, scale=light, dtype=cv2.CV_8U)
        yield np.asarray(cv2.addWeighted(lit, 1.0, noise, 1.0, -128), np.uint8)


def _room(draw: np.random.Generator) -> NDArray[np.float32]:
    """How brightly each pixel of the frame is lit: windows and lamps stand elsewhere in every recording."""
    lamps = draw.uniform(1 - _SHADE, 1 + _SHADE, (4, 3)).astype(np.float32)
    field = cv2.resize(lamps, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.merge([field] * 3), np.float32)


def _encoded(frames: Iterator[Image]) -> bytes:
    """MPEG-4 in MP4."""
    with tempfile.TemporaryDirectory(prefix="nesie-clip-") as folder:
        path = Path(folder) / "clip.mp4"
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), RATE, (WIDTH, HEIGHT))
        if not writer.isOpened():
            raise RuntimeError("this OpenCV cannot write MP4")
        for frame in frames:
            writer.write(frame)
        writer.release()
        return path.read_bytes()
