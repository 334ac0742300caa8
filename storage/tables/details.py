"""Changes of a client's details that need the full authentication: the phone number, the bank details.

Rules: para 6, part 5.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class DetailsChange(SQLModel, table=True):
    """One wish of a client for another phone number or other bank details; one is open at a time.

    kind: PHONE | ACCOUNT. old_value, new_value: sealed under the client's key; without an old one where no account
    was kept yet. session_hash: of the log-in that asked; it stays open.
    state: OPEN | CHANGED | REFUSED | EXPIRED. signature_needed: what the edition asks of this kind of client.
    """

    __tablename__ = "details_change"
    __table_args__ = (
        UniqueConstraint("client_id", "n"),
        Index("details_change_one_open", "client_id", unique=True, postgresql_where=text("state = 'OPEN'")),
    )

    id: UUID = primary_id()
    client_id: UUID = reference("client", index=False)
    n: int
    kind: str = "PHONE"
    old_value: bytes | None = None
    new_value: bytes
    session_hash: bytes | None = None
    signature_needed: bool
    edition: str
    policy_version: str
    asked_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    state: str = "OPEN"
    ground: str | None = None
    statement_id: UUID | None = reference("document", optional=True, index=False)
    signature_id: UUID | None = reference("signature", optional=True, index=False)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
