"""What each identification of a client stood on, as one record that can be looked at again years later.

Rules: para 34; para 35.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class Identification(SQLModel, table=True):
    """One identification from its first check to its end; appended.

    act: REGISTRATION | CONTRACT | ADDENDUM | DETAILS | LEAK | CASH_DESK | merchant-payment:{application}.
    n: counts a client's identifications for the same act and application.
    outcome: PASSED | REFUSED, ground: of a refusal.
    document_id: the archived record (activities/evidence.py tells its shape), sha256: of its bytes.
    """

    __tablename__ = "identification"
    __table_args__ = (UniqueConstraint("client_id", "act", "application_id", "n", postgresql_nulls_not_distinct=True),)

    id: UUID = primary_id()
    client_id: UUID = reference("client", index=False)
    application_id: UUID | None = Field(default=None, index=True)
    act: str
    n: int
    edition: str
    outcome: str
    ground: str | None = None
    document_id: UUID = reference("document", index=False)
    sha256: str
    began_at: datetime = Field(sa_type=Instant)
    ended_at: datetime = Field(sa_type=Instant)
