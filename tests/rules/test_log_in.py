"""Which proofs are enough for a later log-in: the lender's defaults, and each switch of them.

Rules: para 6, part 4.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from rules.client import ClientKind
from rules.editions import EDITIONS
from rules.log_in import Factor, Standing, beside_password, missing, phone_is_factor, step_up_missing
from rules.policy import PolicyRow, PolicySet, policy
from rules.proofs import Act, Proof, ProofRule

DAY = date(2026, 3, 2)
P, C, T, K = Factor.PASSWORD, Factor.CODE, Factor.TOTP, Factor.PASSKEY
RULE = EDITIONS[-1].rule(Act.LOG_IN, ClientKind.INDIVIDUAL)
BARE = Standing(rule=RULE)
NONE: frozenset[Factor] = frozenset()


def of(*factors: Factor) -> frozenset[Factor]:
    return frozenset(factors)


def switched(**rules: bool) -> PolicySet:
    rows: dict[str, PolicyRow] = {row.name: row for row in policy(DAY).rows()}
    for name, on in rules.items():
        rows[name.replace("_", "-")] = replace(rows[name.replace("_", "-")], value=on)
    return PolicySet(DAY, rows)


OWN = switched()


@pytest.mark.parametrize(
    ("shown", "standing", "asked"),
    [
        (of(P), replace(BARE, known_device=True, phone_checked=True), NONE),  # as ever
        (of(P), BARE, NONE),  # nothing else could be asked for
        (of(P), replace(BARE, phone_checked=True), of(C)),  # a device that is new
        (of(P, C), replace(BARE, phone_checked=True), NONE),
        (of(P), replace(BARE, enrolled=of(T), known_device=True), of(T)),  # who has enrolled a token is asked for it
        (of(P), replace(BARE, enrolled=of(T, K), phone_checked=True), of(T, K)),  # and a code does not stand in for it
        (of(P, C), replace(BARE, enrolled=of(T), phone_checked=True), of(T)),
        (of(P, T), replace(BARE, enrolled=of(T)), NONE),
        (of(K), replace(BARE, enrolled=of(K)), NONE),  # the device has looked at its user itself
        (of(C), replace(BARE, phone_checked=True), None),  # off, unless the lender wants it
        (of(T), replace(BARE, enrolled=of(T)), None),  # six digits alone are no log-in
        (NONE, BARE, None),
    ],
)
def test_the_defaults(shown: frozenset[Factor], standing: Standing, asked: frozenset[Factor] | None) -> None:
    assert missing(OWN, shown, standing) == asked


def test_each_switch_changes_one_thing() -> None:
    new = replace(BARE, phone_checked=True)
    assert missing(switched(log_in_new_device_rule=False), of(P), new) == NONE
    assert missing(switched(log_in_by_passkey_rule=False), of(K), replace(BARE, enrolled=of(K))) is None
    by_code = switched(log_in_by_code_rule=True)
    assert missing(by_code, of(C), new) == NONE
    assert missing(by_code, of(C), replace(new, enrolled=of(T))) == of(T)
    assert missing(by_code, of(C, T), replace(new, enrolled=of(T))) == NONE
    beside = switched(log_in_code_beside_token_rule=True)
    assert beside_password(beside, replace(new, enrolled=of(T))) == of(T, C)
    assert missing(beside, of(P, C), replace(new, enrolled=of(T))) == NONE


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [("OWNED", True), ("APPROVED", True), ("UNKNOWN", False), ("NOT_OWNED", False), (None, False)],
)
def test_a_code_counts_only_where_the_number_is_the_clients(outcome: str | None, counts: bool) -> None:
    assert phone_is_factor(OWN, outcome) is counts
    assert phone_is_factor(switched(phone_factor_unknown_owner_rule=True), "UNKNOWN")
    assert not phone_is_factor(switched(phone_factor_officer_rule=False), "APPROVED")


def test_before_a_change_something_besides_the_password_is_shown_where_there_is_anything() -> None:
    assert step_up_missing(OWN, of(P), replace(BARE, known_device=True, phone_checked=True)) == of(C)
    assert step_up_missing(OWN, of(P), replace(BARE, enrolled=of(K))) == of(K)
    assert step_up_missing(OWN, of(P, K), replace(BARE, enrolled=of(K))) == NONE
    assert step_up_missing(OWN, of(P), BARE) == NONE


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("kind", list(ClientKind))
def test_every_edition_takes_a_password_a_token_or_a_code(edition, kind: ClientKind) -> None:
    rule = edition.rule(Act.LOG_IN, kind)
    for proof in (Proof.PASSWORD, Proof.TOKEN, Proof.ONE_TIME_CODE):
        assert rule.satisfied({proof})
    assert not rule.satisfied(frozenset())


def test_an_edition_that_asked_for_more_would_bind() -> None:
    both = ProofRule(frozenset({Proof.PASSWORD, Proof.TOKEN}), 2)
    assert missing(OWN, of(P), Standing(rule=both, known_device=True)) is None
