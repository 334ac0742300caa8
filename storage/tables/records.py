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

    key: the business fact (`disburse:{application_id}`). state: sending | accepted | done | refused |
    returned | unknown. A second row for the same fact cannot exist.
    """

    __tablename__ = "outbound_payment"

    key: str = Field(primary_key=True)
    application_id: UUID | None = Field(default=None, index=True)
    purpose: str
    request_hash: str
    amount: Money = Field(sa_type=MoneyType)
    account: bytes = Field(description="sealed IBAN of the receiver")
    state: str = Field(default="sending", index=True)
    payout_id: str | None = Field(default=None, index=True)
    bank_reference: str | None = None
    refusal_code: str | None = None
    sent_at: datetime = Field(sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)
    value_date: date | None = None


class StatementLine(SQLModel, table=True):
    """One line of the bank's statement and what it was matched to; an unknown line is kept as unmatched."""

    __tablename__ = "statement_line"

    bank_reference: str = Field(primary_key=True)
    statement_date: date = Field(index=True)
    order_id: str | None = None
    side: str
    amount: Money = Field(sa_type=MoneyType)
    matched_key: str | None = Field(default=None, index=True)
    state: str = Field(description="matched | unmatched | differs")
    seen_at: datetime = Field(sa_type=Instant)


class LedgerPosting(SQLModel, table=True):
    """A balanced set of entries; the database refuses one whose debits and credits differ."""

    __tablename__ = "ledger_posting"

    id: UUID = primary_id()
    key: str = Field(unique=True)
    description: str
    value_date: date
    posted_at: datetime = Field(sa_type=Instant)


class LedgerEntry(SQLModel, table=True):
    """One side of a posting. side: D (debit) | C (credit); amount is positive."""

    __tablename__ = "ledger_entry"

    id: UUID = primary_id()
    posting_id: UUID = reference("ledger_posting")
    account: str = Field(index=True)
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
