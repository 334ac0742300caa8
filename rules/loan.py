"""A loan is its events: the debt on any day is a fold over them, never a stored number.

This is the face; the parts: rules.loan_events (facts), loan_history (which facts count, in which order), loan_facts
(what each does), loan_state (the variables and the clock of interest), loan_plan (rows and factors), loan_allocation
(what money is spent on), loan_penalty, loan_position (what a state says), loan_explain, loan_books.

Conventions: the balance of day D bears interest from the night after D. Interest of a period is added unrounded and
rounded once, as the schedule does, so a loan that is paid on time repeats its schedule to the tiyn. A due date passes
unpaid at the end of its last day to pay: overdue days count from the next day. Money that comes before it is due waits
for the next due date, unless it repays the whole loan or its payer chose another use.

Order of arrival never matters: value dates decide, the same key twice counts once, a correction counts from the day
it was known (`known_on` asks what was seen at the end of that day).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from rules.evidence import Frozen
from rules.loan_events import (
    Corrected,
    Disbursed,
    DueMoved,
    LoanEvent,
    Paid,
    PenaltyRule,
    Refunded,
    Restructured,
    Resumed,
    Suspended,
    Use,
    WrittenOff,
    loan_event,
)
from rules.loan_explain import Explained, explain
from rules.loan_fold import fold
from rules.loan_position import Figures, Position, figures_of, position_of, upcoming_of
from rules.loan_state import INTEREST, OVERPAID, PENALTY, PRINCIPAL
from rules.loan_trace import Step
from rules.money import Money
from rules.schedule import Installment, LoanTerms
from rules.servicing_rules import ServicingRules, servicing_rules

__all__ = [
    "Corrected", "Disbursed", "Division", "DueMoved", "Explained", "Figures", "LoanEvent", "Paid", "PenaltyRule",
    "Position", "Refunded", "Restructured", "Resumed", "ServicingRules", "Step", "Suspended", "Use", "WrittenOff",
    "divisions", "explain", "figures", "loan_event", "position", "servicing_rules", "upcoming",
]  # fmt: skip


class Division(Frozen):
    """How one payment was spent up to a day; the parts add up to its amount. key: of the payment.

    waiting: not spent yet. overpaid: owed to the client, given back or not.
    """

    key: str
    principal: Money
    interest: Money
    penalty: Money
    waiting: Money
    overpaid: Money


def position(
    events: Iterable[LoanEvent],
    terms: LoanTerms,
    on: date,
    *,
    known_on: date | None = None,
    rules: ServicingRules | None = None,
) -> Position:
    """The debt at the end of a day.

    Args:
        known_on: as it was seen at the end of this day (in Almaty); None: as it is known now.
        rules: None for those of the policy rows of the contract's disbursement.

    Raises:
        Conflict: `loan-not-disbursed` on that day, `loan-disbursed-twice`, `refund-above-overpaid`,
            `corrected-fact-unknown`, `correction-nested`.
        InvalidInput: a fact or terms that cannot be (`amount-not-positive`, `terms-impossible` ...).

    Rules: para 7, part 5.
    """
    return position_of(figures_of(fold(events, terms, on, known_on, rules), on))


def figures(
    events: Iterable[LoanEvent],
    terms: LoanTerms,
    on: date,
    *,
    known_on: date | None = None,
    rules: ServicingRules | None = None,
) -> Figures:
    """`position` in whole tiyn, for code that works on columns of numbers and compares itself."""
    return figures_of(fold(events, terms, on, known_on, rules), on)


def upcoming(
    events: Iterable[LoanEvent],
    terms: LoanTerms,
    on: date,
    *,
    known_on: date | None = None,
    rules: ServicingRules | None = None,
) -> tuple[Installment, ...]:
    """The instalments to come after a day, as if each of them, and nothing else, were paid on its day.

    Raises:
        Conflict: what `position` raises.
    """
    return upcoming_of(fold(events, terms, on, known_on, rules))


def divisions(
    events: Iterable[LoanEvent],
    terms: LoanTerms,
    on: date,
    *,
    known_on: date | None = None,
    rules: ServicingRules | None = None,
) -> tuple[Division, ...]:
    """How each payment up to a day was spent by its end, by value date. Money that waits is spent first in, first out.

    Raises:
        Conflict: what `position` raises.

    Rules: para 7, part 5.
    """
    return tuple(
        Division(
            key=one.key,
            principal=Money.of_tiyn(one.spent[PRINCIPAL]),
            interest=Money.of_tiyn(one.spent[INTEREST]),
            penalty=Money.of_tiyn(one.spent[PENALTY]),
            waiting=Money.of_tiyn(one.waits),
            overpaid=Money.of_tiyn(one.spent[OVERPAID]),
        )
        for one in fold(events, terms, on, known_on, rules).payments
    )
