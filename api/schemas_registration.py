"""Shapes of registration, log-in and the client's own page."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.fields import (
    Answer,
    Bin,
    Body,
    CmsBase64,
    Day,
    Digits6,
    DocumentNumber,
    GivenPassword,
    Iin,
    Name,
    OrganisationName,
    PaperNumber,
    Password,
    Phone,
)
from rules.calendar import local_date
from rules.client import AuthorityKind, ClientKind, authority_holds


class Language(StrEnum):
    """Languages of papers and messages."""

    KK = "kk"
    RU = "ru"
    EN = "en"


class Application(StrEnum):
    """Which of our applications is speaking. Rules: para 14; para 26."""

    WEB = "web"
    MOBILE = "mobile"


class IdentityPaper(Body):
    """The identity document. number: nine digits."""

    number: DocumentNumber
    expires: Day

    @field_validator("expires")
    @classmethod
    def _valid_today(cls, value: date) -> date:
        if value < local_date(datetime.now(UTC)):
            raise PydanticCustomError("business", "{code}", {"code": "document-expired"})
        return value


class RegistrationBody(Body):
    """Who registers. bin and organisation (its name): of a legal entity only; then the person is its signatory, and the
    phone is the organisation's: one phone opens one personal account.

    Rules: para 6, part 1; para 6, part 2.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "INDIVIDUAL",
                    "surname": "АХМЕТОВА",
                    "given_name": "АЙГЕРІМ",
                    "patronymic": "СЕРІКҚЫЗЫ",
                    "iin": "880412401006",
                    "document": {"number": "012345678", "expires": "2031-04-11"},
                    "phone": "+77012345678",
                    "language": "kk",
                    "application": "mobile",
                }
            ]
        }
    )

    kind: ClientKind = ClientKind.INDIVIDUAL
    surname: Name
    given_name: Name
    patronymic: Name | None = None
    iin: Iin
    bin: Bin | None = None
    organisation: OrganisationName | None = None
    document: IdentityPaper
    phone: Phone
    language: Language = Language.KK
    application: Application = Application.WEB

    @model_validator(mode="after")
    def _bin_belongs_to_organisations(self) -> RegistrationBody:
        if (self.kind is ClientKind.LEGAL_ENTITY) != (self.bin is not None):
            code = "bin-missing" if self.bin is None else "bin-not-expected"
            raise PydanticCustomError("business", "{code}", {"code": code, "field": "/bin"})
        if (self.bin is None) != (self.organisation is None):
            code = "organisation-missing" if self.organisation is None else "organisation-not-expected"
            raise PydanticCustomError("business", "{code}", {"code": code, "field": "/organisation"})
        return self


class SessionAnswer(Answer):
    """An open session. token: for the mobile application only, bound to its X-Device-Id; the web gets a cookie."""

    client_id: UUID
    scope: Literal["registration", "client"]
    token: str | None = None
    idle_seconds: int


class RegistrationStarted(SessionAnswer):
    """registration_id is what the next calls carry in their path."""

    registration_id: UUID
    next: str = "phone"


class AuthorityBody(Body):
    """By which paper the signatory signs for the organisation. Rules: para 6, part 2.

    kind: ORDER appoints the head; POWER_OF_ATTORNEY alone has a valid_until, its last day.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "POWER_OF_ATTORNEY",
                    "number": "12/2026",
                    "issued_on": "2026-01-12",
                    "valid_until": "2027-01-11",
                }
            ]
        }
    )

    kind: AuthorityKind
    number: PaperNumber
    issued_on: Day
    valid_until: Day | None = None

    @model_validator(mode="after")
    def _holds_today(self) -> AuthorityBody:
        today = local_date(datetime.now(UTC))
        if (self.kind is AuthorityKind.POWER_OF_ATTORNEY) != (self.valid_until is not None):
            code = "authority-term-missing" if self.valid_until is None else "authority-term-not-expected"
            raise PydanticCustomError("business", "{code}", {"code": code, "field": "/valid_until"})
        if self.issued_on > today:
            raise PydanticCustomError("business", "{code}", {"code": "day-in-the-future", "field": "/issued_on"})
        if not authority_holds(self.valid_until, today):
            raise PydanticCustomError("business", "{code}", {"code": "authority-expired", "field": "/valid_until"})
        if self.valid_until is not None and self.valid_until < self.issued_on:
            raise PydanticCustomError("business", "{code}", {"code": "field-format", "field": "/valid_until"})
        return self


class CodeBody(Body):
    """The six digits that came by SMS."""

    code: Digits6


class PasswordBody(Body):
    """A new password, 10 to 128 characters."""

    password: Password


class StatementSignature(Body):
    """cms: base64 of a detached CMS over exactly the bytes of the registration statement."""

    cms: CmsBase64


class Statement(Answer):
    """What must be signed to register: these bytes. Rules: para 6, part 4."""

    document_id: UUID
    sha256: str
    size: int
    media_type: str
    content: str


class RegistrationState(Answer):
    """step: phone, document, face, authority (of organisations), signature, password, review, done.

    status: REGISTERING, REGISTERED, REFUSED.
    """

    registration_id: UUID
    status: Literal["REGISTERING", "REGISTERED", "REFUSED"]
    step: str
    ground: str | None = None
    ground_title: str | None = None


class LogInBody(Body):
    """Log-in by mobile number and password."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"phone": "+77012345678", "password": "an example of mine", "application": "web"}]  # nosec B105  # an example in the documentation
        }
    )

    phone: Phone
    password: GivenPassword
    application: Application = Application.WEB


class Me(Answer):
    """The client as we may show them: numbers are masked."""

    client_id: UUID
    kind: ClientKind
    status: str
    language: str
    full_name: str
    iin: str = Field(description="masked")
    phone: str = Field(description="masked")
    registered_at: datetime | None
    unread_messages: int
