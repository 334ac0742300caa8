"""Active liveness: does a clip show one living person making the movements that were asked, in their order?

A flat photograph fails by geometry, a recording of somebody by the order: sequences are random, used once, and
issued by us. Passive liveness has no model here, and the result says so; it is never counted as passed.

Rules: para 35.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from activities.integrations.biometrics import images
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import FaceDetector
from activities.integrations.biometrics.faces import DeepFaceEngine, Embedding, face_crop, others, sharpness
from activities.integrations.biometrics.fingerprints import COUNT, fingerprint
from activities.integrations.biometrics.mesh import FaceMesh
from activities.integrations.biometrics.movements import MOVEMENTS, Motion, Sample, follow
from rules.errors import InvalidInput
from rules.evidence import FaceComparison, FaceDecision, LivenessResult, LivenessStep, LivenessVerdict

_MIN_FRAMES = 10
_MIN_MS_PER_STEP = 500
_MAX_GAP_MS = 700  # between two analysed frames
_MAX_MS_TO_STEP = 7_000  # from the step before (or the start) to the peak of this one
_MAX_FACELESS = 0.25  # share of frames without a face
_MAX_WITH_OTHERS = 1  # frames with a second person: one may be the detector's error
_SAME_IN_TURN = 0.25  # cosine of the turned face to the straight one; a turn costs a genuine face some of its likeness


@dataclass
class _Seen:
    """What is kept of one frame."""

    sample: Sample
    aligned: Image
    sharp: float


@dataclass
class _Clip:
    """A clip, looked at once."""

    seen: list[_Seen]
    prints: list[tuple[float, str]]
    times: list[float]
    faceless: int = 0
    with_others: int = 0

    @property
    def duration_ms(self) -> float:
        return self.times[-1] - self.times[0] if self.times else 0.0


class HeadMovements:
    """Satisfies activities.ports.LivenessChecker. Safe to share between threads."""

    def __init__(self, models: Path, faces: DeepFaceEngine) -> None:
        self._faces, self._detector, self._mesh = faces, FaceDetector(models), FaceMesh(models)
        images.shared_decoder()

    def check(self, video: bytes, sequence: Sequence[str], photo: bytes) -> LivenessResult:
        """Order, depth, one face, the same face as on the photo; the first finding is the verdict.

        Args:
            video: MP4 or WebM, at most 20 MB and 20 s.
            sequence: the movements asked, out of left, right, up, down, closer.
            photo: the selfie that the face of the clip has to match.

        Raises:
            InvalidInput: the clip or the photo cannot be decoded, the photo has no face, an unknown movement is asked.
        """
        if not sequence or not set(sequence) <= set(MOVEMENTS):
            raise InvalidInput("liveness-sequence")
        clip = self._watch(video)
        motion = follow([seen.sample for seen in clip.seen]) if clip.seen else Motion()
        verdict = _verdict(clip, motion, list(sequence))
        match: FaceComparison | None = None
        best = _best(clip, motion)
        if verdict is LivenessVerdict.LIVE:
            match, one_person = self._compare(clip, motion, self._faces.of_picture(images.decode(photo)))
            if not one_person or match.decision is FaceDecision.DIFFERENT:
                verdict = LivenessVerdict.ANOTHER_FACE
        return LivenessResult(
            verdict=verdict,
            steps=_steps(clip, motion, sequence),
            best_frame_ms=None if best is None else round(clip.seen[best].sample.at_ms),
            frames=len(clip.times),
            duration_ms=round(clip.duration_ms),
            face_match=match,
            video_sha256=hashlib.sha256(video).hexdigest(),
            frame_fingerprints=_spread(clip),
        )

    def _watch(self, video: bytes) -> _Clip:
        clip = _Clip([], [], [])
        for frame in images.frames(video):
            clip.times.append(frame.at_ms)
            clip.prints.append((frame.at_ms, fingerprint(frame.image)))
            faces = self._detector.find(frame.image)
            if not faces:
                clip.faceless += 1
                continue
            clip.with_others += bool(others(faces))
            points = self._mesh.of_face(frame.image, faces[0])
            crop = face_crop(frame.image, faces[0])
            aligned = self._faces.aligned(frame.image, faces[0])
            clip.seen.append(_Seen(Sample(frame.at_ms, points), aligned, sharpness(crop)))
        return clip

    def _compare(self, clip: _Clip, motion: Motion, photo: Embedding) -> tuple[FaceComparison, bool]:
        """The clip's straight faces (first, middle, last) against the photo, and whether all faces are one person's."""
        runs = [run for run in motion.neutral if run]
        runs = [runs[at] for at in sorted({0, len(runs) // 2, len(runs) - 1})]
        straight = [max(run, key=lambda at: clip.seen[at].sharp) for run in runs]
        embeddings = [self._faces.embed(clip.seen[at].aligned) for at in straight]
        turned = [self._faces.embed(clip.seen[movement.peak].aligned) for movement in motion.movements]
        match = self._faces.judge(float(np.median([embedding @ photo for embedding in embeddings])))
        alike = [self._faces.judge(float(embedding @ embeddings[0])).decision for embedding in embeddings]
        one_person = FaceDecision.DIFFERENT not in alike and all(
            float(embedding @ embeddings[0]) >= _SAME_IN_TURN for embedding in turned
        )
        return match, one_person


def _verdict(clip: _Clip, motion: Motion, asked: list[str]) -> LivenessVerdict:
    """Everything but the identity of the face."""
    if not clip.seen or clip.faceless > _MAX_FACELESS * len(clip.times):
        return LivenessVerdict.NO_FACE
    if clip.with_others > _MAX_WITH_OTHERS:
        return LivenessVerdict.SEVERAL_FACES
    if not _plausible(clip, len(asked)):
        return LivenessVerdict.TIMING
    if motion.still:
        return LivenessVerdict.STATIC
    if motion.flat:
        return LivenessVerdict.FLAT
    if motion.order != asked or not all(movement.finished for movement in motion.movements):
        return LivenessVerdict.WRONG_ORDER
    moments = [clip.seen[0].sample.at_ms] + [clip.seen[movement.peak].sample.at_ms for movement in motion.movements]
    if any(later - earlier > _MAX_MS_TO_STEP for earlier, later in pairwise(moments)):
        return LivenessVerdict.TIMING
    return LivenessVerdict.LIVE


def _plausible(clip: _Clip, steps: int) -> bool:
    """Enough frames, in order of time, without holes, long enough for the movements."""
    gaps = np.diff(clip.times)
    return bool(
        len(clip.times) >= _MIN_FRAMES
        and clip.duration_ms >= _MIN_MS_PER_STEP * steps
        and (gaps > 0).all()
        and (gaps <= _MAX_GAP_MS).all()
    )


def _steps(clip: _Clip, motion: Motion, asked: Sequence[str]) -> list[LivenessStep]:
    """What was asked beside what was seen at that place."""
    seen = [(movement.kind, round(clip.seen[movement.peak].sample.at_ms)) for movement in motion.movements]
    pairs = [*seen, *[(None, None)] * len(asked)]
    return [LivenessStep(asked=step, seen=kind, at_ms=at) for step, (kind, at) in zip(asked, pairs, strict=False)]


def _best(clip: _Clip, motion: Motion) -> int | None:
    """The sharpest frame with the head straight."""
    straight = [at for run in motion.neutral for at in run]
    return max(straight, key=lambda at: clip.seen[at].sharp) if straight else None


def _spread(clip: _Clip) -> list[str]:
    """COUNT fingerprints, evenly spread over the clip's time."""
    if not clip.prints:
        return []
    times = np.array([at for at, _ in clip.prints])
    wanted = np.linspace(times[0], times[-1], COUNT)
    return [clip.prints[int(np.abs(times - moment).argmin())][1] for moment in wanted]
