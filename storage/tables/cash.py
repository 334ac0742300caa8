"""Orders to hand money out at a cash desk or a terminal. Rules: para 9."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from rules.money import Money
from storage.tables.columns import Instant, MoneyType, reference


class CashOrder(SQLModel, table=True):
    """Money that waits to be collected; it goes with an outbound payment in state `accepted`.

    channel: cash-desk | terminal. state: waiting | paying (a terminal is counting it out) | paid | annulled; the last
    two are final. two_people: the amount needs a second member of staff. codes: collection codes shown so far;
    attempts: wrong tries at the present one. identified_by: document | digital-document | terminal.
    authority_id: the archived power of attorney, for a legal entity. Rules: para 8, part 6; para 9.
    """

    __tablename__ = "cash_order"
    __table_args__ = (
        Index(
            "cash_order_terminal_receipt",
            "terminal_id",
            "receipt",
            unique=True,
            postgresql_where=text("terminal_id is not null and receipt is not null"),
        ),
    )

    number: str = Field(primary_key=True)
    payment_key: str = Field(foreign_key="outbound_payment.key", unique=True)
    application_id: UUID = Field(foreign_key="application.id", unique=True)
    client_id: UUID = reference("client")
    channel: str
    desk: str | None = None
    amount: Money = Field(sa_type=MoneyType)
    two_people: bool
    state: str = Field(default="waiting", index=True)
    code_hash: bytes | None = Field(default=None, description="keyed hash of the present collection code")
    codes: int = 0
    attempts: int = 0
    expires_at: datetime = Field(sa_type=Instant)
    approved_by: UUID | None = reference("staff", optional=True, index=False)
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    identified_by: str | None = None
    authority_id: UUID | None = reference("document", optional=True, index=False)
    paid_by: UUID | None = reference("staff", optional=True, index=False)
    terminal_id: str | None = None
    receipt: str | None = None
    paid_at: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)
