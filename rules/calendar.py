"""Days and instants: legal days are days in Almaty, instants are aware UTC."""

from __future__ import annotations

import calendar as _calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ALMATY = ZoneInfo("Asia/Almaty")


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


def add_months(day: date, months: int) -> date:
    """The same day some months later, clamped to the month's end.

    Count from the first date, never from the previous result: the 31st stays the 31st.

    >>> add_months(date(2025, 1, 31), 1), add_months(date(2025, 1, 31), 2)
    (datetime.date(2025, 2, 28), datetime.date(2025, 3, 31))
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, _calendar.monthrange(year, month + 1)[1]))
