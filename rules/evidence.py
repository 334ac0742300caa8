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
    """One face against another. cosine in -1..1, similarity_percent 0..100 is a monotone map of it.

    threshold, unsure_threshold: cosines from which it is the same person, and from which a person has to look.
    model_sha256: the file that made the embeddings. The policy's version stands in the check that keeps this.
    """

    decision: FaceDecision
    cosine: float
    similarity_percent: float
    threshold: float
    unsure_threshold: float | None = None
    model_sha256: str


class FaceProblem(StrEnum):
    """Why a photograph cannot be used; each has one remedy, named by its title.

    From UNEVEN_LIGHT on only of a photograph for registration. Rules: para 6, part 1.
    """

    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    TOO_SMALL = "face-too-small"
    BLURRED = "photo-blurred"
    TOO_DARK = "photo-too-dark"
    TOO_BRIGHT = "photo-too-bright"
    UNEVEN_LIGHT = "light-uneven"
    TURNED = "face-turned"
    TILTED = "face-tilted"
    COVERED = "face-covered"
    GLASSES = "glasses-worn"
    MOUTH_OPEN = "mouth-open"
    NOT_NEUTRAL = "face-not-neutral"
    BACKGROUND = "background-not-light"


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


class BestFrame(Frozen):
    """The clearest frame of a clip. scores: yaw, pitch, sharpness, noise, light, overexposed, width, score."""

    at_ms: int
    scores: dict[str, float]


class PassiveFound(Frozen):
    """What a passive model says of a clip's frames, 0..1 real; or that none is supplied, and what policy does then."""

    configured: bool
    policy: str | None = None
    score: float | None = None
    frames: int = 0
    models: dict[str, str] = {}


class LivenessResult(Frozen):
    """The verdict on one clip.

    detail: what the verdict stands for where it has a name of its own: face-covered | joined | no-passive.
    joins: milliseconds where the clip is cut. moving_prints: of the frames in movement (rules of `fingerprints`),
    mirrored_prints: of the same as in a mirror.
    """

    verdict: LivenessVerdict
    steps: list[LivenessStep]
    passive: PassiveFound
    detail: str | None = None
    best_frame: BestFrame | None = None
    best_match: float | None = None
    frames: int = 0
    duration_ms: int = 0
    joins: list[int] = []
    face_match: FaceComparison | None = None
    video_sha256: str = ""
    moving_prints: list[str] = []
    mirrored_prints: list[str] = []

    @property
    def ground(self) -> str | None:
        """The ground of rules.identification; None where the person is alive."""
        if self.detail == "face-covered":
            return self.detail
        if self.verdict is LivenessVerdict.LIVE:
            return f"liveness-{self.detail}" if self.detail else None
        return f"liveness-{self.detail or self.verdict.value.replace('_', '-')}"


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
    """One side with an MRZ read. fields, lines and second are personal data: they stay inside the activity that asked.

    ground: check-digit-wrong, mrz-not-found, photo-blurred, wrong-document-type ... lines: as our reader read them.
    second: the lines by the second reader, where it was asked.
    """

    outcome: DocumentOutcome
    format: str | None = None
    fields: DocumentFields | None = None
    checks: dict[str, bool] = {}
    repaired: bool = False
    ground: str | None = None
    score: float = 0.0
    lines: list[str] = []
    second: list[str] | None = None
    model_sha256: dict[str, str] = {}


class CardSide(StrEnum):
    """What a photograph of a document shows."""

    FRONT = "front"
    BACK = "back"
    PASSPORT = "passport"
    OTHER = "other"
    NONE = "none"


class FrontFields(Frozen):
    """What stands on the front of a card, in its own letters; None: not read. Personal, as DocumentFields.

    birth_date: ISO. unsure: the fields that were read with doubt.
    """

    surname: str | None = None
    given_name: str | None = None
    patronymic: str | None = None
    birth_date: str | None = None
    iin: str | None = None
    unsure: list[str] = []


class CardReading(Frozen):
    """Both sides of a card read. Personal, as DocumentFields.

    sides: what the pictures given as front and as back show. swapped: they were exchanged, and are read as they should
    have been. ground: why the front could not be read. portrait_pixels: width of the largest face on the front.
    """

    sides: dict[str, CardSide]
    swapped: bool = False
    back: DocumentReading
    front: FrontFields | None = None
    ground: str | None = None
    portrait_pixels: int = 0
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


class SignerCapacity(StrEnum):
    """For whom a certificate signs: its owner, or an organisation as its head or by the right to sign for it."""

    PERSON = "person"
    HEAD = "head"
    RIGHT_TO_SIGN = "right-to-sign"


class SignatureEvidence(Frozen):
    """The result of verifying a CMS. The bytes of OCSP, lists, TSP and chain are archived beside it.

    algorithm: RSA-SHA256 | GOST34310-2015-512 | GOST34310-2015-256 | GOST34310-2004. signed_at: from the trusted
    timestamp where there is one, else the signing-time attribute. asked, policy: what it takes, with the archived
    bytes, to judge again years later (the time of judgement, our nonces; the limits of that day). capacity: for whom
    the certificate signs, where the verifier tells.
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
    revocation_lists: list[bytes] = []
    asked: dict[str, str] = {}
    policy: dict[str, str] = {}
    capacity: SignerCapacity | None = None
