"""What the activities need from the world. The integrations satisfy these; nobody inherits them.

Images are encoded JPEG or PNG bytes, clips are MP4 or WebM bytes. Every method that talks to the
outside raises `rules.errors.Fault` children for failures that may pass, `BusinessError` children for
final answers, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, Protocol

from pydantic import BaseModel

from rules.furnishing import RecordBody
from rules.money import Money


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
