"""The numbers a judgement uses: policy rows of its day, kept as texts in the evidence so that it can be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rules.policy import PolicySet

NATIONAL_POLICY = "1.2.398.3.3.2.6.1"
_OCSP, _SKEW, _LIST, _INSTEAD = (
    "signature-ocsp-minutes",
    "signature-skew-minutes",
    "signature-list-hours",
    "signature-list-instead-rule",
)
_STAMPS = "signature-stamp-policies"


@dataclass(frozen=True)
class Limits:
    """How old proofs may be, how far clocks may differ, whose stamps count.

    list_instead: whether a fresh revocation list proves good standing while the status responder is away. Where it is
    off, or no fresh list is at hand, the case waits: nothing ever passes unproved.
    """

    ocsp_minutes: int
    skew_minutes: int
    list_hours: int
    list_instead: bool
    stamp_policies: tuple[str, ...] = (NATIONAL_POLICY,)

    @classmethod
    def of(cls, policy: PolicySet, stamp_policies: Sequence[str] = (NATIONAL_POLICY,)) -> Limits:
        """Those of a day."""
        return cls(
            policy.whole(_OCSP),
            policy.whole(_SKEW),
            policy.whole(_LIST),
            policy.switch(_INSTEAD),
            tuple(stamp_policies),
        )

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> Limits:
        """As `texts` wrote them.

        Raises:
            KeyError, ValueError: it did not.
        """
        return cls(
            int(texts[_OCSP]),
            int(texts[_SKEW]),
            int(texts[_LIST]),
            texts[_INSTEAD] == "True",
            tuple(texts[_STAMPS].split()),
        )

    def texts(self) -> dict[str, str]:
        """For the evidence.

        >>> Limits.read(Limits(10, 5, 24, True).texts()) == Limits(10, 5, 24, True)
        True
        """
        return {
            _OCSP: str(self.ocsp_minutes),
            _SKEW: str(self.skew_minutes),
            _LIST: str(self.list_hours),
            _INSTEAD: str(self.list_instead),
            _STAMPS: " ".join(self.stamp_policies),
        }

    @property
    def skew(self) -> timedelta:
        """Between our clock and theirs."""
        return timedelta(minutes=self.skew_minutes)

    @property
    def ocsp_oldest(self) -> timedelta:
        """A responder's answer said longer ago proves nothing."""
        return timedelta(minutes=self.ocsp_minutes)

    @property
    def list_oldest(self) -> timedelta:
        """A list made longer ago proves nothing, whatever it promises itself."""
        return timedelta(hours=self.list_hours)
