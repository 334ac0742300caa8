"""Finds the outline of a card or page in a photograph, by its edges alone: no model is needed.

Many quadrilaterals are proposed (hulls of what differs from the desk, pairs of long lines); the one whose four sides
are best borne out by a steady step of brightness or colour wins, and its sides are then laid onto that step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics.decoder import Image

Points = NDArray[np.float32]
"""Four corners, (4, 2): top left, top right, bottom right, bottom left as they lie in the picture."""

CARD, PAGE = 85.6 / 53.98, 125 / 88
"""Width over height: an identity card, a page of a passport (the official travel document is 105 x 74, as a page)."""

LEAST_SURE = 0.25
"""An outline that is borne out less is none."""

_SIDE = 480  # what the search looks at
_MOST_OUTSIDE = 0.03  # of the width: corners a little outside the picture still count
_LEAST_AREA = 0.15  # of the picture
_SHAPES = (1.15, 1.9)
_SAMPLES = 48  # places along a side
_REACH = 7  # pixels across a side in which its edge is looked for
_STEP = 7.0  # grey levels a pixel: a step of this height counts half
_BESIDE = 5.0  # pixels from a side at which desk and card are compared
_DIFFERENT = 12.0  # a difference of this many levels counts half
_LINES = 7


class Outline(NamedTuple):
    """Where a document lies. corners: in the picture's pixels. sure: how well its sides are borne out, 0..1."""

    corners: Points
    sure: float

    @property
    def ratio(self) -> float:
        """Longer side over shorter side, the means of both pairs."""
        sides = np.linalg.norm(self.corners - np.roll(self.corners, -1, 0), axis=1)
        ratio = float((sides[0] + sides[2]) / (sides[1] + sides[3]))
        return max(ratio, 1 / ratio)


def find(picture: Image, least_area: float = _LEAST_AREA) -> Outline | None:
    """The document in a BGR picture, None where no four sides hold together. least_area: share of the picture."""
    scale = min(1.0, _SIDE / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    layers = _layers(np.asarray(small, np.uint8))
    height, width = small.shape[:2]
    least = least_area * height * width
    shapes = [quad for quad in _proposals(layers, width, least) if _possible(quad, height, width, least)]
    if not shapes:
        return None
    steps = _steps(layers)
    quads = np.array(shapes, np.float32)
    best = quads[np.argsort(-_worth(quads, steps))[:4]]
    laid = np.array([_laid(quad, steps) for quad in best], np.float32)
    candidates = np.concatenate([best, laid])
    worth = _worth(candidates, steps)
    at = int(np.argmax(worth))
    return Outline(candidates[at] / scale, float(np.clip(_borne_out(candidates[at : at + 1], steps)[0], 0, 1)))


def flat(picture: Image, corners: Points, width: int = 1400) -> Image:
    """A document seen from straight above, `width` pixels wide, in the proportions of an identity card."""
    height = round(width / CARD)
    target = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    there = cv2.getPerspectiveTransform(np.asarray(corners, np.float32), target)
    return np.asarray(cv2.warpPerspective(picture, there, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def ordered(corners: NDArray[np.floating]) -> Points:
    """The same four points from the top left on, clockwise."""
    points = np.asarray(corners, np.float32).reshape(4, 2)
    middle = points.mean(0)
    points = points[np.argsort(np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0]))]
    return np.roll(points, -int(np.argmin(points.sum(1))), 0)


def _layers(small: Image) -> list[Image]:
    """Brightness, two colours and saturation, smoothed within edges: a card differs from its desk in one of them."""
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    saturation = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)[:, :, 1]
    return [np.asarray(cv2.bilateralFilter(one, 7, 40, 7), np.uint8) for one in (*cv2.split(lab), saturation)]


def _proposals(layers: Sequence[Image], width: int, least: float) -> Iterator[Points]:
    edges = [cv2.Canny(layer, low, high) for layer in layers for low, high in ((20, 60), (50, 130))]
    together = cv2.dilate(np.maximum.reduce(edges), np.ones((3, 3), np.uint8))
    masks = [_unlike_the_border(layers)]
    masks += [cv2.morphologyEx(edge, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) for edge in (*edges, together)]
    for mask in masks:
        yield from _hulls(mask, least)
    yield from _crossings(together, width)


def _unlike_the_border(layers: Sequence[Image]) -> Image:
    """What has none of the three main colours of the picture's border, which is desk."""
    smooth = cv2.GaussianBlur(np.dstack(layers[:3]), (0, 0), 2).astype(np.float32)
    strip = int(0.04 * smooth.shape[0]) + 1
    border = (smooth[:strip], smooth[-strip:], smooth[:, :strip], smooth[:, -strip:])
    samples = np.concatenate([part.reshape(-1, 3) for part in border])
    cv2.setRNGSeed(1)  # the same picture gives the same corners
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 15, 1.0)
    _, _, centres = cv2.kmeans(samples, 3, np.empty((0, 1), np.int32), stop, 1, cv2.KMEANS_PP_CENTERS)
    distance = np.minimum.reduce([np.linalg.norm(smooth - centre, axis=2) for centre in centres])
    _, mask = cv2.threshold(np.clip(distance * 4, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8)), np.uint8)


def _hulls(mask: NDArray[np.uint8], least: float) -> Iterator[Points]:
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:4]:
        hull = cv2.convexHull(contour)
        if cv2.contourArea(hull) < least:
            continue
        around = cv2.arcLength(hull, True)
        for slack in (0.01, 0.02, 0.03, 0.05, 0.08):
            simple = cv2.approxPolyDP(hull, slack * around, True)
            if len(simple) == 4:
                yield ordered(simple)
                break
        yield ordered(cv2.boxPoints(cv2.minAreaRect(hull)))


def _crossings(edges: NDArray[np.uint8], width: int) -> Iterator[Points]:
    """Quadrilaterals of two flat and two steep lines."""
    found = cv2.HoughLinesP(edges, 1, np.pi / 180, 90, minLineLength=0.28 * width, maxLineGap=18)
    lines = np.empty((0, 4)) if found is None else np.asarray(found, np.float64).reshape(-1, 4)
    length = np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1])
    lines = lines[np.argsort(-length, kind="stable")]
    slope = np.degrees(np.arctan2(lines[:, 3] - lines[:, 1], lines[:, 2] - lines[:, 0])) % 180
    flat_ones = _apart(lines[np.minimum(slope, 180 - slope) < 30], axis=1)
    steep_ones = _apart(lines[(slope > 60) & (slope < 120)], axis=0)
    for top, bottom in combinations(flat_ones, 2):
        for left, right in combinations(steep_ones, 2):
            corners = [_crossing(top, left), _crossing(top, right), _crossing(bottom, right), _crossing(bottom, left)]
            yield ordered(np.array(corners))


def _apart(lines: NDArray[np.float64], axis: int) -> list[NDArray[np.float64]]:
    """The longest lines whose middles lie more than six pixels from each other."""
    kept: list[NDArray[np.float64]] = []
    for line in lines:
        middle = (line[axis] + line[axis + 2]) / 2
        if all(abs(middle - (other[axis] + other[axis + 2]) / 2) > 6 for other in kept):
            kept.append(line)
        if len(kept) == _LINES:
            break
    return kept


def _crossing(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where two lines, each through two points, meet; far away where they are parallel."""
    first = np.cross((one[0], one[1], 1.0), (one[2], one[3], 1.0))
    x, y, w = np.cross(first, np.cross((other[0], other[1], 1.0), (other[2], other[3], 1.0)))
    return np.array((x, y)) / w if abs(w) > 1e-9 else np.array((1e6, 1e6))


def _possible(quad: Points, height: int, width: int, least: float) -> bool:
    room = _MOST_OUTSIDE * width
    if (quad < -room).any() or (quad[:, 0] > width + room).any() or (quad[:, 1] > height + room).any():
        return False
    if cv2.contourArea(quad) < least or not cv2.isContourConvex(quad.reshape(-1, 1, 2)):
        return False
    return _SHAPES[0] < Outline(quad, 0).ratio < _SHAPES[1]


class _Steps(NamedTuple):
    """The layers, and their slopes to the right and downwards in grey levels a pixel: (layer, row, column)."""

    right: NDArray[np.float32]
    down: NDArray[np.float32]
    levels: NDArray[np.float32]


def _steps(layers: Sequence[Image]) -> _Steps:
    smooth = [cv2.GaussianBlur(layer, (0, 0), 1.0).astype(np.float32) for layer in layers]
    right = np.stack([cv2.Sobel(layer, cv2.CV_32F, 1, 0, ksize=3) / 8 for layer in smooth])
    down = np.stack([cv2.Sobel(layer, cv2.CV_32F, 0, 1, ksize=3) / 8 for layer in smooth])
    return _Steps(right, down, np.stack(smooth))


def _across(places: Points, normals: Points, steps: _Steps) -> NDArray[np.float32]:
    """Slope of each layer across a side at places (..., 2): (layer, ...)."""
    height, width = steps.right.shape[1:]
    x = np.clip(np.rint(places[..., 0]).astype(int), 0, width - 1)
    y = np.clip(np.rint(places[..., 1]).astype(int), 0, height - 1)
    return np.asarray(steps.right[:, y, x] * normals[..., 0] + steps.down[:, y, x] * normals[..., 1], np.float32)


def _sampled(quads: Points) -> tuple[Points, Points]:
    """Places along the four sides (quad, side, place, 2) and each side's normal (quad, side, 1, 2)."""
    along = np.roll(quads, -1, 1) - quads
    shares = np.linspace(0.06, 0.94, _SAMPLES, dtype=np.float32)[None, None, :, None]
    places = quads[:, :, None] + shares * along[:, :, None]
    length = np.linalg.norm(along, axis=2, keepdims=True) + 1e-6
    normals = np.stack([-along[..., 1], along[..., 0]], -1) / length
    return places.astype(np.float32), normals[:, :, None].astype(np.float32)


def _borne_out(quads: Points, steps: _Steps) -> NDArray[np.float32]:
    """How steadily a step runs along the sides of each quadrilateral, 0..1: the weakest side counts as all four."""
    places, normals = _sampled(quads)
    slopes = np.stack([_across(places + shift * normals, normals, steps) for shift in (-1, 0, 1)])
    nearest = np.take_along_axis(slopes, np.abs(slopes).argmax(0)[None], 0)[0]  # (layer, quad, side, place)
    share = nearest / (np.abs(nearest) + _STEP)
    # a card's side is lighter or darker than the desk all along; print and patterns change from place to place
    steady = np.abs(share.mean(-1)).max(0)  # (quad, side)
    return np.asarray(0.5 * steady.min(1) + 0.5 * steady.mean(1), np.float32)


def _unlike(quads: Points, steps: _Steps) -> NDArray[np.float32]:
    """Whether desk lies outside and card inside each side, 0..1; a row of print has card on both sides of it."""
    places, normals = _sampled(quads)
    height, width = steps.levels.shape[1:]
    beside = []
    for shift in (-_BESIDE, _BESIDE):
        at = np.rint(places[:, :, ::3] + shift * normals).astype(int)
        x, y = np.clip(at[..., 0], 0, width - 1), np.clip(at[..., 1], 0, height - 1)
        beside.append(np.median(steps.levels[:, y, x], axis=-1))
    difference = np.linalg.norm(beside[0] - beside[1], axis=0)  # (quad, side)
    return np.asarray((difference / (difference + _DIFFERENT)).min(1), np.float32)


def _worth(quads: Points, steps: _Steps) -> NDArray[np.float32]:
    """The sides, a little for size, less for odd proportions."""
    area = np.array([cv2.contourArea(quad) for quad in quads]) / (steps.right.shape[1] * steps.right.shape[2])
    ratio = np.array([Outline(quad, 0).ratio for quad in quads])
    odd = np.minimum(np.abs(ratio - CARD), np.abs(ratio - PAGE))
    shape = 0.12 * np.sqrt(area) - 0.35 * np.maximum(0, odd - 0.08)
    return np.asarray(_borne_out(quads, steps) + 0.25 * _unlike(quads, steps) + shape, np.float32)


def _laid(quad: Points, steps: _Steps) -> Points:
    """The quadrilateral with each side laid onto the strongest step near it."""
    places, normals = _sampled(quad[None])
    shifts = np.arange(-_REACH, _REACH + 1, dtype=np.float32)
    lines = []
    for side in range(4):
        at = places[0, side][None] + shifts[:, None, None] * normals[0, side][None]
        slopes = _across(at, normals[0, side][None], steps)  # (layer, shift, place)
        layer = int(np.abs(slopes.mean(2)).max(1).argmax())
        sign = np.sign(slopes[layer].mean(1)[np.abs(slopes[layer].mean(1)).argmax()])
        strongest = (sign * slopes[layer]).argmax(0)
        points = at[strongest, np.arange(_SAMPLES)]
        right_x, right_y, x, y = cv2.fitLine(points, cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
        lines.append(np.array((x, y, x + right_x * 100, y + right_y * 100), np.float64))
    corners = [_crossing(lines[at - 1], lines[at]) for at in range(4)]
    return ordered(np.array(corners))
