"""Days off in Kazakhstan, five-day week: data by year, and the questions asked of it.

A national holiday on a day off moves the rest to the next working day; Orthodox Christmas and the first day of Kurban
Ait do not move. An act of the year (government, since 2024 the minister of labour) swaps single days. Of each year the
table names the weekdays off and the weekend days worked. Operations confirm a year before it begins; one without a
table raises. PyPI `holidays` is the second witness (tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from rules.errors import Fault
from rules.policy import Certainty

A, B, C = Certainty.A, Certainty.B, Certainty.C
_WEEKEND = 5
_DAY = timedelta(days=1)
_LAW = "law 267-II on holidays; labour code, art. 84-85"


class CalendarUnknown(Fault):
    """The days off of that year are not known. Operations must add them: nobody is refused for it."""

    code = "calendar-unknown"


@dataclass(frozen=True)
class YearOff:
    """One year. off: weekdays off. worked: weekend days worked. acts: those that swap days of this year."""

    year: int
    off: frozenset[date]
    worked: frozenset[date]
    acts: str
    certainty: Certainty


def _year(year: int, off: str, worked: str, acts: str, certainty: Certainty) -> YearOff:
    def days(listed: str) -> frozenset[date]:
        return frozenset(date.fromisoformat(f"{year}-{day}") for day in listed.split())

    return YearOff(year, days(off), days(worked), acts, certainty)


# New Year 1-2 January, Christmas 7 January, women 8 March, Nauryz 21-23 March, unity 1 May, defenders 7 May, victory
# 9 May, capital 6 July, Constitution 30 August (to 2025) and 15 March (from 2027), republic 25 October (from 2022),
# first president 1 December (to 2021), independence 16 December (and 17 to 2021); Kurban Ait by the moon.
_TABLE = (
    _year(
        2020,
        "01-01 01-02 01-03 01-07 03-09 03-23 03-24 03-25 05-01 05-07 05-08 07-06 07-31 08-31 12-01 12-16 12-17 12-18",
        "01-05 12-20",
        f"{_LAW}; resolution 820 of 2019 (5 January, 11 May, 20 December worked)",
        B,
    ),
    _year(
        2021,
        "01-01 01-04 01-07 03-08 03-22 03-23 03-24 05-03 05-07 05-10 07-05 07-06 07-20 08-30 12-01 12-16 12-17",
        "07-03",
        f"{_LAW}; resolution 930 of 2020 (3 July worked)",
        B,
    ),
    _year(
        2022,
        "01-03 01-04 01-07 03-07 03-08 03-21 03-22 03-23 05-02 05-09 05-10 07-06 08-29 08-30 10-24 10-25 12-16",
        "03-05 08-27 10-22",
        f"{_LAW}; resolutions 713 of 2021 (5 March, 27 August worked) and 796 of 2022 (22 October worked)",
        B,
    ),
    _year(
        2023,
        "01-02 01-03 03-08 03-21 03-22 03-23 05-01 05-08 05-09 06-28 07-06 07-07 08-30 10-25 12-18",
        "07-01",
        f"{_LAW}; resolution 326 of 2023 (1 July worked)",
        B,
    ),
    _year(
        2024,
        "01-01 01-02 03-08 03-21 03-22 03-25 05-01 05-07 05-08 05-09 07-08 08-30 10-25 12-16",
        "05-04",
        f"{_LAW}; order 109 of the minister of labour of 2024 (4 May worked)",
        B,
    ),
    _year(
        2025,
        "01-01 01-02 01-03 01-07 03-10 03-21 03-24 03-25 05-01 05-07 05-09 06-06 07-07 09-01 10-27 12-16",
        "01-05",
        f"{_LAW}; order 436 of the minister of labour of 2024 (5 January worked)",
        B,
    ),
    _year(
        2026,
        "01-01 01-02 01-07 03-09 03-23 03-24 03-25 05-01 05-07 05-11 05-27 07-06 10-26 12-16",
        "",
        f"{_LAW}; the minister's production calendar; no swaps published; 30 August is no holiday any more",
        B,
    ),
    _year(
        2027,
        "01-01 01-04 01-07 03-08 03-15 03-22 03-23 03-24 05-03 05-07 05-10 07-06 10-25 12-16",
        "",
        f"{_LAW}; to be confirmed: swaps of the year, and Kurban Ait (Sunday 16 May is an estimate)",
        C,
    ),
)
DAYS_OFF: Mapping[int, YearOff] = {one.year: one for one in _TABLE}


def is_working_day(day: date) -> bool:
    """Whether people work on a day.

    Raises:
        CalendarUnknown: no table of that year.

    >>> is_working_day(date(2024, 5, 4)), is_working_day(date(2024, 5, 8))  # a Saturday worked for a Wednesday
    (True, False)
    """
    try:
        year = DAYS_OFF[day.year]
    except KeyError:
        raise CalendarUnknown(f"calendar-unknown: the days off of {day.year} are not known") from None
    return day in year.worked if day.weekday() >= _WEEKEND else day not in year.off


def next_working_day(day: date) -> date:
    """The day itself where people work on it, else the first day after it on which they do.

    Raises:
        CalendarUnknown: no table of a year that is needed.

    >>> next_working_day(date(2025, 3, 21)), next_working_day(date(2025, 3, 20))
    (datetime.date(2025, 3, 26), datetime.date(2025, 3, 20))
    """
    while not is_working_day(day):
        day += _DAY
    return day


def add_working_days(day: date, count: int) -> date:
    """The count-th working day after a day, which is itself not counted.

    >>> add_working_days(date(2025, 3, 19), 3)  # 20, 26, 27 March: Nauryz lies between
    datetime.date(2025, 3, 27)
    """
    for _ in range(count):
        day = next_working_day(day + _DAY)
    return day
