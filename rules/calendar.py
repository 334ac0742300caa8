"""Days and instants: legal days are days in Almaty, instants are aware UTC."""

from __future__ import annotations

import calendar as _calendar
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

ALMATY = ZoneInfo("Asia/Almaty")


class MonthEnd(StrEnum):
    """Where a day goes that a month does not have. clamp: to the month's last day. roll: to the next month's first."""

    __hash__ = str.__hash__  # a key of caches

    CLAMP = "clamp"
    ROLL = "roll"


class OffDays(StrEnum):
    """Where a payment day on a day off goes. keep: it stays. next_working_day: it moves; interest does not."""

    KEEP = "keep"
    NEXT_WORKING_DAY = "next_working_day"


def local_date(moment: datetime) -> date:
    """The day in Almaty at an instant.

    >>> local_date(datetime(2026, 1, 1, 20, 0, tzinfo=UTC))  # 01:00 on the next day in Almaty
    datetime.date(2026, 1, 2)
    """
    if moment.tzinfo is None:
        raise ValueError("an instant without a zone")
    return moment.astimezone(ALMATY).date()


def end_of_day(day: date) -> datetime:
    """The first instant after a day in Almaty, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), ALMATY).astimezone(UTC)


def add_months(day: date, months: int, month_end: MonthEnd = MonthEnd.CLAMP) -> date:
    """The same day some months later; a day that the month lacks goes by the month-end rule.

    Count from the first date, never from the previous result: the 31st stays the 31st.

    >>> add_months(date(2025, 1, 31), 1), add_months(date(2025, 1, 31), 2)
    (datetime.date(2025, 2, 28), datetime.date(2025, 3, 31))
    >>> add_months(date(2025, 1, 31), 1, MonthEnd.ROLL)
    datetime.date(2025, 3, 1)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if day.day <= 28:
        return date(year, month + 1, day.day)
    last = _calendar.monthrange(year, month + 1)[1]
    if day.day > last and month_end is MonthEnd.ROLL:
        return date(year, month + 1, last) + timedelta(days=1)
    return date(year, month + 1, min(day.day, last))
