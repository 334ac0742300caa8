"""What a bureau is told of a loan: the kinds of records and the figures of each.

Every contract goes to the bureau with state participation (law on credit bureaus; law on microfinance, art. 4). A
record speaks of one day and carries no personal data: the IIN is added when it is sent.

Rules: para 13, part 2; para 13, part 4.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from enum import StrEnum

from rules.errors import Conflict, InvalidInput
from rules.evidence import Frozen
from rules.loan import Position
from rules.money import Money


class Op(StrEnum):
    """NEW opens a contract at the bureau, UPDATE and CLOSE go on with it, CORRECTION takes the debt back.

    SUSPEND_REPORTING: the debt is not sent while a fraud is looked into; RESUME ends that.
    """

    NEW = "NEW"
    UPDATE = "UPDATE"
    CLOSE = "CLOSE"
    CORRECTION = "CORRECTION"
    SUSPEND_REPORTING = "SUSPEND_REPORTING"
    RESUME = "RESUME"


# sent at once: a loan must be visible to other lenders, a victim's debt must not be; the others wait for the next round
URGENT = frozenset({Op.NEW, Op.SUSPEND_REPORTING, Op.RESUME, Op.CORRECTION})
# once these are wanted, no debt known earlier may go out: updates that were not accepted yet are taken back
RECALLING = frozenset({Op.SUSPEND_REPORTING, Op.CORRECTION})
_REASONED = frozenset({Op.CORRECTION, Op.SUSPEND_REPORTING, Op.RESUME})


class RecordBody(Frozen):
    """One record as it is kept. outstanding: what would end the loan on that day. No personal data.

    A SUSPEND_REPORTING has no figures: they are the very thing that is not sent.
    reason: kebab-case code; legal_basis: act and article.
    """

    op: Op
    contract_no: str
    as_of: date
    status: str
    principal: Money | None = None
    outstanding: Money | None = None
    overdue_days: int | None = None
    overdue_amount: Money | None = None
    reason: str | None = None
    legal_basis: str | None = None

    @property
    def sha256(self) -> str:
        """Of the values in a fixed order: equal records have equal hashes."""
        plain = self.model_dump(mode="json", exclude_none=True)
        return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def body_of(
    op: Op, contract_no: str, lent: Money, debt: Position, *, reason: str | None = None, legal_basis: str | None = None
) -> RecordBody:
    """The record of the day of a position.

    Args:
        lent: the principal of the contract.
        debt: the position at the end of the day that the record speaks of.
        reason, legal_basis: needed by CORRECTION, SUSPEND_REPORTING and RESUME.

    Raises:
        InvalidInput: `furnishing-basis-missing`: this kind of record needs a reason and a legal basis.
        Conflict: `loan-still-owed`: a CLOSE of a loan that is not closed on that day.

    Rules: para 13, part 2; para 13, part 4.
    """
    if op in _REASONED and not (reason and legal_basis):
        raise InvalidInput("furnishing-basis-missing")
    if op is Op.CLOSE and not debt.closed:
        raise Conflict("loan-still-owed")
    bare = RecordBody(
        op=op, contract_no=contract_no, as_of=debt.on, status=_status(op, debt), reason=reason, legal_basis=legal_basis
    )
    if op is Op.SUSPEND_REPORTING:
        return bare
    nothing = Money(0)
    if op is Op.CORRECTION:  # no debt, no overdue days: as if nothing had been lent
        figures = {"principal": nothing, "outstanding": nothing, "overdue_days": 0, "overdue_amount": nothing}
    else:
        figures = {
            "principal": lent,
            "outstanding": debt.total_to_close,
            "overdue_days": debt.overdue_days,
            "overdue_amount": debt.overdue_amount,
        }
    return bare.model_copy(update=figures)


def _status(op: Op, debt: Position) -> str:
    if op is Op.CORRECTION:
        return "WRITTEN_OFF"
    if debt.closed:
        return "CLOSED"
    if op is Op.SUSPEND_REPORTING or debt.suspended:
        return "SUSPENDED"
    return "OVERDUE" if debt.overdue_days else "ACTIVE"
