"""What the API and staff say to the workflows, and what they answer: the shapes of the messages.

None carries personal data: documents travel as ids of archived documents.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from rules.evidence import Frozen

# ---- registration


class RegisterClient(Frozen):
    """Start: the client row with the sealed personal data exists already.

    signature_needed: what the edition asks of this kind of client (rules.identification). authority_needed: a legal
    entity, whose signatory shows by which paper they sign. statement_needed: drawn up even where nobody signs it.
    lifetime_days: an unfinished registration ends after it. A case of an earlier release has the defaults.
    """

    client_id: UUID
    edition: str
    signature_needed: bool = True
    lifetime_days: int = 30
    authority_needed: bool = False
    statement_needed: bool = False


class SendCode(Frozen):
    """Ask for a (new) one-time code by SMS. key: of this asking."""

    key: str


class ConfirmPhone(Frozen):
    """The six digits that came by SMS."""

    code: str
    key: str


class SubmitDocument(Frozen):
    """Both sides of the ID card, archived."""

    front_id: UUID
    back_id: UUID


class SubmitFace(Frozen):
    """Selfie and liveness clip, archived, and the challenge they answer."""

    selfie_id: UUID
    video_id: UUID
    challenge_id: UUID


class SubmitAuthority(Frozen):
    """The paper by which the signatory signs for a legal entity; the record of that id names its archived scans."""

    authority_id: UUID


class SubmitSignature(Frozen):
    """A CMS (archived) over the registration statement (archived)."""

    statement_id: UUID
    cms_id: UUID


class SetPassword(Frozen):
    """The argon2 hash of the password for later log-ins."""

    password_hash: str


class ReviewDecided(Frozen):
    """A staff decision by its id: the workflow trusts the row in the database, not this message."""

    review_id: UUID
    decision_id: UUID


class RegistrationView(Frozen):
    """Where a registration stands. step: phone, document, face, authority, signature, password, review, done.

    status: REGISTERING | REGISTERED | REFUSED.
    """

    status: str
    step: str
    ground: str | None = None
    statement_id: UUID | None = None
    review_id: UUID | None = None


class Registered(Frozen):
    """Outcome of the workflow; refused is a result, not a failure."""

    registered: bool
    ground: str | None = None


# ---- application


class ApplyForLoan(Frozen):
    """Start: the application row exists already, with its edition, policy and product versions.

    offer_days, signing_days, confirmation_hours, merchant_hours: how long the client may take (policy rows of the
    application's day). receiving_method: as rules.products names it; an application of an earlier release has none.
    signature_needed, face_needed: of the contract, by the application's edition (rules.identification).
    """

    application_id: UUID
    client_id: UUID
    edition: str
    signature_needed: bool = True
    offer_days: int = 10
    signing_days: int = 3
    confirmation_hours: int = 72
    receiving_method: str = "OWN_ACCOUNT"
    merchant_hours: int = 72
    face_needed: bool = True


class Acknowledge(Frozen):
    """The client's mark under a text: lending_rules | payments_information | rights_and_duties."""

    subject: str
    text_version: str
    text_sha256: str


class ChooseOffer(Frozen):
    """method: annuity | differentiated | own."""

    method: str


class SignContract(Frozen):
    """The CMS over exactly the contract's bytes, and a fresh face: all archived; what the edition does not ask for
    is absent.
    """

    cms_id: UUID | None = None
    selfie_id: UUID | None = None
    video_id: UUID | None = None
    challenge_id: UUID | None = None


class ConfirmMerchant(Frozen):
    """A fresh face for exactly this payment to a seller, archived, and the challenge it answers."""

    selfie_id: UUID
    video_id: UUID
    challenge_id: UUID


class ShowDigitalDocument(Frozen):
    """The one-time code by which a person at a cash desk opens their document to us."""

    code: str


class ConfirmLoan(Frozen):
    """The second confirmation after the waiting time; False annuls the contract."""

    confirmed: bool


class ApplicationView(Frozen):
    """Where an application stands; stages as in storage.tables.Application."""

    stage: str
    grounds: list[str] = []
    acknowledged: list[str] = []
    contract_id: UUID | None = None
    loan_id: UUID | None = None
    waiting_until: datetime | None = None
    review_id: UUID | None = None


class Originated(Frozen):
    """Outcome: ISSUED with a loan, or REFUSED, WITHDRAWN, EXPIRED, PARKED with grounds."""

    stage: str
    loan_id: UUID | None = None
    grounds: list[str] = []


# ---- money that goes back


class NameAccount(Frozen):
    """The account that a client names for a refund; the sealed record of that id says which."""

    account_id: UUID


# ---- money that came in


class AssignmentConfirmed(Frozen):
    """Two people have said where an unmatched payment belongs: the workflow trusts the row, not this message."""

    assignment_id: UUID
