"""What is wrong with a photograph of a document, when it could not be read: one remedy, the most certain first.

Never asked about a picture that was read: a poor picture that reads is good enough.
"""

from __future__ import annotations

import cv2
import numpy as np

from activities.integrations.biometrics.card_corners import LEAST_SURE, Outline, find, flat
from activities.integrations.biometrics.decoder import Image

_DARK, _BRIGHT = 42.0, 238.0  # mean grey level of the card
_BURNT = 250  # all three colours at least: nothing is left to read there
_GLARE = 0.012  # share of the card in one burnt patch
_SMALL = 560.0  # pixels of the card's longer side: a symbol of the MRZ is then 18 wide
_TINY, _ROOM = 0.01, 0.06  # least share of the picture, and desk added around it, where an outline is looked for again
_EDGE = 0.012  # of the picture's side: a corner so near the border is cut off
_MIN_SHARPNESS = 40.0  # variance of the Laplacian at 960 pixels; rendered and real photographs have 100 and more


def hint(picture: Image, outline: Outline | None) -> str | None:
    """A ground with its remedy: photo-too-dark, photo-too-bright, photo-glare, document-too-small, document-cut-off,
    photo-blurred; None where the picture looks good.

    Args:
        outline: where the document lies in it, where that was found.
    """
    card = picture if outline is None else flat(picture, outline.corners, 960)
    scale = 960 / max(card.shape[:2])
    small = cv2.resize(card, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else card
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    level = float(grey.mean())
    if level < _DARK:
        return "photo-too-dark"
    if level > _BRIGHT:
        return "photo-too-bright"
    if _glares(np.asarray(small, np.uint8)):
        return "photo-glare"
    loose = outline or _loose(picture)
    if _longer_side(picture, loose) < _SMALL:
        return "document-too-small"
    if loose is not None and _cut_off(picture, loose):
        return "document-cut-off"
    return "photo-blurred" if sharpness(grey) < _MIN_SHARPNESS else None


def sharpness(grey: Image) -> float:
    """Variance of the Laplacian; higher is sharper."""
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _glares(card: Image) -> bool:
    burnt = (card.min(2) >= _BURNT).astype(np.uint8)
    _, _, patches, _ = cv2.connectedComponentsWithStats(burnt)
    return len(patches) > 1 and float(patches[1:, cv2.CC_STAT_AREA].max()) > _GLARE * burnt.size


def _loose(picture: Image) -> Outline | None:
    """An outline that is too small to be read in, or ends where the picture does: looked for with desk around it."""
    strips = [picture[:4].reshape(-1, 3), picture[-4:].reshape(-1, 3), picture[:, :4].reshape(-1, 3)]
    desk = np.median(np.concatenate([*strips, picture[:, -4:].reshape(-1, 3)]), 0)
    room = round(_ROOM * max(picture.shape[:2]))
    around = cv2.copyMakeBorder(picture, room, room, room, room, cv2.BORDER_CONSTANT, value=desk.tolist())
    outline = find(np.asarray(around, np.uint8), _TINY)
    if outline is None or outline.sure < LEAST_SURE:
        return None
    return Outline(outline.corners - room, outline.sure)


def _longer_side(picture: Image, outline: Outline | None) -> float:
    if outline is None:
        return float(max(picture.shape[:2]))
    return float(np.linalg.norm(outline.corners - np.roll(outline.corners, -1, 0), axis=1).max())


def _cut_off(picture: Image, outline: Outline) -> bool:
    """Two corners at the border of the picture: the document goes on outside."""
    height, width = picture.shape[:2]
    x, y = outline.corners[:, 0], outline.corners[:, 1]
    at_border = (x < _EDGE * width) | (x > (1 - _EDGE) * width) | (y < _EDGE * height) | (y > (1 - _EDGE) * height)
    return int(at_border.sum()) >= 2
