"""Decodes pictures and clips in limited child processes: their lives in children.py, their work in decoder_child.py."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics.children import Children
from rules.errors import InvalidInput

Image = NDArray[np.uint8]
"""BGR, uint8, (height, width, 3)."""


class Frame(NamedTuple):
    """One frame of a clip: its number, milliseconds from the start, BGR picture with a longest side of at most 640."""

    number: int
    at_ms: float
    image: Image


class Decoder(Children):
    """A pool of decoding children. Safe to share between threads."""

    def __init__(self, children: int = 2) -> None:
        super().__init__(Path(__file__).with_name("decoder_child.py"), children)

    def picture(self, content: bytes, enough: int = 2560) -> Image:
        """A JPEG's or PNG's pixels, upright. enough: see images.decode.

        Raises:
            InvalidInput: image-unreadable, image-too-large, image-type.
        """
        with self.one("image-unreadable") as child:
            child.ask(b"IMAG", struct.pack("<I", enough) + content)
            kind, answer = child.answer()
        if kind != b"PIXL":
            raise InvalidInput(answer.decode())
        height, width = struct.unpack_from("<II", answer)
        return np.frombuffer(answer, np.uint8, offset=8).reshape(height, width, 3)

    def frames(self, content: bytes) -> Iterator[Frame]:
        """A clip's frames, at most 9 a second, while it is being decoded.

        Raises:
            InvalidInput: video-unreadable, video-too-long, video-too-large.
        """
        with self.one("video-unreadable") as child:
            child.ask(b"CLIP", content)
            while (answer := child.answer())[0] == b"FRAM":
                index, at_ms, height, width = struct.unpack_from("<IdII", answer[1])
                pixels = np.frombuffer(answer[1], np.uint8, offset=20).reshape(height, width, 3)
                yield Frame(index, at_ms, pixels)
            if answer[0] == b"FAIL":
                raise InvalidInput(answer[1].decode())
