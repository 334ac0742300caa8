"""Turns the head on a photograph: its 468 mesh points move in space, the picture follows triangle by triangle."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""BGR, uint8."""

WIDTH, HEIGHT = 360, 480
_FACE_WIDTH = 135.0  # pixels of the mesh in the frame
_MESH = 468
_LEVELS = 8  # a turn is rendered in so many steps, each once
# Yaw and pitch of the rendering in degrees at the end of a turn. A mesh reads about half of them.
_TURNS = {"left": (-40.0, 0.0), "right": (40.0, 0.0), "up": (0.0, 30.0), "down": (0.0, -30.0)}


class Head:
    """One photograph, framed as a phone held upright would, and its turned pictures.

    Args:
        photo: BGR.
        mesh: 468 x (x, y, z) in the photo's pixels.
    """

    def __init__(self, photo: Image, mesh: NDArray[np.float64]) -> None:
        scale = _FACE_WIDTH / float(np.ptp(mesh[:, 0]))
        centre = mesh[:, :2].mean(0)
        shift = np.array((WIDTH * 0.5, HEIGHT * 0.46)) - centre * scale
        there = np.array(((scale, 0, shift[0]), (0, scale, shift[1])))
        self.still = _framed(photo, there)
        self._mesh = np.c_[mesh[:, :2] * scale + shift, mesh[:, 2] * scale]
        self._centre = self._mesh[:, :2].mean(0)
        self._depth = self._mesh[:, 2] - self._mesh[:, 2].max() * 0.6  # the axis lies behind the nose
        self._source = np.vstack([self._mesh[:, :2], self._ring()]).astype(np.float32)
        self._triangles = _triangles(self._source)
        self._turned: dict[tuple[str, int], Image] = {}

    def turned(self, movement: str, share: float) -> Image:
        """The picture at a share (0..1) of a turn left, right, up or down."""
        level = round(share * _LEVELS)
        if level == 0:
            return self.still
        if (movement, level) not in self._turned:
            yaw, pitch = _TURNS[movement]
            self._turned[movement, level] = self._render(yaw * level / _LEVELS, pitch * level / _LEVELS)
        return self._turned[movement, level]

    def tilted(self, movement: str, share: float) -> Image:
        """The flat photograph tilted instead: what an attacker with a print can do."""
        yaw, pitch = (math.radians(angle * share) for angle in _TURNS[movement])
        corners = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * np.array((WIDTH, HEIGHT)) / 2
        x, y = corners[:, 0] * math.cos(yaw), corners[:, 1] * math.cos(pitch)
        away = -corners[:, 0] * math.sin(yaw) + corners[:, 1] * math.sin(pitch)
        distance = 1.4 * HEIGHT
        nearer = distance / (distance + away)
        target = np.c_[x * nearer, y * nearer] + np.array((WIDTH, HEIGHT)) / 2
        source = corners + np.array((WIDTH, HEIGHT)) / 2
        there = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
        picture = cv2.warpPerspective(self.still, there, (WIDTH, HEIGHT), borderValue=(70, 70, 70))
        return np.asarray(picture, np.uint8)

    def _ring(self) -> NDArray[np.float64]:
        """Points around the head that stay: the background does not move."""
        radius = float(np.ptp(self._mesh[:, 0])) * 1.05
        angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
        ring = self._centre + np.c_[radius * np.cos(angles), radius * 1.15 * np.sin(angles)]
        return np.asarray(np.clip(ring, 0, (WIDTH - 1, HEIGHT - 1)), np.float64)

    def _render(self, yaw_degrees: float, pitch_degrees: float) -> Image:
        yaw, pitch = math.radians(yaw_degrees), math.radians(pitch_degrees)
        x, y = (self._mesh[:, :2] - self._centre).T
        turned_z = -x * math.sin(yaw) + self._depth * math.cos(yaw)
        target = self._source.copy()
        target[:_MESH, 0] = x * math.cos(yaw) + self._depth * math.sin(yaw) + self._centre[0]
        target[:_MESH, 1] = y * math.cos(pitch) + turned_z * math.sin(pitch) + self._centre[1]
        z = np.full(len(target), 1e3)
        z[:_MESH] = -y * math.sin(pitch) + turned_z * math.cos(pitch)
        picture = self.still.copy()
        for triangle in sorted(self._triangles, key=lambda triangle: -float(z[triangle].mean())):  # far ones first
            _draw(self.still, picture, self._source[triangle], target[triangle])
        return picture


def _framed(photo: Image, there: NDArray[np.float64]) -> Image:
    """The photo in the frame, its edges continued and blurred where it does not reach."""
    frame = cv2.warpAffine(photo, there, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.warpAffine(np.full(photo.shape[:2], 255, np.uint8), there, (WIDTH, HEIGHT))[:, :, None] / 255.0
    covered = cv2.GaussianBlur(covered, (0, 0), 3)[:, :, None]
    blurred = cv2.GaussianBlur(frame, (0, 0), 12)
    return np.asarray(frame * covered + blurred * (1 - covered), np.uint8)


def _triangles(points: NDArray[np.float32]) -> list[list[int]]:
    """Delaunay triangles as numbers of points."""
    division = cv2.Subdiv2D((-10, -10, WIDTH + 20, HEIGHT + 20))
    for point in points:
        division.insert((float(point[0]), float(point[1])))
    found = []
    for corners in np.asarray(division.getTriangleList()).reshape(-1, 3, 2):
        distance = ((points[None] - corners[:, None]) ** 2).sum(2)
        numbers = [int(number) for number in distance.argmin(1)]
        if (distance.min(1) < 1).all() and len(set(numbers)) == 3:
            found.append(numbers)
    return found


def _draw(picture: Image, onto: Image, source: NDArray[Any], target: NDArray[Any]) -> None:
    """Copy one triangle to its new place."""
    left, top, width, height = cv2.boundingRect(target)
    left, top = max(left, 0), max(top, 0)
    width, height = min(width, WIDTH - left), min(height, HEIGHT - top)
    if width <= 0 or height <= 0:
        return
    local = (target - (left, top)).astype(np.float32)
    there = cv2.getAffineTransform(source, local)
    patch = cv2.warpAffine(picture, there, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.round(local).astype(np.int32), 255)
    cv2.copyTo(patch, mask, onto[top : top + height, left : left + width])
