"""Terms of the law against a second computation that shares no code with ours.

The second one: numpy's working-day counting over a mask made here from published holidays, the rule that rest moves to
the next working day, and the acts of those years. Every start day of 2025-2027 for every rule, at four times of a day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy as np
import pytest

from rules.clocks import CLOCKS, HALF_WAY, WARNING, Term, alarms, deadline, last_day
from rules.days_off import CALENDAR, CalendarUnknown, DayChange
from rules.errors import InvalidInput
from rules.policy import UnknownPolicy, policy

EAST_5, EAST_6 = timezone(timedelta(hours=5)), timezone(timedelta(hours=6))
A_DAY = timedelta(days=1)

# written down apart from rules.policy_rows, by the texts of the law
WORKING = {"P4": 10, "P5": 10, "P13.1-inform": 1, "P13.1-act": 2, "P13.2": 3, "P13.4": 15}
CALENDAR_DAYS = {"arrears-notice": 10, "restructuring-answer": 15}

# month and day of national holidays whose rest moves on, and those of whose it does not, as published for each year
MOVING = {
    2025: "01-01 01-02 03-08 03-21 03-22 03-23 05-01 05-07 05-09 07-06 08-30 10-25 12-16",
    2026: "01-01 01-02 03-08 03-21 03-22 03-23 05-01 05-07 05-09 07-06 10-25 12-16",
    2027: "01-01 01-02 03-08 03-15 03-21 03-22 03-23 05-01 05-07 05-09 07-06 10-25 12-16",
}
STAYING = {2025: "01-07 06-06", 2026: "01-07 05-27", 2027: "01-07 05-16"}  # Christmas and Kurban Ait
SWAPPED = {date(2025, 1, 3): date(2025, 1, 5)}  # off: worked for it


def second_calendar() -> np.busdaycalendar:
    """Numpy's calendar with its seven-day mask; weekends and holidays are taken out one by one."""
    holidays = {
        date.fromisoformat(f"{year}-{day}")
        for listed in (MOVING, STAYING)
        for year, days in listed.items()
        for day in days.split()
    }
    first, last = date(2025, 1, 1), date(2027, 12, 31)
    every = [first + n * A_DAY for n in range((last - first).days + 1)]
    off = {day for day in every if day.isoweekday() > 5} | holidays
    for year, days in MOVING.items():
        for day in sorted(date.fromisoformat(f"{year}-{one}") for one in days.split()):
            if day.isoweekday() > 5:
                rest = next(day + n * A_DAY for n in range(1, 9) if day + n * A_DAY not in off)
                off.add(rest)
    for rest, worked in SWAPPED.items():
        off = (off | {rest}) - {worked}
    return np.busdaycalendar(weekmask="1111111", holidays=sorted(off))


SECOND = second_calendar()
DAYS = [date(2025, 1, 1) + n * A_DAY for n in range(3 * 365)]
MOMENTS = (time(0, 0), time(9, 30), time(18, 30), time(23, 59, 59, 999_999))


def by_numpy(day: date, count: int) -> date:
    """The count-th working day after a day: from the first working day at or before it, so many on."""
    found = np.busday_offset(day, count, roll="backward", busdaycal=SECOND)
    return date.fromisoformat(str(found))


class TestEveryStartDay:
    @pytest.mark.parametrize("rule", WORKING)
    def test_of_a_term_in_working_days(self, rule: str) -> None:
        known = reached = 0
        for day in DAYS:
            expected = by_numpy(day, WORKING[rule])
            for moment in MOMENTS:
                received = datetime.combine(day, moment, EAST_5)
                if expected.year > 2027:  # numpy goes on as if 2028 had no days off; we do not guess
                    with pytest.raises(CalendarUnknown, match="2028"):
                        deadline(rule, received)
                    reached += 1
                    continue
                found = deadline(rule, received)
                assert found.last_day == expected, (rule, received)
                assert found.due == datetime.combine(expected + A_DAY, time(0), EAST_5)
                assert found.working_days == WORKING[rule]
                skipped = {one.day for one in found.skipped}
                between = {day + n * A_DAY for n in range(1, (expected - day).days + 1)}
                assert {one for one in between if not np.is_busday(one, busdaycal=SECOND)} == skipped
                assert len(between) - len(skipped) == WORKING[rule]
                known += 1
        assert known + reached == len(DAYS) * len(MOMENTS)
        assert reached >= 4

    @pytest.mark.parametrize("rule", CALENDAR_DAYS)
    def test_of_a_term_in_calendar_days(self, rule: str) -> None:
        for day in DAYS:
            for moment in MOMENTS:
                found = deadline(rule, datetime.combine(day, moment, EAST_5))
                expected = date.fromordinal(day.toordinal() + CALENDAR_DAYS[rule])
                assert (found.last_day, found.due) == (expected, datetime.combine(expected + A_DAY, time(0), EAST_5))
                assert (found.working_days, found.skipped) == (None, [])

    def test_the_first_receipt_that_reaches_into_a_year_without_a_table(self) -> None:
        last = date(2027, 12, 31)
        assert CALENDAR.is_working_day(last)
        assert deadline("P13.1-inform", datetime.combine(last - A_DAY, time(12), EAST_5)).last_day == last
        with pytest.raises(CalendarUnknown):
            deadline("P13.1-inform", datetime.combine(last, time(12), EAST_5))


class TestBordersOfTheDay:
    @pytest.mark.parametrize(
        ("received", "last"),
        [
            ("2025-03-19T23:59:59+05:00", date(2025, 3, 27)),  # Nauryz lies between
            ("2025-03-20T00:00:00+05:00", date(2025, 3, 28)),
            ("2025-03-19T18:59:59Z", date(2025, 3, 27)),
            ("2025-03-19T19:00:00Z", date(2025, 3, 28)),
            ("2025-03-20T02:00:00+08:00", date(2025, 3, 27)),  # 23:00 of the 19th in Almaty
        ],
    )
    def test_the_day_of_a_receipt_is_that_of_almaty(self, received: str, last: date) -> None:
        assert deadline("P13.2", datetime.fromisoformat(received)).last_day == last

    @pytest.mark.parametrize(
        ("received", "due"),
        [
            # Almaty was six hours east of Greenwich until 2024-03-01 00:00, five since
            ("2024-02-26T12:00:00+06:00", "2024-02-29T19:00:00+00:00"),  # ends as the clocks are put back
            ("2024-02-23T12:00:00+06:00", "2024-02-28T18:00:00+00:00"),
            ("2024-02-28T12:00:00+06:00", "2024-03-04T19:00:00+00:00"),
            ("2024-02-28T23:59:59+06:00", "2024-03-04T19:00:00+00:00"),
            ("2024-02-29T00:00:00+06:00", "2024-03-05T19:00:00+00:00"),
        ],
    )
    def test_a_term_over_the_change_of_zone_ends_with_its_day(self, received: str, due: str) -> None:
        found = deadline("P13.2", datetime.fromisoformat(received))
        assert found.due.isoformat() == due
        assert found.due.astimezone(EAST_5 if found.last_day >= date(2024, 2, 29) else EAST_6).time() == time(0)

    @pytest.mark.parametrize(
        ("received", "last"),
        [
            ("2025-12-31T10:00+05:00", date(2026, 1, 8)),  # 1, 2 and 7 January are holidays
            ("2025-12-26T18:00+05:00", date(2025, 12, 31)),
            ("2024-12-31T23:59:59+05:00", date(2025, 1, 8)),  # Friday 3 January off, Sunday 5 worked, by order 436
        ],
    )
    def test_a_term_over_the_end_of_a_year(self, received: str, last: date) -> None:
        assert deadline("P13.2", datetime.fromisoformat(received)).last_day == last

    @pytest.mark.parametrize("received", ["2026-03-21T12:00+05:00", "2026-03-23T08:00+05:00", "2026-03-25T23:00+05:00"])
    def test_what_comes_on_a_day_off_counts_from_the_next_working_day(self, received: str) -> None:
        assert deadline("P13.2", datetime.fromisoformat(received)).last_day == date(2026, 3, 30)

    def test_what_comes_after_hours_came_that_day(self) -> None:
        early, late = (datetime(2026, 6, 1, hour, tzinfo=EAST_5) for hour in (0, 23))
        assert deadline("P13.2", early).last_day == deadline("P13.2", late).last_day == date(2026, 6, 4)


class TestReasons:
    def test_each_day_that_was_not_counted_says_why(self) -> None:
        found = deadline("P13.2", datetime(2024, 12, 31, 12, tzinfo=EAST_5))
        assert [(one.day.isoformat(), one.why) for one in found.skipped] == [
            ("2025-01-01", "holiday: New Year"),
            ("2025-01-02", "holiday: New Year"),
            ("2025-01-03", "transferred: order 436 of 2024"),
            ("2025-01-04", "weekend"),
            ("2025-01-07", "holiday: Christmas"),
        ]

    def test_a_confirmed_change_moves_the_term_and_says_so(self) -> None:
        moved = CALENDAR.changed([DayChange(date(2026, 6, 2), False, "order 9 of 2026")])
        received = datetime(2026, 6, 1, 12, tzinfo=EAST_5)
        before, after = deadline("P13.2", received), deadline("P13.2", received, moved)
        assert (before.last_day, after.last_day) == (date(2026, 6, 4), date(2026, 6, 5))
        assert [one.why for one in after.skipped] == ["transferred: order 9 of 2026"]
        assert before.calendar_version != after.calendar_version

    def test_the_policy_row_is_named(self) -> None:
        found = deadline("P13.4", datetime(2026, 6, 1, 12, tzinfo=EAST_5))
        assert (found.days, found.unit, found.policy_row) == (15, "working days", "write-off-days@2023-11-20")

    def test_every_rule_has_days_a_unit_and_a_paragraph(self) -> None:
        rules = policy(date(2026, 6, 1))
        for rule in CLOCKS.values():
            row = rules.row(rule.days)
            assert row.unit in ("working days", "calendar days")
            assert rule.paragraph
            assert rule.title
            assert deadline(rule.name, datetime(2026, 6, 1, tzinfo=UTC)).days == int(rules.number(rule.days))


class TestRefusals:
    def test_an_unknown_rule(self) -> None:
        with pytest.raises(InvalidInput, match="clock-rule-unknown"):
            deadline("P99", datetime(2026, 6, 1, tzinfo=UTC))

    def test_an_instant_without_a_zone(self) -> None:
        with pytest.raises(InvalidInput, match="instant-without-zone"):
            deadline("P13.2", datetime.fromisoformat("2026-06-01T12:00"))

    def test_a_receipt_before_the_rule_was_in_force(self) -> None:
        with pytest.raises(UnknownPolicy):
            deadline("P13.2", datetime(2023, 11, 19, 12, tzinfo=EAST_6))
        assert deadline("P13.2", datetime(2023, 11, 20, 12, tzinfo=EAST_6)).last_day == date(2023, 11, 23)


class TestReminders:
    def kinds(self, rule: str, received: datetime) -> list[tuple[str, datetime]]:
        found = deadline(rule, received)
        return [(one.kind, one.at.astimezone(EAST_5)) for one in alarms(found, policy(date(2026, 6, 1)))]

    def test_half_way_and_on_the_morning_of_the_working_day_before_the_last(self) -> None:
        found = self.kinds("P13.2", datetime(2026, 6, 1, 0, 0, tzinfo=EAST_5))  # to the end of Thursday the 4th
        assert found == [
            (HALF_WAY, datetime(2026, 6, 3, 0, 0, tzinfo=EAST_5)),
            (WARNING, datetime(2026, 6, 3, 9, 0, tzinfo=EAST_5)),
        ]

    def test_the_day_before_the_last_is_a_working_day(self) -> None:
        kinds = dict(self.kinds("P13.2", datetime(2026, 6, 3, 12, tzinfo=EAST_5)))  # to Monday the 8th
        assert kinds[WARNING] == datetime(2026, 6, 5, 9, tzinfo=EAST_5)

    def test_a_term_of_one_day_has_no_morning_before_its_last(self) -> None:
        assert [kind for kind, _ in self.kinds("P13.1-inform", datetime(2026, 6, 1, 12, tzinfo=EAST_5))] == [HALF_WAY]

    def test_a_term_in_calendar_days_that_ends_in_an_unknown_year_has_reminders_all_the_same(self) -> None:
        found = deadline("arrears-notice", datetime(2027, 12, 28, 12, tzinfo=EAST_5))
        assert found.last_day == date(2028, 1, 7)
        told = alarms(found, policy(date(2027, 12, 28)))
        assert [one.kind for one in told] == [HALF_WAY, WARNING]
        assert told[-1].at == datetime(2028, 1, 6, 9, tzinfo=EAST_5)

    def test_they_lie_between_receipt_and_end_for_every_start(self) -> None:
        rules = policy(date(2026, 6, 1))
        for day in DAYS[: 2 * 365]:
            for rule in (*WORKING, *CALENDAR_DAYS):
                found = deadline(rule, datetime.combine(day, time(17), EAST_5))
                told = alarms(found, rules)
                assert told == sorted(told, key=lambda one: one.at)
                assert all(found.received < one.at < found.due for one in told)
                assert told[0].kind == HALF_WAY or told[0].kind == WARNING


def test_a_term_of_no_days_ends_with_the_day_of_the_receipt() -> None:
    received = datetime(2026, 6, 1, 12, tzinfo=EAST_5)
    assert last_day(received, 0, "working days") == date(2026, 6, 1)
    term = Term(received=received, last_day=date(2026, 6, 1), due=datetime(2026, 6, 2, tzinfo=EAST_5))
    assert [one.kind for one in alarms(term, policy(date(2026, 6, 1)))] == [HALF_WAY]
