"""A loan is its events: the debt on any day is a fold over them, never a stored number.

The fold walks through two kinds of days: due dates, on which the instalment becomes due, and events.
Each kind of event is one case of `_apply`; a new kind is a class in `LoanEvent` and a case there.

Conventions: a balance of day D bears interest from the night after D; interest of a period is added
unrounded and rounded once, as the schedule does, so a loan that is paid on time repeats its schedule to
the tiyn. A due date passes unpaid at the day's end: overdue days count from the next day. Money that
comes before it is due waits for the next due date, unless it repays the whole loan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Literal, assert_never

from pydantic import Field, TypeAdapter

from rules.day_count import Period
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.money import Money
from rules.schedule import Installment, LoanTerms, exact_interest, instalments, rounded

_NOTHING = Money(0)


class _Event(Frozen):
    """key: the business fact, never twice. value_date: the day it counts for. known_at: when we learned it."""

    key: str
    value_date: date
    known_at: datetime


class Disbursed(_Event):
    """The money left the lender."""

    kind: Literal["disbursed"] = "disbursed"
    amount: Money


class Paid(_Event):
    """The client, or somebody for the client, paid."""

    kind: Literal["paid"] = "paid"
    amount: Money


LoanEvent = Annotated[Disbursed | Paid, Field(discriminator="kind")]
loan_event: TypeAdapter[LoanEvent] = TypeAdapter(LoanEvent)


class Position(Frozen):
    """The debt at the end of a day.

    principal: not yet repaid, whether due or not. principal_due, interest_due: due and unpaid.
    interest_accrued: of the running period, not due yet. advance: paid before it was due.
    next_payment: the coming instalment less the advance. total_to_close: what ends the loan on this day.
    """

    on: date
    principal: Money
    principal_due: Money
    interest_due: Money
    interest_accrued: Money
    advance: Money
    overdue_days: int
    overdue_amount: Money
    next_due: date | None
    next_payment: Money | None
    total_to_close: Money
    overpaid: Money
    closed: bool


@dataclass
class _Bill:
    """What one due date asks for and has not got yet."""

    due: date
    principal: Money
    interest: Money

    @property
    def unpaid(self) -> Money:
        return self.principal + self.interest


@dataclass
class _State:
    terms: LoanTerms
    rows: tuple[Installment, ...]
    spans: tuple[Period, ...]
    principal: Money = _NOTHING
    advance: Money = _NOTHING
    overpaid: Money = _NOTHING
    bills: list[_Bill] = field(default_factory=list)
    passed: int = 0  # due dates behind us
    at: date = date.min  # interest is counted up to here
    running: Fraction = Fraction(0)  # interest of the running period, unrounded
    started: bool = False

    @property
    def period(self) -> Period:
        """The running period; after the last due date days go on being counted."""
        if self.passed < len(self.spans):
            return self.spans[self.passed]
        last = self.spans[-1]
        return Period(last.due, date.max, 0)

    def accrue(self, to: date) -> None:
        """Interest on the present balance up to a day."""
        if self.started and to > self.at:
            self.running += self._interest(self.at, to)
        self.at = max(self.at, to)

    def _interest(self, since: date, to: date) -> Fraction:
        period, count = self.period, self.terms.day_count
        if period.due == date.max:
            period = Period(since, to, 0, (to - since).days)
        elapsed = (to - since).days
        share = period.share(count) if elapsed == period.real_days else period.share(count, elapsed)
        return exact_interest(self.principal, self.terms.rate_percent_per_year, share)

    @property
    def billed_principal(self) -> Money:
        return Money.total(bill.principal for bill in self.bills)

    @property
    def accrued(self) -> Money:
        return rounded(self.running)

    @property
    def to_close(self) -> Money:
        interest = Money.total(bill.interest for bill in self.bills) + self.accrued
        return self.principal + interest - self.advance

    def fall_due(self) -> None:
        """The instalment of the running period becomes due."""
        row = self.rows[self.passed]
        self.accrue(row.due)
        interest, self.running = self.accrued, Fraction(0)
        self.passed += 1
        left = self.principal - self.billed_principal
        part = left if self.passed == len(self.rows) else min(row.principal, left)
        if interest + part > _NOTHING:
            self.bills.append(_Bill(row.due, part, interest))
        self._settle(row.due)

    def receive(self, amount: Money, on: date) -> None:
        """Money comes in: what is due first, then the whole loan if it suffices, else it waits."""
        self.advance += amount
        self._settle(on)

    def _settle(self, on: date) -> None:
        """Spend the advance: overdue principal, overdue interest, principal due today, interest due today."""
        late = [bill for bill in self.bills if bill.due < on]
        today = [bill for bill in self.bills if bill.due >= on]
        for bills in (late, today):
            for bill in bills:
                part = min(bill.principal, self.advance)
                bill.principal -= part
                self.principal -= part
                self.advance -= part
            for bill in bills:
                part = min(bill.interest, self.advance)
                bill.interest -= part
                self.advance -= part
        self.bills = [bill for bill in self.bills if bill.unpaid > _NOTHING]
        if self.to_close <= _NOTHING:
            self._close()

    def _close(self) -> None:
        self.overpaid += -self.to_close
        self.principal = self.advance = _NOTHING
        self.running = Fraction(0)
        self.bills.clear()


@lru_cache(maxsize=4096)
def _plan(terms: LoanTerms) -> tuple[tuple[Installment, ...], tuple[Period, ...]]:
    return tuple(instalments(terms)), tuple(terms.repayment_periods())


def position(events: Iterable[LoanEvent], terms: LoanTerms, on: date) -> Position:
    """The debt at the end of a day.

    The order in which events arrive does not matter, value dates do; the same key twice counts once.

    Raises:
        Conflict: `loan-not-disbursed` on that day, or `loan-disbursed-twice`.

    Rules: para 7, part 5.
    """
    state = _State(terms, *_plan(terms))
    unique = {event.key: event for event in events if event.value_date <= on}
    for event in sorted(unique.values(), key=lambda one: (one.value_date, one.known_at, one.key)):
        _pass_due_dates(state, event.value_date)
        state.accrue(event.value_date)
        _apply(state, event)
    if not state.started:
        raise Conflict("loan-not-disbursed", "no money has left yet on this day")
    _pass_due_dates(state, on)
    state.accrue(on)
    return _view(state, on)


def _apply(state: _State, event: LoanEvent) -> None:
    match event:
        case Disbursed():
            if state.started:
                raise Conflict("loan-disbursed-twice", "a second disbursement of one loan")
            state.started, state.principal, state.at = True, event.amount, event.value_date
        case Paid():
            if not state.started:
                raise Conflict("loan-not-disbursed", "a payment before the money left")
            state.receive(event.amount, event.value_date)
        case _:
            assert_never(event)


def _pass_due_dates(state: _State, to: date) -> None:
    while state.started and state.passed < len(state.rows) and state.rows[state.passed].due <= to:
        state.fall_due()


def _view(state: _State, on: date) -> Position:
    late = [bill for bill in state.bills if bill.due < on]
    closed = state.to_close <= _NOTHING and not state.bills
    row = None if closed or state.passed == len(state.rows) else state.rows[state.passed]
    return Position(
        on=on,
        principal=state.principal,
        principal_due=state.billed_principal,
        interest_due=Money.total(bill.interest for bill in state.bills),
        interest_accrued=state.accrued,
        advance=state.advance,
        overdue_days=(on - late[0].due).days if late else 0,
        overdue_amount=Money.total(bill.unpaid for bill in late),
        next_due=row.due if row else None,
        next_payment=max(_coming(state, row) - state.advance, _NOTHING) if row else None,
        total_to_close=_NOTHING if closed else state.to_close,
        overpaid=state.overpaid,
        closed=closed,
    )


def _coming(state: _State, row: Installment) -> Money:
    """The next instalment if nothing more is paid before its day."""
    interest = rounded(state.running + state._interest(state.at, row.due))
    left = state.principal - state.billed_principal
    return interest + (left if row.n == len(state.rows) else min(row.principal, left))
