"""What is said to the cases of official papers, and what they answer. What a paper says stands in the database.

Rules: para 13, part 2; para 13, part 4.
"""

from __future__ import annotations

from uuid import UUID

from rules.evidence import Frozen


class PaperCase(Frozen):
    """Start: the paper is entered and its scan archived. n: number of the case of this loan."""

    paper_id: UUID
    loan_id: UUID
    client_id: UUID
    n: int
    edition: str


class PaperDecided(Frozen):
    """Somebody has decided on a paper: the case's own, or one that cancels it. The case reads the row itself."""

    paper_id: UUID


class SuspensionEnded(Frozen):
    """Outcome: REFUSED | WITHDRAWN | CANCELLED | WRITTEN_OFF. in_time: the four duties; None where they fell away."""

    why: str
    in_time: bool | None


class SuspensionView(Frozen):
    """How the case stands. stage: RECEIVED | CARRYING_OUT | UNCONFIRMED | SUSPENDED | ENDING, then why it ended."""

    stage: str
    paper: str | None = None
    done: list[str] = []
    bureau: str | None = None
    trouble: str | None = None


def suspension_id(loan_id: UUID, n: int) -> str:
    """The id of the case that suspends a loan."""
    return f"suspension/{loan_id}/{n}"


def write_off_id(loan_id: UUID, n: int) -> str:
    """The id of the case that writes a loan off."""
    return f"write-off/{loan_id}/{n}"
