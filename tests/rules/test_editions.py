"""Both sides of each edition's first day, and who needs which proofs."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from rules.client import ClientKind
from rules.editions import EDITIONS, R2021, R2023, R2024B, R2025, Proof, contract_proofs, edition, named
from rules.editions import registration_proofs as registration
from rules.errors import InvalidInput
from rules.policy import UnknownPolicy


@pytest.mark.parametrize(("before", "after"), list(pairwise(EDITIONS)), ids=lambda one: one.name)
def test_an_edition_begins_on_its_day_and_ends_the_day_before_the_next(before, after) -> None:
    assert edition(after.in_force) is after
    assert edition(after.in_force - timedelta(days=1)) is before


def test_no_edition_holds_before_the_first() -> None:
    with pytest.raises(UnknownPolicy):
        edition(date(2021, 5, 10))


def test_an_edition_is_found_by_the_name_stored_with_a_case() -> None:
    assert named("2025") is R2025
    with pytest.raises(InvalidInput):
        named("1999")


def test_one_method_was_enough_in_2021() -> None:
    assert registration(R2021, ClientKind.INDIVIDUAL).satisfied(frozenset({Proof.TWO_FACTOR}))


def test_two_methods_with_a_face_among_them_were_needed_in_2023() -> None:
    rule = registration(R2023, ClientKind.INDIVIDUAL)
    assert not rule.satisfied(frozenset({Proof.SIGNATURE, Proof.TWO_FACTOR}))
    assert rule.satisfied(frozenset({Proof.BIOMETRY, Proof.TWO_FACTOR}))


def test_two_factor_ended_as_a_method_in_september_2024() -> None:
    rule = registration(R2024B, ClientKind.INDIVIDUAL)
    assert not rule.satisfied(frozenset({Proof.BIOMETRY, Proof.TWO_FACTOR}))


@pytest.mark.parametrize("kind", [ClientKind.INDIVIDUAL, ClientKind.LEGAL_ENTITY])
def test_face_and_signature_are_needed_since_2025(kind: ClientKind) -> None:
    for rule in (registration(R2025, kind), contract_proofs(R2025, kind, business_purpose=True)):
        assert rule.missing(frozenset({Proof.BIOMETRY})) == {Proof.SIGNATURE}
        assert rule.satisfied(frozenset({Proof.BIOMETRY, Proof.SIGNATURE}))


def test_an_entrepreneur_signs_only_what_is_not_for_the_business() -> None:
    face = frozenset({Proof.BIOMETRY})
    entrepreneur = ClientKind.ENTREPRENEUR
    assert registration(R2025, entrepreneur).satisfied(face)
    assert contract_proofs(R2025, entrepreneur, business_purpose=True).satisfied(face)
    assert not contract_proofs(R2025, entrepreneur, business_purpose=False).satisfied(face)
