"""Money that came in, on its way from a callback, a desk or two people into its case in Temporal."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.actions import Call
from rules import matching
from rules.editions import edition
from storage.tables import Loan
from workflows.incoming import TakeMoney, id_of
from workflows.messages import AssignmentConfirmed

WORKFLOW = "IncomingPayment"


def look(key: str, day: date) -> Call:
    """Start the case of a sum. However often it is told, it is one action."""
    action = sha256(f"{WORKFLOW}\0{key}".encode()).hexdigest()[:32]
    start = TakeMoney(key=key, day=day, edition=edition(day).name)
    return Call(WORKFLOW, id_of(key), "", start, action, operation="start")


def confirmed(key: str, assignment_id: UUID) -> Call:
    """Tell the case that two people have spoken."""
    word = AssignmentConfirmed(assignment_id=assignment_id)
    return Call(WORKFLOW, id_of(key), "assignment_confirmed", word, assignment_id.hex)


async def loan_of(session: AsyncSession, contract_number: str) -> Loan | None:
    """The loan of a contract, its number spelt as people spell it."""
    numbers = (contract_number.strip().upper(), *matching.numbers_in(contract_number))
    found = (await session.exec(select(Loan).where(col(Loan.number).in_(numbers)).limit(2))).all()
    return found[0] if len(found) == 1 else None
