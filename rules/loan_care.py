"""When a running loan needs something next: a due date passes, arrears must be told of, the bureau hears of it.

Pure: a loan's events and a day give the day on which to look again. Days are Almaty days; a day begins when the one
before it ends.

Rules: para 7, part 5. Arrears notice: law on microfinance, art. 9-2, part 1. Bureau: the same law, art. 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from rules.calendar import add_months
from rules.evidence import Frozen
from rules.loan import LoanEvent, Position, position
from rules.policy import PolicySet
from rules.schedule import LoanTerms

_A_DAY = timedelta(days=1)


class Arrears(Frozen):
    """An unbroken time in which something is overdue. since: its first day; it names the episode.

    notice_from: the notice goes out from this day on. notice_due: the last day on which it is in time. Days on which
    the loan was suspended are not counted.
    """

    since: date
    notice_from: date
    notice_due: date


def arrears(events: Sequence[LoanEvent], terms: LoanTerms, on: date, rules: PolicySet) -> Arrears | None:
    """The arrears of a day; None where nothing is overdue, or the loan is suspended.

    Paying the oldest instalment alone ends no arrears: the episode goes on while another is late.

    Rules: para 13, part 2.
    """
    today = position(events, terms, on)
    if not today.overdue_days or today.suspended:
        return None
    since = on - (today.overdue_days - 1) * _A_DAY
    while (before := position(events, terms, since - _A_DAY)).overdue_days:
        since -= before.overdue_days * _A_DAY
    still = _suspended_days(events, terms, since, on) * _A_DAY
    return Arrears(
        since=since,
        notice_from=since + rules.whole("arrears-notice-grace-days") * _A_DAY + still,
        notice_due=since + (rules.whole("arrears-notice-days") - 1) * _A_DAY + still,
    )


def _suspended_days(events: Sequence[LoanEvent], terms: LoanTerms, since: date, on: date) -> int:
    if not any(event.kind == "suspended" for event in events):
        return 0
    days = (since + n * _A_DAY for n in range((on - since).days + 1))
    return sum(position(events, terms, day).suspended for day in days)


def month_of(disbursed: date, on: date, months: int) -> tuple[date | None, date]:
    """The last and the next day on which the bureau is told of a running loan, counted from its disbursement.

    months: between two such days, policy row `bureau-update-months`. The last is None in the first month.

    >>> month_of(date(2026, 1, 31), date(2026, 3, 30), 1)
    (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31))
    """
    passed = 0
    while add_months(disbursed, (passed + 1) * months) <= on:
        passed += 1
    last = add_months(disbursed, passed * months) if passed else None
    return last, add_months(disbursed, (passed + 1) * months)


def ended_on(events: Sequence[LoanEvent], terms: LoanTerms, on: date) -> date | None:
    """The day on which the debt ended, as it is known now; None where it has not ended by that day."""
    if not position(events, terms, on).closed:
        return None
    first, last = terms.disbursed, on
    while first < last:  # what is closed stays closed: later money is owed back
        middle = first + (last - first) // 2
        first, last = (first, middle) if _closed(events, terms, middle) else (middle + _A_DAY, last)
    return last


def _closed(events: Sequence[LoanEvent], terms: LoanTerms, day: date) -> bool:
    return any(event.value_date <= day for event in events) and position(events, terms, day).closed


def next_look(today: Position, late: Arrears | None, *, told: bool, bureau: date) -> date:
    """The first day on which a running loan needs looking at again.

    Args:
        told: whether the notice of these arrears has gone out.
        bureau: the next day on which the bureau is told in any case.
    """
    days = [bureau]
    if today.next_due is not None:
        days.append(today.next_due + _A_DAY)
    waits = today.principal_due + today.interest_due
    if waits.root > 0 and not today.overdue_days:
        days.append(today.on + _A_DAY)  # due, not late yet: the last day to pay may lie behind a day off
    if late is not None and not told:
        days.append(max(late.notice_from, today.on + _A_DAY))
    return min(day for day in days if day > today.on)
