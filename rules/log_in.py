"""Which proofs are enough for a later log-in, and for what changes a client's own means of logging in.

The Rules ask for a password and/or one of token, smart card, one-time code; which combinations the lender takes is its
choice within that (policy rows). Pure.

Rules: para 6, part 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rules.policy import PolicySet
from rules.proofs import Proof, ProofRule


class Factor(StrEnum):
    """What a client can show. PASSKEY has verified its user itself (PIN, finger or face on the device)."""

    PASSWORD = "password"  # noqa: S105  # nosec B105  # the name of a method
    CODE = "code"
    TOTP = "totp"
    PASSKEY = "passkey"


TOKENS = frozenset({Factor.TOTP, Factor.PASSKEY})
_PROOFS = {
    Factor.PASSWORD: Proof.PASSWORD,
    Factor.CODE: Proof.ONE_TIME_CODE,
    Factor.TOTP: Proof.TOKEN,
    Factor.PASSKEY: Proof.TOKEN,
}


@dataclass(frozen=True)
class Standing:
    """What is known of a client who logs in. rule: what the edition of the day asks for (rules.editions, Act.LOG_IN).

    enrolled: tokens of the client's own. phone_checked: the number's owner is the client, so that a code sent to it
    proves something. known_device: this device has been logged in from before.
    """

    rule: ProofRule
    enrolled: frozenset[Factor] = frozenset()
    phone_checked: bool = False
    known_device: bool = False


def phone_is_factor(policy: PolicySet, outcome: str | None) -> bool:
    """Whether a code to the number counts, by the last look at who owns it.

    Args:
        outcome: OWNED | NOT_OWNED | UNKNOWN (the operators' base does not know) | APPROVED (an officer looked); None
            where nobody has asked.
    """
    if outcome == "UNKNOWN":
        return policy.switch("phone-factor-unknown-owner-rule")
    if outcome == "APPROVED":
        return policy.switch("phone-factor-officer-rule")
    return outcome == "OWNED"


def beside_password(policy: PolicySet, standing: Standing) -> frozenset[Factor]:
    """What may be shown besides the password: the client's own tokens, else a code to the number.

    A code does not stand in for a token that is enrolled: who has lost it recovers the access with the face.
    """
    if standing.enrolled and not policy.switch("log-in-code-beside-token-rule"):
        return standing.enrolled
    return standing.enrolled | (frozenset({Factor.CODE}) if standing.phone_checked else frozenset())


def missing(policy: PolicySet, shown: frozenset[Factor], standing: Standing) -> frozenset[Factor] | None:
    """One of which must still be shown to log in; empty where enough was shown, None where nothing makes it enough.

    Rules: para 6, part 4.
    """
    if not standing.rule.satisfied(_PROOFS[one] for one in shown):
        return None
    if Factor.PASSKEY in shown and (Factor.PASSWORD in shown or policy.switch("log-in-by-passkey-rule")):
        return frozenset()
    if shown & TOKENS and Factor.PASSWORD in shown:
        return frozenset()
    second = beside_password(policy, standing)
    if Factor.PASSWORD in shown:
        new = not standing.known_device and policy.switch("log-in-new-device-rule")
        return second if (standing.enrolled or new) and not (shown & second) else frozenset()
    if Factor.CODE in shown and policy.switch("log-in-by-code-rule"):
        return standing.enrolled - shown if not shown & TOKENS else frozenset()
    return None


def step_up_missing(policy: PolicySet, shown: frozenset[Factor], standing: Standing) -> frozenset[Factor]:
    """One of which must still be shown, besides the password, to change the password or a factor."""
    second = beside_password(policy, standing)
    return frozenset() if shown & second else second
