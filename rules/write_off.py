"""Write-off: on what grounds a debt is given up, what then must be done, and when a verdict counts.

| paper | ground | clock | money that was paid |
|---|---|---|---|
| COURT_VERDICT, in force | court_verdict | P13.4 | goes back, every tiyn |
| LENDER_BREACH | lender_breach | lender-breach | as the policy row says |
| OMBUDSMAN | ombudsman | ombudsman | as the policy row says |

Rules: para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from rules.evidence import Frozen
from rules.loan import LoanEvent, Position, WrittenOff
from rules.loan_history import effective
from rules.money import Money
from rules.policy import PolicySet

VERDICT: Final = "COURT_VERDICT"

# what is proved to have been done, in this order; the last two only where the paper calls for them
DECIDED, WRITTEN_OFF, CERTIFIED, NOTIFIED, BUREAU = "decision", "written-off", "certificate", "notice", "bureau"
RETURNED, CLAIM_KEPT = "returned", "claim-kept"


@dataclass(frozen=True)
class Ground:
    """Why a debt is written off. name: as the loan's fact says it. clock: of rules.clocks. returns: a policy row.

    number: of para 13 or of the act, for the audit trail. basis: act and article, as the bureau is told.
    """

    kind: str
    name: str
    clock: str
    returns: str
    number: str
    basis: str

    def returns_paid(self, rules: PolicySet) -> bool:
        """Whether what was collected or repaid goes back to the client."""
        return rules.switch(self.returns)

    def duties(self, *, returns: bool, guilty: bool) -> tuple[str, ...]:
        """What must be proved before the case may end."""
        more = ((RETURNED,) if returns else ()) + ((CLAIM_KEPT,) if guilty else ())
        return (DECIDED, WRITTEN_OFF, CERTIFIED, NOTIFIED, BUREAU, *more)


_ALL = (
    Ground(VERDICT, "court_verdict", "P13.4", "verdict-returns-paid-rule", "13", "Rules 217, para 13, part 4"),
    Ground(
        "LENDER_BREACH", "lender_breach", "lender-breach", "lender-breach-returns-paid-rule", "law 205-VIII",
        "law 205-VIII",
    ),
    Ground("OMBUDSMAN", "ombudsman", "ombudsman", "ombudsman-returns-paid-rule", "law 205-VIII", "law 205-VIII"),
)  # fmt: skip
GROUNDS: Mapping[str, Ground] = {one.kind: one for one in _ALL}


class Loss(Frozen):
    """What a write-off costs. principal, interest, penalty: given up. returned: paid before, and owed to the client.

    overpaid: owed to the client in any case; it is no loss and goes back with the rest.
    """

    principal: Money
    interest: Money
    penalty: Money
    returned: Money
    overpaid: Money

    @property
    def debt(self) -> Money:
        """What the client is freed of."""
        return self.principal + self.interest + self.penalty

    @property
    def total(self) -> Money:
        """What the lender loses, and may demand of a guilty client. Rules: para 13, part 5."""
        return self.debt + self.returned

    @property
    def to_pay_back(self) -> Money:
        """What goes to the client."""
        return self.returned + self.overpaid


def in_force(in_force_on: date | None, received: date) -> bool:
    """Whether a paper of that day shows a verdict to be in force; one of an earlier day cannot.

    Rules: para 13, part 4.

    >>> in_force(date(2026, 3, 2), date(2026, 3, 2)), in_force(date(2026, 3, 3), date(2026, 3, 2))
    (True, False)
    >>> in_force(None, date(2026, 3, 2))
    False
    """
    return in_force_on is not None and in_force_on <= received


def standing(events: Iterable[LoanEvent], on: date) -> WrittenOff | None:
    """The write-off that counts on a day; where there are two, the one that gives the payments back."""
    found = [fact for fact in effective(events, on) if isinstance(fact, WrittenOff)]
    return max(found, key=lambda fact: fact.return_paid, default=None)


def is_enough(known: WrittenOff | None, *, returns: bool) -> bool:
    """Whether an earlier write-off leaves nothing to be decided any more."""
    return known is not None and (known.return_paid or not returns)


def loss(before: Position, *, returns: bool) -> Loss:
    """What writing a loan off costs; of a loan that is repaid only what was paid is left.

    Args:
        before: the debt at the end of the day of the write-off, without it.
        returns: whether the payments go back.
    """
    nothing = Money(0)
    spent = before.paid - before.refunded - before.overpaid - before.advance
    return Loss(
        principal=before.principal,
        interest=before.interest_due + before.interest_accrued,
        penalty=before.penalty,
        returned=spent if returns else nothing,
        overpaid=before.overpaid + before.advance,
    )
