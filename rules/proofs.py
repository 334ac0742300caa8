"""Acts that need proofs, and the proofs there are.

Rules: para 6, part 4; para 9; para 35.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Act(StrEnum):
    """What a client does, as far as the Rules ask who it is.

    BUSINESS_CONTRACT, BUSINESS_AMENDMENT: of a microcredit for entrepreneurship.
    """

    REGISTRATION = "registration"
    CONTRACT = "contract"
    CONTRACT_AMENDMENT = "contract_amendment"
    BUSINESS_CONTRACT = "business_contract"
    BUSINESS_AMENDMENT = "business_amendment"
    PHONE_CHANGE = "phone_change"
    BANK_DETAILS_CHANGE = "bank_details_change"
    MERCHANT_PAYMENT = "merchant_payment"
    CASH_DESK = "cash_desk"
    LOG_IN = "log_in"
    LEAK = "leak"


class Proof(StrEnum):
    """What a client can show to prove who they are. IDENTITY_DOCUMENT, DIGITAL_DOCUMENT: looked at by a person."""

    BIOMETRY = "biometry"
    SIGNATURE = "signature"
    PASSWORD = "password"  # noqa: S105  # nosec B105  # the name of a method
    ONE_TIME_CODE = "one_time_code"
    TOKEN = "token"  # noqa: S105  # nosec B105  # the name of a method
    SMART_CARD = "smart_card"
    TWO_FACTOR = "two_factor"
    IDENTITY_DOCUMENT = "identity_document"
    DIGITAL_DOCUMENT = "digital_document"
    POWER_OF_ATTORNEY = "power_of_attorney"


class Factor(StrEnum):
    """Of two-factor authentication. INHERENCE: the living face against the photo of the identity document."""

    KNOWLEDGE = "knowledge"
    POSSESSION = "possession"
    INHERENCE = "inherence"


class OnTheWay(StrEnum):
    """What is looked up besides, by us. LIVENESS: static pictures and clips are told from a living face."""

    STATE_REGISTER = "state_register"
    AUTHORITY = "authority"
    LIVENESS = "liveness"
    LIVENESS_SEQUENCE = "liveness_sequence"
    PHONE_OWNER = "phone_owner"
    ACCOUNT_OWNER = "account_owner"
    VOLUNTARY_REFUSAL = "voluntary_refusal"
    WAITING_TIME = "waiting_time"
    VERIFICATION_CALL = "verification_call"


@dataclass(frozen=True)
class ProofRule:
    """Which proofs an act needs: all of `always`, and `count` in all out of `choices`.

    >>> rule = ProofRule(frozenset({Proof.BIOMETRY, Proof.SIGNATURE, Proof.TWO_FACTOR}), 2)
    >>> rule.satisfied({Proof.SIGNATURE}), rule.satisfied({Proof.SIGNATURE, Proof.TWO_FACTOR})
    (False, True)
    """

    choices: frozenset[Proof] = frozenset()
    count: int = 0
    always: frozenset[Proof] = frozenset()

    def __post_init__(self) -> None:
        if len(self.choices) < self.count:
            raise ValueError("more proofs are asked for than there are")

    def satisfied(self, shown: Iterable[Proof]) -> bool:
        """Whether what was shown is enough."""
        shown = frozenset(shown)
        return self.always <= shown and len(self.choices & shown) >= self.count

    def missing(self, shown: frozenset[Proof]) -> frozenset[Proof]:
        """What must still be shown; any of several where a choice is open."""
        if self.satisfied(shown):
            return frozenset()
        return (self.always - shown) or (self.choices - shown)

    def asked(self, offered: tuple[Proof, ...]) -> frozenset[Proof]:
        """What is asked for by someone who can take the proofs `offered`, the preferred first: no more than needed.

        >>> sorted(ProofRule(frozenset({Proof.BIOMETRY, Proof.SIGNATURE}), 1).asked((Proof.BIOMETRY, Proof.SIGNATURE)))
        [<Proof.BIOMETRY: 'biometry'>]

        Raises:
            ValueError: what is offered is never enough.
        """
        asked = set(self.always & frozenset(offered))
        for proof in offered:
            if self.satisfied(asked):
                break
            if proof in self.choices:
                asked.add(proof)
        if not self.satisfied(asked):
            raise ValueError("what is offered is not enough")
        return frozenset(asked)


@dataclass(frozen=True)
class TwoFactor:
    """When two-factor authentication is reached: all of `always`, and `count` different factors in all."""

    always: frozenset[Factor] = frozenset()
    count: int = 2
    of: frozenset[Factor] = field(default_factory=lambda: frozenset(Factor))

    def reached(self, shown: Iterable[Factor]) -> bool:
        """Whether these factors make it; the same factor twice is one."""
        shown = frozenset(shown)
        return self.always <= shown and len(self.of & shown) >= self.count


def every(*proofs: Proof) -> ProofRule:
    """All of them."""
    wanted = frozenset(proofs)
    return ProofRule(wanted, len(wanted), wanted)


def some(count: int, of: Iterable[Proof], *always: Proof) -> ProofRule:
    """So many of these, some of them in any case. All of them where as many are asked for as there are."""
    choices = frozenset(of)
    return every(*choices) if count == len(choices) else ProofRule(choices, count, frozenset(always))


NOTHING = ProofRule()
