"""Complaints of clients: what about, how they end, and by when they are answered.

Rules: para 7, part 7.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from rules.days_off import Calendar
from rules.policy import PolicySet


class Topic(StrEnum):
    """What a complaint is about."""

    CONTRACT = "contract"
    PAYMENTS = "payments"
    COLLECTION = "collection"
    FRAUD = "fraud"
    PERSONAL_DATA = "personal-data"
    SERVICE = "service"
    OTHER = "other"


class Outcome(StrEnum):
    """What the lender answers."""

    SATISFIED = "satisfied"
    PARTLY = "partly"
    DECLINED = "declined"


def answer_due(received: date, rules: PolicySet, calendar: Calendar) -> date:
    """The last day for the written answer; the day of receipt does not count.

    Raises:
        CalendarUnknown: it reaches into a year whose days off are not known.
    """
    return calendar.add_working_days(received, rules.whole("complaint-answer-days"))
