"""What a bank promises about a payout whose answer was not heard. It decides what may be sent again, and when.

>>> profile("lookup_only").certain_after
datetime.timedelta(seconds=120)
>>> profile("keyed", key_lifetime_seconds=6 * 3600).key_lifetime
datetime.timedelta(seconds=21600)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True)
class BankProfile:
    """One kind of bank.

    keys: it honours an Idempotency-Key: the same key never pays twice while it is remembered (`key_lifetime`, an hour
        less than the bank says). Later nothing is sent again, only asked.
    lookup: it can be asked for a payout by our order id.
    certain_after: with look-up alone, "not found" is believed only so long after the last sending: the whole time-out
        of a request and the longest time until a payout shows in the bank's books.

    With neither, a payment is sent once; whatever leaves its outcome open parks it for two people.
    """

    name: str
    keys: bool
    lookup: bool
    certain_after: timedelta = timedelta(minutes=2)
    key_lifetime: timedelta = timedelta(hours=23)


PROFILES = {
    one.name: one
    for one in (
        BankProfile("keyed", keys=True, lookup=True),
        BankProfile("lookup_only", keys=False, lookup=True),
        BankProfile("neither", keys=False, lookup=False),
    )
}


def profile(
    name: str, *, settle_after_seconds: float | None = None, key_lifetime_seconds: float | None = None
) -> BankProfile:
    """A profile by its name, with the bank's own times where they are known; an unknown name is a wrong setting."""
    chosen = PROFILES[name]
    if settle_after_seconds is not None:
        chosen = replace(chosen, certain_after=timedelta(seconds=settle_after_seconds))
    if key_lifetime_seconds is not None:
        chosen = replace(chosen, key_lifetime=timedelta(seconds=key_lifetime_seconds))
    return chosen
