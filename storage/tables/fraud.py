"""Papers of investigators, courts and the ombudsman about a loan, what was done upon them, and the holds they place.

Rules: para 13, part 2; para 13, part 3; para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class OfficialPaper(SQLModel, table=True):
    """A paper that came to the lender: entered by one member of staff, confirmed or refused by another.

    kind: INVESTIGATOR_SUBMISSION | VICTIM_RESOLUTION | CANCELLATION | COURT_VERDICT | LENDER_BREACH | OMBUDSMAN.
    state: ENTERED | CONFIRMED | REFUSED | WITHDRAWN (by the one who entered it). n: number of the case of this loan.
    received_at: when it reached the lender; the clock of the law runs from it, whenever it was entered.
    in_force_on, guilty_client: of a verdict. cancels, charge_later: of a cancellation.
    """

    __tablename__ = "official_paper"
    __table_args__ = (
        UniqueConstraint("loan_id", "n"),
        Index(
            "official_paper_once",
            "loan_id",
            "kind",
            "number",
            "day",
            "authority",
            unique=True,
            postgresql_where=text("state in ('ENTERED', 'CONFIRMED')"),
        ),
        Index("official_paper_waiting", "entered_at", postgresql_where=text("state = 'ENTERED'")),
    )

    id: UUID = primary_id()
    loan_id: UUID = reference("loan")
    client_id: UUID = reference("client")
    kind: str
    number: str
    day: date = Field(description="date of the paper")
    authority: str
    received_at: datetime = Field(sa_type=Instant)
    in_force_on: date | None = Field(default=None, description="of a verdict")
    cancels: UUID | None = Field(default=None, foreign_key="official_paper.id", index=True)
    charge_later: bool | None = Field(default=None, description="whether remuneration is charged after all")
    guilty_client: bool | None = Field(default=None, description="whether the verdict finds the client guilty")
    document_id: UUID = reference("document", index=False)
    entered_by: UUID = reference("staff", index=False)
    entered_at: datetime = Field(sa_type=Instant)
    state: str = "ENTERED"
    decided_by: UUID | None = reference("staff", optional=True, index=False)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    reason_code: str | None = None
    n: int


class FraudDuty(SQLModel, table=True):
    """Proof that something the paper demands was done; appended, once a paper and name.

    evidence: ids, days, instants; no personal data.
    """

    __tablename__ = "fraud_duty"
    __table_args__ = (UniqueConstraint("paper_id", "name"),)

    id: UUID = primary_id()
    paper_id: UUID = reference("official_paper")
    name: str
    done_at: datetime = Field(sa_type=Instant)
    evidence: dict[str, Any] = Field(sa_type=Json)


class CollectionHold(SQLModel, table=True):
    """While a hold stands, nothing is collected or claimed of the loan. One a paper; the loan is free of them when
    the last one is lifted.
    """

    __tablename__ = "collection_hold"
    __table_args__ = (Index("collection_hold_standing", "loan_id", postgresql_where=text("lifted_at is null")),)

    paper_id: UUID = Field(primary_key=True, foreign_key="official_paper.id")
    loan_id: UUID = reference("loan")
    placed_at: datetime = Field(sa_type=Instant)
    lifted_at: datetime | None = Field(default=None, sa_type=Instant)
    lifted_why: str | None = Field(default=None, description="CANCELLED | REFUSED | WRITTEN_OFF ...")
