"""Sessions, codes, challenges, staff and their reviews."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, Index, Integer, String, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class Code(SQLModel, table=True):
    """A one-time code: hashed, short-lived by the database's clock, consumed by one statement.

    purpose: registration | login | confirmation | details:{change_id}. At most five tries.
    """

    __tablename__ = "one_time_code"

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    purpose: str
    phone_index: bytes = Field(index=True)
    code_hash: bytes
    attempts: int = 0
    sent_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class LivenessChallenge(SQLModel, table=True):
    """A random sequence of movements, issued once to one client, session and device for one act. Rules: para 35.

    step_seconds: for each movement, from the one before; None in rows of earlier releases.
    """

    __tablename__ = "liveness_challenge"
    __table_args__ = (UniqueConstraint("client_id", "sequence"),)

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    act: str
    sequence: str = Field(description="for example left,up,closer")
    step_seconds: list[int] | None = Field(default=None, sa_type=ARRAY(Integer))
    session_hash: bytes | None = Field(default=None, description="the session it was issued in")
    device_id: str | None = None
    issued_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
    video_sha256: str | None = Field(default=None, index=True)


class LivenessClip(SQLModel, table=True):
    """A clip as it came in: for which challenge, by whose session and device, when. Appended. Rules: para 35.

    challenge_id: as the client named it; there may be none. sent_sha256, sent_kbit_s: of the bytes before they were
    made to fit the archive's rate; the document holds those that are judged. None: the clip could not be read.
    """

    __tablename__ = "liveness_clip"

    document_id: UUID = Field(foreign_key="document.id", primary_key=True)
    client_id: UUID = reference("client")
    challenge_id: UUID
    session_hash: bytes
    device_id: str | None = None
    received_at: datetime = Field(sa_type=Instant)
    sent_sha256: str = Field(index=True)
    sent_kbit_s: int | None = None
    kbit_s: int | None = None


class LivenessPrint(SQLModel, table=True):
    """What a clip's frames in movement looked like: 64 bytes a frame, and the pieces that an index finds them by.

    Written once; deleted with the client's data.
    """

    __tablename__ = "liveness_print"
    __table_args__ = (Index("ix_liveness_print_bands", "bands", postgresql_using="gin"),)

    document_id: UUID = Field(foreign_key="document.id", primary_key=True)
    client_id: UUID = reference("client")
    challenge_id: UUID
    prints: bytes
    bands: list[int] = Field(sa_type=ARRAY(Integer))
    at: datetime = Field(sa_type=Instant)


class Session(SQLModel, table=True):
    """A log-in. Only the hash of the token is kept. scope: registration | client | staff."""

    __tablename__ = "session"
    __table_args__ = (Index("session_open", "client_id", postgresql_where=text("ended_at is null")),)

    token_hash: bytes = Field(primary_key=True)
    scope: str
    client_id: UUID | None = reference("client", optional=True, index=False)
    staff_id: UUID | None = reference("staff", optional=True)
    device_id: str | None = None
    created_at: datetime = Field(sa_type=Instant)
    last_seen_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class Staff(SQLModel, table=True):
    """A member of staff. roles: officer, compliance, oncall, auditor, cashier. Rules: para 27; para 29.

    desk: code of the cash desk where a cashier sits (rules.desks); a cashier without one pays nothing out.
    """

    __tablename__ = "staff"

    id: UUID = primary_id()
    login: str = Field(unique=True)
    name: str
    roles: list[str] = Field(sa_type=ARRAY(String))
    desk: str | None = None
    password_hash: str
    totp_secret: bytes = Field(description="sealed by the lender's key")
    totp_last_step: int = 0
    active: bool = True
    created_at: datetime = Field(sa_type=Instant)


class Review(SQLModel, table=True):
    """A case that waits for a person.

    kind: IDENTITY | AML | MONEY | DECISION. state: open | claimed | decided. AML and MONEY need two people.
    payment_key: of the outgoing payment that the case is about.
    """

    __tablename__ = "review"
    __table_args__ = (
        Index(
            "review_one_open",
            "workflow_id",
            "kind",
            "ground",
            unique=True,
            postgresql_where=text("state <> 'decided'"),
        ),
    )

    id: UUID = primary_id()
    kind: str = Field(index=True)
    workflow_id: str
    client_id: UUID | None = reference("client", optional=True)
    application_id: UUID | None = Field(default=None, index=True)
    ground: str
    payment_key: str | None = Field(default=None, index=True)
    state: str = Field(default="open", index=True)
    claimed_by: UUID | None = reference("staff", optional=True)
    claimed_at: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)


class ReviewDecision(SQLModel, table=True):
    """One person's decision on a review; the same person cannot decide twice, and the first decision only proposes
    where two are needed.

    bank_reference, value_date: with "it was paid", what the person saw in the bank's books; both people saw the same.
    """

    __tablename__ = "review_decision"
    __table_args__ = (
        UniqueConstraint("review_id", "staff_id"),
        Index("review_decision_one_final", "review_id", unique=True, postgresql_where=text("final")),
    )

    id: UUID = primary_id()
    review_id: UUID = reference("review")
    staff_id: UUID = reference("staff")
    decision: str = Field(description="approve | refuse | retry")
    reason_code: str
    bank_reference: str | None = None
    value_date: date | None = None
    final: bool = Field(description="this decision is the one that the workflow acts on")
    at: datetime = Field(sa_type=Instant)


class Throttle(SQLModel, table=True):
    """Failed log-ins of one account from one device or address. subject: keyed hash, never a phone or an address."""

    __tablename__ = "throttle"

    subject: bytes = Field(primary_key=True)
    failures: int = 0
    last_failure_at: datetime = Field(sa_type=Instant)
    blocked_until: datetime | None = Field(default=None, sa_type=Instant)
