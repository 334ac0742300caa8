"""Money that came in, and who placed what no rule could place. Nobody's name stands here in the clear."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from rules.money import Money
from storage.tables.columns import Instant, MoneyType, primary_id
from storage.tables.columns import reference as of_table  # a column here is named `reference`


class IncomingPayment(SQLModel, table=True):
    """One sum that came in, kept from the moment we hear of it; never dropped, whoever paid it.

    key: `bank:{bank_ref}` | `desk:{receipt}` | `terminal:{terminal}:{receipt}`; the same money twice is one row.
    channel: BANK | TERMINAL | CASH_DESK. state: UNMATCHED | BOOKED | RETURNING | RETURNED. BOOKED by `operator` has no
    loan: it is what the terminals had taken already.
    payer, purpose: sealed by the lender's key in the contexts `incoming:{key}:payer` and `incoming:{key}:purpose`.
    """

    __tablename__ = "incoming_payment"

    id: UUID = primary_id()
    key: str = Field(unique=True)
    channel: str
    amount: Money = Field(sa_type=MoneyType)
    value_date: date = Field(index=True)
    received_at: datetime = Field(sa_type=Instant)
    payer: bytes = Field(description="sealed JSON: name, iin, iban")
    payer_index: bytes | None = Field(default=None, index=True, description="keyed hash of the payer's IBAN")
    purpose: bytes = Field(description="sealed text")
    reference: str | None = Field(default=None, description="the contract's number where the payment names one")
    loan_id: UUID | None = of_table("loan", optional=True)
    state: str = Field(default="UNMATCHED", index=True)
    matched_by: str | None = Field(default=None, description="reference | account | people | operator")
    entered_by: UUID | None = of_table("staff", optional=True, index=False)


class TerminalSettlement(SQLModel, table=True):
    """For which days the terminals' operator sent a sum. named: the operator said so; else the days since the last."""

    __tablename__ = "terminal_settlement"

    payment_id: UUID = Field(primary_key=True, foreign_key="incoming_payment.id")
    operator: str
    since: date
    until: date = Field(index=True)
    named: bool


class PaymentAssignment(SQLModel, table=True):
    """A person's proposal of where an unmatched payment belongs, and the second person's word.

    loan_id: None sends the money back to its payer, or leaves it in the queue (`keep`). One proposal without its
    second word a payment; refused by another person, or taken back by its own, it makes room for the next.
    account: another account of the payer than the one that the money came from, IBAN sealed by the lender's key in the
    context `assignment:{id}`. attempt: which try to send it back this word is, from 1; None before it is confirmed,
    and in words older than tries, which were the first.
    """

    __tablename__ = "payment_assignment"
    __table_args__ = (
        Index(
            "payment_assignment_one_open",
            "payment_id",
            unique=True,
            postgresql_where=text("confirmed_by is null and refused_by is null"),
        ),
        Index("payment_assignment_one_word_a_try", "payment_id", "attempt", unique=True),
    )

    id: UUID = primary_id()
    payment_id: UUID = of_table("incoming_payment")
    loan_id: UUID | None = of_table("loan", optional=True)
    keep: bool = False
    account: bytes | None = None
    attempt: int | None = None
    reason: str
    proposed_by: UUID = of_table("staff", index=False)
    proposed_at: datetime = Field(sa_type=Instant)
    confirmed_by: UUID | None = of_table("staff", optional=True, index=False)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    refused_by: UUID | None = of_table("staff", optional=True, index=False)
    refused_at: datetime | None = Field(default=None, sa_type=Instant)
