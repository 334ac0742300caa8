"""The operators whose terminals take and hand out cash for the lender, and how they settle it with the bank account.

The lender's own data, dated, like its partners. An operator sends what its terminals took less what they handed out,
as one sum for one day or for several, and names the days.

Rules: para 7, part 5; para 9.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

_DAY = re.compile(
    r"(?<![0-9])(?:([0-9]{4})-([0-9]{2})-([0-9]{2})|([0-9]{2})\.([0-9]{2})\.([0-9]{4}))(?![0-9])", re.ASCII
)


class Operator(BaseModel):
    """An operator under one agreement.

    agreement: its number. since: first day of the agreement, until: first day after it, None while it has no end.
    settles_within_days: calendar days after a day of the register by which its money is on the bank account.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    names: dict[str, str]
    bin: str
    iban: str
    agreement: str
    since: date
    until: date | None = None
    settles_within_days: int

    def holds(self, on: date) -> bool:
        """Whether the agreement is in force on a day."""
        return self.since <= on and (self.until is None or on < self.until)


# An invented operator, for demonstrations and tests; a lender brings its own.
OPERATORS: tuple[Operator, ...] = (
    Operator(
        code="ulgi-terminal",
        names={"kk": "«Үлгі Терминал» ЖШС", "ru": "ТОО «Улги Терминал»", "en": "Ulgi Terminal LLP"},
        bin="490740000232", iban="KZ43999KZT0000000404",
        agreement="Т-2024/1", since=date(2024, 8, 1), settles_within_days=4,
    ),
)  # fmt: skip


def operator_who_paid(number: str, iban: str) -> Operator | None:
    """The operator that a payment to us came from, by the bank's own word about the payer.

    Also one whose agreement has ended: what it owes, it still settles.

    Args:
        number: BIN of the payer. iban: the payer's account.

    >>> operator_who_paid("490740000232", "").code, operator_who_paid("", "KZ43999KZT0000000404").code
    ('ulgi-terminal', 'ulgi-terminal')
    >>> operator_who_paid("", "") is None
    True
    """
    return next((one for one in OPERATORS if one.bin == number or one.iban == iban), None)


def days_settled(purpose: str, paid_on: date) -> tuple[date, date] | None:
    """First and last day that a settlement says it is for; None where it names none, or none that can be.

    >>> days_settled("Платежи, принятые за 02.03.2026", date(2026, 3, 3))
    (datetime.date(2026, 3, 2), datetime.date(2026, 3, 2))
    >>> days_settled("за 2026-02-27 - 2026-03-01, дог. Т-2024/1", date(2026, 3, 2))
    (datetime.date(2026, 2, 27), datetime.date(2026, 3, 1))
    >>> days_settled("за 31.12.2026", date(2026, 3, 2)) is None
    True
    """
    named = [_day(found) for found in _DAY.finditer(purpose)]
    days = [one for one in named if one is not None]
    possible = len(days) == len(named) in (1, 2) and days == sorted(days) and days[-1] <= paid_on
    return (days[0], days[-1]) if possible else None


def _day(found: re.Match[str]) -> date | None:
    year, month, day = (found[1], found[2], found[3]) if found[1] else (found[6], found[5], found[4])
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def due_by(on: date) -> tuple[tuple[Operator, date], ...]:
    """Each operator with the day of its register whose money had to be on the bank account by the end of this day.

    >>> [(one.code, day) for one, day in due_by(date(2026, 3, 6))]
    [('ulgi-terminal', datetime.date(2026, 3, 2))]
    """
    days = ((one, on - timedelta(days=one.settles_within_days)) for one in OPERATORS)
    return tuple((one, day) for one, day in days if one.holds(day))
