"""Applications, offers, contracts and loans. No personal data stands here in the clear."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, SmallInteger, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from rules.money import Money
from storage.tables.columns import Instant, Json, MoneyType, primary_id, reference


class Application(SQLModel, table=True):
    """An application for a microcredit, with everything its decision stood on. Rules: para 7; para 8; para 10.

    stage: SUBMITTED, DUE_DILIGENCE, REVIEW, OFFERED, CONTRACT, SIGNING, WAITING, DISBURSING, ISSUED,
    REFUSED, WITHDRAWN, EXPIRED, PARKED. One application in work a client.
    decision: {"result": "approved"|"refused", "grounds": [{code, paragraph, policy_row}], "figures": {...}}
    """

    __tablename__ = "application"
    __table_args__ = (
        Index(
            "application_one_open",
            "client_id",
            unique=True,
            postgresql_where=text("stage not in ('ISSUED', 'REFUSED', 'WITHDRAWN', 'EXPIRED')"),
        ),
    )

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    stage: str = Field(default="SUBMITTED", index=True)
    amount: Money = Field(sa_type=MoneyType)
    term_months: int
    purpose: str
    receiving_method: str = Field(description="OWN_ACCOUNT | OWN_CARD | CASH_TERMINAL | CASH_DESK | MERCHANT")
    account: bytes = Field(description="sealed IBAN")
    account_index: bytes = Field(index=True)
    edition: str
    policy_version: str
    product_code: str
    product_version: str
    decision: dict[str, Any] | None = Field(default=None, sa_type=Json)
    chosen_method: str | None = None
    contract_id: UUID | None = None
    loan_id: UUID | None = None
    waiting_until: datetime | None = Field(default=None, sa_type=Instant)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)


class Offer(SQLModel, table=True):
    """One draft schedule shown to the client. Rules: para 8, part 4."""

    __tablename__ = "offer"
    __table_args__ = (UniqueConstraint("application_id", "method"),)

    id: UUID = primary_id()
    application_id: UUID = reference("application")
    method: str = Field(description="annuity | differentiated | own")
    rate_percent_per_year: Decimal
    annual_effective_rate_percent: Decimal
    total_to_repay: Money = Field(sa_type=MoneyType)
    schedule: dict[str, Any] = Field(sa_type=Json, description="RepaymentSchedule as JSON")
    created_at: datetime = Field(sa_type=Instant)


class Acknowledgement(SQLModel, table=True):
    """The client's mark under a text that was shown. Rules: para 8."""

    __tablename__ = "acknowledgement"
    __table_args__ = (UniqueConstraint("application_id", "subject"),)

    id: UUID = primary_id()
    application_id: UUID = reference("application")
    subject: str = Field(description="lending_rules | payments_information | rights_and_duties")
    text_version: str
    text_sha256: str
    at: datetime = Field(sa_type=Instant)


class BureauReport(SQLModel, table=True):
    """One query of the credit bureau; the report itself lies in the archive. Rules: para 8, part 8; para 10."""

    __tablename__ = "bureau_report"

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    application_id: UUID = reference("application")
    occasion: str = Field(description="decision | before_disbursement")
    report_id: str
    document_id: UUID
    voluntary_refusal: bool
    at: datetime = Field(sa_type=Instant)


class Screening(SQLModel, table=True):
    """One look into the AML lists, with the versions of the lists used. Rules: para 8, part 1; para 10."""

    __tablename__ = "screening"

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    application_id: UUID | None = Field(default=None, index=True)
    result: str = Field(description="clear | doubtful | hit")
    matched_by: str | None = None
    lists: dict[str, Any] = Field(sa_type=Json, description="list name -> {sha256, rows, document_id}")
    at: datetime = Field(sa_type=Instant)


class Contract(SQLModel, table=True):
    """The contract: the PDF shown, its signatures, the sealed PDF. Rules: para 9."""

    __tablename__ = "contract"

    id: UUID = primary_id()
    application_id: UUID = Field(foreign_key="application.id", unique=True)
    client_id: UUID = reference("client")
    number: str = Field(unique=True)
    document_id: UUID = Field(description="the PDF that was shown and signed")
    sha256: str
    pages: int
    template_version: str
    terms: dict[str, Any] = Field(sa_type=Json, description="rules.schedule.LoanTerms as JSON")
    signature_id: UUID | None = None
    sealed_document_id: UUID | None = Field(default=None, description="the same PDF with the lender's PAdES seal")
    created_at: datetime = Field(sa_type=Instant)
    signed_at: datetime | None = Field(default=None, sa_type=Instant)


class Loan(SQLModel, table=True):
    """An issued microcredit. Its debt is never stored: it is a fold over its events.

    no and what follows are filled by the database (storage/migrations/tables_of_the_portfolio.py).
    """

    __tablename__ = "loan"

    id: UUID = primary_id()
    application_id: UUID = Field(foreign_key="application.id", unique=True)
    client_id: UUID = reference("client")
    contract_id: UUID
    number: str = Field(unique=True)
    status: str = Field(default="ACTIVE", index=True)
    terms: dict[str, Any] = Field(sa_type=Json, description="rules.schedule.LoanTerms as JSON")
    disbursed_on: date
    created_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)
    no: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), unique=True, nullable=False)
    )
    lent: int | None = Field(default=None, sa_type=BigInteger)
    rate_millionths: int | None = Field(default=None, sa_type=BigInteger)
    periods: int | None = None
    interest_only: int | None = None
    plan: int | None = Field(default=None, sa_type=SmallInteger)
    starts: date | None = None
    first_due: date | None = None


class LoanEvent(SQLModel, table=True):
    """One fact of a loan's life; appended, never changed.

    value_date: the day it counts for; known_at: when we learned it.
    """

    __tablename__ = "loan_event"
    __table_args__ = (Index("loan_event_read", "loan_no", "value_date", "code", postgresql_include=["tiyn"]),)

    id: UUID = primary_id()
    loan_id: UUID = reference("loan")
    key: str = Field(unique=True, description="business fact, for example disbursed:{application_id}")
    kind: str
    value_date: date
    known_at: datetime = Field(sa_type=Instant)
    payload: dict[str, Any] = Field(sa_type=Json)
    loan_no: int | None = Field(default=None, sa_type=BigInteger, description="this and what follows: by the database")
    code: int | None = Field(default=None, sa_type=SmallInteger)
    tiyn: int | None = Field(default=None, sa_type=BigInteger)
