"""What a loan is in the books: balances by account, which always sum to zero.

The ledger repeats these: activities/loan_book.py posts the difference a fact makes. Interest enters the books when it
falls due or is charged (paid early, carried by a restructuring, given up), not night by night.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from rules.loan_events import LoanEvent
from rules.loan_fold import fold
from rules.loan_state import State
from rules.money import Money
from rules.schedule import LoanTerms
from rules.servicing_rules import ServicingRules


def balances(
    events: Iterable[LoanEvent],
    terms: LoanTerms,
    on: date,
    *,
    known_on: date | None = None,
    rules: ServicingRules | None = None,
) -> dict[str, Money]:
    """The balances of one loan at the end of a day, debits above zero, accounts without a balance left out.

    cash:{through}: what came less what left. loans:principal, loans:interest (charged and unpaid), loans:penalty: owed
    to us. clients:advances: owed by us, advance and overpaid together. income:interest, income:penalty: all that was
    charged; forgiven penalty is no income. losses:written-off: what write-offs cost.

    Raises:
        Conflict: what the fold refuses, `loan-not-disbursed` on that day among it.
    """
    return {account: Money.of_tiyn(tiyn) for account, tiyn in balances_of(fold(events, terms, on, known_on, rules))}


def balances_of(state: State) -> list[tuple[str, int]]:
    """The balances of a state in tiyn, zeros left out."""
    penalty = state.penalty_due
    entries = [(f"cash:{through}", tiyn) for through, tiyn in sorted(state.cash.items())]
    entries += [
        ("loans:principal", state.principal),
        ("loans:interest", state.interest_billed + state.carried),
        ("loans:penalty", penalty),
        ("clients:advances", -(state.advance + state.overpaid)),
        ("income:interest", -state.interest_charged),
        ("income:penalty", -state.penalty_charged),
        ("losses:written-off", state.written_off),
    ]
    return [(account, tiyn) for account, tiyn in entries if tiyn]
