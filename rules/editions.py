"""Editions of the Rules on one time line: each is the one before plus what an act changed.

An application keeps the name of its edition. Only 2025 has a certain first day; the others follow a
publication that was not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from rules.client import ClientKind
from rules.errors import InvalidInput
from rules.policy import Certainty, UnknownPolicy


class Proof(StrEnum):
    """What a client can show to prove who they are."""

    BIOMETRY = "biometry"
    SIGNATURE = "signature"
    PASSWORD = "password"  # noqa: S105  # nosec B105 - the name of a method
    ONE_TIME_CODE = "one_time_code"
    TOKEN = "token"  # noqa: S105  # nosec B105 - the name of a method
    TWO_FACTOR = "two_factor"


@dataclass(frozen=True)
class ProofRule:
    """Which proofs an act needs: all of `always`, and `count` in all out of `choices`."""

    choices: frozenset[Proof]
    count: int
    always: frozenset[Proof] = frozenset()

    def satisfied(self, shown: frozenset[Proof]) -> bool:
        """Whether what was shown is enough."""
        return self.always <= shown and len(self.choices & shown) >= self.count

    def missing(self, shown: frozenset[Proof]) -> frozenset[Proof]:
        """What must still be shown; any of several where a choice is open."""
        if self.satisfied(shown):
            return frozenset()
        return (self.always - shown) or (self.choices - shown)


def _all(*proofs: Proof) -> ProofRule:
    wanted = frozenset(proofs)
    return ProofRule(wanted, len(wanted), wanted)


@dataclass(frozen=True)
class Edition:
    """One edition. act: what brought it.

    liveness_sequence: random control movements. voluntary_refusal: looked up before issue.
    account_owner_check: no transfer to an account not shown to be the client's.
    """

    name: str
    in_force: date
    act: str
    certainty: Certainty
    registration: ProofRule
    contract: ProofRule
    registration_entrepreneur: ProofRule
    contract_entrepreneur: ProofRule
    liveness_sequence: bool = False
    voluntary_refusal: bool = False
    account_owner_check: bool = False
    biometry_archived: bool = False
    waiting_time: bool = False


_ONE_OF_2021 = ProofRule(frozenset({Proof.SIGNATURE, Proof.BIOMETRY, Proof.TWO_FACTOR}), 1)
_CONTRACT_2021 = ProofRule(frozenset({Proof.SIGNATURE, Proof.PASSWORD, Proof.ONE_TIME_CODE}), 1)
_METHODS_2023 = frozenset({Proof.BIOMETRY, Proof.SIGNATURE, Proof.TWO_FACTOR})
_METHODS_2024B = frozenset({Proof.BIOMETRY, Proof.SIGNATURE, Proof.ONE_TIME_CODE})

R2021 = Edition(
    "2021", date(2021, 5, 11), "resolution 63 of 2021", Certainty.B,
    registration=_ONE_OF_2021, contract=_CONTRACT_2021,
    registration_entrepreneur=_ONE_OF_2021, contract_entrepreneur=_CONTRACT_2021,
)  # fmt: skip

_TWO_2023 = ProofRule(_METHODS_2023, 2)
_TWO_WITH_FACE_2023 = ProofRule(_METHODS_2023, 2, frozenset({Proof.BIOMETRY}))
R2023 = replace(
    R2021, name="2023", in_force=date(2023, 11, 20), act="resolution 81 of 2023",
    registration=_TWO_WITH_FACE_2023, contract=_TWO_2023,
    registration_entrepreneur=_TWO_WITH_FACE_2023, contract_entrepreneur=_TWO_2023,
)  # fmt: skip

R2024A = replace(
    R2023, name="2024a", in_force=date(2024, 4, 20), act="resolution 17 of 2024", voluntary_refusal=True
)  # fmt: skip

_TWO_2024B = ProofRule(_METHODS_2024B, 2, frozenset({Proof.BIOMETRY}))
R2024B = replace(
    R2024A, name="2024b", in_force=date(2024, 9, 1), act="resolution 58 of 2024",
    registration=_TWO_2024B, contract=_TWO_2024B,
    registration_entrepreneur=_TWO_2024B, contract_entrepreneur=_TWO_2024B,
    liveness_sequence=True, biometry_archived=True,
)  # fmt: skip

_BOTH_2025 = _all(Proof.BIOMETRY, Proof.SIGNATURE)
R2025 = replace(
    R2024B, name="2025", in_force=date(2025, 1, 1), act="resolution 77 of 2024", certainty=Certainty.A,
    registration=_BOTH_2025, contract=_BOTH_2025,
    registration_entrepreneur=_all(Proof.BIOMETRY), contract_entrepreneur=_all(Proof.BIOMETRY),
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


def registration_proofs(of: Edition, kind: ClientKind) -> ProofRule:
    """What registration needs; an entrepreneur needs no signature since 2025. Later log-ins: password.

    Rules: para 6, part 4.

    >>> sorted(registration_proofs(R2025, ClientKind.ENTREPRENEUR).always)
    [<Proof.BIOMETRY: 'biometry'>]
    """
    return of.registration_entrepreneur if kind is ClientKind.ENTREPRENEUR else of.registration


def contract_proofs(of: Edition, kind: ClientKind, *, business_purpose: bool = False) -> ProofRule:
    """What signing or amending a contract needs; no signature where an entrepreneur borrows for the business.

    Rules: para 9.
    """
    if kind is ClientKind.ENTREPRENEUR and business_purpose:
        return of.contract_entrepreneur
    return of.contract
