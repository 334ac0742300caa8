"""What borrowers ask for while a loan runs, and what they are told in writing.

Rules: para 7, part 7; para 34. The rights and deadlines are those of the law on microfinance, art. 9-2.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class LoanNotice(SQLModel, table=True):
    """A written notice about a loan: archived, put into the personal account, told of by SMS.

    key: the business fact, so that nobody is told twice: `arrears:{loan_id}:{first day of the arrears}`.
    due_on: the last day on which it is in time; None where no law sets one. sent_at: when it stood in the account.
    """

    __tablename__ = "loan_notice"

    id: UUID = primary_id()
    key: str = Field(unique=True)
    loan_id: UUID = reference("loan")
    kind: str = Field(description="ARREARS | RESTRUCTURING_ANSWER | CLOSED ...")
    language: str
    due_on: date | None = None
    document_id: UUID
    message_id: UUID
    figures: dict[str, Any] = Field(sa_type=Json, description="the figures it tells, amounts as text")
    sent_at: datetime = Field(sa_type=Instant)
    sms_id: str | None = None
    sms_at: datetime | None = Field(default=None, sa_type=Instant)


class RepaymentWish(SQLModel, table=True):
    """What money above the debt due is for, as the borrower wishes; appended, the newest one counts.

    choice: due | shorter_term | smaller_instalment. It counts for money that comes from `since` to `until`.
    """

    __tablename__ = "repayment_wish"

    id: UUID = primary_id()
    loan_id: UUID = reference("loan")
    choice: str
    since: date
    until: date
    created_at: datetime = Field(sa_type=Instant)


class RestructuringRequest(SQLModel, table=True):
    """A borrower's request to change the terms of a loan in arrears, and the lender's answer.

    state: RECEIVED, DECIDED (an officer has decided, the answer is being written), REFUSED, PROPOSED, ACCEPTED,
    DECLINED, LAPSED, OVERTAKEN (the loan ended first). One request in work a loan.
    answer_due: last day for the written answer. effective_on: first day of the new terms, accept_until: last day to
    agree to them. terms: rules.restructuring.NewTerms as JSON. signature_needed: of the addendum, by its edition.
    """

    __tablename__ = "restructuring_request"
    __table_args__ = (
        UniqueConstraint("loan_id", "n"),
        Index(
            "restructuring_request_one_open",
            "loan_id",
            unique=True,
            postgresql_where=text("state in ('RECEIVED', 'DECIDED', 'PROPOSED')"),
        ),
    )

    id: UUID = primary_id()
    loan_id: UUID = reference("loan")
    n: int
    arrears_since: date
    received_at: datetime = Field(sa_type=Instant)
    answer_due: date
    ground: str = Field(description="why the borrower cannot pay: a code")
    text: bytes = Field(description="the borrower's words, sealed under the client's key")
    document_id: UUID = Field(description="the request as archived")
    state: str = Field(default="RECEIVED", index=True)
    terms: dict[str, Any] | None = Field(default=None, sa_type=Json)
    reason_code: str | None = None
    decided_by: UUID | None = reference("staff", optional=True, index=False)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    effective_on: date | None = None
    accept_until: date | None = None
    answer_document_id: UUID | None = None
    addendum_document_id: UUID | None = None
    answered_at: datetime | None = Field(default=None, sa_type=Instant)
    warned_at: datetime | None = Field(default=None, sa_type=Instant)
    late_at: datetime | None = Field(default=None, sa_type=Instant)
    signature_needed: bool = True
    signature_id: UUID | None = None
    sealed_document_id: UUID | None = None
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
