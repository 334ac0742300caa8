"""Pictures and clips from outside: what they are is judged by their content, and they are decoded in a limited child.

Limits: pictures of 10 MB and 25 megapixels, JPEG or PNG; clips of 20 MB and 20 s, MP4 or WebM.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2

from activities.integrations.biometrics.decoder import Decoder, Frame, Image
from rules.errors import InvalidInput

MAX_IMAGE_BYTES = 10_000_000
MAX_CLIP_BYTES = 20_000_000
MAX_SIDE = 2560  # of a decoded picture


@lru_cache(maxsize=1)
def shared_decoder() -> Decoder:
    """One pool of decoding children for the process."""
    decoder = Decoder()
    decoder.warm_up()
    return decoder


def decode(content: bytes, enough: int = MAX_SIDE) -> Image:
    """The picture as BGR, upright, its longest side at most 2560.

    Args:
        enough: a longest side that does as well; a larger JPEG is decoded at a half, a quarter or an eighth of its size
            as long as this much is left. A photograph of twelve megapixels costs a third so.

    Raises:
        InvalidInput: image-too-large (bytes or pixels), image-type (neither JPEG nor PNG by content, animated, or with
            markup inside), image-unreadable (empty, truncated, damaged, beyond the decoder's limits).
    """
    if not content:
        raise InvalidInput("image-unreadable")
    if len(content) > MAX_IMAGE_BYTES:
        raise InvalidInput("image-too-large")
    if not content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise InvalidInput("image-type")
    return shared_decoder().picture(content, enough)


def frames(content: bytes) -> Iterator[Frame]:
    """The frames of a clip, at most 9 a second, longest side at most 640.

    Raises:
        InvalidInput: video-too-large, video-too-long, video-unreadable (also: neither MP4 nor WebM by content).
    """
    if len(content) > MAX_CLIP_BYTES:
        raise InvalidInput("video-too-large")
    if content[4:8] != b"ftyp" and content[:4] != b"\x1a\x45\xdf\xa3":
        raise InvalidInput("video-unreadable")
    return shared_decoder().frames(content)


def encode_png(image: Image) -> bytes:
    """A picture as PNG bytes."""
    return bytes(cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
