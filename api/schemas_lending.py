"""Shapes of products, applications, contracts, loans and messages. Money is text: "150000.00"."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Amount, Answer, Body, CmsBase64, FreeText, Sha256
from api.schemas_common import Challenge
from api.schemas_receiving import ReceivingBody
from rules.client import ClientKind
from rules.money import Money
from rules.products import Purpose, ReceivingMethod
from rules.schedule import Installment, Method


class ApplicationBody(Body):
    """An application for a microcredit. Rules: para 7; para 8, part 6; para 8, part 7."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "amount": "150000.00",
                    "term_months": 6,
                    "purpose": "PERSONAL_NEEDS",
                    "receiving": {"method": "OWN_ACCOUNT", "iban": "KZ86125KZT5004100100"},
                }
            ]
        }
    )

    amount: Amount
    term_months: int = Field(ge=1, le=120, strict=True)
    purpose: Purpose
    receiving: ReceivingBody
    product: str | None = Field(
        default=None, pattern=r"^[a-z0-9-]{1,40}$", description="product code; else ours by default"
    )


class Ground(Answer):
    """A named ground of a refusal, and where it comes from."""

    code: str
    title: str
    paragraph: str | None = None
    policy_row: str | None = None


class ApplicationState(Answer):
    """Where an application stands.

    next: what the client does now: acknowledge, choose, sign, confirm, confirm-merchant, collect, wait, None.
    stage: SUBMITTED, DUE_DILIGENCE, REVIEW, OFFERED, CONTRACT, SIGNING, WAITING, MERCHANT_CONFIRMATION, DISBURSING,
    ISSUED, REFUSED, WITHDRAWN, EXPIRED, PARKED.
    """

    application_id: UUID
    stage: str
    next: str | None
    amount: Money
    term_months: int
    purpose: str
    receiving_method: str
    account: str | None = Field(description="account or card, masked")
    place: str | None = Field(default=None, description="the seller, or the address of the cash desk")
    grounds: list[Ground]
    chosen_method: Method | None
    contract_id: UUID | None
    loan_id: UUID | None
    waiting_until: datetime | None
    acknowledged: list[str]
    edition: str
    product: str
    created_at: datetime
    updated_at: datetime


class OfferAnswer(Answer):
    """One draft schedule; all methods are shown side by side. Rules: para 8, part 4."""

    method: Method
    rate_percent_per_year: Decimal
    annual_effective_rate_percent: Decimal
    total_to_repay: Money
    total_interest: Money
    schedule: list[Installment]


class Offers(Answer):
    """The drafts, and what must be read before one is chosen."""

    application_id: UUID
    offers: list[OfferAnswer]


class ChoiceBody(Body):
    """The schedule that the client chooses."""

    method: Method


class Subject(StrEnum):
    """Texts that a client reads and marks before the contract. Rules: para 8."""

    LENDING_RULES = "lending_rules"
    PAYMENTS_INFORMATION = "payments_information"
    RIGHTS_AND_DUTIES = "rights_and_duties"


class AcknowledgementText(Answer):
    """A text to be read; send its version and hash back to mark it."""

    subject: Subject
    text_version: str
    text_sha256: str
    language: str
    text: str
    acknowledged_at: datetime | None = None


class AcknowledgementBody(Body):
    """The client's mark under the text of this version and hash."""

    text_version: str = Field(min_length=1, max_length=64)
    text_sha256: Sha256


class ContractAnswer(Answer):
    """A contract before or after signing. pdf: what is (or was) signed; sealed_pdf: with the lender's seal."""

    contract_id: UUID
    application_id: UUID
    number: str
    sha256: str
    size: int
    pages: int
    pdf: str
    signed: bool
    signed_at: datetime | None
    sealed_pdf: str | None
    signature: dict[str, str] | None = Field(default=None, description="algorithm, certificate_serial, signed_at")
    created_at: datetime


class SigningStart(Answer):
    """Sign exactly the bytes at pdf (their sha256 and size stand here), and film the challenge: as `proofs` says.

    proofs: biometry (selfie and filmed challenge), signature (CMS), or both; an entrepreneur's contract for the
    business needs no signature. Rules: para 9.
    """

    contract_id: UUID
    document_id: UUID
    sha256: str
    size: int
    pdf: str
    proofs: list[Literal["biometry", "signature"]]
    challenge: Challenge | None


class SigningBody(Body):
    """JSON form of the signing; selfie and video are base64. Multipart with files is the lighter form.

    What `proofs` named. Either the signature, or a request that was signed in the state's mobile application.
    """

    cms: CmsBase64 | None = None
    signing_request_id: UUID | None = None
    challenge_id: UUID | None = None
    selfie: str | None = Field(default=None, min_length=4, max_length=14_000_000)
    video: str | None = Field(default=None, min_length=4, max_length=28_000_000)

    @model_validator(mode="after")
    def _one_signature(self) -> SigningBody:
        if self.cms is not None and self.signing_request_id is not None:
            raise PydanticCustomError("business", "{code}", {"code": "signature-or-request"})
        return self


class ConfirmationBody(Body):
    """The second confirmation after the waiting time. False withdraws."""

    confirmed: bool = Field(strict=True)


class MessageBody(Body):
    """A message to the lender."""

    text: FreeText


class MessageAnswer(Answer):
    """A message, either way; its archived copy is a document of its own."""

    message_id: UUID
    direction: Literal["from_client", "to_client"]
    text: str
    document_id: UUID | None
    at: datetime
    read_at: datetime | None


class ProductAnswer(Answer):
    """A product on offer. The rate is per cent a year. receiving: ways offered now; the others come later."""

    code: str
    version: str
    title: str
    kinds: list[ClientKind]
    amount_min: Money
    amount_max: Money
    term_months_min: int
    term_months_max: int
    rate_percent_per_year: Decimal
    purposes: list[Purpose]
    methods: list[Method]
    receiving: list[ReceivingMethod]


class OrganisationAnswer(Answer):
    """Who lends: as clients must be able to see it. names, addresses: by language. Rules: para 7, part 2."""

    names: dict[str, str]
    bin: str
    register_number: str
    head: str
    addresses: dict[str, str]
    phones: list[str]
    email: str
    web: str


class CallbackBody(Body):
    """A callback of the bank or the SMS gateway. data follows the type."""

    event_id: str = Field(min_length=1, max_length=128)
    type: str = Field(min_length=1, max_length=64)
    at: datetime
    data: dict[str, Any]
