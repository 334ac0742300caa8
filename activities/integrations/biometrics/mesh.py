"""The face as 468 points in space (FaceMesh): where the head looks, how near it is, whether it is flat."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics import images
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import Face, FaceDetector
from rules.errors import InvalidInput

MODEL = "face_landmark.tflite"
_SIDE = 192
_POINTS = 468
_RIGHT_EYE, _LEFT_EYE, _FOREHEAD, _CHIN = 33, 263, 10, 152

Points = NDArray[np.float64]
"""468 x (x, y, z) in the picture's pixels; z grows away from the camera."""


class Pose(NamedTuple):
    """Degrees and pixels. yaw < 0: towards the person's own left; pitch < 0: up. size: eyes and forehead to chin."""

    yaw: float
    pitch: float
    size: float


class FaceMesh:
    """Safe to share between threads: OpenCV's net is not, so each thread has its own."""

    def __init__(self, models: Path) -> None:
        self._path = str(models / MODEL)
        self._detector = FaceDetector(models)
        self._local = threading.local()

    def of_face(self, image: Image, face: Face) -> Points:
        """The mesh of a found face. The net looks at 1.5 x the box, turned so that the eyes are level."""
        right, left = face.raw[4:6], face.raw[6:8]
        angle = np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0]))
        x, y, width, height = face.box
        centre, side = (x + width / 2, y + height / 2), max(width, height) * 1.5
        there = cv2.getRotationMatrix2D(centre, float(angle), _SIDE / side)
        there[0, 2] += _SIDE / 2 - centre[0]
        there[1, 2] += _SIDE / 2 - centre[1]
        crop = cv2.warpAffine(image, there, (_SIDE, _SIDE))
        points = self._run(crop)
        back = cv2.invertAffineTransform(there)
        return np.asarray(np.c_[points[:, :2] @ back[:, :2].T + back[:, 2], points[:, 2] * side / _SIDE], np.float64)

    def of_photo(self, photo: bytes) -> Points:
        """The mesh of the largest face of an encoded photograph.

        Raises:
            InvalidInput: no-face, or the photograph cannot be decoded.
        """
        image = images.decode(photo)
        faces = self._detector.find(image, 640)
        if not faces:
            raise InvalidInput("no-face")
        return self.of_face(image, faces[0])

    def _run(self, crop: Image) -> Points:
        if not hasattr(self._local, "net"):
            self._local.net = cv2.dnn.readNetFromTFLite(self._path)
            self._local.outputs = list(self._local.net.getUnconnectedOutLayersNames())
        net = self._local.net
        net.setInput(cv2.dnn.blobFromImage(crop, 1 / 255.0, (_SIDE, _SIDE), swapRB=True))
        outputs = (np.asarray(output, np.float64) for output in net.forward(self._local.outputs))
        return next(output.reshape(_POINTS, 3) for output in outputs if output.size == _POINTS * 3)


def pose(points: Points) -> Pose:
    """Where the head looks: axes from the outer eye corners and from forehead to chin.

    The angles are about 0.6 of the true ones, their signs and order are right.
    """
    across = points[_LEFT_EYE] - points[_RIGHT_EYE]
    down = points[_CHIN] - points[_FOREHEAD]
    size = float(np.sqrt(np.linalg.norm(across) * np.linalg.norm(down)))
    across = across / np.linalg.norm(across)
    down = down - across * (across @ down)
    down = down / np.linalg.norm(down)
    ahead = np.cross(across, down)
    yaw = np.degrees(np.arctan2(ahead[0], ahead[2]))
    pitch = np.degrees(np.arcsin(np.clip(-ahead[1], -1, 1)))
    return Pose(float(yaw), float(pitch), size)


def plane_residual(before: Points, after: Points) -> float:
    """How badly one plane explains the movement, as a share of the face's width.

    A tilted flat picture stays at 0.014 or below at any angle; a turned head reaches 0.03 and more.
    """
    plane, _ = cv2.findHomography(before[:, :2], after[:, :2], 0)
    if plane is None:
        return 0.0
    moved = cv2.perspectiveTransform(before[None, :, :2], plane)[0]
    return _apart(moved, after)


def shape_residual(before: Points, after: Points) -> float:
    """How much the outline changed beyond moving, turning in the picture and growing; share of the face's width."""
    there, here = before[:, 0] + 1j * before[:, 1], after[:, 0] + 1j * after[:, 1]
    there, centre = there - there.mean(), here.mean()
    factor = np.vdot(there, here - centre) / np.vdot(there, there)  # growth and turn of the best similarity
    moved = factor * there + centre
    return _apart(np.c_[moved.real, moved.imag], after)


def _apart(moved: NDArray[np.float64], after: Points) -> float:
    return float(np.sqrt(((moved - after[:, :2]) ** 2).sum(1).mean()) / np.ptp(after[:, 0]))
