"""Clips cut, glued and encoded again, as an attacker would, or a camera with another encoder."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Timed = tuple[float, Image]
"""Milliseconds and a BGR picture."""


def frames_of(clip: bytes) -> list[Timed]:
    """Every frame of a clip with its instant."""
    with av.open(io.BytesIO(clip)) as container:
        return [
            (float(frame.time or 0) * 1000, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            for frame in container.decode(video=0)
        ]


def encoded(frames: Sequence[Timed], *, codec: str = "libx264", kbit: int = 1500) -> bytes:
    """Frames at their instants, as MP4 or, by VP8, WebM."""
    made = io.BytesIO()
    height, width = (side // 2 * 2 for side in frames[0][1].shape[:2])
    with av.open(made, "w", format="webm" if codec == "libvpx" else "mp4") as container:
        stream = container.add_stream(codec, rate=12)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate, stream.codec_context.time_base = kbit * 1000, Fraction(1, 1000)
        # below zero: at one speed; above, VP8 makes worse pictures where the machine is slow
        stream.options = {"preset": "ultrafast"} if codec == "libx264" else {"deadline": "realtime", "cpu-used": "-8"}
        for at, picture in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="bgr24")
            frame.pts, frame.time_base = round(at), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


def at_rate(pictures: Iterable[Image], rate: float) -> list[Timed]:
    """Pictures at so many a second."""
    return [(at * 1000 / rate, picture) for at, picture in enumerate(pictures)]


def glued(*parts: Sequence[Timed], rate: float = 12) -> list[Timed]:
    """Parts one after the other."""
    return at_rate((picture for part in parts for _, picture in part), rate)


def brighter(frames: Sequence[Timed], factor: float, cut: int) -> list[Timed]:
    """The same frames, lighter, their edges cut off, smaller."""
    return [
        (at, np.asarray(cv2.convertScaleAbs(cv2.resize(one[cut:-cut, cut:-cut], (300, 400)), alpha=factor), np.uint8))
        for at, one in frames
    ]
