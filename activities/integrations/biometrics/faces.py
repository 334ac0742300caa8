"""Compares faces 1:1: YuNet, the five-point warp that SFace was trained with, SFace's 128 numbers, cosine.

DeepFace is the registry and runs the embedding; its own alignment is not used, because it is not SFace's and
loses up to 40 % of the genuine pairs. Its session is replaced by one that uses one thread and does not spin.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics import images
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import Face, FaceDetector, with_room
from activities.integrations.biometrics.sessions import session
from rules.errors import BrokenContract, InvalidInput
from rules.evidence import FaceComparison, FaceDecision, FaceProblem

SFACE = ".deepface/weights/face_recognition_sface_2021dec.onnx"
_ALIGNER = "sface_int8bq_clean.onnx"  # alignCrop only; the small file does

# Quality of a photograph for comparison. Low resolution raises false accepts, so small faces are refused.
_MIN_FACE_PIXELS = 72
_OTHER_FACE_SHARE = 0.2  # a second face of this share of the largest one's area is another person in the picture
_OTHER_FACE_SCORE = 0.75
_MIN_SHARPNESS = 18.0  # variance of the Laplacian on a 160 x 160 face; real photographs have 100 and more
_LUMA = (45.0, 225.0)

Embedding = NDArray[np.float32]
"""128 numbers of length 1."""


class DeepFaceEngine:
    """Satisfies activities.ports.FaceEngine. Safe to share between threads.

    Args:
        models: the folder with the model files.
        same: cosine from which two faces are the same person's (policy).
        unsure: cosine from which a person has to look; below it, two people (policy).
    """

    def __init__(self, models: Path, same: float = 0.40, unsure: float = 0.363) -> None:
        self._same, self._unsure = same, unsure
        self._detector = FaceDetector(models)
        self._aligner = cv2.FaceRecognizerSF.create(str(models / _ALIGNER), "")
        self._sface = _sface_of_deepface(models)
        self.model_sha256 = hashlib.sha256((models / SFACE).read_bytes()).hexdigest()
        self.embed(np.zeros((112, 112, 3), np.uint8))

    def problem(self, image: bytes) -> FaceProblem | None:
        """Why this photograph cannot be used, None where it can."""
        decoded = images.decode(image)
        picture = with_room(decoded)
        faces = self._detector.find(picture, 640)
        if not faces:
            return FaceProblem.NO_FACE
        if others(faces):
            return FaceProblem.SEVERAL_FACES
        crop = face_crop(picture, faces[0])
        enlarged = 1 if picture is decoded else 2
        if faces[0].box[2] / enlarged < _MIN_FACE_PIXELS:
            return FaceProblem.TOO_SMALL
        luma = float(crop.mean())
        if luma < _LUMA[0]:
            return FaceProblem.TOO_DARK
        if luma > _LUMA[1]:
            return FaceProblem.TOO_BRIGHT
        return FaceProblem.BLURRED if sharpness(crop) < _MIN_SHARPNESS else None

    def embedding(self, image: bytes) -> bytes:
        """128 float32 of the largest face.

        Raises:
            InvalidInput: no-face, or the picture cannot be decoded.
        """
        return self.of_picture(images.decode(image)).tobytes()

    def compare(self, image: bytes, other: bytes) -> FaceComparison:
        """The largest faces of two photographs."""
        return self.compare_embedding(image, self.embedding(other))

    def compare_embedding(self, image: bytes, embedding: bytes) -> FaceComparison:
        """A photograph against a stored embedding."""
        stored = np.frombuffer(embedding, np.float32)
        if stored.shape != (128,):
            raise BrokenContract("a stored embedding has 128 numbers")
        return self.judge(float(self.of_picture(images.decode(image)) @ stored))

    def judge(self, cosine: float) -> FaceComparison:
        """The three-way decision on a cosine."""
        decision = FaceDecision.DIFFERENT
        if cosine >= self._unsure:
            decision = FaceDecision.SAME if cosine >= self._same else FaceDecision.UNSURE
        return FaceComparison(
            decision=decision,
            cosine=round(cosine, 4),
            similarity_percent=percent(cosine, self._same),
            threshold=self._same,
            model_sha256=self.model_sha256,
        )

    def of_picture(self, image: Image) -> Embedding:
        """The embedding of the largest face of a BGR picture."""
        picture = with_room(image)
        faces = self._detector.find(picture) or self._detector.find(picture, 640)
        if not faces:
            raise InvalidInput("no-face")
        return self.of_face(picture, faces[0])

    def of_face(self, image: Image, face: Face) -> Embedding:
        """The embedding of a face that is already found."""
        return self.embed(self.aligned(image, face))

    def aligned(self, image: Image, face: Face) -> Image:
        """A found face warped by its five points to 112 x 112."""
        return np.asarray(self._aligner.alignCrop(image, face.raw), np.uint8)

    def embed(self, aligned: Image) -> Embedding:
        """The embedding of an aligned face, BGR, 112 x 112."""
        # The client's own call, one step below DeepFace.represent, which adds only checks of detection and resizing.
        # It multiplies by 255 and cuts off: a quarter more keeps each grey value what it was.
        numbers = self._sface.predict((aligned.astype(np.float32) + 0.25) / 255.0)[0]
        return np.asarray(numbers / np.linalg.norm(numbers), np.float32)


def others(faces: list[Face]) -> list[Face]:
    """Faces beside the largest one that are big and sure enough to be another person in the picture."""
    limit = _OTHER_FACE_SHARE * faces[0].area if faces else 0.0
    return [face for face in faces[1:] if face.area >= limit and face.score >= _OTHER_FACE_SCORE]


def face_crop(image: Image, face: Face) -> Image:
    """The face in grey, 160 x 160."""
    x, y, width, height = (max(0, int(value)) for value in face.box)
    grey = cv2.cvtColor(image[y : y + max(1, height), x : x + max(1, width)], cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (160, 160), interpolation=cv2.INTER_AREA), np.uint8)


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of a grey 160 x 160 face; higher is sharper."""
    return float(cv2.Laplacian(crop, cv2.CV_64F).var())


def percent(cosine: float, same: float) -> float:
    """A cosine as per cent: monotone, 0 at 0 and below, 95 at the threshold, 100 at 1.

    >>> percent(0.4, 0.4), percent(1.0, 0.4), percent(-0.2, 0.4), percent(0.2, 0.4)
    (95.0, 100.0, 0.0, 47.5)
    """
    clipped = min(max(cosine, 0.0), 1.0)
    share = 95 * clipped / same if clipped < same else 95 + 5 * (clipped - same) / (1 - same)
    return round(share, 2)


def _sface_of_deepface(models: Path) -> Any:
    """DeepFace's SFace client on our own session. The weights are checked before: DeepFace would fetch missing ones."""
    if not (models / SFACE).is_file():
        raise BrokenContract("the SFace weights are missing: run `make setup`")
    os.environ["DEEPFACE_HOME"] = str(models.absolute())
    os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"  # else an installed torch or tensorflow silently wins
    from deepface.modules import modeling  # reads the two variables when it is imported

    client = modeling.build_model(task="facial_recognition", model_name="SFace")
    client.model = session(models / SFACE)
    return client
