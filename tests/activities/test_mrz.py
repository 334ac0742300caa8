"""Photographs of cards through the real reader. Proven: read exactly, nothing altered accepted, fronts not mistaken."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import cv2
import numpy as np
import pytest
from made_rows import SEIDAKHMETOVA, made_row, made_text
from senses import PHOTOS, faces, photo, reader

from activities.integrations.biometrics import images
from activities.integrations.biometrics.mrz_format import FORMATS, TD1, TD2, TD3, check_digit
from activities.integrations.biometrics.mrz_lines import constrained, greedy
from infra.borrower import card
from infra.borrower.person import Persona, make_persona
from rules.errors import InvalidInput
from rules.evidence import DocumentOutcome, FaceDecision


def _persona(seed: int, who: str = "a") -> Persona:
    return make_persona(seed, PHOTOS, who)


def _jpeg(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", picture)[1])


class TestTheText:
    def test_a_kazakh_card_of_1988_has_right_check_digits(self) -> None:
        assert TD1.allows(SEIDAKHMETOVA)
        assert TD1.check_results(SEIDAKHMETOVA) == dict.fromkeys(("number", "birth_date", "expires", "composite"), True)

    @pytest.mark.parametrize(("line", "at"), [(0, 6), (0, 14), (0, 20), (1, 2), (1, 6), (1, 10), (1, 14), (1, 29)])
    def test_every_covered_digit_counts(self, line: int, at: int) -> None:
        printed = SEIDAKHMETOVA[line]
        altered = printed[:at] + str((int(printed[at]) + 1) % 10) + printed[at + 1 :]
        lines = [altered if number == line else text for number, text in enumerate(SEIDAKHMETOVA)]
        assert not TD1.valid(lines)

    def test_icaos_own_examples_are_valid(self) -> None:
        assert TD3.valid(
            ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
        )
        assert TD2.valid(["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"])
        assert TD1.valid(
            ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]
        )
        assert check_digit("520727") == "3"


class TestDecoding:
    """Made-up probabilities, so that each rule stands alone."""

    def test_a_clear_row_is_read_alike_with_and_without_its_alphabet(self) -> None:
        row = made_row(SEIDAKHMETOVA[1])
        found = constrained(row, TD1.masks[1])
        assert found is not None
        assert greedy(row).text == found.text == SEIDAKHMETOVA[1]

    @pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
    def test_a_row_shorter_than_the_format_has_no_reading(self, form: object) -> None:
        assert constrained(made_row("A" * 5), TD1.masks[0]) is None

    def test_a_symbol_that_may_not_stand_there_gives_way(self) -> None:
        printed = "88O4123F3104116KAZ<<<<<<<<<<<2"
        found = constrained(made_row(printed, doubt={2: ("0", 0.3)}), TD1.masks[1])
        assert found is not None
        assert found.text == SEIDAKHMETOVA[1]

    def test_one_doubtful_symbol_is_mended(self) -> None:
        misread = SEIDAKHMETOVA[1][:4] + "7" + SEIDAKHMETOVA[1][5:]
        found = made_text([SEIDAKHMETOVA[0], misread, SEIDAKHMETOVA[2]], line1={4: ("1", 0.4)})
        assert (found.accepted, found.mended, found.lines) == (True, True, SEIDAKHMETOVA)

    def test_a_sure_symbol_is_never_mended(self) -> None:
        altered = SEIDAKHMETOVA[1][:4] + "7" + SEIDAKHMETOVA[1][5:]
        found = made_text([SEIDAKHMETOVA[0], altered, SEIDAKHMETOVA[2]])
        assert (found.accepted, found.mended, found.surely_wrong) == (False, False, True)

    def test_two_doubtful_symbols_are_not_mended(self) -> None:
        misread = SEIDAKHMETOVA[1][:3] + "77" + SEIDAKHMETOVA[1][5:]
        doubts = {3: ("4", 0.4), 4: ("1", 0.4)}
        assert not made_text([SEIDAKHMETOVA[0], misread, SEIDAKHMETOVA[2]], line1=doubts).accepted

    def test_an_unknown_state_is_not_accepted(self) -> None:
        lines = ["I<SI<09999100180706966505468<<", "6606079F0807276SI<<<<<<<<<<<<0", "VZOREC<<TINA<<<<<<<<<<<<<<<<<<"]
        assert TD1.valid(lines)
        assert not made_text(lines).accepted

    def test_a_doubtful_name_is_accepted_but_unsure(self) -> None:
        found = made_text(SEIDAKHMETOVA, line2={3: ("O", 0.2)})
        assert (found.accepted, found.names_sure) == (True, False)
        assert made_text(SEIDAKHMETOVA).names_sure


class TestTheCard:
    def test_both_sides_are_read_and_belong_to_the_person(self) -> None:
        for seed, who in ((3, "a"), (4, "b"), (11, "b")):
            person = _persona(seed, who)
            found = reader().read_back(card.back(person))
            assert (found.outcome, found.ground, found.format) == (DocumentOutcome.READ, None, "TD1")
            assert all(found.checks.values())
            assert {"iin", "iin_birth_date", "iin_sex", "dates", "composite"} <= found.checks.keys()
            assert found.fields is not None
            assert (found.fields.iin, found.fields.number) == (person.iin, person.document_number)
            assert date.fromisoformat(found.fields.expires) == person.expires
            assert date.fromisoformat(found.fields.birth_date) == person.birth_date
            assert (found.fields.sex, found.fields.issuer) == (person.sex, "KAZ")
            portrait = reader().portrait(card.front(person))
            assert faces().compare(person.photo_selfie, portrait).decision is FaceDecision.SAME

    def test_a_wrong_check_digit_is_rejected(self) -> None:
        found = reader().read_back(card.back(_persona(3), break_check_digit=True))
        assert (found.outcome, found.ground, found.fields) == (DocumentOutcome.REJECTED, "check-digit-wrong", None)
        assert found.checks["birth_date"] is False

    @pytest.mark.parametrize("change", ["sex", "birth", "iin"])
    def test_an_iin_that_contradicts_the_card_is_rejected(self, change: str) -> None:
        person = _persona(3)
        altered = {
            "sex": replace(person, sex="F"),
            "birth": replace(person, birth_date=date(1990, 1, 1)),
            "iin": replace(person, iin=person.iin[:-1] + str((int(person.iin[-1]) + 1) % 10)),
        }[change]
        found = reader().read_back(card.back(altered))
        assert (found.outcome, found.ground) == (DocumentOutcome.REJECTED, "iin-mismatch")
        assert found.fields is None

    @pytest.mark.parametrize("turn", [cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE])
    def test_a_turned_card_is_read(self, turn: int) -> None:
        person = _persona(5)
        found = reader().read_back(_jpeg(cv2.rotate(images.decode(card.back(person)), turn)))
        assert found.outcome is DocumentOutcome.READ
        assert reader().portrait(_jpeg(cv2.rotate(images.decode(card.front(person)), turn)))

    def test_a_picture_without_an_mrz_asks_for_another(self) -> None:
        front = reader().read_back(card.front(_persona(3)))
        wall = reader().read_back(_jpeg(np.full((720, 1280, 3), 150, np.uint8)))
        assert (front.outcome, front.ground) == (DocumentOutcome.RETAKE, "mrz-not-found")
        assert (wall.outcome, wall.ground) == (DocumentOutcome.RETAKE, "photo-blurred")

    def test_a_blurred_card_asks_for_another(self) -> None:
        picture = cv2.GaussianBlur(images.decode(card.back(_persona(3))), (0, 0), 9)
        found = reader().read_back(_jpeg(picture))
        assert found.outcome is DocumentOutcome.RETAKE
        assert found.fields is None

    def test_a_side_without_a_portrait_is_refused(self) -> None:
        with pytest.raises(InvalidInput) as refused:
            reader().portrait(card.back(_persona(3)))
        assert refused.value.code == "no-face"

    def test_a_selfie_is_no_card(self) -> None:
        assert reader().read_back(photo("person_b_1")).outcome is DocumentOutcome.RETAKE
