"""Which step follows which finding: try again, a person looks, or the case ends.

Rules: para 6, part 3; para 35.
"""

from __future__ import annotations

from rules.evidence import StepOutcome, StepResult

# A finding that a genuine client can mend by trying again.
_RETRY = frozenset(
    {
        "code-wrong", "code-expired", "code-used", "too-many-tries",
        "no-face", "several-faces", "face-too-small", "photo-blurred", "photo-too-dark", "photo-too-bright",
        "image-unreadable", "image-too-large", "image-type", "video-unreadable", "video-too-long", "video-too-large",
        "document-not-found", "document-retake", "document-check-digit", "document-wrong-type", "digital-document-code",
        "face-different", "face-other-than-card",
        "liveness-wrong-order", "liveness-flat", "liveness-static", "liveness-no-face", "liveness-several-faces",
        "liveness-timing", "liveness-another-face", "challenge-expired", "challenge-used", "challenge-unknown",
        "signature-unreadable", "signature-other-content", "signature-digest-not-allowed", "signature-wrong",
        "signature-unknown-authority", "signature-not-a-signing-certificate", "signature-certificate-expired",
        "signature-certificate-revoked", "signature-status-untrusted", "signature-timestamp-untrusted",
    }
)  # fmt: skip

# A finding that a person has to judge: the machine's answer is not sure, or two sources disagree.
_REVIEW = frozenset(
    {
        "face-unsure", "document-name-unsure", "document-number-differs", "idec-face-different", "idec-data-differs",
        "phone-not-owned",
    }
)  # fmt: skip

# A finding that no further try can mend.
_REFUSE = frozenset(
    {
        "document-other-person", "document-expired", "liveness-replayed", "idec-unknown-person", "idec-deceased",
        "signature-other-person", "signature-certificate-never-issued", "already-registered", "too-young",
        "review-refused",
    }
)  # fmt: skip


def passed(step: str) -> StepResult:
    """The step is done."""
    return StepResult(step=step, outcome=StepOutcome.PASSED)


def finding(step: str, ground: str, attempts: int, allowed: int) -> StepResult:
    """What a finding leads to, after so many attempts at the step.

    Args:
        attempts: tries made so far, this one included.
        allowed: tries before a person looks (policy rows `document-tries`, `face-tries` and so on).

    Raises:
        KeyError: a ground that no table names; every ground has its place.

    >>> finding("face", "face-different", 1, 5).outcome.value
    'retry'
    >>> finding("face", "face-different", 5, 5).outcome.value
    'review'
    >>> finding("signature", "signature-other-person", 1, 5).outcome.value
    'refused'
    """
    if ground in _REFUSE:
        return StepResult(step=step, outcome=StepOutcome.REFUSED, ground=ground)
    if ground in _REVIEW:
        return StepResult(step=step, outcome=StepOutcome.REVIEW, ground=ground)
    if ground not in _RETRY:
        raise KeyError(ground)
    if attempts >= allowed:
        return StepResult(step=step, outcome=StepOutcome.REVIEW, ground=ground, attempts_left=0)
    return StepResult(step=step, outcome=StepOutcome.RETRY, ground=ground, attempts_left=allowed - attempts)


def grounds() -> frozenset[str]:
    """Every ground an identification can give."""
    return _RETRY | _REVIEW | _REFUSE
