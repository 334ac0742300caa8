"""The fold of rules.loan over columns: every loan's next fact or due date at once, until none is left.

The definition is the scalar fold; this repeats its steps for the facts that nearly all loans have (disbursed, paid,
refunded) and flags the rest. Names of the columns are those of rules.loan_state. Bills are kept as running sums: since
within principal and within interest the oldest bill is always paid first, what is unpaid of each follows from the sum
paid so far, and `oldest` points to the first bill that is not paid in full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from activities.portfolio.columns import Columns, anniversary
from activities.portfolio.early import repay_early
from activities.portfolio.numbers import LARGEST_FACTOR, Factors, Ints, add, nearest, nearest_of, product
from activities.portfolio.plan import NEVER
from rules.servicing_rules import PENALTY, ServicingRules

PENALTY_UNIT = 10**6  # of a tiyn


@dataclass(frozen=True)
class Rules:
    """The rules of servicing in whole numbers: rates in millionths, money in tiyn."""

    order: tuple[str, ...]
    first_rate: int
    first_days: int
    later_rate: int
    year_cap: int
    stop_days: int

    @staticmethod
    def of(rules: ServicingRules) -> Rules | None:
        """None where a rate has more digits than these columns hold."""
        rates = (rules.penalty_daily_percent, rules.penalty_later_daily_percent, rules.penalty_year_cap_percent)
        millionths = [rate * 10_000 for rate in rates]
        if any(rate != int(rate) for rate in millionths):
            return None
        first, later, cap = map(int, millionths)
        stop = NEVER if rules.accrual_stop_days is None else rules.accrual_stop_days
        return Rules(rules.allocation, first, rules.penalty_first_days, later, cap, stop)


PAID, SHORTER_TERM, SMALLER_INSTALMENT, REFUNDED = 1, 2, 3, 4  # loan_event.code


class Fold:
    """Brings columns forward. Every method takes `i`, the numbers of the loans it is about, each once."""

    def __init__(self, columns: Columns, factors: Factors, rules: Rules) -> None:
        self.c, self.factors, self._rules = columns, factors, rules
        self._cap = columns.terms.lent * rules.year_cap

    # -- interest

    def _nights(self, i: Ints, to: Ints) -> tuple[Ints, Ints]:
        c = self.c
        days = np.maximum(np.minimum(to, c.stop[i]) - c.since[i], 0)
        by = self.factors.of(c.terms.rate[i], days)
        if by.max(initial=0) >= LARGEST_FACTOR:
            c.odd[i[by >= LARGEST_FACTOR]] = True
        return product(c.principal[i], by)

    def running_at(self, i: Ints, to: Ints) -> tuple[Ints, Ints]:
        """Exact interest of the running period up to the end of a day."""
        c = self.c
        return add(c.running[i], c.rest[i], *self._nights(i, to))

    def split(self, i: Ints, to: Ints) -> None:
        """Close the open part of the running period."""
        c = self.c
        c.running[i], c.rest[i] = self.running_at(i, to)
        c.since[i] = np.maximum(c.since[i], to)

    def charge(self, i: Ints, day: Ints) -> Ints:
        """Charge the interest of the running period, rounded once; the period starts anew."""
        c = self.c
        self.split(i, day)
        interest = nearest(c.running[i], c.rest[i])
        c.running[i] = c.rest[i] = 0
        c.interest_charged[i] += interest
        return interest

    # -- bills

    def _bill(self, i: Ints, day: Ints, principal: Ints, interest: Ints) -> None:
        c = self.c
        before = c.bills[i]
        some = ((principal > 0) | (interest > 0)) & (before + 1 < len(c.sum_principal))
        if not some.all():
            c.odd[i[(before + 1 >= len(c.sum_principal))]] = True
            i, day, principal, interest, before = i[some], day[some], principal[some], interest[some], before[some]
        first = before == c.oldest[i]
        c.bill_due[before, i] = day
        c.bills[i] = before + 1
        c.sum_principal[before + 1, i] = c.sum_principal[before, i] + principal
        c.sum_interest[before + 1, i] = c.sum_interest[before, i] + interest
        alone = i[first]
        c.stop[alone] = np.minimum(day[first] + self._rules.stop_days, NEVER)

    def fall_due(self, i: Ints) -> None:
        """The next row of each becomes a bill."""
        c = self.c
        day = c.due[c.passed[i], i]
        self.count_penalty(i, day)
        interest = self.charge(i, day)
        part = c.part[c.passed[i], i]
        c.passed[i] += 1
        left = c.principal[i] - self.c.unpaid_principal(i)
        part = np.where(c.passed[i] == c.periods[i], left, np.minimum(part, left))
        self._bill(i, day, part, interest)
        self._settle(i, day)

    # -- money

    def receive(self, i: Ints, day: Ints, amount: Ints, kind: Ints) -> None:
        """A payment of each. kind: PAID, or what its payer wants done with the rest."""
        c = self.c
        c.paid[i] += amount
        late = c.closed[i]
        c.overpaid[i[late]] += amount[late]
        i, day, amount, kind = i[~late], day[~late], amount[~late], kind[~late]
        self.count_penalty(i, day)
        c.advance[i] += amount
        self._settle(i, day)
        wants = (kind != PAID) & ~c.closed[i] & (c.advance[i] > 0) & (c.passed[i] < c.periods[i])
        if wants.any():
            repay_early(self, i[wants], day[wants], np.minimum(c.advance[i], amount)[wants], kind[wants])

    def give_back(self, i: Ints, amount: Ints) -> None:
        """A refund to each."""
        c = self.c
        c.odd[i] |= amount > c.overpaid[i]
        c.overpaid[i] -= amount
        c.refunded[i] += amount

    def penalty_due(self, i: Ints) -> Ints:
        """Penalty charged and not paid."""
        return nearest_of(self.c.penalty[i], PENALTY_UNIT) - self.c.penalty_gone[i]

    def _settle(self, i: Ints, day: Ints) -> None:
        c = self.c
        self._spend(i, day)
        behind = (c.oldest[i] == c.bills[i]) & (c.passed[i] == c.periods[i])
        if behind.any():
            self._rest_falls_due(i[behind], day[behind])
        free = (c.oldest[i] == c.bills[i]) & (c.advance[i] >= c.principal[i])
        i, day = i[free], day[free]
        if len(i):
            interest = nearest(*self.running_at(i, day))
            pays = (c.advance[i] >= c.principal[i] + interest) & (self.penalty_due(i) == 0)
            self._close(i[pays], day[pays])

    def _spend(self, i: Ints, day: Ints) -> None:
        c = self.c
        some = (c.advance[i] > 0) & ((c.oldest[i] < c.bills[i]) | (c.penalty[i] > 0))
        i, day = i[some], day[some]
        if not len(i):
            return
        owed = self._owed(i, day)
        left = c.advance[i].copy()
        taken = {name: np.zeros_like(left) for name in owed}
        for name in self._rules.order:
            if name in owed:
                taken[name] = np.minimum(left, owed[name])
                left = left - taken[name]
        principal = taken["overdue_principal"] + taken["principal"]
        pays = principal > 0
        self.split(i[pays], day[pays])
        c.principal[i] -= principal
        c.paid_principal[i] += principal
        c.paid_interest[i] += taken["overdue_interest"] + taken["interest"]
        c.penalty_gone[i] += taken[PENALTY]
        c.advance[i] = left
        self._clear(i, day)

    def _owed(self, i: Ints, day: Ints) -> dict[str, Ints]:
        """What is owed by the names of the waterfall; a bill of this very day is not late."""
        c = self.c
        principal, interest = c.unpaid_principal(i), c.unpaid_interest(i)
        last = np.maximum(c.bills[i] - 1, 0)
        today = (c.bills[i] > 0) & (c.bill_due[last, i] == day)
        of_today = np.where(today, c.sum_principal[last + 1, i] - c.sum_principal[last, i], 0)
        due_principal = np.minimum(principal, of_today)
        of_today = np.where(today, c.sum_interest[last + 1, i] - c.sum_interest[last, i], 0)
        due_interest = np.minimum(interest, of_today)
        return {
            "overdue_principal": principal - due_principal,
            "overdue_interest": interest - due_interest,
            PENALTY: self.penalty_due(i),
            "principal": due_principal,
            "interest": due_interest,
        }

    def _clear(self, i: Ints, day: Ints) -> None:
        """Move past bills that are paid in full; where the oldest goes, interest may run again from this day on."""
        c = self.c
        before = c.oldest[i]
        some = i
        while len(some):
            some = some[c.oldest[some] < c.bills[some]]
            after = c.oldest[some] + 1
            paid = c.sum_principal[after, some] <= c.paid_principal[some]
            paid &= c.sum_interest[after, some] <= c.paid_interest[some]
            some = some[paid]
            c.oldest[some] += 1
        moved = c.oldest[i] != before
        i, day = i[moved], day[moved]
        stopped = day > c.stop[i]
        self.split(i[stopped], day[stopped])
        open_ = c.oldest[i] < c.bills[i]
        c.stop[i] = NEVER
        i = i[open_]
        c.stop[i] = np.minimum(c.bill_due[c.oldest[i], i] + self._rules.stop_days, NEVER)

    def _rest_falls_due(self, i: Ints, day: Ints) -> None:
        some = nearest(*self.running_at(i, day)) > 0
        i, day = i[some], day[some]
        if len(i):
            self._bill(i, day, np.zeros_like(i), self.charge(i, day))
            self._spend(i, day)

    def _close(self, i: Ints, day: Ints) -> None:
        c = self.c
        interest = self.charge(i, day)
        c.overpaid[i] += c.advance[i] - c.principal[i] - interest
        c.advance[i] = c.principal[i] = c.running[i] = c.rest[i] = 0
        c.passed[i] = c.periods[i]
        c.closed[i] = True
        c.stop[i] = NEVER

    # -- being late

    def count_penalty(self, i: Ints, to: Ints) -> None:
        """Count the nights up to the end of a day on what was overdue through all of them."""
        c = self.c
        ahead = to > c.penalty_at[i]
        i, to = i[ahead], to[ahead]
        at = c.penalty_at[i]
        c.penalty_at[i] = to
        open_ = c.oldest[i] < c.bills[i]
        i, to, at = i[open_], to[open_], at[open_]
        origin = c.bill_due[c.oldest[i], i]
        at = np.maximum(at, origin)
        base = c.unpaid_principal(i) + c.unpaid_interest(i)
        while len(i):
            going = at < to
            i, to, at, origin, base = i[going], to[going], at[going], origin[going], base[going]
            if not len(i):
                return
            self._turn_years(i, at)
            end = np.minimum(to, c.year_end[i])
            first = np.clip(origin + self._rules.first_days - at, 0, end - at)
            wanted = base * (first * self._rules.first_rate + (end - at - first) * self._rules.later_rate)
            units = np.minimum(wanted, np.maximum(self._cap[i] - c.year_penalty[i], 0))
            c.penalty[i] += units
            c.year_penalty[i] += units
            at = end

    def _turn_years(self, i: Ints, at: Ints) -> None:
        c = self.c
        while True:
            over = at >= c.year_end[i]
            if not over.any():
                return
            i, at = i[over], at[over]
            c.year[i] += 1
            c.year_end[i] = anniversary(c.terms.take(i), c.year[i])
            c.year_penalty[i] = 0
