"""Records that must be right whatever dies: payments, ledger, audit, idempotency, outbox."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, text
from sqlmodel import Field, SQLModel

from rules.money import Money
from storage.tables.columns import Instant, Json, MoneyType, primary_id, reference


class OutboundPayment(SQLModel, table=True):
    """The intent of one outgoing payment, committed before the bank is called.

    key: the business fact (rules.payment_keys); a second row for the same fact cannot exist. order_id: what the bank
    is told. channel: bank | card | merchant | cash-desk | terminal.
    state: held | sending | accepted | done | refused | returned | unknown.
    limit_amount: the limit of that day; above it the row is held until two people approved it (review_id).
    sent_at: the last moment at which it may have gone to the bank, None: never. doubt: why people look.
    decision_id: where the outcome is the word of two people and not of the bank. One payment that may have left, or may
    still leave, an incoming payment.
    """

    __tablename__ = "outbound_payment"
    __table_args__ = (
        Index(
            "outbound_payment_one_return",
            "incoming_payment_id",
            unique=True,
            postgresql_where=text("state not in ('refused', 'returned')"),
        ),
    )

    key: str = Field(primary_key=True)
    order_id: str = Field(unique=True)
    application_id: UUID | None = Field(default=None, index=True)
    loan_id: UUID | None = Field(default=None, index=True)
    incoming_payment_id: UUID | None = Field(default=None, index=True)
    purpose: str
    channel: str
    request_hash: str
    amount: Money = Field(sa_type=MoneyType)
    limit_amount: Money = Field(sa_type=MoneyType)
    account: bytes = Field(description="sealed IBAN of the receiver, or the token of the receiver's card")
    state: str = Field(default="sending", index=True)
    doubt: str | None = None
    review_id: UUID | None = None
    decision_id: UUID | None = None
    payout_id: str | None = Field(default=None, index=True)
    bank_reference: str | None = Field(default=None, unique=True)
    refusal_code: str | None = None
    made_at: datetime = Field(sa_type=Instant)
    first_sent_at: datetime | None = Field(default=None, sa_type=Instant)
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)
    value_date: date | None = None


class StatementLine(SQLModel, table=True):
    """One line of the bank's statement and what it was matched to; an unknown line is kept as unmatched."""

    __tablename__ = "statement_line"

    bank_reference: str = Field(primary_key=True)
    statement_date: date = Field(index=True)
    order_id: str | None = None
    side: str
    amount: Money = Field(sa_type=MoneyType, description="in the line's currency")
    currency: str = "KZT"
    matched_key: str | None = Field(default=None, index=True)
    state: str = Field(description="matched | unmatched | differs")
    seen_at: datetime = Field(sa_type=Instant)


class Account(SQLModel, table=True):
    """The chart of accounts as the database knows it: what is not here cannot be posted to. See rules.accounts."""

    __tablename__ = "account"

    code: str = Field(primary_key=True)
    kind: str = Field(description="asset | liability | income | expense")
    normal_side: str = Field(description="D | C")
    kk: str
    ru: str
    en: str


class LedgerPosting(SQLModel, table=True):
    """A balanced set of entries; the database refuses one whose debits and credits differ.

    value_date: the day it counts for. posted_at: when it was written. loan_id: the one loan that it is about.
    """

    __tablename__ = "ledger_posting"

    id: UUID = primary_id()
    key: str = Field(unique=True)
    description: str
    value_date: date
    posted_at: datetime = Field(sa_type=Instant)
    loan_id: UUID | None = reference("loan", optional=True)


class LedgerEntry(SQLModel, table=True):
    """One side of a posting. side: D (debit) | C (credit); amount is positive."""

    __tablename__ = "ledger_entry"

    id: UUID = primary_id()
    posting_id: UUID = reference("ledger_posting")
    account: str = Field(foreign_key="account.code", index=True)
    side: str
    amount: Money = Field(sa_type=MoneyType)


class AuditEntry(SQLModel, table=True):
    """Who did what, when, why, on which paragraph; each row holds the hash of the one before. Rules: para 32.

    Rows are appended by the database function audit_append() alone; the application has no other right.
    """

    __tablename__ = "audit_entry"

    n: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_type=Instant)
    actor: str = Field(description="client:{id} | staff:{id} | system:{part}")
    action: str
    subject: str = Field(index=True, description="application:{id}, client:{id}, loan:{id} ...")
    reason: str | None = None
    paragraph: str | None = None
    detail: dict[str, Any] = Field(sa_type=Json)
    previous: str
    hash: str


class AuditPending(SQLModel, table=True):
    """Audit entries of a running transaction: chained and gone from here when it commits. Nobody may read it.

    Chaining at the commit keeps the one lock of the chain for the length of a commit, not of a transaction.
    """

    __tablename__ = "audit_pending"

    id: UUID = primary_id()
    actor: str
    action: str
    subject: str
    reason: str | None = None
    paragraph: str | None = None
    detail: dict[str, Any] = Field(sa_type=Json)


class IdempotencyRecord(SQLModel, table=True):
    """The first answer to a keyed call; another body under the same key is refused.

    answer is sealed by the lender's key. state: running | done | abandoned (it failed: the key is free again).
    """

    __tablename__ = "idempotency_record"

    scope: str = Field(primary_key=True, description="who asks and what: client:{id} POST /api/v1/applications")
    key: str = Field(primary_key=True)
    request_hash: str
    state: str = Field(default="running", description="running | done | abandoned")
    status_code: int | None = None
    answer: bytes | None = None
    started_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)


class OutboxAction(SQLModel, table=True):
    """A client's or staff member's action that Temporal has not taken yet; sent again with the same id until answered.

    operation: start | update. argument is sealed JSON. state: waiting | done | failed.
    """

    __tablename__ = "outbox_action"
    __table_args__ = (Index("outbox_action_due", "next_attempt_at", postgresql_where=text("state = 'waiting'")),)

    id: str = Field(primary_key=True, description="update id = Idempotency-Key scoped to the workflow")
    workflow_id: str = Field(index=True)
    workflow: str
    operation: str
    name: str
    argument: bytes
    state: str = Field(default="waiting", index=True)
    attempts: int = 0
    created_at: datetime = Field(sa_type=Instant)
    next_attempt_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    result: bytes | None = None


class MasterKeyCanary(SQLModel, table=True):
    """A word sealed under each master key: a process that cannot open it does not start.

    retired_at: nothing is wrapped under this key any more, so it need not be at hand.
    """

    __tablename__ = "master_key_canary"

    key_id: str = Field(primary_key=True)
    sealed: bytes
    created_at: datetime = Field(sa_type=Instant)
    retired_at: datetime | None = Field(default=None, sa_type=Instant)


class ArchiveConformance(SQLModel, table=True):
    """One trial of the archive's object lock, appended. held: every vital rule held. Rules: para 11; para 34.

    checks: [{rule, vital, result, detail}] as in storage.archive_lock.LockCheck.
    """

    __tablename__ = "archive_conformance"

    id: UUID = primary_id()
    at: datetime = Field(sa_type=Instant, index=True)
    endpoint: str
    held: bool
    checks: list[dict[str, Any]] = Field(sa_type=Json)
