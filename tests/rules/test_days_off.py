"""Days off, with the package `holidays` as the second witness."""

from __future__ import annotations

import re
from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.days_off import (
    CALENDAR,
    DAYS_OFF,
    CalendarUnknown,
    DayChange,
    YearOff,
    add_working_days,
    is_working_day,
    next_working_day,
)
from rules.errors import Fault
from rules.policy import Certainty

YEARS = range(2020, 2028)
A = Certainty.A
WITNESS_NAMES = {
    "New Year": "New Year's Day",
    "Christmas": "Orthodox Christmas",
    "Women's Day": "International Women's Day",
    "Nauryz": "Nowruz Holiday",
    "Unity Day": "Kazakhstan's People Solidarity Holiday",
    "Defender's Day": "Defender of the Fatherland Day",
    "Victory Day": "Victory Day",
    "Capital Day": "Capital Day",
    "Constitution Day": "Constitution Day",
    "Republic Day": "Republic Day",
    "First President's Day": "First President Day",
    "Independence Day": "Independence Day",
    "Kurban Ait": "Eid al-Adha",
}
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
        assert year.source
        assert all(re.fullmatch(r"(resolution|order) [0-9]+ of 20[0-9]{2}", act) for act in year.worked.values())


@pytest.mark.parametrize("year", YEARS)
def test_each_day_off_is_named_as_the_witness_names_it(year: int) -> None:
    witness = holidays.KZ(years=year, language="en_US")
    for day, why in DAYS_OFF[year].off.items():
        kind, _, named = why.partition(": ")
        told = witness.get(day, "")
        if kind == "transferred":
            assert "substituted from" in told
        else:
            assert WITNESS_NAMES[named] in told, (day, why, told)


def test_days_that_an_act_swaps_come_in_pairs() -> None:
    for year in DAYS_OFF.values():
        acts = [why.removeprefix("transferred: ") for why in year.off.values() if why.startswith("transferred")]
        worked = list(year.worked.values()) + ["resolution 820 of 2019"] * (year.year == 2020)  # Monday 11 May 2020
        assert sorted(acts) == sorted(worked)


class TestChanges:
    def test_a_day_that_an_act_moves_is_told_with_the_act(self) -> None:
        rest, work = date(2026, 5, 8), date(2026, 5, 16)
        moved = CALENDAR.changed([DayChange(rest, False, "order 7 of 2026"), DayChange(work, True, "order 7 of 2026")])
        assert (moved.why_off(rest), moved.why_off(work)) == ("transferred: order 7 of 2026", None)
        assert (CALENDAR.why_off(rest), CALENDAR.why_off(work)) == (None, "weekend")
        assert moved.add_working_days(date(2026, 5, 7), 1) == date(2026, 5, 12)
        assert moved.version != CALENDAR.version

    def test_the_later_change_of_a_day_counts_and_changes_add_up(self) -> None:
        day, other = date(2026, 5, 8), date(2026, 5, 16)
        moved = CALENDAR.changed([DayChange(day, False, "a"), DayChange(day, True, "b")])
        assert moved.is_working_day(day)
        again = moved.changed([DayChange(other, True, "c")])
        assert again.is_working_day(day)
        assert again.is_working_day(other)

    def test_a_year_that_was_added_is_known_and_the_version_says_so(self) -> None:
        added = YearOff(2028, {date(2028, 1, 3): "holiday: New Year"}, {date(2028, 1, 8): "order 1"}, "order 1", A)
        later = CALENDAR.changed([], [added])
        assert later.add_working_days(date(2027, 12, 31), 1) == date(2028, 1, 4)
        assert later.is_working_day(date(2028, 1, 8))
        assert later.why_off(date(2028, 1, 3)) == "holiday: New Year"
        assert later.years[-1] == 2028
        assert later.version.startswith("2028.")
        with pytest.raises(CalendarUnknown, match="2029"):
            later.add_working_days(date(2028, 12, 29), 1)


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
