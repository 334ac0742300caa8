"""Simulated people, their cards and clips: what the demonstration and the benchmark rely on. The models are real."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from senses import MODELS, PHOTOS, camera, judged, photo

from activities.integrations.biometrics.mrz_format import TD1
from infra.borrower import card
from infra.borrower.person import Persona, make_persona, transliterated
from infra.setup.models import PHOTOS as LISTED
from infra.setup.models import ModelsNotReady, prepare, verify, verify_photos
from rules import contacts, iin
from rules.evidence import LivenessVerdict

PEOPLE = [make_persona(seed, PHOTOS, who) for seed in range(300) for who in ("a", "b")]


@pytest.mark.parametrize("what", ["iin", "phone", "iban", "document_number"])
def test_no_two_people_share_a_number(what: str) -> None:
    assert len({getattr(person, what) for person in PEOPLE}) == len(PEOPLE)


def test_the_far_ends_of_the_seeds_work_too() -> None:
    for seed in (0, 10_949, 10_950, 9_999_999):
        person = make_persona(seed, PHOTOS, "a")
        assert iin.is_valid(person.iin)
        assert len(person.document_number) == 9
    with pytest.raises(ValueError, match="seed"):
        make_persona(10_000_000, PHOTOS, "a")


def test_all_numbers_are_valid_and_agree() -> None:
    for person in PEOPLE:
        assert iin.validate(person.iin) == person.iin
        assert (iin.birth_date(person.iin), iin.sex(person.iin)) == (person.birth_date, person.sex)
        assert contacts.validate_mobile(person.phone) == person.phone
        assert contacts.validate_iban(person.iban) == person.iban
        assert person.document_number.isdigit()
        assert person.issued < person.expires


def test_the_same_seed_is_the_same_person_with_the_same_card() -> None:
    one, again = make_persona(7, PHOTOS, "b"), make_persona(7, PHOTOS, "b")
    assert one == again
    assert (card.front(one), card.back(one)) == (card.front(again), card.back(again))


def test_card_and_selfie_are_two_photographs_of_one_person() -> None:
    person = PEOPLE[0]
    assert person.photo_card != person.photo_selfie
    assert camera().selfie(person) == person.photo_selfie == photo("person_a_2")


def test_the_mrz_is_valid_and_the_broken_one_fails_in_one_digit() -> None:
    for person in PEOPLE[:60]:
        lines = card.mrz(person)
        assert TD1.allows(lines)
        assert TD1.valid(lines)
        broken = TD1.check_results(card.mrz(person, break_check_digit=True))
        assert [name for name, holds in broken.items() if not holds] == ["birth_date"]


def test_every_name_has_letters_that_an_mrz_knows() -> None:
    for person in PEOPLE[:20]:
        assert transliterated(person.surname + person.given_name).isascii()
    assert transliterated("ҒАЛИЕВА ӨТЕ-ГЕН") == "GALIEVA<OTE<GEN"


@pytest.mark.parametrize("side", [card.front, card.back])
def test_a_card_is_a_jpeg_of_1280_by_720(side: object) -> None:
    image = Image.open(io.BytesIO(side(PEOPLE[1])))  # type: ignore[operator]
    assert (image.format, image.size) == ("JPEG", (1280, 720))


def test_a_clip_is_small_repeatable_and_each_recording_is_new() -> None:
    order = ["left", "down", "closer", "right"]
    first, again = (camera().clip(photo("person_a_2"), order, seed=3) for _ in range(2))
    assert first == again
    assert len(first) < 400_000
    new = {camera().clip(photo("person_a_2"), order) for _ in range(3)}
    assert len(new | {first}) == 4


def _verdict(person: Persona, order: list[str], **how: bool) -> LivenessVerdict:
    return judged(camera().clip(person.photo_selfie, order, seed=4, **how), order, person.photo_selfie).verdict


def test_what_the_camera_films_is_what_the_checks_see() -> None:
    assert _verdict(PEOPLE[1], ["closer", "up", "left"]) is LivenessVerdict.LIVE
    assert _verdict(PEOPLE[1], ["closer", "up", "left"], flat=True) is LivenessVerdict.FLAT
    assert _verdict(PEOPLE[1], ["closer", "up", "left"], frozen=True) is LivenessVerdict.STATIC


def test_prepared_models_are_verified_and_prepared_only_once() -> None:
    verify(MODELS)
    verify_photos(PHOTOS)
    said: list[str] = []
    prepare(MODELS.parent, said.append)
    assert said == ["models and photographs: complete, checksums fit"]


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelsNotReady, match="missing"):
        verify(tmp_path)
    for name in LISTED:
        (tmp_path / name).write_bytes(b"another photograph")
    with pytest.raises(ModelsNotReady, match="not the expected file"):
        verify_photos(tmp_path)


def test_every_photograph_is_credited() -> None:
    credits = (Path(__file__).parents[2] / "docs" / "photographs.md").read_text()
    assert [name for name in LISTED if name not in credits] == []
