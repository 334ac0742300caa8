"""Days off in Kazakhstan, five-day week: data by year, and the questions asked of it.

A national holiday on a day off moves the rest to the next working day; Orthodox Christmas and the first day of Kurban
Ait do not move. An act of the year (government, since 2024 the minister of labour) swaps single days. Of each year the
table names the weekdays off and what acts swapped; why a day is off follows from the list of holidays. Operations
confirm a year before it begins; one without a table raises. PyPI `holidays` is the second witness (tests).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from rules.errors import Fault
from rules.policy import Certainty

A, B, C = Certainty.A, Certainty.B, Certainty.C
_WEEKEND = 5
_DAY = timedelta(days=1)
_LAW = "law 267-II on holidays; labour code, art. 84-85"
_PRODUCTION_CALENDAR = f"{_LAW}; the minister's production calendar; no swaps published; 30 August is no holiday"


class CalendarUnknown(Fault):
    """The days off of that year are not known. Operations must add them: nobody is refused for it."""

    code = "calendar-unknown"

    def __init__(self, year: int) -> None:
        super().__init__(f"calendar-unknown: the days off of {year} are not known")
        self.year = year


@dataclass(frozen=True)
class DayChange:
    """A day that an act makes a day off, or a working day. act: its number."""

    day: date
    works: bool
    act: str


@dataclass(frozen=True)
class YearOff:
    """One year. off: weekdays off and why. worked: weekend days worked, and by which act."""

    year: int
    off: Mapping[date, str]
    worked: Mapping[date, str]
    source: str
    certainty: Certainty


# name, day, first and last year; Kurban Ait goes by the moon
_HOLIDAYS = (
    ("New Year", "01-01", 0, 9999),
    ("New Year", "01-02", 0, 9999),
    ("Christmas", "01-07", 0, 9999),
    ("Women's Day", "03-08", 0, 9999),
    ("Constitution Day", "03-15", 2027, 9999),
    ("Nauryz", "03-21", 0, 9999),
    ("Nauryz", "03-22", 0, 9999),
    ("Nauryz", "03-23", 0, 9999),
    ("Unity Day", "05-01", 0, 9999),
    ("Defender's Day", "05-07", 0, 9999),
    ("Victory Day", "05-09", 0, 9999),
    ("Capital Day", "07-06", 0, 9999),
    ("Constitution Day", "08-30", 0, 2025),
    ("Republic Day", "10-25", 2022, 9999),
    ("First President's Day", "12-01", 0, 2021),
    ("Independence Day", "12-16", 0, 9999),
    ("Independence Day", "12-17", 0, 2021),
)
_KURBAN_AIT = ("2020-07-31", "2021-07-20", "2023-06-28", "2025-06-06", "2026-05-27")  # those on a weekday
_STAYS = "Christmas"  # with Kurban Ait: on a day off it is not made up for


def _holiday(day: date) -> str | None:
    if day.isoformat() in _KURBAN_AIT:
        return "Kurban Ait"
    named = (name for name, when, first, last in _HOLIDAYS if when == f"{day:%m-%d}" and first <= day.year <= last)
    return next(named, None)


def _why(day: date, acts: Mapping[date, str]) -> str:
    """Why a weekday is off: an act, a holiday, or the rest for one that fell on a day off before it."""
    if day in acts:
        return f"transferred: {acts[day]}"
    name, before = _holiday(day), day
    while name is None:
        before -= _DAY
        if before.weekday() >= _WEEKEND and _holiday(before) != _STAYS:
            name = _holiday(before)
        if day - before > 10 * _DAY:
            raise ValueError(f"no holiday makes {day} a day off")
    return f"holiday: {name}"


def _year(year: int, off: str, source: str, certainty: Certainty, *swaps: tuple[str, str, str]) -> YearOff:
    """swaps: days that an act makes days off, days that it makes working days, the act."""

    def days(listed: str) -> list[date]:
        return [date.fromisoformat(f"{year}-{day}") for day in listed.split()]

    acts = {day: act for rest, _, act in swaps for day in days(rest)}
    worked = {day: act for _, work, act in swaps for day in days(work) if day.weekday() >= _WEEKEND}
    return YearOff(year, {day: _why(day, acts) for day in days(off)}, worked, source, certainty)


_TABLE = (
    _year(
        2020,
        "01-01 01-02 01-03 01-07 03-09 03-23 03-24 03-25 05-01 05-07 05-08 07-06 07-31 08-31 12-01 12-16 12-17 12-18",
        _LAW,
        B,
        ("01-03 05-08 12-18", "01-05 05-11 12-20", "resolution 820 of 2019"),
    ),
    _year(
        2021,
        "01-01 01-04 01-07 03-08 03-22 03-23 03-24 05-03 05-07 05-10 07-05 07-06 07-20 08-30 12-01 12-16 12-17",
        _LAW,
        B,
        ("07-05", "07-03", "resolution 930 of 2020"),
    ),
    _year(
        2022,
        "01-03 01-04 01-07 03-07 03-08 03-21 03-22 03-23 05-02 05-09 05-10 07-06 08-29 08-30 10-24 10-25 12-16",
        _LAW,
        B,
        ("03-07 08-29", "03-05 08-27", "resolution 713 of 2021"),
        ("10-24", "10-22", "resolution 796 of 2022"),
    ),
    _year(
        2023,
        "01-02 01-03 03-08 03-21 03-22 03-23 05-01 05-08 05-09 06-28 07-06 07-07 08-30 10-25 12-18",
        _LAW,
        B,
        ("07-07", "07-01", "resolution 326 of 2023"),
    ),
    _year(
        2024,
        "01-01 01-02 03-08 03-21 03-22 03-25 05-01 05-07 05-08 05-09 07-08 08-30 10-25 12-16",
        _LAW,
        B,
        ("05-08", "05-04", "order 109 of 2024"),
    ),
    _year(
        2025,
        "01-01 01-02 01-03 01-07 03-10 03-21 03-24 03-25 05-01 05-07 05-09 06-06 07-07 09-01 10-27 12-16",
        _LAW,
        B,
        ("01-03", "01-05", "order 436 of 2024"),
    ),
    _year(
        2026,
        "01-01 01-02 01-07 03-09 03-23 03-24 03-25 05-01 05-07 05-11 05-27 07-06 10-26 12-16",
        _PRODUCTION_CALENDAR,
        B,
    ),
    _year(
        2027,
        "01-01 01-04 01-07 03-08 03-15 03-22 03-23 03-24 05-03 05-07 05-10 07-06 10-25 12-16",
        f"{_LAW}; to be confirmed: swaps of the year, and Kurban Ait (Sunday 16 May is an estimate)",
        C,
    ),
)
DAYS_OFF: Mapping[int, YearOff] = {one.year: one for one in _TABLE}


class Calendar:
    """Working days by year. version: changes with the table, so that a computed day can be explained years later."""

    def __init__(self, years: Mapping[int, YearOff], changes: Sequence[DayChange] = ()) -> None:
        self._years = dict(years)
        self._changes = {one.day: one for one in changes}  # the later one counts
        days = [f"{day}={one.works}" for day, one in sorted(self._changes.items())]
        table = [f"{one.year}:{sorted(one.off)}:{sorted(one.worked)}" for _, one in sorted(self._years.items())]
        self.version = f"{max(self._years)}.{sha256(chr(10).join([*table, *days]).encode()).hexdigest()[:8]}"

    def changed(self, changes: Iterable[DayChange], years: Iterable[YearOff] = ()) -> Calendar:
        """The same with years that were added and days that were moved since."""
        known = {**self._years, **{one.year: one for one in years}}
        return Calendar(known, [*self._changes.values(), *changes])

    @property
    def years(self) -> tuple[int, ...]:
        """The years that it knows, in order."""
        return tuple(sorted(self._years))

    def why_off(self, day: date) -> str | None:
        """`weekend`, `holiday: {name}` or `transferred: {act}`; None where people work.

        Raises:
            CalendarUnknown: no table of that year.
        """
        change, year = self._changes.get(day), self._years.get(day.year)
        if year is None:
            raise CalendarUnknown(day.year)
        if change is not None:
            return None if change.works else f"transferred: {change.act}"
        if day.weekday() >= _WEEKEND:
            return None if day in year.worked else "weekend"
        return year.off.get(day)

    def is_working_day(self, day: date) -> bool:
        """Whether people work on a day."""
        return self.why_off(day) is None

    def next_working_day(self, day: date) -> date:
        """The day itself where people work on it, else the first day after it on which they do."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def add_working_days(self, day: date, count: int) -> date:
        """The count-th working day after a day, which is itself not counted; before it, for a negative count."""
        step = _DAY if count >= 0 else -_DAY
        for _ in range(abs(count)):
            day += step
            while not self.is_working_day(day):
                day += step
        return day


CALENDAR = Calendar(DAYS_OFF)


def is_working_day(day: date) -> bool:
    """Whether people work on a day, by the table as it was released.

    Raises:
        CalendarUnknown: no table of that year.

    >>> is_working_day(date(2024, 5, 4)), is_working_day(date(2024, 5, 8))  # a Saturday worked for a Wednesday
    (True, False)
    """
    return CALENDAR.is_working_day(day)


def next_working_day(day: date) -> date:
    """The day itself where people work on it, else the first day after it on which they do.

    Raises:
        CalendarUnknown: no table of a year that is needed.

    >>> next_working_day(date(2025, 3, 21)), next_working_day(date(2025, 3, 20))
    (datetime.date(2025, 3, 26), datetime.date(2025, 3, 20))
    """
    return CALENDAR.next_working_day(day)


def add_working_days(day: date, count: int) -> date:
    """The count-th working day after a day, which is itself not counted.

    >>> add_working_days(date(2025, 3, 19), 3)  # 20, 26, 27 March: Nauryz lies between
    datetime.date(2025, 3, 27)
    """
    return CALENDAR.add_working_days(day, count)
