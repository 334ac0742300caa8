"""What it costs to repay early, wholly or in part, and what the plan looks like afterwards.

The same fold that books the money computes the preview: nothing is estimated.

Rules: para 7, part 5; para 7, part 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from rules.errors import Conflict, InvalidInput
from rules.evidence import Frozen
from rules.loan import position, upcoming
from rules.loan_events import LoanEvent, Paid, Use
from rules.money import Money
from rules.schedule import Installment, LoanTerms

_CHOICES = (Use.SHORTER_TERM, Use.SMALLER_INSTALMENT)
_NOTHING = Money(0)


class NewPlan(Frozen):
    """What is left to pay under a choice. interest: of all instalments to come."""

    choice: Use
    rows: tuple[Installment, ...]
    interest: Money


class EarlyRepayment(Frozen):
    """A sum paid on a day. total_to_close: what would end the loan; due: late or due by then, with the penalty.

    closes: the sum ends the loan; left_over: what goes back to the client then. plans: under each choice, where the
    sum is more than what is due and does not end the loan.
    """

    on: date
    total_to_close: Money
    due: Money
    closes: bool = False
    left_over: Money = _NOTHING
    plans: tuple[NewPlan, ...] = ()


def preview(events: Sequence[LoanEvent], terms: LoanTerms, on: date, amount: Money | None = None) -> EarlyRepayment:
    """What a sum paid on a day would do, as if nothing else were paid before; without a sum only what it costs.

    Raises:
        InvalidInput: `amount-not-positive`.
        Conflict: `loan-closed`: nothing is owed on that day.
    """
    if amount is not None and amount <= _NOTHING:
        raise InvalidInput("amount-not-positive", field="/amount")
    before = position(events, terms, on)
    if before.closed:
        raise Conflict("loan-closed")
    due = before.principal_due + before.interest_due + before.penalty
    found = EarlyRepayment(on=on, total_to_close=before.total_to_close, due=due)
    if amount is None:
        return found
    after = position([*events, _payment(on, amount, Use.DUE)], terms, on)
    if after.closed:
        return found.model_copy(update={"closes": True, "left_over": after.overpaid})
    if amount <= due:
        return found
    return found.model_copy(update={"plans": tuple(_plan(events, terms, on, amount, choice) for choice in _CHOICES)})


def _plan(events: Sequence[LoanEvent], terms: LoanTerms, on: date, amount: Money, choice: Use) -> NewPlan:
    rows = upcoming([*events, _payment(on, amount, choice)], terms, on)
    return NewPlan(choice=choice, rows=rows, interest=Money.total(row.interest for row in rows))


def _payment(on: date, amount: Money, use: Use) -> Paid:
    """The payment as it would be booked; it exists nowhere."""
    known_at = datetime.combine(on, datetime.max.time(), UTC)
    return Paid(key="preview", value_date=on, known_at=known_at, amount=amount, use=use)
