"""Documents that wait for a signature made outside of our pages, in the state's mobile application.

Rules: para 6, part 4; para 9.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class SigningRequest(SQLModel, table=True):
    """One showing of a QR code for one document; of a document one is alive at a time.

    state: WAITING | OPENED (the application asked for it) | SIGNED | REFUSED (what was sent is no signature of
    this person under this document) | EXPIRED (its time, or a newer request). Ended, it stays as it is.
    method: CMS_SIGN_ONLY (detached) | CMS_WITH_DATA (attached). token_hash: of the newest token told to the
    application. cms_id: the archived signature. ground: why it was refused.
    """

    __tablename__ = "signing_request"
    __table_args__ = (
        Index(
            "signing_request_one_alive",
            "document_id",
            unique=True,
            postgresql_where=text("state in ('WAITING', 'OPENED')"),
        ),
    )

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    document_id: UUID = reference("document", index=False)
    method: str
    state: str = "WAITING"
    token_hash: bytes | None = None
    cms_id: UUID | None = reference("document", optional=True, index=False)
    ground: str | None = None
    asked_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    opened_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
