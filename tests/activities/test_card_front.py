"""The Cyrillic front: fields by their labels, in every layout and direction, on generated fronts."""

from __future__ import annotations

import csv
import subprocess
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from senses import MODELS, PHOTOS, reader, shared

from activities.integrations.biometrics import card_text, images
from activities.integrations.biometrics.card_front import FrontLook, FrontReader
from activities.integrations.biometrics.card_labels import real_date, understood, valid_iin
from activities.integrations.biometrics.card_text import Line, Tesseract, joined
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import FaceDetector
from activities.screening import fold
from infra.borrower import card
from infra.borrower.person import Persona, make_persona
from rules.errors import BrokenContract, Unavailable

NAMES = ("surname", "given_name", "patronymic")


@lru_cache(maxsize=1)
def fronts() -> FrontReader:
    return FrontReader(FaceDetector(MODELS), Tesseract())


def _persona(seed: int) -> Persona:
    return make_persona(seed, PHOTOS, "ab"[seed % 2])


def _wrong(look: FrontLook, truth: dict[str, str]) -> list[str]:
    """The fields that differ: numbers exactly, names as they are compared."""
    found = look.front.values
    return [
        name
        for name, value in truth.items()
        if (fold(found.get(name, "")) != fold(value) if name in NAMES else found.get(name) != value)
    ]


def _truth(person: Persona) -> dict[str, str]:
    return {
        "surname": person.surname,
        "given_name": person.given_name,
        "patronymic": person.patronymic,
        "birth_date": person.birth_date.isoformat(),
        "iin": person.iin,
    }


def _given() -> list[tuple[Image, dict[str, str]]]:
    folder = shared("mrz/synthetic", "fronts")
    cases = []
    with (folder / "truth.csv").open(newline="", encoding="utf8") as file:
        for row in csv.DictReader(file):
            if row["doc_format"] == "KZFRONT":
                *names, born = row["mrz"].split("|")
                day = real_date(born)
                assert day is not None
                truth = dict(zip(NAMES, names, strict=True)) | {"birth_date": day.isoformat(), "iin": row["iin"]}
                cases.append((np.asarray(cv2.imread(str(folder / row["file"])), np.uint8), truth))
    return cases


def test_the_given_fronts_are_read_whole(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [_wrong(fronts().look(picture), truth) for picture, truth in _given()]
    with capsys.disabled():
        print(f"\n  fronts, generated: {wrong.count([])} of {len(wrong)} whole")
    assert len(wrong) == 12
    assert not any({"iin", "birth_date"} & set(one) for one in wrong)
    assert wrong.count([]) == 12


@pytest.mark.parametrize(("layout", "seed"), [("above", 13), ("aside", 10), ("ghost", 21)])
def test_every_layout_is_read(layout: str, seed: int) -> None:
    person = _persona(seed)
    look = fronts().look(images.decode(card.front(person, layout)))
    assert _wrong(look, _truth(person)) == []
    assert look.is_front
    assert 100 < look.portrait_pixels < 220  # the portrait, not its ghost


@pytest.mark.parametrize("turn", [cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE])
def test_a_turned_front_is_read(turn: int) -> None:
    person = _persona(6)
    picture = np.asarray(cv2.rotate(images.decode(card.front(person)), turn), np.uint8)
    assert _wrong(fronts().look(picture), _truth(person)) == []


def test_a_front_without_a_patronymic_is_complete() -> None:
    person = make_persona(3, PHOTOS, "a")
    bare = Persona(**{**{name: getattr(person, name) for name in Persona.__dataclass_fields__}, "patronymic": ""})
    look = fronts().look(images.decode(card.front(bare)))
    assert look.front.complete
    assert "patronymic" not in look.front.values


def test_a_back_and_a_desk_are_no_fronts() -> None:
    assert not fronts().look(images.decode(card.back(_persona(3)))).is_front
    assert not fronts().look(np.full((720, 1280, 3), 90, np.uint8)).is_front


def test_the_ghost_image_is_not_the_portrait() -> None:
    person = _persona(8)
    portrait = images.decode(reader().portrait(card.front(person, "ghost")))
    assert portrait.shape[1] > 150


class TestLabels:
    """Lines made up, so that each rule stands alone."""

    @staticmethod
    def _line(text: str, left: int, top: int, height: int = 36, confidence: float = 95.0) -> Line:
        return Line(text, left, top, height * len(text) // 2, height, confidence)

    def test_a_label_that_a_gleam_hides_leaves_its_value_between_the_neighbours(self) -> None:
        lines = [
            self._line("ТЕГІ / ФАМИЛИЯ", 500, 180, 20), self._line("АХМЕТОВА", 500, 220),
            self._line("АТЫ / ИМЯ", 500, 300, 20), self._line("ДИНАРА", 500, 340),
            self._line("СЕРІКҚЫЗЫ", 500, 460),
            self._line("ТУҒАН КҮНІ / ДАТА РОЖДЕНИЯ", 500, 540, 20), self._line("10.11.1972", 500, 580),
        ]  # fmt: skip
        assert understood(lines).values["patronymic"] == "СЕРІКҚЫЗЫ"

    def test_the_label_of_the_patronymic_is_not_the_given_names(self) -> None:
        lines = [
            self._line("ӘКЕСІНІҢ АТЫ / ОТЧЕСТВО", 500, 420, 20), self._line("БОЛАТҚЫЗЫ", 500, 460),
            self._line("АТЫ / ИМЯ", 500, 300, 20), self._line("МӘДИНА", 500, 340),
        ]  # fmt: skip
        found = understood(lines).values
        assert (found["given_name"], found["patronymic"]) == ("МӘДИНА", "БОЛАТҚЫЗЫ")

    def test_a_label_without_a_value_takes_none_from_the_next(self) -> None:
        lines = [
            self._line("ФАМИЛИЯ", 500, 180, 20),
            self._line("ИМЯ", 500, 220, 20), self._line("ОЛЬГА", 500, 250),
        ]  # fmt: skip
        assert understood(lines).values == {"given_name": "ОЛЬГА"}

    def test_of_several_dates_the_earliest_is_the_birth(self) -> None:
        lines = [self._line("09.06.2022 - 09.06.2032", 500, 700), self._line("19.10.1971", 500, 580)]
        assert understood(lines).values["birth_date"] == "1971-10-19"

    @pytest.mark.parametrize(
        ("text", "day"),
        [("19.10.1971", "1971-10-19"), ("19 10. 1971", "1971-10-19"), ("31.02.1971", None), ("190.10.1971", None)],
    )
    def test_a_date_must_be_a_day(self, text: str, day: str | None) -> None:
        found = real_date(text)
        assert (found.isoformat() if found else None) == day

    def test_an_iin_needs_its_check_digit(self) -> None:
        assert valid_iin("ЖСН 880412 401006") == "880412401006"
        assert valid_iin("880412401007") is None

    def test_words_of_one_row_are_one_line_and_far_ones_are_not(self) -> None:
        words = [Line("ТЕГІ", 500, 180, 60, 20, 90.0), Line("ФАМИЛИЯ", 580, 182, 130, 20, 80.0)]
        far = Line("АХМЕТОВА", 900, 178, 200, 24, 95.0)
        assert [(line.text, line.confidence) for line in joined([*words, far])] == [
            ("АХМЕТОВА", 95.0),
            ("ТЕГІ ФАМИЛИЯ", 80.0),
        ]


class TestTheProgram:
    def test_it_names_what_it_reads_with(self) -> None:
        models = Tesseract().model_sha256
        assert {"kaz.traineddata", "rus.traineddata"} < models.keys()
        assert all(len(value) == 64 for value in models.values())

    def test_without_it_nothing_starts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.which", lambda _: None)
        with pytest.raises(BrokenContract, match="make setup"):
            Tesseract()

    def test_a_language_that_is_missing_is_said(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "eng.traineddata").write_bytes(b"")
        monkeypatch.setitem(card_text._ENVIRONMENT, "TESSDATA_PREFIX", str(tmp_path))
        with pytest.raises(BrokenContract, match="make setup"):
            Tesseract()

    def test_a_program_that_hangs_is_a_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        program = Tesseract()

        def hang(*_: object, **more: object) -> None:
            raise subprocess.TimeoutExpired("tesseract", 20)

        monkeypatch.setattr("subprocess.run", hang)
        with pytest.raises(Unavailable):
            program.lines(np.full((50, 200), 255, np.uint8))
