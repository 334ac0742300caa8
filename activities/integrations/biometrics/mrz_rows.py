"""Finds the rows of an MRZ in a photograph of a document: a text detector, then geometry; no card outline is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.sessions import calm_opencv, session

MODEL = "mrz_text_detector.onnx"

_MOST_ENLARGED, _SQUARE = 2.0, 0.75  # a square picture costs what one of 4 : 3 does
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_SPREAD = np.array((0.229, 0.224, 0.225), np.float32)
_PIXEL, _BOX, _GROW = 0.3, 0.5, 1.6  # probability of a pixel and of a box; how far a box grows
_CROP_HEIGHT, _CROP_ROOM, _CROP_ENDS = 48, 1.16, 0.5


class Box(NamedTuple):
    """A piece of text: centre, length along the text, height, angle in degrees."""

    x: float
    y: float
    length: float
    height: float
    angle: float

    @property
    def ratio(self) -> float:
        """Length over height."""
        return self.length / self.height


class Piece(NamedTuple):
    """A box in a group's own axes: its ends along the text, its place across, its height."""

    left: float
    right: float
    across: float
    height: float
    box: Box


@dataclass(frozen=True)
class TextRow:
    """Pieces side by side."""

    pieces: list[Piece]

    @property
    def left(self) -> float:
        return min(piece.left for piece in self.pieces)

    @property
    def right(self) -> float:
        return max(piece.right for piece in self.pieces)

    @property
    def across(self) -> float:
        return self._weighted([piece.across for piece in self.pieces])

    @property
    def height(self) -> float:
        return self._weighted([piece.height for piece in self.pieces])

    def _weighted(self, values: list[float]) -> float:
        return float(np.average(values, weights=[piece.right - piece.left for piece in self.pieces]))


@dataclass(frozen=True)
class Group:
    """Two to four parallel rows that may be an MRZ, top to bottom. seed: gives the axes."""

    seed: Box
    rows: list[TextRow]

    @property
    def width(self) -> float:
        return max(row.right for row in self.rows) - min(row.left for row in self.rows)

    @property
    def height(self) -> float:
        """Of a row, pixels of the photograph."""
        return float(np.mean([row.height for row in self.rows]))

    def same(self, other: Group) -> bool:
        """Whether both have the same rows, each end less than a row's height from the other's."""
        if len(self.rows) != len(other.rows):
            return False
        return bool(np.abs(self._ends - other._ends).max() < max(self.height, other.height))

    @property
    def _ends(self) -> NDArray[np.float64]:
        """The left and right end of each row in the photograph."""
        along, down = _axes(self.seed)
        origin = np.array((self.seed.x, self.seed.y))
        return np.array([origin + at * along + row.across * down for row in self.rows for at in (row.left, row.right)])

    def crops(self, image: Image) -> list[Image]:
        """The lowest four rows, all between one common left and right edge: else the tail of fillers is lost."""
        left = min(row.left for row in self.rows[-3:])
        right = max(row.right for row in self.rows[-3:])
        return [_crop(image, self.seed, row, left, right) for row in self.rows[-4:]]


class RowFinder:
    """The text detector (PP-OCR) on one thread."""

    def __init__(self, models: Path) -> None:
        calm_opencv()
        self._session = session(models / MODEL, pattern=False)
        self._input = self._session.get_inputs()[0].name

    def groups(self, image: Image, side: int) -> list[Group]:
        """At most four groups of rows of a BGR picture, widest first, looked for with its longer side so many pixels.

        Rows may lie in any direction; which way up they are is not known.
        """
        return sorted(_groups(self._boxes(image, side)), key=lambda group: -group.width)[:4]

    def _boxes(self, image: Image, side: int) -> list[Box]:
        height, width = image.shape[:2]
        scale = min(side / max(height, width), side * math.sqrt(_SQUARE / (height * width)), _MOST_ENLARGED)
        to_height, to_width = (max(32, round(length * scale / 32) * 32) for length in (height, width))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, (to_width, to_height), interpolation=way).astype(np.float32)
        blob = ((small / 255 - _MEAN) / _SPREAD).transpose(2, 0, 1)[None]
        heat = self._session.run(None, {self._input: np.ascontiguousarray(blob)})[0][0, 0]
        contours, _ = cv2.findContours((heat > _PIXEL).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        boxes = (_box(contour, heat, width / to_width, height / to_height) for contour in contours)
        return [box for box in boxes if box is not None]


def _box(contour: NDArray[np.int32], heat: NDArray[np.float32], x_scale: float, y_scale: float) -> Box | None:
    if len(contour) < 4:
        return None
    (x, y), (length, height), angle = cv2.minAreaRect(contour)
    if min(length, height) < 3:
        return None
    if length < height:
        length, height, angle = height, length, angle + 90
    left, top, wide, high = cv2.boundingRect(contour)
    inside = np.zeros((high, wide), np.uint8)
    cv2.fillPoly(inside, [contour - [left, top]], 1)
    if cv2.mean(heat[top : top + high, left : left + wide], inside)[0] < _BOX:
        return None
    grow = length * height * _GROW / (length + height)
    angle = (angle + 90) % 180 - 90
    return Box(x * x_scale, y * y_scale, (length + grow) * x_scale, (height + grow) * y_scale, angle)


def _groups(boxes: list[Box]) -> list[Group]:
    """From each long box, its neighbours above and below; groups of the same boxes once."""
    seeds = sorted((box for box in boxes if box.ratio > 7), key=lambda box: -box.length)[:10]
    found: dict[frozenset[Box], Group] = {}
    for seed in seeds:
        rows = _neighbours(seed, _rows(seed, boxes))
        if len(rows) >= 2:
            found.setdefault(frozenset(piece.box for row in rows for piece in row.pieces), Group(seed, rows))
    return list(found.values())


def _rows(seed: Box, boxes: list[Box]) -> list[TextRow]:
    """All rows parallel to the seed, top to bottom. Short pieces (broken runs of fillers) join at any angle."""
    along, down = _axes(seed)
    pieces = []
    for box in boxes:
        turned = abs((box.angle - seed.angle + 90) % 180 - 90) > 6
        if box.ratio <= 0.6 or (box.ratio > 3 and turned) or not 0.5 * seed.height < box.height < 1.8 * seed.height:
            continue
        offset = np.array((box.x - seed.x, box.y - seed.y))
        at, across = float(offset @ along), float(offset @ down)
        pieces.append(Piece(at - box.length / 2, at + box.length / 2, across, box.height, box))
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.across):
        if rows and abs(piece.across - np.mean([other.across for other in rows[-1]])) < 0.5 * seed.height:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [TextRow(row) for row in rows]


def _neighbours(seed: Box, rows: list[TextRow]) -> list[TextRow]:
    """The seed's row and up to three near ones that are long enough and begin near its left edge."""
    start = min(range(len(rows)), key=lambda at: abs(rows[at].across))
    base, chosen = rows[start], [start]
    for step in (1, -1):
        at, last = start + step, base
        while 0 <= at < len(rows) and len(chosen) < 4:
            row = rows[at]
            if abs(row.across - last.across) > 4.2 * seed.height:
                break
            if row.right - row.left > 0.45 * (base.right - base.left) and row.left > base.left - 3 * seed.height:
                chosen.append(at)
                last = row
            at += step
    return [rows[at] for at in sorted(chosen)]


def _axes(seed: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors along the text and down."""
    angle = math.radians(seed.angle)
    return np.array((math.cos(angle), math.sin(angle))), np.array((-math.sin(angle), math.cos(angle)))


def _crop(image: Image, seed: Box, row: TextRow, left: float, right: float) -> Image:
    """One row, 48 pixels high, along its own slope (the line through its pieces' ends)."""
    along, down = _axes(seed)
    ends = []
    for piece in row.pieces:
        direction, _ = _axes(piece.box)
        middle = np.array((piece.box.x - seed.x, piece.box.y - seed.y))
        ends += [middle + share * piece.box.length * direction for share in (-0.5, 0.5)]
    at, across = np.array(ends) @ along, np.array(ends) @ down
    slope, offset = np.polyfit(at, across, 1) if np.ptp(at) > 1 else (0.0, float(across.mean()))
    height = row.height * _CROP_ROOM
    left, right = left - _CROP_ENDS * row.height, right + _CROP_ENDS * row.height
    corners = [(left, -1), (right, -1), (right, 1), (left, 1)]
    origin = np.array((seed.x, seed.y))
    source = [origin + u * along + (slope * u + offset + side * height / 2) * down for u, side in corners]
    width = max(_CROP_HEIGHT, round(_CROP_HEIGHT * (right - left) / height))
    target = [(0, 0), (width, 0), (width, _CROP_HEIGHT), (0, _CROP_HEIGHT)]
    there = cv2.getPerspectiveTransform(np.array(source, np.float32), np.array(target, np.float32))
    crop = cv2.warpPerspective(
        image, there, (width, _CROP_HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8)
