"""Both sides of each edition's first day. Who needs which proofs: test_identification.py."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from rules.editions import EDITIONS, R2025, edition, named
from rules.errors import InvalidInput
from rules.policy import UnknownPolicy


@pytest.mark.parametrize(("before", "after"), list(pairwise(EDITIONS)), ids=lambda one: one.name)
def test_an_edition_begins_on_its_day_and_ends_the_day_before_the_next(before, after) -> None:
    assert edition(after.in_force) is after
    assert edition(after.in_force - timedelta(days=1)) is before


def test_no_edition_holds_before_the_first() -> None:
    with pytest.raises(UnknownPolicy):
        edition(date(2021, 5, 10))


def test_an_edition_is_found_by_the_name_stored_with_a_case() -> None:
    assert named("2025") is R2025
    with pytest.raises(InvalidInput):
        named("1999")
