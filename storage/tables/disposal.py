"""Data that is destroyed after its retention: who is kept longer, what two people decided, what became of it.

Rules: para 34.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class LegalHold(SQLModel, table=True):
    """A client whose data stays longer than the term, until another person lifts the hold. reason: a code."""

    __tablename__ = "legal_hold"

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    reason: str
    placed_by: UUID = reference("staff")
    placed_at: datetime = Field(sa_type=Instant)
    lifted_by: UUID | None = reference("staff", optional=True)
    lifted_at: datetime | None = Field(default=None, sa_type=Instant)


class Disposal(SQLModel, table=True):
    """The destruction of one client's data, proposed by one person and confirmed by another. n: of the client.

    state: PROPOSED | REFUSED | CONFIRMED | STOPPED (something forbade it after all) | DESTROYED | CERTIFIED.
    Only the database function destroy_client_data() makes it DESTROYED. certificate_id, cms_id: what was destroyed, as
    JSON, and the lender's signature over it.
    """

    __tablename__ = "disposal"
    __table_args__ = (
        UniqueConstraint("client_id", "n"),
        Index(
            "disposal_one_open", "client_id", unique=True, postgresql_where=text("state not in ('REFUSED', 'STOPPED')")
        ),
    )

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    n: int
    state: str = "PROPOSED"
    reason: str
    proposed_by: UUID = reference("staff")
    proposed_at: datetime = Field(sa_type=Instant)
    decided_by: UUID | None = reference("staff", optional=True)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    stopped_why: str | None = None
    destroyed_at: datetime | None = Field(default=None, sa_type=Instant)
    certificate_id: UUID | None = reference("document", optional=True, index=False)
    cms_id: UUID | None = reference("document", optional=True, index=False)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class DisposalObject(SQLModel, table=True):
    """What became of one sealed document in the archive; appended. why: None where it was removed, else the refusal."""

    __tablename__ = "disposal_object"
    __table_args__ = (UniqueConstraint("disposal_id", "document_id"),)

    id: UUID = primary_id()
    disposal_id: UUID = reference("disposal")
    document_id: UUID = reference("document")
    removed: bool
    why: str | None = None
    at: datetime = Field(sa_type=Instant)
