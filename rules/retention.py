"""How long documents are kept."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from rules.calendar import add_months, end_of_day
from rules.policy import policy


def retain_until(planned_end: date, on: date) -> datetime:
    """Until when a document stays locked: years after the obligations are planned to end, and a margin.

    planned_end: last due date of the contract; the day of the document where there is no contract (yet).
    Extended later where the obligations end later.

    Rules: para 34.

    >>> retain_until(date(2027, 2, 28), date(2026, 2, 28)).isoformat()
    '2032-03-30T19:00:00+00:00'
    """
    rules = policy(on)
    last = add_months(max(planned_end, on), 12 * rules.whole("retention-years"))
    return end_of_day(last + timedelta(days=rules.whole("retention-margin-days")))
