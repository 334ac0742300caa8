"""Facts of snapshots, and what rules add to them: arrears bucket, rate band, how a clock stood at a period's end.

A snapshot keeps what was read; everything that a rule adds to it is added here, when figures are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rules.calendar import local_date

_CLOCK = ["clock", "rule", "subject", "loan", "received_at", "due_at", "ended_at", "state"]
COLUMNS: dict[str, list[str]] = {
    "loan": ["loan", "number", "product", "days", "principal", "overdue", "owed"],
    "movement": ["loan", "number", "product", "opening", "fresh", "issued", "repaid", "written_off", "closing",
                 "received", "given_back"],
    "issue": ["loan", "number", "product", "amount", "rate", "cap"],
    "burden": ["loan", "number", "product", "amount", "client_kind", "burden", "cap"],
    "refusal": ["application", "product", "amount", "grounds"],
    "paper": ["paper", "loan", "kind", "state", "received_at"],
    "clock-fraud": _CLOCK,
    "clock-incident": _CLOCK,
    "clock-complaint": _CLOCK,
    "incident": ["incident", "kind", "severity", "detected_at", "state", "closed_at", "clients", "told"],
    "complaint": ["complaint", "loan", "topic", "received_at", "answer_due", "answered_at", "outcome"],
    "waiting": ["application", "loan", "product", "amount", "outcome", "early", "at"],
    "head": ["row", "n", "hash", "written", "at", "whole", "problem"],
}  # fmt: skip
BUCKETS = ("0", "1-30", "31-60", "61-90", "90+")
_BUCKET_ENDS = (0, 30, 60, 90)
RATE_BANDS = ("0-10", "10-20", "20-30", "30-40", "40-50", "50-60", "60+")
BURDEN_BANDS = ("0-10", "10-20", "20-30", "30-40", "40-50", "50+")
UNKNOWN = "unknown"
NOT_COUNTED = "not-counted"
_TEN = Decimal(10)
_HUNDRED = Decimal(100)

Derived = dict[str, Any]
Window = tuple[datetime, datetime]


def bucket_of(overdue_days: int) -> str:
    """The arrears bucket.

    >>> [bucket_of(days) for days in (0, 1, 30, 31, 60, 61, 90, 91)]
    ['0', '1-30', '1-30', '31-60', '31-60', '61-90', '61-90', '90+']
    """
    return BUCKETS[sum(overdue_days > end for end in _BUCKET_ENDS)]


def rate_band(percent: Decimal | None) -> str:
    """The band of an annual effective rate; its lower bound belongs to it.

    >>> rate_band(Decimal("39.99")), rate_band(Decimal(40)), rate_band(Decimal(99)), rate_band(None)
    ('30-40', '40-50', '60+', 'unknown')
    """
    if percent is None or percent < 0:
        return UNKNOWN
    return RATE_BANDS[min(int(percent / _TEN), len(RATE_BANDS) - 1)]


def burden_band(share: Decimal | None) -> str:
    """The band of a debt burden (a share of income), in per cent; its upper bound belongs to it.

    >>> [burden_band(Decimal(share)) for share in ("0", "0.1", "0.1001", "0.5", "0.5001")]
    ['0-10', '0-10', '10-20', '40-50', '50+']
    """
    if share is None:
        return UNKNOWN
    whole, rest = divmod(share * _HUNDRED, _TEN)
    return BURDEN_BANDS[max(0, min(int(whole) - (rest == 0), len(BURDEN_BANDS) - 1))]


def derived(kind: str, fact: Mapping[str, Any], window: Window) -> Derived:
    """A fact with what its rule adds. window: the first instant of the period, and the first one after it."""
    more = _RULES.get(kind)
    return {**fact, **more(fact, window)} if more is not None else dict(fact)


def _loan(fact: Mapping[str, Any], window: Window) -> Derived:
    return {"bucket": bucket_of(fact["days"])}


def _issue(fact: Mapping[str, Any], window: Window) -> Derived:
    rate, cap = _number(fact["rate"]), _number(fact["cap"])
    return {"band": rate_band(rate), "above": rate is not None and cap is not None and rate > cap}


def _burden(fact: Mapping[str, Any], window: Window) -> Derived:
    burden, cap = _number(fact["burden"]), _number(fact["cap"])
    counted = fact["client_kind"] == "INDIVIDUAL"
    band = burden_band(burden) if counted else NOT_COUNTED
    return {"band": band, "above": counted and burden is not None and cap is not None and burden > cap}


def _number(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


def _clock(fact: Mapping[str, Any], window: Window) -> Derived:
    """How it stood when the period ended: what came later is another period's."""
    _, end = window
    ended, due = _instant(fact["ended_at"]), _instant(fact["due_at"])
    if ended is not None and ended < end:
        if fact["state"] == "CANCELLED":
            return {"outcome": "cancelled"}
        if fact["state"] == "RAN_OUT":  # nothing was to be done but to wait
            return {"outcome": "met"}
        return {"outcome": "met" if due is not None and ended < due else "late"}
    return {"outcome": "missed" if due is not None and due <= end else "running"}


def _incident(fact: Mapping[str, Any], window: Window) -> Derived:
    """Its state when the period ended."""
    closed = _instant(fact["closed_at"])
    return {} if closed is None or closed < window[1] else {"state": "OPEN"}


def _complaint(fact: Mapping[str, Any], window: Window) -> Derived:
    first, end = window
    received, answered = datetime.fromisoformat(fact["received_at"]), _instant(fact["answered_at"])
    in_time = answered is not None and answered < end
    last = answered if in_time and answered is not None else end
    due = date.fromisoformat(fact["answer_due"])
    over = local_date(last) > due if in_time else due < local_date(end)
    return {
        "before": received < first,
        "answered": in_time,
        "result": fact["outcome"] if in_time else None,
        "late": over,
    }


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_RULES: Mapping[str, Callable[[Mapping[str, Any], Window], Derived]] = {
    "loan": _loan,
    "issue": _issue,
    "burden": _burden,
    "clock-fraud": _clock,
    "clock-incident": _clock,
    "clock-complaint": _clock,
    "incident": _incident,
    "complaint": _complaint,
}
