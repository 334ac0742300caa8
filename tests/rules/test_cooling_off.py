"""Waiting time, its border, its sum over a day, and how long things are kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from rules.client import ClientKind
from rules.cooling_off import confirmation_deadline, waiting
from rules.money import Money
from rules.retention import retain_until

TODAY = date(2026, 2, 2)
DAY = timedelta(hours=24)


@pytest.mark.parametrize(
    ("amount", "others", "wanted"),
    [
        (324_375, [], None),
        (324_376, [], DAY),
        (200_000, [124_375], None),
        (200_000, [124_376], DAY),
        (1, [100_000, 100_000, 124_375], DAY),
    ],
)
def test_the_sum_of_a_day_above_75_index_units_waits(amount: int, others: list[int], wanted: timedelta | None) -> None:
    assert waiting(Money(amount), [Money(one) for one in others], False, TODAY) == wanted


def test_secured_exempt_business_and_earlier_loans_do_not_wait() -> None:
    big = Money(900_000)
    assert waiting(big, [], True, TODAY) is None
    assert waiting(big, [], False, TODAY, exempt=True) is None
    assert waiting(big, [], False, TODAY, kind=ClientKind.LEGAL_ENTITY) is None
    assert waiting(big, [], False, date(2025, 9, 29)) is None


def test_the_second_confirmation_has_an_end() -> None:
    start = datetime(2026, 2, 3, 9, tzinfo=UTC)
    assert confirmation_deadline(start) == start + timedelta(hours=72)


def test_documents_are_kept_five_years_after_the_later_day() -> None:
    planned = retain_until(date(2027, 2, 2), TODAY)
    assert planned > datetime(2032, 2, 2, tzinfo=UTC)
    assert retain_until(date(2020, 1, 1), TODAY) == retain_until(TODAY, TODAY)
