"""Compares faces 1:1: YuNet, the five-point warp that SFace was trained with, SFace's 128 numbers, cosine.

DeepFace is the registry of the model and the reference of its embedding. Its own alignment is not used, because it is
not SFace's and loses up to 40 % of the genuine pairs; the embedding itself OpenCV makes from the same weights for two
thirds of the processor time. Each start shows that the two agree; either may be chosen.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics import images
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import YUNET, Face, FaceDetector, with_room
from activities.integrations.biometrics.mesh import MODEL as MESH
from activities.integrations.biometrics.mesh import FaceMesh
from activities.integrations.biometrics.quality import VERSION as GATE_VERSION
from activities.integrations.biometrics.quality import (
    Portrait,
    face_crop,
    others,
    portrait_of,
    problem_of,
    sharpness,
)
from activities.integrations.biometrics.sessions import session
from rules.errors import BrokenContract, InvalidInput
from rules.evidence import FaceComparison, FaceDecision, FaceProblem

__all__ = ["DeepFaceEngine", "Embedding", "face_crop", "others", "percent", "sharpness"]

SFACE = ".deepface/weights/face_recognition_sface_2021dec.onnx"  # what DeepFace reads
SFACE_SMALL = "sface_int8bq_clean.onnx"  # the same weights packed, for OpenCV
_QUICK_SIDE, _GATE_SIDE = 192, 320  # a first look to compare; one that also counts faces
_SEEN_WELL = 40  # pixels of a face there; a narrower one is placed badly
_AGREE = 0.99999  # cosine of one face's two embeddings

Embedding = NDArray[np.float32]
"""128 numbers of length 1."""


class _Look(NamedTuple):
    """How a photograph is looked at to compare it.

    enough: longest side that is decoded; where its face is narrower than `face`, all is. The net's 112 pixels show
    more than the face: one of 80 fills them. whole: see FaceDetector.find. seen: pixels of a face in the first look
    that place it well enough.
    """

    enough: int
    face: int
    whole: bool
    seen: int


# By version of the photo gate: an old record is judged as it was.
_LOOKS = {"1": _Look(480, 112, whole=False, seen=_SEEN_WELL), GATE_VERSION: _Look(400, 90, whole=True, seen=34)}
GATES = frozenset(_LOOKS)


class DeepFaceEngine:
    """Satisfies activities.identity_ports.FaceEngine. Safe to share between threads.

    Args:
        models: the folder with the model files.
        same: cosine from which two faces are the same person's (policy).
        unsure: cosine from which a person has to look; below it, two people (policy).
        path: who computes the embedding.
        gate: version of the photo gate (one of GATES): how photographs are looked at, and what is asked of a portrait.

    Raises:
        BrokenContract: a model is missing, or OpenCV's embedding is not DeepFace's.
    """

    def __init__(
        self,
        models: Path,
        same: float = 0.40,
        unsure: float = 0.363,
        path: Literal["opencv", "deepface"] = "opencv",
        gate: str = GATE_VERSION,
    ) -> None:
        self._gate, self._look = gate, _LOOKS[gate]
        self._same, self._unsure, self._models = same, unsure, models
        self._detector, self._mesh = FaceDetector(models), FaceMesh(models)
        self._local = threading.local()
        reference = _Reference(models)
        self._reference = reference if path == "deepface" else None
        if float(reference.embed(_PATTERN) @ self._by_opencv(_PATTERN)) < _AGREE:
            raise BrokenContract("OpenCV's embedding is not DeepFace's")
        self.path, model = path, SFACE if path == "deepface" else SFACE_SMALL
        self.models = {Path(name).name: _sha256(models / name) for name in (YUNET, model)}
        self.model_sha256 = self.models[Path(model).name]
        self.portrait_models = self.models | {MESH: _sha256(models / MESH), "photo-gate": gate}

    def problem(self, image: bytes) -> FaceProblem | None:
        """Why this photograph cannot be used, None where it can."""
        picture, enlarged = _roomy(images.decode(image))
        return problem_of(picture, self._find_surely(picture), enlarged)

    def portrait(self, image: bytes) -> Portrait:
        """Whether this photograph will do for a registration, with what was measured. Rules: para 6, part 1."""
        picture, enlarged = _roomy(images.decode(image))
        faces = self._find_surely(picture)
        problem = problem_of(picture, faces, enlarged)
        if problem is not None:
            return Portrait(problem, {})
        return portrait_of(picture, faces[0], self._mesh.of_face(picture, faces[0]), enlarged, self._gate)

    def portrait_problem(self, image: bytes) -> FaceProblem | None:
        """Why this photograph will not do for a registration, None where it will. Rules: para 6, part 1."""
        return self.portrait(image).problem

    def embedding(self, image: bytes) -> bytes:
        """128 float32 of the largest face.

        Raises:
            InvalidInput: no-face, or the picture cannot be decoded.
        """
        return self._of_photo(image).tobytes()

    def compare(self, image: bytes, other: bytes) -> FaceComparison:
        """The largest faces of two photographs."""
        return self.compare_embedding(image, self.embedding(other))

    def compare_embedding(self, image: bytes, embedding: bytes) -> FaceComparison:
        """A photograph against a stored embedding."""
        stored = np.frombuffer(embedding, np.float32)
        if stored.shape != (128,):
            raise BrokenContract("a stored embedding has 128 numbers")
        return self.judge(float(self._of_photo(image) @ stored))

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
            unsure_threshold=self._unsure,
            model_sha256=self.model_sha256,
        )

    def _of_photo(self, content: bytes) -> Embedding:
        """The embedding of the largest face. A large photograph is decoded in full only where its face is small."""
        for enough in (self._look.enough, images.MAX_SIDE):
            image = images.decode(content, enough)
            picture = with_room(image)
            faces = self._find(picture)
            whole = max(image.shape[:2]) < self._look.enough  # nothing was left out
            if whole or (faces and faces[0].box[2] >= self._look.face):
                break
        return self._of_largest(picture, faces)

    def of_picture(self, image: Image) -> Embedding:
        """The embedding of the largest face of a BGR picture."""
        picture = with_room(image)
        return self._of_largest(picture, self._find(picture))

    def _of_largest(self, picture: Image, faces: list[Face]) -> Embedding:
        if not faces:
            raise InvalidInput("no-face")
        return self.of_face(picture, faces[0])

    def _find(self, picture: Image) -> list[Face]:
        """All faces, largest first. A quick look costs an eighth; 640 pixels find small ones and place them."""
        faces, longest = self._detector.find(picture, _QUICK_SIDE, whole=self._look.whole), max(picture.shape[:2])
        looked = longest / -(-longest // _QUICK_SIDE) if self._look.whole else _QUICK_SIDE
        if faces and faces[0].box[2] * looked / longest >= self._look.seen:
            return faces
        return self._detector.find(picture, 640) or faces

    def _find_surely(self, picture: Image) -> list[Face]:
        """The same, where a second face is a refusal: it has to be seen at 640 too."""
        faces = self._detector.find(picture, _GATE_SIDE)
        if not faces or faces[0].box[2] * _GATE_SIDE / max(picture.shape[:2]) < _SEEN_WELL:
            faces = self._detector.find(picture, 640) or faces
        return self._detector.find(picture, 640) or faces if others(faces) else faces

    def of_face(self, image: Image, face: Face) -> Embedding:
        """The embedding of a face that is already found."""
        return self.embed(self.aligned(image, face))

    def aligned(self, image: Image, face: Face) -> Image:
        """A found face warped by its five points to 112 x 112."""
        return np.asarray(self._sface().alignCrop(image, face.raw), np.uint8)

    def embed(self, aligned: Image) -> Embedding:
        """The embedding of an aligned face, BGR, 112 x 112."""
        return self._by_opencv(aligned) if self._reference is None else self._reference.embed(aligned)

    def _by_opencv(self, aligned: Image) -> Embedding:
        return _unit(self._sface().feature(aligned)[0])

    def _sface(self) -> cv2.FaceRecognizerSF:
        """OpenCV's net keeps what it computes with: each thread has its own."""
        if not hasattr(self._local, "sface"):
            self._local.sface = cv2.FaceRecognizerSF.create(str(self._models / SFACE_SMALL), "")
        sface: cv2.FaceRecognizerSF = self._local.sface
        return sface


def percent(cosine: float, same: float) -> float:
    """A cosine as per cent: monotone, 0 at 0 and below, 95 at the threshold, 100 at 1.

    >>> percent(0.4, 0.4), percent(1.0, 0.4), percent(-0.2, 0.4), percent(0.2, 0.4)
    (95.0, 100.0, 0.0, 47.5)
    """
    clipped = min(max(cosine, 0.0), 1.0)
    share = 95 * clipped / same if clipped < same else 95 + 5 * (clipped - same) / (1 - same)
    return round(share, 2)


class _Reference:
    """DeepFace's SFace client on our own session: one thread, no spinning. Its weights must be there: it would fetch
    missing ones."""

    def __init__(self, models: Path) -> None:
        if not (models / SFACE).is_file():
            raise BrokenContract("the SFace weights are missing: run `make setup`")
        os.environ["DEEPFACE_HOME"] = str(models.absolute())
        os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"  # else an installed torch or tensorflow silently wins
        from deepface.modules import modeling  # reads the two variables when it is imported

        self._client: Any = modeling.build_model(task="facial_recognition", model_name="SFace")
        self._client.model = session(models / SFACE)

    def embed(self, aligned: Image) -> Embedding:
        # The client's own call, one step below DeepFace.represent, which adds only checks of detection and resizing.
        # It multiplies by 255 and cuts off: a quarter more keeps each grey value what it was.
        return _unit(self._client.predict((aligned.astype(np.float32) + 0.25) / 255.0)[0])


def _unit(numbers: Any) -> Embedding:
    return np.asarray(numbers / np.linalg.norm(numbers), np.float32)


def _roomy(image: Image) -> tuple[Image, int]:
    """The picture with room around small faces, and how many times it was enlarged."""
    picture = with_room(image)
    return picture, 1 if picture is image else 2


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Any picture of 112 x 112 shows whether two nets are one; this one has edges, shades and colours.
_PATTERN: Image = np.fromfunction(
    lambda y, x, channel: (x * (3 + channel) + y * (5 - channel) + 40 * ((x // 14 + y // 14) % 2)) % 256, (112, 112, 3)
).astype(np.uint8)
