"""Statutory clocks: what starts one, how many days it has, and the instant at which it is missed.

A day is counted from the day after the receipt: the third working day after a Thursday is the Tuesday. A paper that
comes in the evening or on a day off is received on that day. The clock is missed when its last day has ended in Almaty.

>>> from datetime import datetime
>>> found = deadline("P13.2", datetime.fromisoformat("2026-03-19T18:30+05:00"))
>>> found.last_day, found.due.isoformat(), found.working_days
(datetime.date(2026, 3, 27), '2026-03-27T19:00:00+00:00', 3)
>>> [f"{one.day}: {one.why}" for one in found.skipped][:3]
['2026-03-21: weekend', '2026-03-22: weekend', '2026-03-23: holiday: Nauryz']

Rules: para 4; para 5; para 7, part 7; para 13, part 1; para 13, part 2; para 13, part 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from rules.calendar import ALMATY, end_of_day, local_date
from rules.days_off import CALENDAR, Calendar, CalendarUnknown
from rules.errors import InvalidInput
from rules.evidence import Frozen
from rules.policy import PolicySet, policy

_DAY = timedelta(days=1)
_WORKING = "working days"
HALF_WAY, WARNING = "HALF_WAY", "WARNING"


@dataclass(frozen=True)
class ClockRule:
    """One term of the law. days: the policy row with their number, its unit says which days. title: for staff."""

    name: str
    days: str
    paragraph: str
    title: str


_ALL = (
    ClockRule("P4", "resource-notice-days", "para 4", "уведомление об открытии ресурса"),
    ClockRule("P5", "resource-notice-days", "para 5", "уведомление об изменении сведений"),
    ClockRule("P13.1-inform", "incident-inform-days", "para 13, part 1", "сообщить клиенту и регулятору"),
    ClockRule("P13.1-act", "incident-act-days", "para 13, part 1", "устранить причины и последствия"),
    ClockRule("P13.2", "suspension-days", "para 13, part 2", "приостановить начисление, взыскание, бюро; уведомить"),
    ClockRule("P13.4", "write-off-days", "para 13, part 4", "списать долг, исправить историю, вернуть деньги"),
    ClockRule("lender-breach", "lender-breach-days", "law 205-VIII", "списать долг из-за нарушения кредитора"),
    ClockRule("ombudsman", "ombudsman-days", "law 205-VIII", "исполнить решение омбудсмана"),
    ClockRule("arrears-notice", "arrears-notice-days", "law on microfinance, art. 9-2, part 1", "сообщить о просрочке"),
    ClockRule("restructuring-answer", "restructuring-answer-days", "law on microfinance, art. 9-2", "письменный ответ"),
    ClockRule("complaint-answer", "complaint-answer-days", "para 7, part 7", "письменный ответ на жалобу"),
    ClockRule("leak-response", "leak-response-days", "para 36", "повторная идентификация после утечки"),
    ClockRule("report", "report-days", "rules of the National Bank of 24.11.2025", "сдать отчёт"),
)
CLOCKS: Mapping[str, ClockRule] = {one.name: one for one in _ALL}


class Skipped(Frozen):
    """A day that was not counted, and why: weekend | holiday: {name} | transferred: {act}."""

    day: date
    why: str


class Term(Frozen):
    """From a receipt to the end of a last day in Almaty. due: the first instant at which it is missed."""

    received: datetime
    last_day: date
    due: datetime


class Deadline(Term):
    """A computed term. working_days: how many were counted; None where calendar days are.

    policy_row: which row set the number of days. calendar_version: of the table of days off.
    """

    rule: str
    days: int
    unit: str
    working_days: int | None
    skipped: list[Skipped]
    policy_row: str
    calendar_version: str


class Alarm(Frozen):
    """An instant at which staff are reminded. kind: HALF_WAY | WARNING."""

    kind: str
    at: datetime


def deadline(rule: str, received: datetime, calendar: Calendar = CALENDAR) -> Deadline:
    """When a clock that began with the receipt of something is missed.

    Raises:
        InvalidInput: `clock-rule-unknown`, `instant-without-zone`.
        CalendarUnknown: it reaches into a year whose days off nobody has confirmed: a task for a person, not a guess.
        UnknownPolicy: no number of days was in force on the day of the receipt.
    """
    if rule not in CLOCKS:
        raise InvalidInput("clock-rule-unknown", field="/rule")
    if received.tzinfo is None:
        raise InvalidInput("instant-without-zone", field="/received")
    first = local_date(received)
    row = policy(first).row(CLOCKS[rule].days)
    days, working = policy(first).whole(row.name), row.unit.startswith(_WORKING)
    last = last_day(received, days, row.unit, calendar)
    between = [first + n * _DAY for n in range(1, (last - first).days + 1)] if working else []
    return Deadline(
        rule=rule,
        received=received.astimezone(UTC),
        days=days,
        unit=row.unit,
        last_day=last,
        due=end_of_day(last),
        working_days=days if working else None,
        skipped=[Skipped(day=day, why=why) for day in between if (why := calendar.why_off(day)) is not None],
        policy_row=row.row_id,
        calendar_version=calendar.version,
    )


def last_day(received: datetime, days: int, unit: str, calendar: Calendar = CALENDAR) -> date:
    """The last day of so many days after a receipt. unit: of a policy row, `working days` or `calendar days`.

    Raises:
        CalendarUnknown: it reaches into a year whose days off nobody has confirmed.
    """
    first = local_date(received)
    return calendar.add_working_days(first, days) if unit.startswith(_WORKING) else first + days * _DAY


def alarms(term: Term, rules: PolicySet, calendar: Calendar = CALENDAR) -> list[Alarm]:
    """When staff are reminded before the last day ends, in order; what would lie before the receipt is left out.

    Half-way, and on the morning of the working day before the last (policy rows `clock-warning-days`, `-hour`).
    """
    middle = term.received + (term.due - term.received) / 2
    count = rules.whole("clock-warning-days")
    try:
        day = calendar.add_working_days(term.last_day, -count)
    except CalendarUnknown:  # a term in calendar days may end in a year whose days off nobody knows yet
        day = term.last_day - count * _DAY
    morning = datetime.combine(day, time(rules.whole("clock-warning-hour")), ALMATY).astimezone(UTC)
    both = [Alarm(kind=HALF_WAY, at=middle), Alarm(kind=WARNING, at=morning)]
    return sorted((one for one in both if one.at > term.received), key=lambda one: one.at)
