"""Where a certificate stands, by whoever says so: a status responder or a list of revoked ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rules.evidence import SignatureGround

GOOD, NO_PROOF, NOT_ISSUED, UNKNOWN, STALE = "good", "no_proof", "not_issued", "unknown", "good_stale"
HOLD = "certificate_hold"
_GROUNDS = {GOOD: None, NOT_ISSUED: SignatureGround.NEVER_ISSUED}


@dataclass(frozen=True)
class Standing:
    """One finding.

    word: good | not_issued | revoked REASON | unknown | no_proof | good_stale (a proof, but of another time).
    since: when it was revoked. said_at: when this was said.
    """

    word: str
    since: datetime | None = None
    said_at: datetime | None = None

    @property
    def ground(self) -> SignatureGround | None:
        """None only for good."""
        if self.word.startswith("revoked"):
            return SignatureGround.REVOKED
        return _GROUNDS.get(self.word, SignatureGround.STATUS_UNTRUSTED)

    @property
    def for_ever(self) -> bool:
        """Bad news that no later word can mend: a hold may be lifted, nothing else."""
        return self.word.startswith("revoked") and HOLD not in self.word


def revoked(reason: str, since: datetime, said_at: datetime) -> Standing:
    """By reason: the national responder says of a serial it did not issue that it is on hold since 1970 (RFC 6960)."""
    if reason == HOLD and since.timestamp() == 0:
        return Standing(NOT_ISSUED, since, said_at)
    return Standing(f"revoked {reason}", since, said_at)
