"""What a bank promises about a payout whose answer was not heard. It decides what may be sent again, and when.

>>> profile("lookup_only").certain_after
datetime.timedelta(seconds=120)
>>> profile("keyed", key_lifetime_seconds=6 * 3600).key_lifetime
datetime.timedelta(seconds=21600)
>>> profile("lookup_only", settle_after_seconds=12)
Traceback (most recent call last):
ValueError: certain_after is 12 s and must be 75 s or more: hand-over 5 s + request 10 s + the bank's posting 60 s
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class BankProfile:
    """One kind of bank, and our own times in which a payout may still be on its way to it.

    keys: it honours an Idempotency-Key: the same key never pays twice while it is remembered (`key_lifetime`, an hour
        less than the bank says). Later nothing is sent again, only asked.
    lookup: it can be asked for a payout by our order id.
    certain_after: "not found" is believed only so long after the last sending: with look-up alone, before it is sent
        again; always, before two people may say that nothing was paid.
    hand_over: from the commit that says "sent" to the sending; a process that slept longer does not send.
    request: the whole time-out of a request of ours; the adapter is given this very number.
    posting: the longest time until a payout that the bank has taken shows in its books.

    With neither, a payment is sent once; whatever leaves its outcome open parks it for two people.

    Raises:
        ValueError: `certain_after` is shorter than hand-over, request and posting together: a payout could arrive after
            it was believed not to exist, and would be paid twice.
    """

    name: str
    keys: bool
    lookup: bool
    certain_after: timedelta = timedelta(minutes=2)
    key_lifetime: timedelta = timedelta(hours=23)
    hand_over: timedelta = timedelta(seconds=5)
    request: timedelta = timedelta(seconds=10)
    posting: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        if self.certain_after < self.on_its_way:
            parts = (self.certain_after, self.on_its_way, self.hand_over, self.request, self.posting)
            seconds = [f"{part.total_seconds():g} s" for part in parts]
            raise ValueError(
                "certain_after is {} and must be {} or more: hand-over {} + request {} + the bank's posting {}".format(
                    *seconds
                )
            )

    @property
    def on_its_way(self) -> timedelta:
        """The longest time from "sent" until the bank's books must show a payout."""
        return self.hand_over + self.request + self.posting


PROFILES = {
    one.name: one
    for one in (
        BankProfile("keyed", keys=True, lookup=True),
        BankProfile("lookup_only", keys=False, lookup=True),
        BankProfile("neither", keys=False, lookup=False),
    )
}


def profile(
    name: str,
    *,
    settle_after_seconds: float | None = None,
    key_lifetime_seconds: float | None = None,
    request_seconds: float | None = None,
    posting_seconds: float | None = None,
    hand_over_seconds: float | None = None,
) -> BankProfile:
    """A profile by its name, with the bank's own times where they are known; an unknown name is a wrong setting.

    Raises:
        ValueError: the times do not fit together.
    """
    known = {
        "certain_after": settle_after_seconds,
        "key_lifetime": key_lifetime_seconds,
        "request": request_seconds,
        "posting": posting_seconds,
        "hand_over": hand_over_seconds,
    }
    times = {part: timedelta(seconds=seconds) for part, seconds in known.items() if seconds is not None}
    chosen = PROFILES[name]
    return BankProfile(name, chosen.keys, chosen.lookup, **times)
