"""Waiting time between signing and payout, and the second confirmation after it (law 205-VIII)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from rules.calendar import local_date
from rules.client import ClientKind
from rules.money import Money
from rules.policy import policy


def waiting(
    amount: Money,
    same_day_amounts: Iterable[Money],
    secured: bool,
    on: date,
    *,
    kind: ClientKind = ClientKind.INDIVIDUAL,
    exempt: bool = False,
) -> timedelta | None:
    """How long the money waits after signing; None where it may go at once.

    Several loans signed on one day are summed; the one that lifts the sum above the threshold waits.
    Where a time is given, the client must confirm again after it: silence annuls the contract.

    Args:
        same_day_amounts: of the client's other contracts of the same Almaty day.
        exempt: goods paid to the seller, or refinancing inside the lender.

    >>> waiting(Money(200000), [Money(150000)], False, date(2026, 2, 1))
    datetime.timedelta(days=1)
    >>> waiting(Money(324375), [], False, date(2026, 2, 1)) is None  # exactly 75 MRP
    True
    """
    rules = policy(on)
    if not rules.switch("waiting-rule") or secured or exempt or kind is not ClientKind.INDIVIDUAL:
        return None
    if amount + Money.total(same_day_amounts) <= rules.in_tenge("waiting-threshold-mrp"):
        return None
    return timedelta(hours=rules.whole("waiting-hours"))


def confirmation_deadline(waiting_until: datetime) -> datetime:
    """Until when the client may confirm; after it the contract is annulled."""
    rules = policy(local_date(waiting_until))
    return waiting_until + timedelta(hours=rules.whole("confirmation-window-hours"))
