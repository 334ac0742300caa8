"""Who may sign for an organisation, and the bank details that a client keeps with us.

Rules: para 6, part 2; para 6, part 5.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, Column, Index, UniqueConstraint, Uuid, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class ClientAuthority(SQLModel, table=True):
    """A paper by which a person may sign for a legal entity, as it was shown to us; appended.

    kind: ORDER (appoints the head) | POWER_OF_ATTORNEY, which alone has a valid_until: its last day.
    scans: archived documents, in their order. Whether an officer confirmed it stands in identification_check.
    """

    __tablename__ = "client_authority"
    __table_args__ = (UniqueConstraint("client_id", "n"),)

    id: UUID = primary_id()
    client_id: UUID = reference("client", index=False)
    n: int
    kind: str
    number: str
    issued_on: date
    valid_until: date | None = None
    scans: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    received_at: datetime = Field(sa_type=Instant)


class ClientAccount(SQLModel, table=True):
    """An account or a card that the bank says is the client's; one is active, the earlier ones stay.

    kind: iban | card. account: sealed under the client's key. source: contract (signed with it, named for the first
    time) | change. until: when another took its place.
    """

    __tablename__ = "client_account"
    __table_args__ = (
        UniqueConstraint("client_id", "n"),
        Index("client_account_one_active", "client_id", unique=True, postgresql_where=text("until is null")),
    )

    id: UUID = primary_id()
    client_id: UUID = reference("client", index=False)
    n: int
    kind: str
    account: bytes
    source: str
    bank_reference: str
    since: datetime = Field(sa_type=Instant)
    until: datetime | None = Field(default=None, sa_type=Instant)
