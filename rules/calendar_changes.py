"""What staff may change of the calendar: a day that an act moves, or the days off of the next year.

Rules: para 28.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from rules.days_off import Calendar
from rules.errors import Conflict, InvalidInput

_WEEKEND = 5
_FEWEST, _MOST = 8, 30  # weekdays off in a year; outside of it somebody has forgotten or mistyped something


def check_day(calendar: Calendar, day: date, works: bool) -> None:
    """Refuse a day that changes nothing, or of a year that has no table yet.

    Raises:
        InvalidInput: `calendar-year-unknown`: add the year first.
        Conflict: `calendar-day-same`: people work on it, or do not, already.
    """
    if day.year not in calendar.years:
        raise InvalidInput("calendar-year-unknown", field="/day")
    if calendar.is_working_day(day) is works:
        raise Conflict("calendar-day-same")


def check_year(calendar: Calendar, year: int, off: Mapping[date, str], worked: Collection[date]) -> None:
    """Refuse a year that is not the next one, or days that cannot be what they are said to be.

    Raises:
        InvalidInput: `calendar-year-not-next`; `calendar-days-wrong`: weekdays off are weekdays of that year, as many
            as a year can have; weekend days worked are days of its weekends.
    """
    if year != max(calendar.years) + 1:
        raise InvalidInput("calendar-year-not-next", field="/year")
    if not _FEWEST <= len(off) <= _MOST or any(day.year != year or day.weekday() >= _WEEKEND for day in off):
        raise InvalidInput("calendar-days-wrong", field="/off")
    if any(day.year != year or day.weekday() < _WEEKEND for day in worked):
        raise InvalidInput("calendar-days-wrong", field="/worked")
