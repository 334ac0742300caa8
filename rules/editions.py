"""Editions of the Rules on one time line: each is the one before plus what an act changed.

An application keeps the name of its edition. Only 2025 has a certain first day; the others follow a
publication that was not seen. Which proofs an act needs is asked of `rules.identification`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from rules.client import ClientKind
from rules.errors import InvalidInput
from rules.policy import Certainty, UnknownPolicy
from rules.proofs import NOTHING, Act, Factor, Proof, ProofRule, TwoFactor, every, some

Proofs = Mapping[Act, ProofRule]


@dataclass(frozen=True)
class Edition:
    """One edition. act: what brought it.

    proofs: for each act. of_kind: where a kind of client needs others. two_factor: None where it is no method.
    liveness_sequence: random control movements. voluntary_refusal: looked up before issue.
    account_owner_check: no transfer to an account not shown to be the client's.
    leak_measures: what follows when a client's data is known to have leaked.
    """

    name: str
    in_force: date
    act: str
    certainty: Certainty
    proofs: Proofs
    of_kind: Mapping[ClientKind, Proofs] = field(default_factory=dict)
    two_factor: TwoFactor | None = None
    liveness_sequence: bool = False
    voluntary_refusal: bool = False
    account_owner_check: bool = False
    biometry_archived: bool = False
    leak_measures: bool = False
    waiting_time: bool = False

    def rule(self, act: Act, kind: ClientKind) -> ProofRule:
        """The proofs of an act."""
        own = self.of_kind.get(kind, {})
        return own[act] if act in own else self.proofs[act]


_CONTRACTS = (Act.CONTRACT, Act.CONTRACT_AMENDMENT, Act.BUSINESS_CONTRACT, Act.BUSINESS_AMENDMENT)
_CHANGES = (Act.PHONE_CHANGE, Act.BANK_DETAILS_CHANGE)
_METHODS = (Proof.SIGNATURE, Proof.BIOMETRY, Proof.TWO_FACTOR)
_METHODS_2024B = (Proof.SIGNATURE, Proof.BIOMETRY)
_LATER = (Proof.PASSWORD, Proof.ONE_TIME_CODE, Proof.TOKEN, Proof.SMART_CARD)
_SEEN = some(1, (Proof.IDENTITY_DOCUMENT, Proof.DIGITAL_DOCUMENT))
_FREE_OF_SIGNATURE = (Act.REGISTRATION, Act.BUSINESS_CONTRACT, Act.BUSINESS_AMENDMENT)  # no change of phone or account

R2021 = Edition(
    "2021", date(2021, 5, 11), "resolution 63 of 2021", Certainty.B,
    proofs={
        Act.REGISTRATION: some(1, _METHODS),
        **dict.fromkeys(_CONTRACTS, some(1, (Proof.SIGNATURE, *_LATER))),
        **dict.fromkeys(_CHANGES, some(1, _METHODS)),
        Act.MERCHANT_PAYMENT: NOTHING,  # no way of issuing yet
        Act.CASH_DESK: NOTHING,
        Act.LOG_IN: some(1, _LATER),
        Act.LEAK: NOTHING,
    },
    two_factor=TwoFactor(always=frozenset({Factor.INHERENCE})),
)  # fmt: skip

R2023 = replace(
    R2021, name="2023", in_force=date(2023, 11, 20), act="resolution 81 of 2023",
    proofs={
        **R2021.proofs,
        Act.REGISTRATION: some(2, _METHODS, Proof.BIOMETRY),
        **dict.fromkeys(_CONTRACTS, some(2, _METHODS)),
        Act.MERCHANT_PAYMENT: some(2, _METHODS),
        Act.CASH_DESK: _SEEN,
    },
    two_factor=TwoFactor(),
)  # fmt: skip

R2024A = replace(
    R2023, name="2024a", in_force=date(2024, 4, 20), act="resolution 17 of 2024", voluntary_refusal=True
)  # fmt: skip

# two-factor authentication is gone; of what is left as many are asked for as before
R2024B = replace(
    R2024A, name="2024b", in_force=date(2024, 9, 1), act="resolution 58 of 2024",
    proofs={
        **R2024A.proofs,
        Act.REGISTRATION: some(2, _METHODS_2024B, Proof.BIOMETRY),
        **dict.fromkeys(_CONTRACTS, some(2, _METHODS_2024B)),
        **dict.fromkeys(_CHANGES, some(1, _METHODS_2024B)),
        Act.MERCHANT_PAYMENT: some(2, _METHODS_2024B),
        Act.LEAK: every(Proof.BIOMETRY),
    },
    two_factor=None, liveness_sequence=True, biometry_archived=True, leak_measures=True,
)  # fmt: skip

_BOTH, _FACE = every(Proof.BIOMETRY, Proof.SIGNATURE), every(Proof.BIOMETRY)
R2025 = replace(
    R2024B, name="2025", in_force=date(2025, 1, 1), act="resolution 77 of 2024", certainty=Certainty.A,
    proofs={
        **R2024B.proofs,
        **dict.fromkeys((Act.REGISTRATION, *_CONTRACTS, *_CHANGES), _BOTH),
        Act.MERCHANT_PAYMENT: _FACE,
    },
    of_kind={
        ClientKind.ENTREPRENEUR: dict.fromkeys(_FREE_OF_SIGNATURE, _FACE),
        ClientKind.LEGAL_ENTITY: {
            Act.CASH_DESK: ProofRule(_SEEN.choices, _SEEN.count, frozenset({Proof.POWER_OF_ATTORNEY}))
        },
    },
    account_owner_check=True,
)  # fmt: skip

R2025B = replace(
    R2025, name="2025b", in_force=date(2025, 9, 30), act="law 205-VIII; resolutions 46, 51, 53 of 2025",
    certainty=Certainty.B, waiting_time=True,
)  # fmt: skip

EDITIONS: tuple[Edition, ...] = (R2021, R2023, R2024A, R2024B, R2025, R2025B)


def edition(on: date) -> Edition:
    """The edition in force on a day in Almaty.

    >>> edition(date(2024, 12, 31)).name, edition(date(2025, 1, 1)).name
    ('2024b', '2025')

    Raises:
        UnknownPolicy: a day before the first edition the system holds.
    """
    for one in reversed(EDITIONS):
        if one.in_force <= on:
            return one
    raise UnknownPolicy(f"no edition of the Rules on {on}")


def named(name: str) -> Edition:
    """An edition by the name stored with a case."""
    for one in EDITIONS:
        if one.name == name:
            return one
    raise InvalidInput("edition-unknown", f"no edition is called {name!r}")
