"""Reads the front of Kazakhstan's card in a photograph: outline, direction, print, portrait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from activities.integrations.biometrics import card_corners, card_labels
from activities.integrations.biometrics.card_corners import LEAST_SURE, Outline
from activities.integrations.biometrics.card_labels import Front
from activities.integrations.biometrics.card_text import Tesseract
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import FaceDetector

_WIDTH = 1400
_LABELS = 2  # lines of the card's own words that make a picture a front
_MOST_LOOKS = 4
_SHRUNK = 0.8


@dataclass(frozen=True)
class FrontLook:
    """What was seen. upright: the card from above, or the whole picture. portrait_pixels: as in the photograph."""

    front: Front
    outline: Outline | None
    upright: Image
    portrait_pixels: int

    @property
    def is_front(self) -> bool:
        """Whether it is the front of Kazakhstan's card at all."""
        return self.front.labels >= _LABELS


class FrontReader:
    """Tesseract and YuNet. Safe to share between threads."""

    def __init__(self, detector: FaceDetector, program: Tesseract) -> None:
        self._detector, self._program = detector, program

    def look(self, picture: Image) -> FrontLook:
        """Read a BGR picture as a front, in any of the four directions."""
        outline = outline_of(picture)
        best: tuple[Front, Image, float] | None = None
        for view, scale in self._views(picture, outline):
            front = card_labels.understood(self._program.lines(_evenly_lit(view)))
            if best is None or front.labels > best[0].labels:
                best = (front, view, scale)
            if front.labels >= _LABELS:
                break
        assert best is not None  # nosec B101  # there is always a view
        front, view, scale = best
        if front.labels >= _LABELS and not front.sure:
            front = front.joined(card_labels.understood(self._program.lines(_strokes(view))))
        faces = self._detector.find(view, 640)
        return FrontLook(front, outline, view, round(faces[0].box[2] / scale) if faces else 0)

    def _views(self, picture: Image, outline: Outline | None) -> Iterator[tuple[Image, float]]:
        """Pictures to read, the likeliest first, each with its enlargement: the card, then the whole photograph."""
        seen = 0
        if outline is not None:
            corners = outline.corners
            sides = np.linalg.norm(corners - np.roll(corners, -1, 0), axis=1)
            if sides[1] + sides[3] > sides[0] + sides[2]:  # it stands upright
                corners = np.roll(corners, 1, 0)
            card = card_corners.flat(picture, corners, _WIDTH)
            scale = float(_WIDTH / max(sides))
            for view in self._by_face([card, _turned(card, cv2.ROTATE_180)]):
                seen += 1
                yield view, scale
        scale = _WIDTH / max(picture.shape[:2])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        whole = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way), np.uint8)
        turns = (cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE)
        for view in self._by_face([whole, *(_turned(whole, turn) for turn in turns)])[: _MOST_LOOKS - seen]:
            yield view, scale

    def _by_face(self, views: list[Image]) -> list[Image]:
        """Those with an upright face first: the portrait tells the direction at a hundredth of the cost of reading."""
        scores = []
        for view in views:
            faces = self._detector.find(view, 320)
            scores.append(max((face.score * face.area for face in faces), default=0.0))
        return [views[at] for at in np.argsort(-np.array(scores), kind="stable")]


def outline_of(picture: Image) -> Outline | None:
    """The outline, where it is borne out well enough to cut along it."""
    outline = card_corners.find(picture)
    return outline if outline is not None and outline.sure >= LEAST_SURE else None


def _turned(view: Image, turn: int) -> Image:
    return np.asarray(cv2.rotate(view, turn), np.uint8)


def _evenly_lit(view: Image) -> Image:
    """Grey, divided by the light around each place: a shadow takes half the lines from the reader otherwise."""
    grey = cv2.cvtColor(view, cv2.COLOR_BGR2GRAY)
    coarse = cv2.GaussianBlur(cv2.resize(grey, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA), (0, 0), 3)
    light = cv2.resize(coarse, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return np.asarray(np.clip(grey / np.maximum(light, 1) * 200, 0, 255), np.uint8)


def _strokes(view: Image) -> Image:
    """What is darker than its surroundings and thinner than a stroke of print: another look at the same picture."""
    grey = cv2.GaussianBlur(cv2.cvtColor(view, cv2.COLOR_BGR2GRAY), (0, 0), 1.2)
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((41, 41), np.uint8))
    spread = cv2.normalize(dark, np.empty_like(dark), 0, 255, cv2.NORM_MINMAX)
    small = cv2.resize(255 - spread, None, fx=_SHRUNK, fy=_SHRUNK, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
