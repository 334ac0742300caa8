"""A second way to compute a loan's debt: night by night, each judged by itself. Slow, written to be obviously right.

It shares with the fold only the plan, the factor of a stretch of nights and the rounding. It knows disbursement,
payments that wait for the next due date, suspension and resumption without later charge, and changed penalty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from rules.accrual import SCALE, factor, to_tiyn
from rules.calendar import add_months
from rules.day_count import Period
from rules.loan import LoanEvent, servicing_rules
from rules.schedule import LoanTerms, instalments
from tests.support.loans import A_DAY

FIRST = ("penalty_rule", "suspended", "resumed")
ORDER = {"overdue_principal": 0, "overdue_interest": 1, "penalty": 2, "principal": 3, "interest": 4}


@dataclass
class Claim:
    """What one due date asks for: principal or interest."""

    due: date
    kind: str
    left: int


@dataclass
class Loan:
    terms: LoanTerms
    facts: list[LoanEvent]
    principal: int = 0
    money: int = 0
    claims: list[Claim] = field(default_factory=list)
    nights: list[tuple[date, int]] = field(default_factory=list)  # of the running period: its last day, what bears
    penalty: dict[int, int] = field(default_factory=dict)  # contract year -> exact
    penalty_paid: int = 0
    charged: int = 0
    overpaid: int = 0
    passed: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        rules = servicing_rules(self.terms.disbursed)
        self.stop = rules.accrual_stop_days or 10**9
        self.rule: Any = (
            rules.penalty_daily_percent, rules.penalty_first_days,
            rules.penalty_later_daily_percent, rules.penalty_year_cap_percent,
        )  # fmt: skip
        self.rows = instalments(self.terms)
        self.standing: set[date] = self._standing_days()

    def _standing_days(self) -> set[date]:
        """The suspended days."""
        days: set[date] = set()
        since: date | None = None
        marks = sorted((one.value_date, FIRST.index(one.kind)) for one in self.facts if one.kind in FIRST[1:])
        for day, what in marks:
            if what == 1 and since is None:
                since = day
            elif what == 2 and since is not None:
                days |= {since + n * A_DAY for n in range((day - since).days)}
                since = day if (day, 1) in marks and since != day else None
        if since is not None:
            days |= {since + n * A_DAY for n in range(4000)}
        return days

    def late(self, day: date) -> list[Claim]:
        return [claim for claim in self.claims if claim.due < day]

    def days_late(self, day: date) -> int:
        late = self.late(day)
        if not late:
            return 0
        oldest = min(claim.due for claim in late)
        return sum(oldest + n * A_DAY not in self.standing for n in range(1, (day - oldest).days + 1))

    def night(self, day: date) -> None:
        """The night that ends on a day."""
        count, stands = self.days_late(day), day in self.standing
        base = sum(claim.left for claim in self.late(day))
        if base and not stands:
            daily, first, later, cap = self.rule
            year = next(n for n in range(1, 50) if day <= add_months(self.facts[0].value_date, 12 * n))
            cost = int(base * (daily if count <= first else later) * SCALE / 100)
            so_far = self.penalty.get(year, 0)
            most = int(self.terms.principal.tiyn * cap * SCALE / 100)
            self.penalty[year] = max(so_far, min(so_far + cost, most))
        self.nights.append((day, 0 if stands or count > self.stop else self.principal))

    def run(self) -> int:
        """Exact interest of the running period: stretches of nights with one balance."""
        total = 0
        spans = self.terms.repayment_periods()
        for balance, stretch in groupby(self.nights, key=lambda night: night[1]):
            days = [day for day, _ in stretch]
            since, to = days[0] - A_DAY, days[-1]
            period = spans[self.passed] if self.passed < len(spans) else Period(since, to, 0, len(days))
            total += balance * factor(self.terms.rate_percent_per_year, period, self.terms.day_count, since, to)
        return total

    @property
    def penalty_due(self) -> int:
        return to_tiyn(sum(self.penalty.values())) - self.penalty_paid

    def fall_due(self, day: date) -> None:
        row = self.rows[self.passed]
        interest = to_tiyn(self.run())
        self.nights = []
        self.passed += 1
        self.charged += interest
        left = self.principal - sum(claim.left for claim in self.claims if claim.kind == "principal")
        part = left if self.passed == len(self.rows) else min(row.principal.tiyn, left)
        self.claims += [Claim(day, "principal", part), Claim(day, "interest", interest)]

    def settle(self, day: date) -> None:
        self._pay_claims(day)
        if not self.claims and self.passed == len(self.rows) and to_tiyn(self.run()):
            interest = to_tiyn(self.run())
            self.nights, self.charged = [], self.charged + interest
            self.claims.append(Claim(day, "interest", interest))
            self._pay_claims(day)
        owed = self.principal + to_tiyn(self.run())
        if not self.claims and not self.penalty_due and self.money >= owed:
            self.charged += owed - self.principal
            self.overpaid, self.money, self.principal = self.money - owed, 0, 0
            self.closed, self.nights = True, []

    def _pay_claims(self, day: date) -> None:
        listed = [(ORDER["overdue_" * (one.due < day) + one.kind], one.due, n) for n, one in enumerate(self.claims)]
        for rank, _, n in sorted([*listed, (ORDER["penalty"], day, -1)]):
            if rank == ORDER["penalty"]:
                part = min(self.money, self.penalty_due)
                self.penalty_paid += part
            else:
                part = min(self.money, self.claims[n].left)
                self.claims[n].left -= part
                self.principal -= part if self.claims[n].kind == "principal" else 0
            self.money -= part
        self.claims = [claim for claim in self.claims if claim.left]

    def take(self, fact: Any) -> None:
        if fact.kind == "penalty_rule":
            self.rule = (fact.daily_percent, fact.first_days, fact.later_daily_percent, fact.year_cap_percent)
        elif fact.kind == "paid" and self.closed:
            self.overpaid += fact.amount.tiyn
        elif fact.kind == "paid":
            self.money += fact.amount.tiyn
            self.settle(fact.value_date)


def by_nights(events: Iterable[LoanEvent], terms: LoanTerms, on: date) -> dict[str, Any]:
    """Some figures of the position of a day, in tiyn."""
    facts = sorted(events, key=lambda fact: (fact.value_date, fact.key))
    loan = Loan(terms, facts)
    loan.principal = terms.principal.tiyn
    day = facts[0].value_date
    while day <= on:
        today = [fact for fact in facts if fact.value_date == day]
        for fact in (one for one in today if one.kind == "penalty_rule"):
            loan.take(fact)  # the night that ends on this day costs by it already
        if day > facts[0].value_date and not loan.closed:
            loan.night(day)
        while not loan.closed and loan.passed < len(loan.rows) and loan.rows[loan.passed].due <= day:
            loan.fall_due(loan.rows[loan.passed].due)
            loan.settle(day)
        for fact in (one for one in today if one.kind == "paid"):
            loan.take(fact)
        day += A_DAY
    late = loan.late(on)
    return {
        "principal": loan.principal,
        "interest_due": sum(claim.left for claim in loan.claims if claim.kind == "interest"),
        "interest_accrued": to_tiyn(loan.run()),
        "penalty": loan.penalty_due,
        "advance": loan.money,
        "overdue_days": loan.days_late(on),
        "overdue_principal": sum(claim.left for claim in late if claim.kind == "principal"),
        "overdue_interest": sum(claim.left for claim in late if claim.kind == "interest"),
        "overpaid": loan.overpaid,
        "interest_charged": loan.charged,
        "penalty_charged": to_tiyn(sum(loan.penalty.values())),
        "closed": loan.closed,
        "suspended": on in loan.standing and not loan.closed,
    }
