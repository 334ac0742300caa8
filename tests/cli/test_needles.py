"""The search for values in bytes: every form is found wherever it lies, and chance is not taken for a finding."""

from __future__ import annotations

import base64
import json
import random

import pytest

from cli.needles import Haystack, forms

VALUES = {
    "iin": "880412401006",
    "phone": "+77071234567",
    "document": "012345678",
    "iban": "KZ86125KZT5004100100",
    "name": "Ахметова Айгүл",
    "canary": "planted text",
}


def _haystack() -> Haystack:
    return Haystack(form for kind, value in VALUES.items() for form in forms(kind, value))


def _written(value: str) -> list[bytes]:
    plain = value.encode()
    return [
        plain,
        value.encode("utf-16-le"),
        value.encode("utf-16-be"),
        *(base64.b64encode(b"-" * shift + plain + b"-" * (3 - shift)) for shift in range(3)),
        base64.urlsafe_b64encode(plain + b"??>>"),
        plain.hex().encode(),
        plain.hex().upper().encode(),
    ]


@pytest.mark.parametrize("kind", VALUES)
def test_each_form_is_found_wherever_the_chunks_end(kind: str) -> None:
    haystack = _haystack()
    for form in _written(VALUES[kind]):
        stream = b"\n" * 300 + b"<" + form + b">" + b"\n" * 300
        places = {
            tuple(haystack.search(stream[at : at + size] for at in range(0, len(stream), size)))
            for size in (1, 7, 64, 301, 5000)
        }
        assert len(places) == 1, form
        found = next(iter(places))
        assert {what for _, what in found} == {kind}
        assert all(301 <= at <= 306 for at, _ in found)
        assert len(found) == len(set(found)) <= 2  # UTF-16 after another character reads in both byte orders


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("phone", "8 (707) 123-45-67".replace("8", "+7", 1)),
        ("phone", "87071234567"),
        ("iban", "KZ86 125K ZT50 0410 0100"),
        ("name", "АЙГҮЛ АХМЕТОВА"),
        ("name", json.dumps({"surname": "Ахметова", "given_name": "Айгүл"})),
        ("name", json.dumps({"surname": "Ахметова", "given_name": "Айгүл"}, ensure_ascii=False)),
    ],
)
def test_other_spellings_are_found(kind: str, written: str) -> None:
    assert [found for _, found in _haystack().search([b"--", written.encode(), b"--"])] == [kind]


def test_a_short_number_inside_a_longer_one_is_no_document() -> None:
    haystack = _haystack()
    for written in (b"sha 9012345678a", b"12:00:01.012345678Z", b"0123456789"):
        assert list(haystack.search([written])) == []
    assert list(haystack.search([b"no 012345678, valid"])) == [(3, "document")]


def test_nothing_is_found_in_noise_and_in_nothing() -> None:
    noise = random.Random(7).randbytes(1 << 20)
    assert list(_haystack().search([noise, noise.hex().encode()])) == []
    assert list(_haystack().search([])) == []
    assert list(Haystack([]).search([noise])) == []
