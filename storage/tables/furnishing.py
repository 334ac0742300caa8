"""What the state bureau is told of each loan, and the batches it travels in. No personal data stands here.

Law on microfinance, art. 4. Rules: para 13, part 2.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class FurnishingBatch(SQLModel, table=True):
    """Records that travel together. Its id is the bureau's batch id: stored first, so a retry is the same batch.

    state: open (not taken by the bureau yet) | sent | done. document_id: the very bytes for the bureau, IINs
    included, sealed in the archive before they are sent.
    """

    __tablename__ = "furnishing_batch"

    id: UUID = primary_id()
    made_at: datetime = Field(sa_type=Instant)
    state: str = Field(default="open", index=True, description="open | sent | done")
    size: int
    document_id: UUID | None = reference("document", optional=True, index=False)
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)


class FurnishingRecord(SQLModel, table=True):
    """One record for the bureau; what it says is never changed. Records of a loan are sent by their place.

    state: waiting | sent | accepted | rejected | superseded (another record says it, or nothing is to be said) |
    dropped (two people said that the bureau will never take it).
    place: 1, 2, 3 ... in the loan's line; a record that is sent anew takes the place of the rejected one.
    attempts: how often the bureau was given this record, those it supersedes included.
    """

    __tablename__ = "furnishing_record"
    __table_args__ = (
        UniqueConstraint("batch_id", "batch_index"),
        Index(
            "furnishing_record_line",
            "loan_id",
            "place",
            unique=True,
            postgresql_where=text("state <> 'superseded'"),
        ),
        Index(
            "furnishing_record_one_under_way",
            "loan_id",
            unique=True,
            postgresql_where=text("batch_id is not null and state in ('waiting', 'sent')"),
        ),
        Index(
            "furnishing_record_open",
            "created_at",
            postgresql_where=text("state in ('waiting', 'sent', 'rejected')"),
        ),
    )

    id: UUID = primary_id()
    key: str = Field(unique=True, description="business fact, for example new:{loan_id}")
    loan_id: UUID = reference("loan")
    place: int
    op: str = Field(description="NEW | UPDATE | CLOSE | CORRECTION | SUSPEND_REPORTING | RESUME")
    as_of: date
    body: dict[str, Any] = Field(sa_type=Json, description="rules.furnishing.RecordBody as JSON")
    record_hash: str
    state: str = Field(default="waiting", description="waiting | sent | accepted | rejected | superseded | dropped")
    batch_id: UUID | None = reference("furnishing_batch", optional=True, index=False)
    batch_index: int | None = Field(default=None, description="from 0, as the bureau counts")
    rejection_code: str | None = None
    rejection_message: str | None = None
    supersedes: UUID | None = Field(default=None, foreign_key="furnishing_record.id", unique=True)
    attempts: int = 0
    created_at: datetime = Field(sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)


class FurnishingDecision(SQLModel, table=True):
    """What becomes of a record that the bureau refuses for ever: one person proposes it, another one confirms it.

    way: drop | replace (told anew as of a later day). op: what it is told as then. reason: kebab-case code. words: why,
    as the first person wrote it, sealed by the lender's key in the context `furnishing-decision:{id}`.
    """

    __tablename__ = "furnishing_decision"
    __table_args__ = (
        Index(
            "furnishing_decision_one_open",
            "record_id",
            unique=True,
            postgresql_where=text("confirmed_by is null and refused_by is null"),
        ),
    )

    id: UUID = primary_id()
    record_id: UUID = reference("furnishing_record")
    way: str
    op: str | None = None
    reason: str
    words: bytes
    proposed_by: UUID = reference("staff", index=False)
    proposed_at: datetime = Field(sa_type=Instant)
    confirmed_by: UUID | None = reference("staff", optional=True, index=False)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    refused_by: UUID | None = reference("staff", optional=True, index=False)
    refused_at: datetime | None = Field(default=None, sa_type=Instant)
