"""What the activities need from the world. The integrations satisfy these; nobody inherits them.

Images are encoded JPEG or PNG bytes, clips are MP4 or WebM bytes. Every method that talks to the
outside raises `rules.errors.Fault` children for failures that may pass, `BusinessError` children for
final answers, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, model_validator

from rules.evidence import (
    CardReading,
    DocumentReading,
    FaceComparison,
    FaceProblem,
    LivenessResult,
    SignatureEvidence,
)
from rules.furnishing import RecordBody
from rules.liveness import LivenessPolicy
from rules.money import Money


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


class IdentityMatch(BaseModel):
    """The identity centre's answer: similarity 0..1 to the state's photo."""

    similarity: float
    vendor: str


class RegisteredPerson(BaseModel):
    """What the state's register says of an IIN. Personal data: stays inside the activity."""

    iin: str
    surname: str
    given_name: str
    patronymic: str | None
    birth_date: date
    document_number: str
    document_expires: date
    deceased: bool = False


class IdentityCentre(Protocol):
    """ЦОИД (identity exchange centre) and the state's person register. Rules: para 6, part 3; para 35."""

    async def match_face(self, iin: str, photo: bytes, media_type: str, key: str) -> IdentityMatch:
        """Raises NotFound('iin-not-found'), InvalidInput('no-face')."""

    async def person(self, iin: str, consent_sha256: str) -> RegisteredPerson:
        """Raises NotFound('iin-not-found')."""


class PhoneOwners(Protocol):
    """Whether a number belongs to a person, by the operators' base."""

    async def owned_by(self, iin: str, phone: str) -> bool | None:
        """None where the base does not know."""


class BureauContract(BaseModel):
    """One contract of a bureau report."""

    lender: str
    number: str
    role: str = "borrower"
    outstanding: Money
    monthly_payment: Money
    overdue_days: int
    overdue_amount: Money
    microcredit: bool = False


class BureauAnswer(BaseModel):
    """A credit report, with the bytes as they came (archived as evidence)."""

    report_id: str
    generated_at: datetime
    voluntary_refusal: bool
    contracts: list[BureauContract]
    average_income: Money | None
    max_overdue_days_12_months: int = 0
    raw: bytes


class BureauRecord(RecordBody):
    """A record as it is sent. Personal data: it lives only between our database and the sealed batch."""

    iin: str


class RejectedRecord(BaseModel):
    """A record of a batch, counted from 0, that the bureau did not take. message: its words, to be masked first."""

    index: int
    code: str
    message: str


class SubmissionState(BaseModel):
    """What became of a batch: nothing yet, or a word on each record."""

    state: Literal["IN_WORK", "DONE"]
    accepted: int
    rejected: list[RejectedRecord]


class CreditBureau(Protocol):
    """First credit bureau for reports, the state bureau for furnishing. Rules: para 8, part 8."""

    async def report(self, iin: str, consent_sha256: str, signed_at: datetime) -> BureauAnswer:
        """A subject unknown to the bureau is an empty report, not an error."""

    def pack(self, batch_id: str, records: Sequence[BureauRecord]) -> bytes:
        """The bytes of a batch, to be archived before they are sent."""

    async def submit(self, batch_id: str, content: bytes) -> None:
        """Send a packed batch; the same again changes nothing.

        Raises InvalidInput where a record breaks the bureau's schema, Conflict where the id stands for other bytes.
        """

    async def submission(self, batch_id: str) -> SubmissionState:
        """What became of a batch. Raises NotFound('batch-unknown')."""


class ListedName(BaseModel):
    """One entry of a sanctions list."""

    list_name: str
    entry: str
    surname: str
    given_name: str
    patronymic: str | None = None
    birth_date: date | None = None
    iin: str | None = None


class SanctionsLists(BaseModel):
    """The lists of one moment, parsed, with their bytes (archived) by name."""

    names: list[ListedName]
    raw: dict[str, bytes]


class AmlLists(Protocol):
    """The financial-monitoring agency's lists. Rules: para 8, part 1; para 10."""

    async def current(self) -> SanctionsLists:
        """All lists now. Raises BrokenContract for a truncated, empty or halved list."""


class AccountOwner(BaseModel):
    """The bank's word on an account. result: MATCH | MISMATCH | UNKNOWN."""

    result: str
    reference: str


class Destination(BaseModel):
    """Where money goes. kind: `iban`, or `card` with the acquirer's token (never a card number). Personal data."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["iban", "card"]
    value: str


class Recipient(BaseModel):
    """Whose money it becomes: a person by IIN or an organisation by BIN. Personal data: it stays in the activity."""

    model_config = ConfigDict(frozen=True)

    name: str
    iin: str | None = None
    bin: str | None = None

    @model_validator(mode="after")
    def _one_number(self) -> Recipient:
        if (self.iin is None) == (self.bin is None):
            raise ValueError("either an IIN or a BIN")
        return self

    @property
    def number(self) -> str:
        """The IIN or the BIN."""
        return self.iin or self.bin or ""


class Payout(BaseModel):
    """A payout as the bank knows it. status: ACCEPTED, IN_PROGRESS, DONE, REJECTED, RETURNED."""

    payout_id: str
    order_id: str
    amount: Money
    currency: str = "KZT"
    destination: Destination
    receiver: str | None = None  # IIN or BIN, where the bank tells it
    status: str
    bank_reference: str | None = None
    value_date: date | None = None
    code: str | None = None


class BankStatement(BaseModel):
    """One day's statement."""

    day: date
    opening: Money
    closing: Money
    entries: list[dict[str, Any]]


class Bank(Protocol):
    """The lender's bank. A refusal is NotAllowed('payout-refused'); every other failure is unknown, not unpaid."""

    async def verify_owner(self, destination: Destination, owner: Recipient) -> AccountOwner:
        """Who owns the account or the card. Rules: para 9, part 2."""

    async def pay(
        self, key: str, order_id: str, amount: Money, destination: Destination, recipient: Recipient, purpose: str
    ) -> Payout:
        """Send one payout under a key; a bank that honours keys never pays the same one twice."""

    async def find(self, order_id: str) -> Payout | None:
        """By order id; None means not found yet."""

    async def statement(self, day: date) -> BankStatement | None:
        """None while the day's statement is not ready."""


class TerminalReceipt(BaseModel):
    """Money that somebody paid at a terminal. reference: what was typed, as a rule the contract's number."""

    model_config = ConfigDict(frozen=True)

    terminal_id: str
    receipt: str
    reference: str
    amount: Money
    currency: str = "KZT"


class TerminalPayout(BaseModel):
    """Money that a terminal handed out. order: the lender's number of it."""

    model_config = ConfigDict(frozen=True)

    terminal_id: str
    receipt: str
    order: str
    amount: Money
    currency: str = "KZT"


class TerminalNetwork(Protocol):
    """The network of payment terminals that takes repayments for the lender, and hands its money out."""

    async def register(self, day: date) -> list[TerminalReceipt] | None:
        """A day's receipts, so far where the day is today; None while there is no register of the day."""

    async def payouts(self, day: date) -> list[TerminalPayout] | None:
        """What terminals handed out on a day, in the same way."""


class Sms(Protocol):
    """The SMS gateway."""

    async def send(self, key: str, phone: str, text: str, ttl_seconds: int) -> str:
        """Hand over one message under a key; returns the gateway's id. Raises InvalidInput('phone-rejected')."""


class DigitalDocument(BaseModel):
    """A document that its owner opened to us in the state's service. Personal data: it stays inside the activity."""

    iin: str
    number: str
    expires: date


class DigitalDocuments(Protocol):
    """The state's service of digital documents. Rules: para 9."""

    async def shown(self, iin: str, code: str) -> DigitalDocument:
        """By the one-time code that the owner shows. Raises NotConfirmed('digital-document-code')."""


class Antifraud(Protocol):
    """The National Bank's anti-fraud centre. No answer means no transfer."""

    async def listed(self, iin: str, iban: str | None, phone: str | None, amount: Money) -> bool:
        """Whether the recipient is listed. iban: None where the money goes to no account; phone: None if not known."""


class NoticeReceipt(BaseModel):
    """The regulator's receipt of a notice."""

    registration_number: str
    received_at: datetime


class RegulatorInbox(Protocol):
    """Where the regulator takes notices. Rules: para 4; para 5; para 13, part 1."""

    async def notice(
        self,
        key: str,
        kind: Literal["INCIDENT", "RESOURCE_OPENING", "CHANGE"],
        *,
        occurred_at: datetime,
        detected_at: datetime,
        description: str,
        measures: str,
        cms: bytes,
        attachments: Sequence[bytes] = (),
    ) -> NoticeReceipt:
        """One notice under a key. Raises NotConfirmed('regulator-signature-refused') and other final answers."""


class LenderSigner(Protocol):
    """The lender's signature over a message."""

    async def sign(self, content: bytes) -> bytes:
        """A detached CMS, DER."""
