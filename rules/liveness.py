"""The living face: which movements are asked, and the numbers that judge a clip.

A judgement is a pure function of the clip, what was asked and these numbers: years later the numbers are read back from
the evidence, not from the rows of the day.

Rules: para 35.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, product

from rules.errors import BrokenContract
from rules.evidence import FaceDecision, Frozen
from rules.policy import PolicySet

MOVEMENTS = ("left", "right", "up", "down", "closer")
"""Left and right are the person's own."""

STRICTER_ACTIVE, REVIEW = "stricter-active", "review"
"""What follows where no passive model is supplied: more and clearer movements, or a person looks at every clip."""

_MOST = 4


def sequences(fewest: int) -> list[str]:
    """Every sequence from `fewest` movements up to four in which none is asked twice in a row.

    As none comes twice to a client, they must last for a life of loans.

    >>> len(sequences(3)), len(sequences(4)), sequences(4)[0]
    (400, 320, 'left,right,left,right')
    """
    lengths = range(min(fewest, _MOST), _MOST + 1)
    every = (one for length in lengths for one in product(MOVEMENTS, repeat=length))
    return [",".join(one) for one in every if all(a != b for a, b in pairwise(one))]


def fewest_movements(policy: PolicySet, *, passive: bool) -> int:
    """How many movements a challenge has at least. passive: whether a passive model is supplied."""
    return policy.whole("liveness-movements" if passive else "liveness-movements-without-passive")


def recording_rate(policy: PolicySet) -> int:
    """Kilobits a second at which clips are archived.

    Raises:
        BrokenContract: a policy row outside of what the lender's procedures allow.
    """
    rate = policy.whole("recording-kbit-s")
    if not policy.whole("recording-kbit-s-least") <= rate <= policy.whole("recording-kbit-s-most"):
        raise BrokenContract(f"clips are not archived at {rate} kbit/s")
    return rate


class LivenessPolicy(Frozen):
    """The numbers of one judgement.

    same, unsure: cosines of `face-same-cosine`, `face-unsure-cosine`. same_in_turn: a turn costs a genuine face some
    of its likeness. depth_yaw, depth_pitch: the least depth of a turned head, share of the face's width;
    depth_without_passive: the factor on both where no passive model looks. passive_absent: STRICTER_ACTIVE | REVIEW.
    passive_minimum: 0..1, the median over frames. step_seconds: for a challenge that was issued without deadlines.
    """

    same: float
    unsure: float
    same_in_turn: float
    depth_yaw: float
    depth_pitch: float
    depth_without_passive: float
    passive_absent: str
    passive_minimum: float
    step_seconds: float

    @classmethod
    def of(cls, policy: PolicySet) -> LivenessPolicy:
        """The numbers of a day."""
        return cls.read({row: str(policy.value(row)) for row in _ROWS.values()})

    @classmethod
    def read(cls, text: Mapping[str, str]) -> LivenessPolicy:
        """Numbers as evidence keeps them: policy row to its value."""
        return cls.model_validate({field: text[row] for field, row in _ROWS.items()})

    def text(self) -> dict[str, str]:
        """As evidence keeps them.

        >>> from datetime import date
        >>> from rules.policy import policy
        >>> kept = LivenessPolicy.of(policy(date(2026, 1, 15)))
        >>> kept.text()["face-same-cosine"], LivenessPolicy.read(kept.text()) == kept
        ('0.4', True)
        """
        return {row: str(getattr(self, field)) for field, row in _ROWS.items()}

    def decision(self, cosine: float) -> FaceDecision:
        """The three-way decision on two faces."""
        if cosine >= self.same:
            return FaceDecision.SAME
        return FaceDecision.UNSURE if cosine >= self.unsure else FaceDecision.DIFFERENT


_ROWS = {
    "same": "face-same-cosine",
    "unsure": "face-unsure-cosine",
    "same_in_turn": "liveness-same-in-turn",
    "depth_yaw": "liveness-depth-yaw",
    "depth_pitch": "liveness-depth-pitch",
    "depth_without_passive": "liveness-depth-without-passive",
    "passive_absent": "liveness-passive-absent",
    "passive_minimum": "liveness-passive-minimum",
    "step_seconds": "liveness-step-seconds",
}
