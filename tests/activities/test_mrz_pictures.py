"""Photographs through the real reader: read exactly, nothing altered taken, fronts and bank cards not mistaken.

`nesie bench mrz` gives the figures of whole sets; here is what keeps its promises proven in little time.
"""

from __future__ import annotations

import random

import pytest
from senses import PHOTOS, reader, shared

from activities.integrations.biometrics import images
from activities.integrations.biometrics.mrz import MrzReader
from activities.integrations.biometrics.mrz_rows import WHOLE, Area
from bench.mrz import Seen, Truth, figures, read_truth
from infra.borrower import card
from infra.borrower.person import make_persona
from rules.evidence import DocumentOutcome

TAKEN = (DocumentOutcome.READ, DocumentOutcome.READ_NAME_UNSURE)


def _mrz() -> MrzReader:
    return reader()._mrz


def _seen(truths: list[Truth]) -> list[Seen]:
    return [Seen(truth, _mrz().read(images.decode(truth.path.read_bytes())), 0.0) for truth in truths]


def test_generated_photographs_are_read_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    truths = [truth for truth in read_truth(shared("mrz/synthetic", "pictures") / "truth.csv") if truth.lines][::3]
    found = figures(_seen(truths))
    with capsys.disabled():
        print(f"\n  mrz, generated: {found['read_exact']} of {len(truths)} read exactly, {found['accepted']} taken")
    assert len(truths) == 30
    assert found["read_exact"] >= 29
    assert (found["accepted_wrong_protected"], found["accepted_wrong_name"]) == (0, 0)


def test_specimens_are_read_exactly_and_a_wrong_one_is_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    truths = read_truth(shared("mrz/real", "specimens") / "truth.csv")
    seen = _seen(truths)
    found = figures(seen)
    with capsys.disabled():
        print(f"\n  mrz, specimens: {found['read_exact']} of {len(truths)} read exactly, {found['accepted']} taken")
    assert found["read_exact"] >= len(truths) - 1
    assert (found["accepted_wrong_protected"], found["accepted_wrong_name"]) == (0, 0)
    assert found["accepted"] >= 26
    assert all(one.outcome not in TAKEN for one in seen if not one.truth.valid)


def test_fronts_and_bank_cards_are_never_taken(capsys: pytest.CaptureFixture[str]) -> None:
    fronts = sorted(shared("mrz/synthetic", "fronts").glob("*kzfront*"))[::3]
    others = sorted(path for path in shared("mrz/negatives", "negatives").iterdir() if path.suffix in (".jpg", ".png"))
    found = [_mrz().read(images.decode(path.read_bytes())) for path in (*fronts, *others)]
    with capsys.disabled():
        print(f"\n  mrz, without one: {len(found)} pictures, 0 taken")
    assert len(found) >= 5
    assert all(text is None or text.outcome is DocumentOutcome.RETAKE for text in found)


def test_a_part_that_cuts_rows_is_no_part() -> None:
    """A name cut at its first letter would be read for sure and be wrong: no check digit covers it."""
    picture, rows = images.decode(card.back(make_persona(3, PHOTOS, "a"))), _mrz()._rows
    whole = rows.look(picture, 960, WHOLE)
    width = picture.shape[1]
    inside = max(group.seed.x for group in whole.groups) / width
    cut = rows.look(picture, 960, Area(inside - 0.2, 0, 1, 1))
    assert cut.area == WHOLE
    assert [len(group.rows) for group in cut.groups] == [len(group.rows) for group in whole.groups]


def test_a_closer_look_at_a_front_is_at_its_text_only() -> None:
    picture = images.decode(card.front(make_persona(3, PHOTOS, "a")))
    text = _mrz()._rows.look(picture, 544, WHOLE).text
    assert text is not None
    assert (text.right - text.left) * (text.bottom - text.top) < 0.9


def test_cards_forged_in_one_digit_are_refused_as_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One digit of number, birth date, expiry or their check digits is another than the rest of the lines says."""
    draw, genuine = random.Random(60), card.mrz
    places = [(0, at) for at in range(5, 15)] + [(1, at) for at in (*range(7), *range(8, 15))]
    refused = []
    for at, (line, place) in enumerate(draw.sample(places, 12)):
        person = make_persona(200 + at, PHOTOS, "ab"[at % 2])
        lines = genuine(person)
        digit = draw.choice([other for other in "0123456789" if other != lines[line][place]])
        lines[line] = lines[line][:place] + digit + lines[line][place + 1 :]
        monkeypatch.setattr(card, "mrz", lambda *_, lines=lines, **__: lines)
        text = _mrz().read(images.decode(card.back(person)))
        assert text is not None
        assert text.outcome not in TAKEN
        assert text.lines == lines
        refused.append(text.outcome is DocumentOutcome.REJECTED)
    with capsys.disabled():
        print(f"\n  mrz, forged in one digit: {len(refused)} cards, 0 taken, {sum(refused)} refused outright")
    assert sum(refused) >= 11
