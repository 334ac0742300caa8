"""What a write-off needs besides its paper: proof that a verdict is in force, and the claim against a guilty client.

Rules: para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from rules.money import Money
from storage.tables.columns import Instant, MoneyType, primary_id, reference


class VerdictForce(SQLModel, table=True):
    """A paper that shows a verdict to be in force: entered by one member of staff, confirmed or refused by another.

    The clock of the law runs from received_at. state: ENTERED | CONFIRMED | REFUSED | WITHDRAWN (by the one who
    entered it). A refused proof may be followed by another.
    """

    __tablename__ = "verdict_force"
    __table_args__ = (
        Index(
            "verdict_force_once", "paper_id", unique=True, postgresql_where=text("state in ('ENTERED', 'CONFIRMED')")
        ),
    )

    id: UUID = primary_id()
    paper_id: UUID = reference("official_paper")
    in_force_on: date
    received_at: datetime = Field(sa_type=Instant)
    document_id: UUID = reference("document", index=False)
    entered_by: UUID = reference("staff", index=False)
    entered_at: datetime = Field(sa_type=Instant)
    state: str = "ENTERED"
    decided_by: UUID | None = reference("staff", optional=True, index=False)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    reason_code: str | None = None


class Claim(SQLModel, table=True):
    """What the lender may still demand of a client whom a court found guilty of the fraud; appended, never changed.

    client_id: against whom. amount: principal, interest and penalty given up, and what is returned to the client.
    basis: act and article.
    """

    __tablename__ = "claim"

    id: UUID = primary_id()
    paper_id: UUID = Field(foreign_key="official_paper.id", unique=True)
    loan_id: UUID = reference("loan")
    client_id: UUID = reference("client")
    amount: Money = Field(sa_type=MoneyType)
    principal: Money = Field(sa_type=MoneyType)
    interest: Money = Field(sa_type=MoneyType)
    penalty: Money = Field(sa_type=MoneyType)
    returned: Money = Field(sa_type=MoneyType)
    basis: str
    opened_at: datetime = Field(sa_type=Instant)
