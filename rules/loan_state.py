"""The state of a loan while its facts are folded, and the clock of its interest. Plain whole numbers throughout.

Units: money in tiyn; exact interest, exact penalty in 1e-18 tiyn (`rules.accrual.SCALE`); days as ordinals. The end of
a day is meant: the night that begins then ends on the next day.

Variables:
  plan, passed   the rows of the plan in force and how many of them are behind us
  principal      not repaid; billed: the part of it that stands in bills; graced: the part of it that bears no interest
                 because its due date was a day off and its last day to pay has not passed
  bills          what due dates asked for and did not get yet, oldest first
  since          end of the day from which the open part of the running period counts
  running        exact interest of the closed parts of the running period
  carried        interest charged by a restructuring that falls due with the next row
  stop           last night that bears interest: of the oldest bill, pay_by + shift + accrual_stop_days; NEVER without
                 a bill. shift: suspended nights since pay_by
  suspended_at   the day before the suspension, None where interest runs; held, withheld: exact interest of suspended
                 nights, of this suspension and of those before
  penalty        exact, all nights so far; penalty_gone: of it paid, forgiven or written off; penalty_at: counted up to
  shares         payments whose money is not spent yet, oldest first; advance: their sum
  overpaid       owed to the client

Interest of the nights from day a to day b (`nights`): plan.factor over (a, min(b, stop)]. `split(b)` closes the open
part: running += (principal - graced) x factor, since = b. It is called where the balance changes, where suspension
begins and ends, on due dates, and where a paid bill moves `stop`; nowhere else, for each factor is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from rules.accrual import SCALE, to_tiyn
from rules.loan_plan import Plan
from rules.loan_trace import Step, Trace, share, tenge
from rules.servicing_rules import ServicingRules

NEVER = 10**9
UNIT_OF_PERCENT = SCALE // 100

PRINCIPAL, INTEREST, PENALTY, OVERPAID = range(4)


@dataclass(slots=True)
class Bill:
    """What one due date asks for and has not got yet. by_unit: exact interest of one graced tiyn since the due date."""

    n: int
    due: int
    pay_by: int
    principal: int
    interest: int
    shift: int = 0
    graced: bool = False
    by_unit: int = 0


@dataclass(slots=True)
class Share:
    """One payment: what of it is spent on what (PRINCIPAL, INTEREST, PENALTY, OVERPAID), and what waits."""

    key: str
    amount: int
    waits: int
    spent: list[int]


@dataclass(slots=True)
class State:
    """See the module. cause: the key of the fact at work, None for what due dates do. trace: None, or notes."""

    plan: Plan
    rules: ServicingRules
    order: tuple[tuple[bool, int], ...]
    trace: Trace | None = None
    cause: str | None = None
    started: bool = False
    closed: bool = False
    lent: int = 0
    passed: int = 0
    principal: int = 0
    billed: int = 0
    graced: int = 0
    bills: list[Bill] = field(default_factory=list)
    since: int = 0
    running: int = 0
    carried: int = 0
    stop: int = NEVER
    suspended_at: int | None = None
    suspended_again: int | None = None
    rejoin: tuple[int, int, int, list[Step]] | None = None
    held: int = 0
    withheld: int = 0
    penalty: int = 0
    penalty_gone: int = 0
    penalty_forgiven: int = 0
    penalty_at: int = 0
    daily: tuple[int, int, int, int] = (0, 0, 0, 0)  # first rate, first days, later rate, cap of a year
    year: int = 0
    year_end: int = 0
    year_penalty: int = 0
    disbursed: date = date.min
    advance: int = 0
    shares: list[Share] = field(default_factory=list)
    payments: list[Share] = field(default_factory=list)
    overpaid: int = 0
    paid: int = 0
    refunded: int = 0
    written_off: int = 0
    interest_charged: int = 0
    cash: dict[str, int] = field(default_factory=dict)

    # -- the clock of interest

    def nights(self, to: int) -> int:
        """Exact interest of one tiyn from `since` to the end of a day, without nights behind the stop."""
        end = to if to <= self.stop else self.stop
        return self.plan.factor(self.passed, self.since, end) if end > self.since else 0

    def running_at(self, to: int) -> int:
        """Exact interest of the running period up to the end of a day."""
        if self.suspended_at is not None or to <= self.since:
            return self.running
        return self.running + (self.principal - self.graced) * self.nights(to)

    def withheld_at(self, to: int) -> int:
        """Exact interest that suspended nights would have cost, up to the end of a day."""
        so_far = self.withheld + self.held
        if self.suspended_at is None or self.closed:
            return so_far
        return so_far + (self.principal - self.graced) * self.nights(to)

    def split(self, to: int) -> None:
        """Close the open part of the running period at the end of a day."""
        if to <= self.since:
            return
        by = self.nights(to)
        if self.suspended_at is None and not self.graced and self.trace is None:
            self.running += self.principal * by
        elif by:
            self._count(by, to)
        self.since = to

    def _count(self, by: int, to: int) -> None:
        bearing = self.principal - self.graced
        if self.suspended_at is not None:
            self.held += bearing * by
        else:
            self.running += bearing * by
            if self.graced:
                for bill in self.bills:
                    if bill.graced:
                        bill.by_unit += by
        if self.trace is not None and bearing:
            parts = self.trace.running if self.suspended_at is None else self.trace.withheld
            self.trace.part(parts, to, self.words(by, to), bearing * by)

    def words(self, by: int, to: int) -> str:
        """How the open part was counted, for whoever recomputes it."""
        end = date.fromordinal(min(to, self.stop))
        rate, count = self.plan.rate, self.plan.count.value
        nights = f"nights from {date.fromordinal(self.since)} to {end}"
        return f"{tenge(self.principal - self.graced)} x {share(by)} ({rate} % a year, {count}, {nights})"

    def end_grace(self, before: int) -> None:
        """Principal whose last day to pay passed unused bears interest from its due date on."""
        for bill in self.bills:
            if bill.graced and bill.pay_by < before:
                self.split(bill.pay_by)
                units = bill.principal * bill.by_unit
                self.running += units
                self.graced -= bill.principal
                bill.graced = False
                if self.trace is not None and units:
                    what = f"{tenge(bill.principal)} x {share(bill.by_unit)} (instalment {bill.n}, not paid in time)"
                    self.trace.part(self.trace.running, bill.pay_by, what, units)

    def charge(self, day: int) -> int:
        """Charge the interest of the running period up to the end of a day, rounded once; the period starts anew."""
        self.split(day)
        interest = to_tiyn(self.running)
        self.running = 0
        self.rejoin = None
        self.interest_charged += interest
        if self.trace is not None:
            parts = self.trace.charged()
            self.trace.add("interest_charged", day, "interest charged", interest, self.cause, parts)
        return interest

    # -- being late

    def restop(self) -> None:
        """Set the last night that bears interest; call it whenever the oldest bill or suspension changes."""
        limit = self.rules.accrual_stop_days
        if limit is None or not self.bills:
            self.stop = NEVER
        elif self.suspended_at is None:
            self.stop = self.bills[0].pay_by + self.bills[0].shift + limit
        else:
            self.stop = NEVER if self.days_late(self.suspended_at) <= limit else -1

    def days_late(self, day: int) -> int:
        """Overdue days of the oldest bill at the end of a day; suspended days do not count."""
        if not self.bills:
            return 0
        oldest = self.bills[0]
        if self.suspended_at is not None and day > self.suspended_at:
            day = self.suspended_at
        return max(day - oldest.pay_by - oldest.shift, 0)

    @property
    def penalty_due(self) -> int:
        """Penalty charged and not paid; the exact sum of all nights is rounded, never a single night."""
        return to_tiyn(self.penalty) - self.penalty_gone if self.penalty else 0

    @property
    def penalty_charged(self) -> int:
        """All penalty charged, without what was forgiven."""
        return to_tiyn(self.penalty) - self.penalty_forgiven

    @property
    def interest_billed(self) -> int:
        """Interest due and unpaid."""
        return sum(bill.interest for bill in self.bills)
