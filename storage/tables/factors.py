"""What a client logs in with besides the password, devices, and what the client is told of all this.

Rules: para 6, part 4; para 25; para 26.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Index, SmallInteger, String, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class TotpFactor(SQLModel, table=True):
    """An application that shows six digits every 30 seconds. One is confirmed at a time.

    secret: sealed under the client's key. last_step: the newest step whose digits were used up.
    """

    __tablename__ = "totp_factor"
    __table_args__ = (
        Index(
            "totp_factor_one",
            "client_id",
            unique=True,
            postgresql_where=text("confirmed_at is not null and removed_at is null"),
        ),
    )

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    secret: bytes
    last_step: int = Field(default=0, sa_type=BigInteger)
    asked_at: datetime = Field(sa_type=Instant)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    last_used_at: datetime | None = Field(default=None, sa_type=Instant)
    removed_at: datetime | None = Field(default=None, sa_type=Instant)


class Passkey(SQLModel, table=True):
    """A key of the client's device (WebAuthn). name: sealed under the client's key.

    sign_count: the highest seen; 0 where the device does not count. removed_why: client | cloned | recovery.
    """

    __tablename__ = "passkey"

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    name: bytes
    credential_id: bytes = Field(unique=True)
    public_key: bytes
    sign_count: int = Field(sa_type=BigInteger)
    backed_up: bool
    created_at: datetime = Field(sa_type=Instant)
    last_used_at: datetime | None = Field(default=None, sa_type=Instant)
    removed_at: datetime | None = Field(default=None, sa_type=Instant)
    removed_why: str | None = None


class PasskeyChallenge(SQLModel, table=True):
    """Random bytes that a passkey signs, once and soon. purpose: REGISTER | PROVE.

    bound_to: hash of the log-in, or of the authentication, that asked for it.
    """

    __tablename__ = "passkey_challenge"

    challenge: bytes = Field(primary_key=True)
    purpose: str
    client_id: UUID | None = reference("client", optional=True)
    bound_to: bytes
    issued_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class Authentication(SQLModel, table=True):
    """A log-in that is not finished (LOG_IN), or the client once more within one (STEP_UP), or who recovers (RECOVERY).

    Only the hash of its token is kept. client_id: None where nobody has the number that was given, which nobody must
    be able to tell. account_index: keyed hash of that number, by which tries are counted. bound_to: the device, for
    STEP_UP the log-in. shown, offered (one of which may be shown next): rules.log_in.Factor. codes: asked for by SMS.
    """

    __tablename__ = "authentication"

    id: UUID = primary_id()
    token_hash: bytes = Field(unique=True)
    purpose: str
    client_id: UUID | None = reference("client", optional=True)
    account_index: bytes
    bound_to: bytes
    application: str
    shown: list[str] = Field(sa_type=ARRAY(String))
    offered: list[str] = Field(sa_type=ARRAY(String))
    tries: int = Field(default=0, sa_type=SmallInteger)
    codes: int = Field(default=0, sa_type=SmallInteger)
    begun_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    enough_at: datetime | None = Field(default=None, sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class ClientDevice(SQLModel, table=True):
    """A device that a client has logged in from. device_index: keyed hash. Rules: para 26."""

    __tablename__ = "client_device"

    client_id: UUID = Field(primary_key=True, foreign_key="client.id")
    device_index: bytes = Field(primary_key=True)
    kind: str = Field(description="web | mobile")
    first_seen_at: datetime = Field(sa_type=Instant)
    last_seen_at: datetime = Field(sa_type=Instant)
    forgotten_at: datetime | None = Field(default=None, sa_type=Instant)


class PhoneOwnerCheck(SQLModel, table=True):
    """Whose a number is, by whom: only a number that is the client's makes a code sent to it a factor.

    outcome: OWNED | NOT_OWNED | UNKNOWN | APPROVED. found_by: operators | staff:{id}. The newest of a number counts.
    """

    __tablename__ = "phone_owner_check"
    __table_args__ = (Index("phone_owner_check_of", "client_id", "at"),)

    id: UUID = primary_id()
    client_id: UUID = reference("client", index=False)
    phone_index: bytes
    outcome: str
    found_by: str
    at: datetime = Field(sa_type=Instant)


class CodeSending(SQLModel, table=True):
    """A code was asked for from an address, whoever asked and whoever was to get it. address_index: keyed hash."""

    __tablename__ = "code_sending"
    __table_args__ = (Index("code_sending_of", "address_index", "at"),)

    id: UUID = primary_id()
    address_index: bytes
    at: datetime = Field(sa_type=Instant)


class SecurityNotice(SQLModel, table=True):
    """What a client is told of a log-in or a change of access. body: sealed. Rules: para 25.

    key: the event; told once. device: web | mobile. to_text: an SMS goes with it; texted_at: the gateway took it.
    """

    __tablename__ = "security_notice"
    __table_args__ = (Index("security_notice_of", "client_id", "at"),)

    id: UUID = primary_id()
    client_id: UUID = reference("client", index=False)
    key: str = Field(unique=True)
    kind: str
    body: bytes
    device: str | None = None
    new_device: bool = False
    to_text: bool = False
    texted_at: datetime | None = Field(default=None, sa_type=Instant)
    at: datetime = Field(sa_type=Instant)


class PasswordRecovery(SQLModel, table=True):
    """A client who has shown a code to their own number wants another password; the face comes next.

    token_hash: of what the device holds meanwhile. state: OPEN | CHANGED | REFUSED | EXPIRED.
    """

    __tablename__ = "password_recovery"
    __table_args__ = (
        UniqueConstraint("client_id", "n"),
        Index("password_recovery_one_open", "client_id", unique=True, postgresql_where=text("state = 'OPEN'")),
    )

    id: UUID = primary_id()
    client_id: UUID = reference("client", index=False)
    n: int
    token_hash: bytes = Field(unique=True)
    device_index: bytes
    device: str
    edition: str
    policy_version: str
    asked_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    state: str = "OPEN"
    ground: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
