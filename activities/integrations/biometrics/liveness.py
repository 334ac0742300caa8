"""Active liveness: does a clip show one living person making the movements that were asked, in their order and time?

A flat photograph fails by geometry, a recording of somebody by the order: sequences are random, used once, and
issued by us. A passive model looks too where one is supplied; where none is, the result says so and the movements have
to be clearer. The judgement is a pure function of the clip, what was asked and the numbers.

Rules: para 35.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from activities.integrations.biometrics import best_frame, continuity, fingerprints, images
from activities.integrations.biometrics.clip import Clip, Watcher
from activities.integrations.biometrics.faces import DeepFaceEngine, Embedding, percent
from activities.integrations.biometrics.movements import VERSION, Motion, follow
from activities.integrations.biometrics.passive import LEAST_FRAMES, MiniFasNet
from rules.errors import InvalidInput
from rules.evidence import (
    BestFrame,
    FaceComparison,
    FaceDecision,
    LivenessResult,
    LivenessStep,
    LivenessVerdict,
    PassiveFound,
)
from rules.liveness import MOVEMENTS, REVIEW, LivenessPolicy

_MAX_FACELESS = 0.25  # share of frames without a face
_MAX_WITH_OTHERS = 1  # frames with a second person: one may be the detector's error
_COVERED = 1.0  # see quality.cover
_PASSIVE_FRAMES = 9

Finding = tuple[LivenessVerdict, str | None]
"""A verdict, and what it stands for where it has a name of its own."""


class HeadMovements:
    """Satisfies activities.identity_ports.LivenessChecker. Safe to share between threads.

    passive: the model that the operator supplied, None where there is none. models: file to sha256.
    """

    def __init__(self, models: Path, faces: DeepFaceEngine, passive: MiniFasNet | None = None) -> None:
        self._faces, self._passive = faces, passive
        self._watcher = Watcher(models, faces, passive)
        self.models = faces.portrait_models | {"movements": VERSION} | (passive.models if passive else {})
        images.shared_decoder()

    def check(
        self,
        video: bytes,
        sequence: Sequence[str],
        photo: bytes | None,
        policy: LivenessPolicy,
        *,
        seconds: Sequence[float] = (),
    ) -> LivenessResult:
        """One face, one recording, depth, order and time, the same face as on the photo; the first finding ends it.

        Args:
            video: MP4 or WebM, at most 20 MB and 20 s.
            sequence: the movements asked, out of left, right, up, down, closer.
            photo: the selfie that the face of the clip has to match; None compares the clip with itself alone.
            seconds: for each movement, from the peak of the one before (or the start) to its own; none: policy's.

        Raises:
            InvalidInput: the clip or the photo cannot be decoded, the photo has no face, an unknown movement is asked.
        """
        if not sequence or not set(sequence) <= set(MOVEMENTS):
            raise InvalidInput("liveness-sequence")
        clip = self._watcher.watch(video)
        motion = follow([seen.sample for seen in clip.seen]) if clip.seen else Motion()
        passive = self._passively(clip, motion, policy)
        deadlines = list(seconds) or [policy.step_seconds] * len(sequence)
        finding = _finding(clip, motion, list(sequence), deadlines, policy, passive)
        match: FaceComparison | None = None
        scores = [best_frame.scores(seen.pose, motion.start, seen.quality) for seen in clip.seen]
        best, best_match = best_frame.best(scores), None
        if finding[0] is LivenessVerdict.LIVE:
            reference = None if photo is None else self._faces.of_picture(images.decode(photo))
            match, best_match, one_person = self._compare(clip, motion, best, reference, policy)
            if not one_person or match.decision is FaceDecision.DIFFERENT:
                finding = LivenessVerdict.ANOTHER_FACE, None
        moving = [at for movement in motion.movements for at in movement.frames]
        return LivenessResult(
            verdict=finding[0],
            detail=finding[1],
            steps=_steps(clip, motion, sequence),
            passive=passive,
            best_frame=None if best is None else BestFrame(at_ms=round(clip.seen[best].at_ms), scores=scores[best]),
            best_match=best_match,
            frames=len(clip.times),
            duration_ms=round(clip.duration_ms),
            joins=clip.joins,
            face_match=match,
            video_sha256=hashlib.sha256(video).hexdigest(),
            moving_prints=fingerprints.spread([clip.seen[at].print for at in moving]),
            mirrored_prints=fingerprints.spread([clip.seen[at].mirrored for at in moving]),
        )

    def bands(self, prints: Sequence[str]) -> list[int]:
        """The pieces of a clip's prints by which an index finds it."""
        return fingerprints.bands(fingerprints.of_hex(prints))

    def seen_before(self, prints: Sequence[str], earlier: Sequence[bytes]) -> tuple[float, list[float]]:
        """Which share of a clip's frames is also in earlier clips, in all of them together and in each."""
        ours, theirs = fingerprints.of_hex(prints), [fingerprints.of_bytes(one) for one in earlier]
        each = [round(fingerprints.seen_before(ours, [one]), 3) for one in theirs]
        return round(fingerprints.seen_before(ours, theirs), 3), each

    def _compare(
        self, clip: Clip, motion: Motion, best: int | None, photo: Embedding | None, policy: LivenessPolicy
    ) -> tuple[FaceComparison, float | None, bool]:
        """The clip's straight faces against the photo, the best frame alone, and whether all faces are one person's.

        A face is looked at in each straight stretch and at each peak: whoever makes one movement is seen.
        """
        straight = [max(run, key=lambda at: clip.seen[at].quality.sharpness) for run in motion.neutral if run]
        embeddings = [self._faces.embed(clip.seen[at].aligned) for at in straight]
        turned = [self._faces.embed(clip.seen[movement.peak].aligned) for movement in motion.movements]
        photo = embeddings[0] if photo is None else photo
        cosine = float(np.median([embedding @ photo for embedding in embeddings]))
        match = FaceComparison(
            decision=policy.decision(cosine),
            cosine=round(cosine, 4),
            similarity_percent=percent(cosine, policy.same),
            threshold=policy.same,
            unsure_threshold=policy.unsure,
            model_sha256=self._faces.model_sha256,
        )
        alike = [policy.decision(float(one @ embeddings[0])) for one in embeddings]
        one_person = FaceDecision.DIFFERENT not in alike and all(
            float(one @ embeddings[0]) >= policy.same_in_turn for one in turned
        )
        best_match = None if best is None else float(self._faces.embed(clip.seen[best].aligned) @ photo)
        return match, None if best_match is None else round(best_match, 4), one_person

    def _passively(self, clip: Clip, motion: Motion, policy: LivenessPolicy) -> PassiveFound:
        """What the passive model says of straight frames spread over the clip."""
        if self._passive is None:
            return PassiveFound(configured=False, policy=policy.passive_absent)
        straight = [at for run in motion.neutral for at in run]
        if len(straight) < LEAST_FRAMES:
            return PassiveFound(configured=True, frames=len(straight), models=self._passive.models)
        places = np.linspace(0, len(straight) - 1, min(_PASSIVE_FRAMES, len(straight)))
        crops = [clip.seen[straight[round(place)]].crops for place in places]
        found = self._passive.score([one for one in crops if one is not None])
        return PassiveFound(configured=True, score=found, frames=len(crops), models=self._passive.models)


def _finding(
    clip: Clip,
    motion: Motion,
    asked: list[str],
    seconds: Sequence[float],
    policy: LivenessPolicy,
    passive: PassiveFound,
) -> Finding:
    """Everything but the identity of the face."""
    if not clip.seen or clip.faceless > _MAX_FACELESS * len(clip.times):
        return LivenessVerdict.NO_FACE, None
    if clip.with_others > _MAX_WITH_OTHERS:
        return LivenessVerdict.SEVERAL_FACES, None
    if _covered(clip, motion):
        return LivenessVerdict.NO_FACE, "face-covered"
    if not continuity.plausible(clip.times, len(asked)):
        return LivenessVerdict.TIMING, None
    if motion.still or continuity.frozen([seen.look for seen in clip.seen]):
        return LivenessVerdict.STATIC, None
    factor = 1.0 if passive.configured else policy.depth_without_passive
    if motion.flat(policy.depth_yaw * factor, policy.depth_pitch * factor):
        return LivenessVerdict.FLAT, None
    if clip.joins:
        return LivenessVerdict.TIMING, "joined"
    if motion.order != asked or not all(movement.finished for movement in motion.movements):
        return LivenessVerdict.WRONG_ORDER, None
    if not _in_time(clip, motion, seconds):
        return LivenessVerdict.TIMING, None
    if passive.configured and (passive.score is None or passive.score < policy.passive_minimum):
        return LivenessVerdict.FLAT, None
    return LivenessVerdict.LIVE, "no-passive" if not passive.configured and passive.policy == REVIEW else None


def _covered(clip: Clip, motion: Motion) -> bool:
    straight = [clip.seen[at].cover for run in motion.neutral for at in run]
    return bool(straight) and float(np.median(straight)) >= _COVERED


def _in_time(clip: Clip, motion: Motion, seconds: Sequence[float]) -> bool:
    """Each step keeps its own deadline."""
    moments = [clip.seen[0].at_ms] + [clip.seen[movement.peak].at_ms for movement in motion.movements]
    return all(
        later - earlier <= limit * 1000 for (earlier, later), limit in zip(pairwise(moments), seconds, strict=False)
    )


def _steps(clip: Clip, motion: Motion, asked: Sequence[str]) -> list[LivenessStep]:
    """What was asked beside what was seen at that place."""
    seen = [(movement.kind, round(clip.seen[movement.peak].at_ms)) for movement in motion.movements]
    pairs = [*seen, *[(None, None)] * len(asked)]
    return [LivenessStep(asked=step, seen=kind, at_ms=at) for step, (kind, at) in zip(asked, pairs, strict=False)]
