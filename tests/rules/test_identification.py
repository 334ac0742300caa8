"""Every edition x act x kind of client against a table written by hand, on the first and the last day of each edition.

Rules: para 6, part 4; para 6, part 5; para 9; para 35; para 36.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise, product

import pytest

from rules.client import ClientKind
from rules.editions import EDITIONS
from rules.identification import OFFERED, needed_on
from rules.policy import Certainty, UnknownPolicy
from rules.proofs import Act, Factor, OnTheWay, Proof, ProofRule

LAST_DAYS = {
    "2021": (date(2021, 5, 11), date(2023, 11, 19)),
    "2023": (date(2023, 11, 20), date(2024, 4, 19)),
    "2024a": (date(2024, 4, 20), date(2024, 8, 31)),
    "2024b": (date(2024, 9, 1), date(2024, 12, 31)),
    "2025": (date(2025, 1, 1), date(2025, 9, 29)),
    "2025b": (date(2025, 9, 30), date(2026, 11, 1)),
}
KINDS = {"I": ClientKind.INDIVIDUAL, "E": ClientKind.ENTREPRENEUR, "L": ClientKind.LEGAL_ENTITY}

# face, sign = biometry, signature; 2f = two factors; "1 of" or "2 of" what follows; "+" = these in any case.
# A line: act | 2021 | 2023 and 2024a | 2024b | 2025 and 2025b. "I E L" after "@" where kinds differ.
THREE = "sign face 2f"
PAPERS = "1 of id digital + power"
LATER = "password one_time_code token smart_card"
TABLE = f"""
registration           | 1 of {THREE}        | 2 of {THREE} + face | face sign       | face sign @ E: face
contract               | 1 of sign {LATER}   | 2 of {THREE}        | face sign       | face sign
contract_amendment     | 1 of sign {LATER}   | 2 of {THREE}        | face sign       | face sign
business_contract      | 1 of sign {LATER}   | 2 of {THREE}        | face sign       | face sign @ E: face
business_amendment     | 1 of sign {LATER}   | 2 of {THREE}        | face sign       | face sign @ E: face
phone_change           | 1 of {THREE}        | 1 of {THREE}        | 1 of sign face  | face sign
bank_details_change    | 1 of {THREE}        | 1 of {THREE}        | 1 of sign face  | face sign
merchant_payment       | nothing             | 2 of {THREE}        | face sign       | face
cash_desk              | nothing             | 1 of id digital     | 1 of id digital | 1 of id digital @ L: {PAPERS}
log_in                 | 1 of {LATER}        | 1 of {LATER}        | 1 of {LATER}    | 1 of {LATER}
leak                   | nothing             | nothing             | face            | face
"""
COLUMNS = (("2021",), ("2023", "2024a"), ("2024b",), ("2025", "2025b"))
WORDS = {
    "face": Proof.BIOMETRY, "sign": Proof.SIGNATURE, "2f": Proof.TWO_FACTOR, "id": Proof.IDENTITY_DOCUMENT,
    "digital": Proof.DIGITAL_DOCUMENT, "power": Proof.POWER_OF_ATTORNEY,
}  # fmt: skip


def proofs(words: str) -> frozenset[Proof]:
    return frozenset(WORDS.get(word) or Proof(word) for word in words.split())


def read(cell: str) -> ProofRule:
    if cell == "nothing":
        return ProofRule()
    if cell[1:4] != " of":
        return ProofRule(proofs(cell), len(proofs(cell)), proofs(cell))
    choices, _, always = cell[5:].partition("+")
    return ProofRule(proofs(choices), int(cell[0]), proofs(always))


def truth() -> dict[tuple[str, Act, ClientKind], ProofRule]:
    found = {}
    for line in TABLE.strip().splitlines():
        act, *cells = [cell.strip() for cell in line.split("|")]
        for names, cell in zip(COLUMNS, cells, strict=True):
            common, _, other = cell.partition("@")
            own = {KINDS[other.strip()[0]]: other.partition(":")[2].strip()} if other else {}
            for name, kind in product(names, ClientKind):
                found[name, Act(act), kind] = read(own.get(kind, common.strip()))
    return found


TRUTH = truth()


def test_the_table_knows_every_edition_act_and_kind() -> None:
    assert set(TRUTH) == set(product([one.name for one in EDITIONS], Act, ClientKind))
    assert len(TRUTH) == 6 * 11 * 3


@pytest.mark.parametrize("name", LAST_DAYS)
def test_each_act_needs_what_the_table_says_on_the_first_and_the_last_day(name: str) -> None:
    for on, act, kind in product(LAST_DAYS[name], Act, ClientKind):
        found = needed_on(act, kind, on)
        assert (found.edition.name, found.rule) == (name, TRUTH[name, act, kind]), (on, act, kind)
        assert (found.paragraph is None) == (found.rule == ProofRule())


def test_the_editions_follow_each_other_without_a_gap() -> None:
    spans = list(LAST_DAYS.values())
    assert all(first + timedelta(days=1) == then for (_, first), (then, _) in pairwise(spans))
    with pytest.raises(UnknownPolicy):
        needed_on(Act.REGISTRATION, ClientKind.INDIVIDUAL, date(2021, 5, 10))


# What our own cases ask for: no more than the edition does, the face before the signature where either will do.
ASKED = {
    "2021": {"registration": "face", "contract": "sign", "business_contract": "sign", "phone_change": "face",
             "bank_details_change": "face"},
    "2023": {"registration": "face sign", "contract": "face sign", "business_contract": "face sign",
             "phone_change": "face", "bank_details_change": "face"},
    "2024b": {"registration": "face sign", "contract": "face sign", "business_contract": "face sign",
              "phone_change": "face", "bank_details_change": "face"},
    "2025": {"registration": "face sign", "contract": "face sign", "business_contract": "face sign",
             "phone_change": "face sign", "bank_details_change": "face sign"},
}  # fmt: skip
ASKED |= {"2024a": ASKED["2023"], "2025b": ASKED["2025"]}


@pytest.mark.parametrize("name", LAST_DAYS)
def test_our_cases_ask_for_what_the_edition_needs_and_no_more(name: str) -> None:
    for (act, words), kind in product(ASKED[name].items(), ClientKind):
        free = kind is ClientKind.ENTREPRENEUR and name in ("2025", "2025b")
        wanted = "face" if free and act in ("registration", "business_contract") else words
        found = needed_on(Act(act), kind, LAST_DAYS[name][0])
        assert (found.face, found.signature) == ("face" in wanted, "sign" in wanted), (name, act, kind)
        asked = found.rule.asked(OFFERED)
        assert found.rule.satisfied(asked)
        assert not any(found.rule.satisfied(asked - {one}) for one in asked)


def test_a_contract_for_the_business_is_told_from_one_for_the_household() -> None:
    entrepreneur, on = ClientKind.ENTREPRENEUR, date(2026, 3, 1)
    assert needed_on(Act.CONTRACT, entrepreneur, on).signature
    assert not needed_on(Act.CONTRACT, entrepreneur, on, business=True).signature
    assert needed_on(Act.CONTRACT, ClientKind.LEGAL_ENTITY, on, business=True).signature
    assert not needed_on(Act.CONTRACT_AMENDMENT, entrepreneur, on, business=True).signature


def test_one_method_was_enough_in_2021_and_two_with_a_face_in_2023() -> None:
    one = needed_on(Act.REGISTRATION, ClientKind.INDIVIDUAL, date(2023, 11, 19)).rule
    assert all(one.satisfied({method}) for method in proofs(THREE))
    assert not one.satisfied({Proof.PASSWORD})
    two = needed_on(Act.REGISTRATION, ClientKind.INDIVIDUAL, date(2023, 11, 20)).rule
    assert not two.satisfied(proofs("sign 2f"))
    assert not two.satisfied({Proof.BIOMETRY})
    assert two.satisfied(proofs("face 2f"))
    assert two.missing(frozenset({Proof.SIGNATURE})) == {Proof.BIOMETRY}
    assert needed_on(Act.CONTRACT, ClientKind.INDIVIDUAL, date(2023, 11, 20)).rule.satisfied(proofs("sign 2f"))


@pytest.mark.parametrize(
    ("on", "shown", "reached"),
    [
        (date(2023, 11, 19), "inherence possession", True),
        (date(2023, 11, 19), "inherence knowledge", True),
        (date(2023, 11, 19), "knowledge possession", False),  # without the living face against the document
        (date(2023, 11, 20), "knowledge possession", True),
        (date(2023, 11, 20), "inherence possession", True),
        (date(2024, 8, 31), "knowledge inherence", True),
        (date(2023, 11, 20), "knowledge knowledge", False),
        (date(2024, 8, 31), "possession", False),
    ],
)
def test_two_factors_are_two_different_ones(on: date, shown: str, reached: bool) -> None:
    rule = needed_on(Act.REGISTRATION, ClientKind.INDIVIDUAL, on).edition.two_factor
    assert rule is not None
    assert rule.reached([Factor(one) for one in shown.split()]) is reached


def test_two_factors_are_no_method_since_september_2024() -> None:
    found = needed_on(Act.REGISTRATION, ClientKind.INDIVIDUAL, date(2024, 9, 1))
    assert found.edition.two_factor is None
    assert not found.rule.satisfied(proofs("face 2f"))


WAY = [  # act, kind, day, what is looked up
    ("registration", "I", date(2023, 11, 19), "state_register liveness"),
    ("registration", "L", date(2024, 8, 31), "state_register authority liveness"),
    ("registration", "I", date(2024, 9, 1), "state_register liveness_sequence"),
    ("contract", "I", date(2024, 4, 19), "liveness"),
    ("contract", "I", date(2024, 4, 20), "liveness voluntary_refusal"),
    ("contract", "I", date(2024, 12, 31), "liveness_sequence voluntary_refusal"),
    ("contract", "I", date(2025, 9, 29), "liveness_sequence voluntary_refusal account_owner"),
    ("contract", "I", date(2025, 9, 30), "liveness_sequence voluntary_refusal account_owner waiting_time"),
    ("contract", "L", date(2025, 9, 30), "liveness_sequence voluntary_refusal account_owner"),
    ("contract", "I", date(2022, 1, 1), ""),
    ("bank_details_change", "I", date(2024, 12, 31), "liveness_sequence"),
    ("bank_details_change", "I", date(2025, 1, 1), "liveness_sequence account_owner"),
    ("phone_change", "I", date(2025, 1, 1), "liveness_sequence phone_owner"),
    ("merchant_payment", "E", date(2025, 1, 1), "liveness_sequence"),
    ("cash_desk", "L", date(2025, 1, 1), ""),
    ("log_in", "I", date(2025, 1, 1), ""),
    ("leak", "I", date(2024, 8, 31), ""),
    ("leak", "I", date(2024, 9, 1), "liveness_sequence phone_owner verification_call"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "kind", "on", "way"), WAY)
def test_what_is_looked_up_on_the_way(act: str, kind: str, on: date, way: str) -> None:
    assert needed_on(Act(act), KINDS[kind], on).on_the_way == tuple(OnTheWay(one) for one in way.split())


def test_certain_is_only_the_edition_whose_text_and_day_were_read() -> None:
    certain = {name for name, (on, _) in LAST_DAYS.items() if _certainty(on) is Certainty.A}
    assert certain == {"2025"}


def _certainty(on: date) -> Certainty:
    return needed_on(Act.CONTRACT, ClientKind.INDIVIDUAL, on).edition.certainty
