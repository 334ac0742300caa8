"""Which proofs an act needs, and which step follows which finding: try again, a person looks, or the case ends.

Rules: para 6, part 3; para 6, part 4; para 6, part 5; para 9; para 35.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from rules.client import ClientKind
from rules.editions import Edition, edition
from rules.evidence import StepOutcome, StepResult
from rules.proofs import Act, OnTheWay, Proof, ProofRule

# ---- which proofs an act needs

OFFERED = (Proof.BIOMETRY, Proof.SIGNATURE)  # what our cases can take, the preferred first
_PARAGRAPHS = {
    Act.REGISTRATION: "para 6, part 4", Act.LOG_IN: "para 6, part 4", Act.LEAK: "para 36",
    Act.PHONE_CHANGE: "para 6, part 5", Act.BANK_DETAILS_CHANGE: "para 6, part 5",
}  # fmt: skip
_PARAGRAPHS_2021 = {
    Act.REGISTRATION: "para 7", Act.PHONE_CHANGE: "para 6", Act.BANK_DETAILS_CHANGE: "para 6", Act.LOG_IN: "para 6",
}  # fmt: skip
_BUSINESS = {Act.CONTRACT: Act.BUSINESS_CONTRACT, Act.CONTRACT_AMENDMENT: Act.BUSINESS_AMENDMENT}
_CONTRACTS = frozenset({Act.CONTRACT, Act.BUSINESS_CONTRACT})


@dataclass(frozen=True)
class Needed:
    """What an act needs of a kind of client under an edition.

    on_the_way: what we look up ourselves. paragraph: of that edition; None where it asks for nothing.
    """

    act: Act
    kind: ClientKind
    edition: Edition
    rule: ProofRule
    on_the_way: tuple[OnTheWay, ...]
    paragraph: str | None

    @property
    def face(self) -> bool:
        """Whether our case asks for the living face."""
        return Proof.BIOMETRY in self.rule.asked(OFFERED)

    @property
    def signature(self) -> bool:
        """Whether our case asks for an electronic signature."""
        return Proof.SIGNATURE in self.rule.asked(OFFERED)


def needed(act: Act, kind: ClientKind, of: Edition, *, business: bool = False) -> Needed:
    """What an act needs under an edition. business: a contract, or its amendment, for entrepreneurship.

    >>> needed(Act.CONTRACT, ClientKind.ENTREPRENEUR, edition(date(2025, 3, 1)), business=True).signature
    False
    """
    act = _BUSINESS.get(act, act) if business else act
    rule = of.rule(act, kind)
    silent = rule == ProofRule()
    return Needed(
        act, kind, of, rule, () if silent else tuple(_on_the_way(act, kind, of, rule)), _paragraph(act, of, silent)
    )


def needed_on(act: Act, kind: ClientKind, on: date, *, business: bool = False) -> Needed:
    """What an act needs on a day in Almaty.

    Raises:
        UnknownPolicy: a day before the first edition.
    """
    return needed(act, kind, edition(on), business=business)


def _paragraph(act: Act, of: Edition, silent: bool) -> str | None:
    if silent:
        return None
    if of.name == "2021":
        return f"{_PARAGRAPHS_2021.get(act, 'para 10')} (edition 2021)"
    return _PARAGRAPHS.get(act, "para 9")


def _on_the_way(act: Act, kind: ClientKind, of: Edition, rule: ProofRule) -> Iterator[OnTheWay]:
    if act is Act.REGISTRATION:
        yield OnTheWay.STATE_REGISTER
        if kind is ClientKind.LEGAL_ENTITY:
            yield OnTheWay.AUTHORITY
    if {Proof.BIOMETRY, Proof.TWO_FACTOR} & (rule.always | rule.choices):
        yield OnTheWay.LIVENESS_SEQUENCE if of.liveness_sequence else OnTheWay.LIVENESS
    if act in _CONTRACTS and of.voluntary_refusal:
        yield OnTheWay.VOLUNTARY_REFUSAL
    if (act in _CONTRACTS or act is Act.BANK_DETAILS_CHANGE) and of.account_owner_check:
        yield OnTheWay.ACCOUNT_OWNER
    if act in _CONTRACTS and of.waiting_time and kind is ClientKind.INDIVIDUAL:
        yield OnTheWay.WAITING_TIME
    if act in (Act.PHONE_CHANGE, Act.LEAK) and of.leak_measures:
        yield OnTheWay.PHONE_OWNER
    if act is Act.LEAK:
        yield OnTheWay.VERIFICATION_CALL


# ---- what follows a finding

# A finding that a genuine client can mend by trying again.
_RETRY = frozenset(
    {
        "code-wrong", "code-expired", "code-used", "too-many-tries",
        "no-face", "several-faces", "face-too-small", "photo-blurred", "photo-too-dark", "photo-too-bright",
        "light-uneven", "face-turned", "face-tilted", "face-covered", "glasses-worn", "mouth-open", "face-not-neutral",
        "background-not-light",
        "image-unreadable", "image-too-large", "image-type", "video-unreadable", "video-too-long", "video-too-large",
        "document-not-found", "document-retake", "document-check-digit", "document-wrong-type", "digital-document-code",
        "document-passport", "document-front-missing", "document-back-missing", "document-front-unread",
        "document-portrait-missing", "document-too-small", "document-cut-off", "photo-glare",
        "face-different", "face-other-than-card",
        "liveness-wrong-order", "liveness-flat", "liveness-static", "liveness-no-face", "liveness-several-faces",
        "liveness-timing", "liveness-another-face", "liveness-joined", "liveness-seen-before",
        "challenge-expired", "challenge-used", "challenge-unknown",
        "signature-unreadable", "signature-other-content", "signature-digest-not-allowed", "signature-wrong",
        "signature-unknown-authority", "signature-not-a-signing-certificate", "signature-certificate-expired",
        "signature-certificate-revoked", "signature-status-untrusted", "signature-timestamp-untrusted",
        "signature-other-capacity", "authority-expired",
    }
)  # fmt: skip

# A finding that a person has to judge: the machine's answer is not sure, or two sources disagree.
_REVIEW = frozenset(
    {
        "face-unsure", "document-name-unsure", "document-number-differs", "idec-face-different", "idec-data-differs",
        "document-iin-differs", "document-sides-differ", "document-birth-differs", "document-expiry-differs",
        "document-name-differs", "document-front-name-differs", "document-mrz-name-differs",
        "document-patronymic-differs",
        "phone-not-owned", "authority-to-check", "liveness-no-passive",
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
