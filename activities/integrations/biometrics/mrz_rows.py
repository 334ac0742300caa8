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
_GRID = 32  # sides of what the detector is given are multiples of this
_TRACE, _MARGIN = 0.05, 0.08  # probability of what may be text at a closer look; room around it, of the longer side
_NARROWEST = 14.0  # width of rows in their height; 30 symbols take 18.6 or more
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_SPREAD = np.array((0.229, 0.224, 0.225), np.float32)
_PIXEL, _BOX, _GROW = 0.3, 0.5, 1.6  # probability of a pixel and of a box; how far a box grows
_CROP_HEIGHT, _CROP_ROOM, _CROP_ENDS = 48, 1.16, 0.5


class Area(NamedTuple):
    """A part of a picture, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


WHOLE = Area(0, 0, 1, 1)


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

    def cut(self, image: Image, area: Area) -> bool:
        """Whether a row comes near an edge of the area that is none of the picture's: it may go on beyond."""
        size = np.array((image.shape[1], image.shape[0]))
        low, high = self._ends.min(0) - 1.5 * self.height, self._ends.max(0) + 1.5 * self.height
        first, last = np.array(area[:2]), np.array(area[2:])
        return bool(((first > 0) & (low < first * size)).any() or ((last < 1) & (high > last * size)).any())

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


class Look(NamedTuple):
    """groups: at most four, widest first. area: what was looked at. text: where a closer look may find any."""

    groups: list[Group]
    area: Area
    text: Area | None


class RowFinder:
    """The text detector (PP-OCR) on one thread."""

    def __init__(self, models: Path) -> None:
        calm_opencv()
        self._session = session(models / MODEL, pattern=False)
        self._input = self._session.get_inputs()[0].name

    def look(self, image: Image, side: int, area: Area) -> Look:
        """Rows in an area of a BGR picture whose longer side is looked at with `side` pixels; all over, if it cuts one.

        Rows may lie in any direction; which way up they are is not known.
        """
        boxes, text = self._boxes(image, side, area)
        wide = [group for group in _groups(boxes) if group.width > _NARROWEST * group.height]
        if any(group.cut(image, area) for group in wide):
            return self.look(image, side, WHOLE)
        return Look(sorted(wide, key=lambda group: -group.width)[:4], area, text)

    def _boxes(self, image: Image, side: int, area: Area) -> tuple[list[Box], Area | None]:
        height, width = image.shape[:2]
        scale = min(side / max(height, width), side * math.sqrt(_SQUARE / (height * width)), _MOST_ENLARGED)
        down, along = (max(1, round(length * scale / _GRID)) for length in (height, width))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, (along * _GRID, down * _GRID), interpolation=way)
        left, right = math.floor(area.left * along) * _GRID, math.ceil(area.right * along) * _GRID
        top, bottom = math.floor(area.top * down) * _GRID, math.ceil(area.bottom * down) * _GRID
        blob = ((small[top:bottom, left:right].astype(np.float32) / 255 - _MEAN) / _SPREAD).transpose(2, 0, 1)[None]
        heat = np.zeros(small.shape[:2], np.float32)
        heat[top:bottom, left:right] = self._session.run(None, {self._input: np.ascontiguousarray(blob)})[0][0, 0]
        contours, _ = cv2.findContours((heat > _PIXEL).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        boxes = (_box(contour, heat, width / small.shape[1], height / small.shape[0]) for contour in contours)
        return [box for box in boxes if box is not None], _traces(heat)


def _traces(heat: NDArray[np.float32]) -> Area | None:
    """All that has a trace of text, and some room."""
    down, along = np.nonzero(heat > _TRACE)
    if not len(down):
        return None
    height, width = heat.shape
    x, y = _MARGIN * max(height, width) / width, _MARGIN * max(height, width) / height
    left, right = max(0.0, along.min() / width - x), min(1.0, (along.max() + 1) / width + x)
    return Area(left, max(0.0, down.min() / height - y), right, min(1.0, (down.max() + 1) / height + y))


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
