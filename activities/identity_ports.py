"""What identification needs from models and verifiers. The integrations satisfy these; nobody inherits them.

Images are encoded JPEG or PNG bytes, clips are MP4 or WebM bytes. Errors as in activities.ports.

Rules: para 6; para 35.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from rules.evidence import (
    CardReading,
    DocumentReading,
    FaceComparison,
    FaceProblem,
    LivenessResult,
    SignatureEvidence,
)
from rules.liveness import LivenessPolicy


class FaceEngine(Protocol):
    """Face detection, embedding, comparison 1:1. Synchronous, CPU-bound."""

    def problem(self, image: bytes) -> FaceProblem | None:
        """Why this photograph cannot be used, None where it can."""

    def portrait_problem(self, image: bytes) -> FaceProblem | None:
        """Why this photograph will not do for a registration, None where it will. Rules: para 6, part 1."""

    def embedding(self, image: bytes) -> bytes:
        """128 float32 of the largest face. Raises InvalidInput('no-face')."""

    def compare(self, image: bytes, other: bytes) -> FaceComparison:
        """The largest faces of two photographs."""

    def compare_embedding(self, image: bytes, embedding: bytes) -> FaceComparison:
        """A photograph against a stored embedding."""


class PassiveLiveness(Protocol):
    """Whether single frames look real. Synchronous, CPU-bound. models: file to sha256."""

    models: dict[str, str]

    def score(self, frames: Sequence[Any]) -> float:
        """How real the frames look, 0..1; what a frame is, is the model's own matter."""


class LivenessChecker(Protocol):
    """Active liveness against an issued sequence. Synchronous, CPU-bound. Rules: para 35.

    models: every file used, to its sha256.
    """

    models: dict[str, str]

    def check(
        self,
        video: bytes,
        sequence: Sequence[str],
        photo: bytes | None,
        policy: LivenessPolicy,
        *,
        seconds: Sequence[float] = (),
    ) -> LivenessResult:
        """Order, deadlines, 3-D motion, one face in one recording, the same face as on the photo."""

    def bands(self, prints: Sequence[str]) -> list[int]:
        """The pieces of a clip's prints (LivenessResult.moving_prints) by which an index finds it."""

    def seen_before(self, prints: Sequence[str], earlier: Sequence[bytes]) -> tuple[float, list[float]]:
        """Which share of a clip's frames is also in earlier clips, in all of them together and in each."""


class Recording(NamedTuple):
    """A clip for the archive. sent_kbit, kbit: as it came and as it is kept; None where it cannot be read."""

    content: bytes
    media_type: str
    sent_kbit: float | None
    kbit: float | None


class ClipRecorder(Protocol):
    """Makes clips fit the archive's rate. Procedure: S26."""

    async def made(self, clip: bytes, media_type: str, kbit: int) -> Recording:
        """The clip at most at a rate in kilobits a second; one that cannot be read as it came."""


class DocumentReader(Protocol):
    """Reads Kazakhstan's identity card. Synchronous, CPU-bound."""

    def read(self, front: bytes, back: bytes) -> CardReading:
        """Both sides, also where they were exchanged."""

    def read_back(self, image: bytes) -> DocumentReading:
        """The MRZ side."""

    def portrait(self, front: bytes) -> bytes:
        """The portrait cut out of the front, PNG. Raises InvalidInput('no-face')."""

    def cut(self, image: bytes) -> bytes:
        """The document cut out of a photograph, JPEG, for people to look at."""


class SignatureVerifier(Protocol):
    """Native verification of a CMS by the national certification authority's rules."""

    async def verify(self, cms: bytes, content: bytes, *, iin: str, bin: str | None = None) -> SignatureEvidence:
        """All checks in order; a refusal is a result, an unreachable OCSP or TSP a Fault."""
