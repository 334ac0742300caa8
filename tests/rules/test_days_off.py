"""Days off, with the package `holidays` as the second witness."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.days_off import DAYS_OFF, CalendarUnknown, add_working_days, is_working_day, next_working_day
from rules.errors import Fault

YEARS = range(2020, 2028)
# day -> why we differ from the witness
DIFFERENCES: dict[date, str] = {}
known_days = st.dates(date(2020, 1, 1), date(2027, 11, 30))


def test_every_day_of_every_year_is_as_the_witness_says_but_for_what_is_listed() -> None:
    witness = holidays.KZ(years=YEARS)
    day, differing = date(YEARS[0], 1, 1), set()
    while day.year <= YEARS[-1]:
        if is_working_day(day) != witness.is_working_day(day):
            differing.add(day)
        day += timedelta(days=1)
    assert differing == set(DIFFERENCES)


def test_a_year_lists_weekdays_off_and_weekend_days_worked_of_its_own() -> None:
    assert list(DAYS_OFF) == list(YEARS)
    for year in DAYS_OFF.values():
        assert all(day.year == year.year and day.weekday() < 5 for day in year.off)
        assert all(day.year == year.year and day.weekday() >= 5 for day in year.worked)
        assert year.acts
        assert all(f"{day.day} {day:%B}" in year.acts for day in year.worked)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2024, 5, 4), True),  # a Saturday worked
        (date(2024, 5, 8), False),  # for this Wednesday
        (date(2025, 1, 5), True),
        (date(2025, 1, 3), False),
        (date(2025, 8, 30), False),
        (date(2025, 9, 1), False),  # the rest of Constitution Day on a Saturday
        (date(2026, 8, 31), True),  # no Constitution Day in August any more
        (date(2027, 3, 15), False),
        (date(2024, 1, 8), True),  # Christmas on a Sunday does not move
        (date(2020, 5, 11), True),  # a Monday worked for Friday
    ],
)
def test_known_days(day: date, works: bool) -> None:
    assert is_working_day(day) is works


@given(known_days)
def test_the_next_working_day_is_the_first_on_which_people_work(day: date) -> None:
    found = next_working_day(day)
    assert is_working_day(found)
    assert all(not is_working_day(day + timedelta(days=k)) for k in range((found - day).days))


@given(known_days, st.integers(1, 15))
def test_working_days_are_counted_after_the_day_itself(day: date, count: int) -> None:
    found = add_working_days(day, count)
    between = [day + timedelta(days=k) for k in range(1, (found - day).days + 1)]
    assert sum(map(is_working_day, between)) == count
    assert is_working_day(found)


@pytest.mark.parametrize("day", [date(2019, 12, 31), date(2028, 1, 1)])
def test_a_year_without_a_table_raises_a_fault_of_operations(day: date) -> None:
    with pytest.raises(CalendarUnknown, match="calendar-unknown") as raised:
        is_working_day(day)
    assert isinstance(raised.value, Fault)
    assert raised.value.code == "calendar-unknown"


def test_a_search_that_runs_into_an_unknown_year_raises_too() -> None:
    with pytest.raises(CalendarUnknown):
        add_working_days(date(2027, 12, 31), 1)
