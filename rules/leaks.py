"""When a client's personal data is known to have leaked: what is done before the client may borrow again.

Rules: para 36.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Measure(StrEnum):
    """The three measures of the paragraph. Rules: para 36, point 1; para 36, point 2; para 36, point 3."""

    BIOMETRICS = "BIOMETRICS"
    PHONE_OWNER = "PHONE_OWNER"
    CALL = "CALL"


def open_measures(outcomes: Mapping[Measure, bool]) -> list[Measure]:
    """What is not done yet; outcomes: whether each measure showed the client, the last look counts.

    >>> open_measures({Measure.CALL: True})
    [<Measure.BIOMETRICS: 'BIOMETRICS'>, <Measure.PHONE_OWNER: 'PHONE_OWNER'>]
    """
    return [one for one in Measure if one not in outcomes]


def failed_measures(outcomes: Mapping[Measure, bool]) -> list[Measure]:
    """What showed somebody else; people look at it."""
    return [one for one in Measure if outcomes.get(one) is False]
