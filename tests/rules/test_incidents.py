"""Kinds of incidents with their tasks, what counts as a look into somebody's record, and what is unusual."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.incidents import LOOKS, OTHER, SEVERITY, SUSPICIONS, Kind, Look, about, is_of_client, tasks_of, unusual
from rules.policy import policy

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
FOUND_BY_THE_SYSTEM = {
    Kind.AUDIT_CHAIN, Kind.ARCHIVE_DAMAGE, Kind.ARCHIVE_LOCK, Kind.UNUSUAL_ACCESS, Kind.FAILED_LOG_INS,
}  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_asks_for_the_cause_and_each_task_says_what_it_is(kind: Kind) -> None:
    tasks = tasks_of(kind)
    assert tasks[0].code == "find-cause"
    assert len({one.code for one in tasks}) == len(tasks) >= 2
    assert {one.part for one in tasks} <= {"CAUSE", "CONSEQUENCE"}
    assert all(about(one.code) == one.about != "" for one in tasks)
    assert OTHER not in {one.code for one in tasks}


def test_what_the_system_finds_has_a_severity_and_only_guesses_are_suspicions() -> None:
    assert set(SEVERITY) == FOUND_BY_THE_SYSTEM
    assert {Kind.UNUSUAL_ACCESS, Kind.FAILED_LOG_INS} == SUSPICIONS
    assert about("no-such-task") == ""


@pytest.mark.parametrize(
    ("action", "looks"),
    [
        ("restructuring-read", True),
        ("cash-order-seen", True),
        ("payments-looked-at", True),
        ("payloads-opened", True),
        ("document-taken-out", True),
        ("review-decided", False),
        ("staff-logged-in", False),
        ("read-only", False),
    ],
)
def test_actions_that_show_a_record_are_looks(action: str, looks: bool) -> None:
    assert (re.search(LOOKS, action) is not None) is looks


@pytest.mark.parametrize(
    ("subject", "named"),
    [
        ("client:00000000-0000-4000-8000-000000000001", True),
        ("restructuring:00000000-0000-4000-8000-000000000001:2", True),
        ("document:00000000-0000-4000-8000-000000000001", True),
        ("incident:00000000-0000-4000-8000-000000000001", False),
        ("staff:00000000-0000-4000-8000-000000000001", False),
        ("client:1", False),
        ("payments:UNMATCHED", False),
    ],
)
def test_subjects_that_are_somebodys_record(subject: str, named: bool) -> None:
    assert is_of_client(subject) is named


def test_the_thresholds_are_policy() -> None:
    rules = policy(date(2026, 3, 2))
    assert rules.whole("access-records-per-hour") > 0
    assert 0 < rules.whole("staff-log-ins-failed-per-hour") < rules.whole("staff-log-ins-failed-per-hour-all")


class TestUnusual:
    def look(self, n: int, minutes: float, record: str, who: str = "staff:a") -> Look:
        return Look(n, START + timedelta(minutes=minutes), who, frozenset({record}))

    def test_exactly_the_allowed_number_is_usual_one_more_is_not(self) -> None:
        looks = [self.look(n, n, f"loan:{n}") for n in range(1, 7)]
        assert unusual(looks[:5], 5, HOUR) == []
        (found,) = unusual(looks, 5, HOUR)
        assert (found.first, found.last, found.records) == (1, 6, 6)

    @pytest.mark.parametrize(("minutes", "found"), [(60, 1), (60.1, 0)])
    def test_both_ends_of_the_window(self, minutes: float, found: int) -> None:
        looks = [self.look(1, 0, "loan:1"), self.look(2, 30, "loan:2"), self.look(3, minutes, "loan:3")]
        assert len(unusual(looks, 2, HOUR)) == found

    def test_people_are_counted_apart_and_the_same_record_once(self) -> None:
        looks = [self.look(n, n, f"loan:{n % 2}", f"staff:{n % 3}") for n in range(1, 40)]
        assert unusual(looks, 2, HOUR) == []

    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=60), st.integers(1, 6))
    def test_it_finds_what_counting_every_window_finds(self, steps: list[tuple[int, int]], allowed: int) -> None:
        minutes, looks = 0, []
        for n, (step, record) in enumerate(steps, 1):
            minutes += step
            looks.append(self.look(n, minutes, f"loan:{record}"))
        assert all(one.at <= two.at for one, two in pairwise(looks))

        def seen_by(end: Look) -> int:
            return len({r for one in looks if end.at - HOUR <= one.at and one.n <= end.n for r in one.records})

        expected = [end.n for end in looks if seen_by(end) > allowed][:1]
        found = unusual(looks, allowed, HOUR)
        assert [one.last for one in found] == expected
