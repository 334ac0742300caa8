"""Shapes of log-in by several factors, of the factors themselves, of recovery, and of what the client is told of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Answer, Body, Digits6, GivenPassword, Password, Phone
from api.schemas_registration import Application
from rules.log_in import Factor

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{20,64}$")]
Base64Url = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+={0,2}$", min_length=1, max_length=8192)]
FactorName = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[\p{L}\p{N}][\p{L}\p{N} .'’_-]*$")
]


class _OfBrowser(BaseModel):
    """As a browser writes it; newer ones add fields that nothing here reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _AssertionResponse(_OfBrowser):
    clientDataJSON: Base64Url
    authenticatorData: Base64Url
    signature: Base64Url
    userHandle: Base64Url | None = None


class _AttestationResponse(_OfBrowser):
    clientDataJSON: Base64Url
    attestationObject: Base64Url
    transports: list[Annotated[str, Field(max_length=20)]] | None = Field(default=None, max_length=8)


class PasskeyProof(_OfBrowser):
    """What `navigator.credentials.get` gave, as JSON (`PublicKeyCredential.toJSON()`)."""

    id: Base64Url
    rawId: Base64Url
    type: Literal["public-key"]
    response: _AssertionResponse

    def plain(self) -> dict[str, Any]:
        """For api.passkeys."""
        return self.model_dump(exclude_none=True)


class NewPasskey(_OfBrowser):
    """What `navigator.credentials.create` gave, as JSON."""

    id: Base64Url
    rawId: Base64Url
    type: Literal["public-key"]
    response: _AttestationResponse

    def plain(self) -> dict[str, Any]:
        """For api.passkeys."""
        return self.model_dump(exclude_none=True)


class SecondFactors(Answer):
    """The log-in goes on: one of `second_factors` must be shown. log_in_id: told once, works on this device only."""

    log_in_id: str
    second_factors: list[Factor]
    idle_seconds: int = Field(description="seconds until the log-in has to be begun anew")


class PasskeyLogIn(Answer):
    """options: for `navigator.credentials.get`; the answer goes to /sessions/factors."""

    log_in_id: str
    options: dict[str, Any]


class PasskeyOptions(Answer):
    """options: for `navigator.credentials.get` or `.create`."""

    options: dict[str, Any]


class CodeLogInBody(Body):
    """Log in by a code to this number."""

    phone: Phone
    application: Application = Application.WEB


class ApplicationBody(Body):
    """Which of our applications is speaking."""

    application: Application = Application.WEB


class LogInRef(Body):
    """A log-in that goes on."""

    log_in_id: Token
    application: Application = Application.WEB


def _one_proof(given: Any) -> Any:
    if sum(one is not None for one in (given.code, given.totp, given.passkey)) != 1:
        raise PydanticCustomError("business", "{code}", {"code": "one-factor"})
    return given


class FactorBody(LogInRef):
    """Exactly one of: the code of an SMS, the digits of the authenticator application, a passkey's answer."""

    code: Digits6 | None = None
    totp: Digits6 | None = None
    passkey: PasskeyProof | None = None

    _one = model_validator(mode="after")(_one_proof)


class StepUpBody(Body):
    """The client's password once more."""

    password: GivenPassword


class StepUpRef(Body):
    """Shown once more within this log-in; good for one change."""

    step_up_id: Token


class StepUpProof(StepUpRef):
    """As FactorBody."""

    code: Digits6 | None = None
    totp: Digits6 | None = None
    passkey: PasskeyProof | None = None

    _one = model_validator(mode="after")(_one_proof)


class StepUp(Answer):
    """enough: a change may follow; else one of `second_factors` must be shown first."""

    step_up_id: str
    second_factors: list[Factor]
    enough: bool


class NewTotp(Answer):
    """The secret of an authenticator application, told once: as text, and as an address that its camera reads."""

    factor_id: UUID
    secret: str
    uri: str


class TotpDigits(Body):
    """The first digits that the application shows."""

    totp: Digits6


class NewPasskeyBody(Body):
    """A passkey with the name that the client gives it."""

    name: FactorName
    passkey: NewPasskey


class FactorAnswer(Answer):
    """A means of logging in. name: of a passkey. Secrets are never told again."""

    factor_id: UUID
    kind: Factor
    name: str | None = None
    added_at: datetime
    last_used_at: datetime | None = None
    synced: bool | None = Field(default=None, description="whether the device's maker keeps a copy of a passkey")


class Access(Answer):
    """How the client logs in. code_by_sms: whether the number was found to be the client's own."""

    factors: list[FactorAnswer]
    code_by_sms: bool


class ClientAccess(Answer):
    """What staff see of it: that it exists."""

    client_id: UUID
    kinds: list[Factor]
    code_by_sms: bool
    phone_owner: str | None
    devices: int


class ChangePasswordBody(StepUpRef):
    """A new password, 10 to 128 characters; the old one was shown to get the `step_up_id`."""

    password: Password


class OwnSession(Answer):
    """A log-in that is open. device: masked."""

    session_id: str
    current: bool
    application: Application
    device: str | None
    created_at: datetime
    last_seen_at: datetime


class SecurityNoticeAnswer(Answer):
    """What the client was told of a log-in or a change of access. Rules: para 25."""

    notice_id: UUID
    kind: str
    text: str
    device: Application | None
    new_device: bool
    by_sms: bool
    at: datetime


class RecoveryBody(Body):
    """Whose access is to be recovered."""

    phone: Phone
    application: Application = Application.WEB


class RecoveryBegun(Answer):
    """A code was sent, if somebody has this number and may recover by it. recovery: told once, for this device."""

    recovery: str
    idle_seconds: int


class RecoveryRefBody(Body):
    """A recovery that goes on."""

    recovery: Token
    application: Application = Application.WEB


class RecoveryCodeBody(RecoveryRefBody):
    """The six digits that came by SMS."""

    code: Digits6


class RecoveryState(Answer):
    """step: face, review, password, done, wait. state: OPEN, CHANGED, REFUSED, EXPIRED."""

    recovery_id: UUID
    state: Literal["OPEN", "CHANGED", "REFUSED", "EXPIRED"]
    step: str
    ground: str | None = None
    ground_title: str | None = None
    expires_at: datetime
