"""Accounts that clients are asked for, so that what is owed to them can go back. Rules: para 9, part 2."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class RefundRequest(SQLModel, table=True):
    """We asked a client for an account of their own, because a payment had no receiver.

    payment_key: of the refund (rules.payment_keys). ground: why we ask. notices: how often the client was written to.
    ended_at, outcome: when and how it ended: `account` (one was shown to be theirs), else a ground.
    """

    __tablename__ = "refund_request"
    __table_args__ = (Index("refund_request_open", "asked_at", postgresql_where=text("ended_at is null")),)

    payment_key: str = Field(primary_key=True)
    loan_id: UUID = reference("loan")
    ground: str
    asked_at: datetime = Field(sa_type=Instant)
    notices: int = 0
    noticed_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = None


class RefundAccount(SQLModel, table=True):
    """An account or a card that a client named for a refund; checked with the bank once, never changed.

    kind: iban | card. account: sealed by the lender's key in the context `refund-account:{id}`. ground: why it is not
    taken; a checked one without a ground was shown to be the client's, and no other is paid to.
    """

    __tablename__ = "refund_account"

    id: UUID = primary_id()
    payment_key: str = Field(foreign_key="refund_request.payment_key", index=True)
    loan_id: UUID = reference("loan")
    kind: str
    account: bytes
    named_at: datetime = Field(sa_type=Instant)
    checked_at: datetime | None = Field(default=None, sa_type=Instant)
    ground: str | None = None
    bank_reference: str | None = None
