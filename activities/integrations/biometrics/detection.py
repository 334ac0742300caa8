"""Finds faces: YuNet on a shrunk picture, boxes and five points in the full picture's pixels."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.sessions import calm_opencv

YUNET = ".deepface/weights/face_detection_yunet_2023mar.onnx"
_SCORE, _OVERLAP, _MOST = 0.6, 0.3, 50
_SMALL = 300  # pictures below this get a border and are doubled: faces that touch the edge are found then


class Face(NamedTuple):
    """One face. raw: YuNet's row (x, y, width, height, five points, score) in the picture's pixels."""

    raw: NDArray[np.float32]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width, height."""
        x, y, width, height = (float(value) for value in self.raw[:4])
        return x, y, width, height

    @property
    def area(self) -> float:
        """Pixels in the box."""
        return float(self.raw[2] * self.raw[3])

    @property
    def score(self) -> float:
        """The detector's confidence, 0..1."""
        return float(self.raw[14])


class FaceDetector:
    """YuNet. Safe to share between threads: the detector keeps its input size, so each thread has its own."""

    def __init__(self, models: Path) -> None:
        calm_opencv()
        self._path = str(models / YUNET)
        self._local = threading.local()

    def find(self, image: Image, longest: int = 320, *, whole: bool = False) -> list[Face]:
        """All faces, largest first.

        Args:
            image: BGR.
            longest: the picture is shrunk to this longest side before looking. 320 costs 4 ms, 640 14 ms.
            whole: by a whole number, so to less than `longest`: no pixel is split, the points lie better.
        """
        scale = min(1.0, longest / max(image.shape[:2]))
        if whole:
            scale = 1 / -(-max(image.shape[:2]) // longest)
        small = _shrunk(image, scale) if scale < 1 else image
        detector = self._detector()
        detector.setInputSize((small.shape[1], small.shape[0]))
        rows = detector.detect(small)[1]
        if rows is None:
            return []
        rows = rows.copy()
        rows[:, :14] /= scale
        return sorted((Face(row) for row in rows), key=lambda face: -face.area)

    def _detector(self) -> cv2.FaceDetectorYN:
        if not hasattr(self._local, "detector"):
            self._local.detector = cv2.FaceDetectorYN.create(self._path, "", (320, 320), _SCORE, _OVERLAP, _MOST)
        detector: cv2.FaceDetectorYN = self._local.detector
        return detector


def _shrunk(image: Image, scale: float) -> Image:
    """The picture smaller, every pixel of it counted. First by a whole number, which costs a tenth of any other."""
    whole, method = int(1 / scale + 1e-9), cv2.INTER_AREA
    if whole > 1:  # what a whole number leaves over at the edges is cut, so that the factor is exact
        image = image[: image.shape[0] // whole * whole, : image.shape[1] // whole * whole]
        image = np.asarray(cv2.resize(image, None, fx=1 / whole, fy=1 / whole, interpolation=method), np.uint8)
        scale, method = scale * whole, cv2.INTER_LINEAR
        if scale == 1:
            return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), np.uint8)


def with_room(image: Image) -> Image:
    """Small pictures with a replicated border, doubled; others as they are."""
    if max(image.shape[:2]) >= _SMALL:
        return image
    framed = cv2.copyMakeBorder(image, 60, 60, 60, 60, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(framed, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
