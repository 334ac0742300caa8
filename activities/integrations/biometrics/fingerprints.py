"""Perceptual fingerprints of a clip's frames in movement: encoded again, cut or put in another order they are the same,
and another recording, even of the same movement at the same place, has others.

A print is 64 bytes: 256 bits of the whole frame, 256 of the face alone. Bands are what an index finds earlier clips by:
pieces of 32 bits of the face's half. Of a frame that was encoded again some piece survives whole, and the face's half
tells clips apart that were filmed before one wall.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.mesh import Points

_SIDE = 16
_HALF = _SIDE * _SIDE // 8  # bytes
_ROOM = 0.75  # the face's square reaches so many widths of the mesh to each side
# Differing bits up to which two frames are one: after encoding again 1-6 and 1-11; at least 14 and 9 between two turns
# of one head in one recording, 60 and 20 between two recordings.
_WHOLE, _FACE = 12, 20
_PLAIN = 4  # a piece with fewer bits set, or unset, than this is everybody's
_MOST = 96  # prints kept of a clip

Prints = NDArray[np.uint8]
"""Prints of a clip's frames, n x 64."""


def fingerprint(image: Image, points: Points) -> bytes:
    """The print of a frame with the mesh of its face."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    centre, reach = points[:, :2].mean(0), float(np.ptp(points[:, 0])) * _ROOM
    scale = 160 / (2 * reach)
    there = np.array(((scale, 0, -(centre[0] - reach) * scale), (0, scale, -(centre[1] - reach) * scale)))
    face = cv2.warpAffine(grey, there, (170, 160), borderMode=cv2.BORDER_REPLICATE)
    return _bits(grey) + _bits(np.asarray(face, np.uint8))


def mirrored(image: Image, points: Points) -> bytes:
    """The print that the frame has in a mirror: a replay may be turned round to show the other side."""
    there = np.column_stack((image.shape[1] - 1 - points[:, 0], points[:, 1:]))
    return fingerprint(np.ascontiguousarray(image[:, ::-1]), there)


def _bits(grey: NDArray[np.uint8]) -> bytes:
    """Whether each cell of a 16 x 17 grid is brighter than its right neighbour."""
    cells = cv2.resize(grey, (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.packbits(cells[:, :-1] > cells[:, 1:] + 1).tobytes()


def spread(prints: Sequence[bytes]) -> list[str]:
    """At most 96 of a clip's prints, evenly spread, as hexadecimal."""
    if len(prints) <= _MOST:
        return [one.hex() for one in prints]
    return [prints[round(at)].hex() for at in np.linspace(0, len(prints) - 1, _MOST)]


def of_hex(prints: Iterable[str]) -> Prints:
    """Prints out of hexadecimal."""
    return of_bytes(b"".join(bytes.fromhex(one) for one in prints))


def of_bytes(prints: bytes) -> Prints:
    """Prints out of the bytes that are stored."""
    return np.frombuffer(prints, np.uint8).reshape(-1, 2 * _HALF)


def bands(prints: Prints) -> list[int]:
    """The pieces by which an index finds these frames: signed 32-bit numbers, each once."""
    pieces = np.ascontiguousarray(prints[:, _HALF:]).view(">u4").astype(np.uint32)
    # where in the face a piece lies is part of it: its first 3 bits make room for that
    places = np.arange(pieces.shape[1], dtype=np.uint32) << 29
    ones = np.bitwise_count(pieces)
    told = ((pieces * np.uint32(2654435761)) >> 3 | places)[(ones >= _PLAIN) & (ones <= 32 - _PLAIN)]
    return sorted({int(one) for one in np.unique(told).view(np.int32)})


def seen_before(prints: Prints, earlier: Iterable[Prints]) -> float:
    """The share of the frames that are also in one of the earlier clips, 0..1."""
    if not len(prints):
        return 0.0
    known = np.zeros(len(prints), bool)
    for one in earlier:
        apart = np.bitwise_count(prints[:, None] ^ one[None])
        whole, face = apart[..., :_HALF].sum(2, dtype=np.int64), apart[..., _HALF:].sum(2, dtype=np.int64)
        known |= ((whole <= _WHOLE) & (face <= _FACE)).any(1)
    return float(known.mean())
