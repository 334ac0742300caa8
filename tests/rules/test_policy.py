"""On every date exactly one row of a name applies, and each row says where it comes from."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from rules.money import Money
from rules.policy import PolicyRow, UnknownPolicy, policy, select
from rules.policy_rows import ROWS

BY_NAME: dict[str, list[PolicyRow]] = defaultdict(list)
for one in ROWS:
    BY_NAME[one.name].append(one)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_the_rows_of_a_name_follow_each_other_without_gap_or_overlap(name: str) -> None:
    rows = BY_NAME[name]
    for before, after in pairwise(rows):
        assert before.until == after.since
    assert all(row.until is None or row.since < row.until for row in rows)
    assert rows[-1].until is None or name == "mrp"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.row_id)
def test_every_row_names_its_source_and_paragraph(row: PolicyRow) -> None:
    assert row.source
    assert row.paragraph
    assert row.unit


def test_row_ids_are_unique() -> None:
    assert len({row.row_id for row in ROWS}) == len(ROWS)


def test_the_index_of_a_year_that_was_not_announced_raises() -> None:
    assert policy(date(2025, 12, 31)).number("mrp") == 3932
    assert policy(date(2026, 1, 1)).number("mrp") == 4325
    with pytest.raises(UnknownPolicy):
        policy(date(2027, 1, 1)).number("mrp")


def test_a_day_before_the_first_row_raises() -> None:
    with pytest.raises(UnknownPolicy):
        policy(date(2020, 1, 1))


def test_the_cap_fell_in_august_2024() -> None:
    assert policy(date(2024, 7, 31)).number("aer-cap-percent") == 56
    assert policy(date(2024, 8, 1)).number("aer-cap-percent") == 46


def test_the_waiting_rule_is_off_before_the_law_and_on_after() -> None:
    assert not policy(date(2025, 9, 29)).switch("waiting-rule")
    assert policy(date(2025, 9, 30)).switch("waiting-rule")


def test_amounts_in_index_units_become_tenge_of_the_year() -> None:
    assert policy(date(2025, 10, 1)).in_tenge("waiting-threshold-mrp") == Money(294_900)
    assert policy(date(2026, 10, 1)).in_tenge("short-term-max-mrp") == Money(194_625)


def test_the_version_changes_exactly_when_a_row_does() -> None:
    day, end = date(2021, 5, 11), date(2027, 1, 31)
    borders = {edge for row in ROWS for edge in (row.since, row.until) if edge}
    before = policy(day).version
    while day < end:
        day += timedelta(days=1)
        assert (policy(day).version != before) == (day in borders), day
        before = policy(day).version


def test_two_rows_of_one_name_on_one_day_are_refused() -> None:
    with pytest.raises(UnknownPolicy):
        select((*ROWS, ROWS[-1]), date(2026, 1, 1))


def test_a_row_is_asked_for_by_its_type() -> None:
    rules = policy(date(2026, 1, 1))
    assert rules.whole("code-life-seconds") == 60
    assert rules.number("face-same-cosine") == Decimal("0.40")
    assert rules.text("allocation-order").startswith("overdue_principal")
    with pytest.raises(TypeError):
        rules.whole("face-same-cosine")
    with pytest.raises(TypeError):
        rules.switch("mrp")
    with pytest.raises(TypeError):
        rules.number("waiting-rule")
    with pytest.raises(TypeError):
        rules.text("mrp")
