"""What a check found: values passed between activities and workflows. None carries personal data."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of the values: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StepOutcome(StrEnum):
    """What a step leads to: go on, try again, a person looks, the case ends."""

    PASSED = "passed"
    RETRY = "retry"
    REVIEW = "review"
    REFUSED = "refused"


class StepResult(Frozen):
    """The answer to one step of identification. ground: stable kebab-case code, words in api/titles.*.toml."""

    step: str
    outcome: StepOutcome
    ground: str | None = None
    attempts_left: int | None = None


class FaceDecision(StrEnum):
    """Three answers: between the two thresholds a person looks."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


class FaceComparison(Frozen):
    """One face against another. cosine in -1..1, similarity_percent 0..100 is a monotone map of it."""

    decision: FaceDecision
    cosine: float
    similarity_percent: float
    threshold: float
    model_sha256: str


class FaceProblem(StrEnum):
    """Why a photograph cannot be used; each has one remedy."""

    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    TOO_SMALL = "face-too-small"
    BLURRED = "photo-blurred"
    TOO_DARK = "photo-too-dark"
    TOO_BRIGHT = "photo-too-bright"


class LivenessVerdict(StrEnum):
    """What a clip shows. Rules: para 35."""

    LIVE = "live"
    WRONG_ORDER = "wrong_order"
    FLAT = "flat"
    STATIC = "static"
    ANOTHER_FACE = "another_face"
    SEVERAL_FACES = "several_faces"
    NO_FACE = "no_face"
    TIMING = "timing"
    REPLAYED = "replayed"


class LivenessStep(Frozen):
    """A movement that was asked and what was seen, milliseconds from the clip's start."""

    asked: str
    seen: str | None
    at_ms: int | None


class LivenessResult(Frozen):
    """The verdict on one clip. passive: 'not configured' or a score with its model; never a silent pass."""

    verdict: LivenessVerdict
    steps: list[LivenessStep]
    best_frame_ms: int | None = None
    frames: int = 0
    duration_ms: int = 0
    face_match: FaceComparison | None = None
    passive: str = "not configured"
    video_sha256: str = ""
    frame_fingerprints: list[str] = []


class DocumentOutcome(StrEnum):
    """What reading a card came to."""

    READ = "READ"
    READ_NAME_UNSURE = "READ_NAME_UNSURE"
    RETAKE = "RETAKE"
    REJECTED = "REJECTED"


class DocumentFields(Frozen):
    """What stands in the MRZ of a card. Personal: only inside one activity, never in its result."""

    number: str
    iin: str
    birth_date: str
    sex: str
    expires: str
    surname: str
    given_name: str
    issuer: str
    document_type: str


class DocumentReading(Frozen):
    """One card read. fields is personal data: it stays inside the activity that asked.

    ground: check-digit-wrong, mrz-not-found, photo-blurred, wrong-document-type ...
    """

    outcome: DocumentOutcome
    format: str | None = None
    fields: DocumentFields | None = None
    checks: dict[str, bool] = {}
    repaired: bool = False
    ground: str | None = None
    score: float = 0.0
    model_sha256: dict[str, str] = {}


class SignatureGround(StrEnum):
    """The first reason to refuse a signature, in the order they are asked. Rules: para 9; para 35."""

    UNREADABLE = "signature-unreadable"
    OTHER_CONTENT = "signature-other-content"
    WRONG_DIGEST = "signature-digest-not-allowed"
    WRONG = "signature-wrong"
    NOT_OUR_CA = "signature-unknown-authority"
    NOT_SIGNING = "signature-not-a-signing-certificate"
    OTHER_PERSON = "signature-other-person"
    EXPIRED = "signature-certificate-expired"
    REVOKED = "signature-certificate-revoked"
    NEVER_ISSUED = "signature-certificate-never-issued"
    STATUS_UNTRUSTED = "signature-status-untrusted"
    NO_TIMESTAMP = "signature-timestamp-untrusted"


class SignatureEvidence(Frozen):
    """The result of verifying a CMS. The bytes of OCSP, TSP and chain are archived beside it.

    algorithm: RSA-SHA256 | GOST34310-2015-512 | GOST34310-2004. signed_at: from the trusted timestamp
    where one was obtained, else the signing-time attribute.
    """

    accepted: bool
    ground: SignatureGround | None = None
    algorithm: str | None = None
    certificate_serial: str | None = None
    certificate_sha256: str | None = None
    signed_at: datetime | None = None
    ocsp_response: bytes | None = None
    timestamp_token: bytes | None = None
    chain: list[bytes] = []
