"""Front, back, IIN, portrait and what was typed: each pair that must agree, and what each difference leads to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import cv2
import numpy as np
import pytest
from senses import PHOTOS, reader, shared

from activities.card_checks import found_differences, ground_of
from activities.cards import POLICY, CardFound, CardJudge
from activities.integrations.biometrics import images
from activities.integrations.biometrics.decoder import Image
from infra.borrower import card
from infra.borrower.person import Persona, make_persona
from rules.client import IdentityDocument, Person
from rules.evidence import CardReading, CardSide, DocumentFields, DocumentOutcome, DocumentReading, FrontFields
from rules.identification import finding
from rules.policy import policy

TODAY = date(2026, 3, 2)
NUMBERS = {name: str(policy(TODAY).number(name)) for name in POLICY}

TYPED = Person(
    surname="Сейдахметова",
    given_name="Мәдина",
    patronymic="Болатқызы",
    iin="880412401006",
    document=IdentityDocument(number="041236587", expires=date(2031, 4, 11)),
    phone="+77010000000",
)
BACK = DocumentFields(
    number="041236587",
    iin="880412401006",
    birth_date="1988-04-12",
    sex="F",
    expires="2031-04-11",
    surname="SEIDAKHMETOVA",
    given_name="MADINA",
    issuer="KAZ",
    document_type="ID",
)
FRONT = FrontFields(
    surname="СЕЙДАХМЕТОВА",
    given_name="МӘДИНА",
    patronymic="БОЛАТҚЫЗЫ",
    birth_date="1988-04-12",
    iin="880412401006",
)
LINES = ["IDKAZ0412365878880412401006<<<", "8804123F3104116KAZ<<<<<<<<<<<2", "SEIDAKHMETOVA<<MADINA<<<<<<<<<"]


def reading(
    *,
    back: dict[str, Any] | None = None,
    front: dict[str, Any] | None = None,
    outcome: DocumentOutcome = DocumentOutcome.READ,
    lines: list[str] | None = None,
    **more: Any,
) -> CardReading:
    read = DocumentReading(
        outcome=outcome, format="TD1", fields=BACK.model_copy(update=back or {}), lines=lines or LINES
    )
    given: dict[str, Any] = {
        "sides": {"front": CardSide.FRONT, "back": CardSide.BACK},
        "back": read,
        "front": FRONT.model_copy(update=front or {}),
        "portrait_pixels": 140,
    }
    return CardReading(**(given | more))


def ground(found: CardReading, typed: Person = TYPED, today: date = TODAY) -> str | None:
    return ground_of(typed, found, today, same=90.0, portrait_pixels=60)


def typed(**changes: Any) -> Person:
    return TYPED.model_copy(update=changes)


UNSURE = DocumentOutcome.READ_NAME_UNSURE
DIFFERENCES: list[tuple[str, CardReading, Person, str, str]] = [
    ("typed IIN, MRZ", reading(), typed(iin="900101300811"), "document-other-person", "refused"),
    ("front IIN, MRZ", reading(front={"iin": "900101300811"}), TYPED, "document-sides-differ", "review"),
    ("front birth, MRZ", reading(front={"birth_date": "1988-04-13"}), TYPED, "document-birth-differs", "review"),
    (
        "typed number, MRZ", reading(),
        typed(document=IdentityDocument(number="041236588", expires=date(2031, 4, 11))),
        "document-number-differs", "review",
    ),
    (
        "typed last day, MRZ", reading(),
        typed(document=IdentityDocument(number="041236587", expires=date(2032, 4, 11))),
        "document-expiry-differs", "review",
    ),
    ("typed surname, card", reading(), typed(surname="Ахметова"), "document-name-differs", "review"),
    ("typed given name, card", reading(), typed(given_name="Динара"), "document-name-differs", "review"),
    ("front surname alone", reading(front={"surname": "ИВАНОВА"}), TYPED, "document-front-name-differs", "review"),
    ("MRZ surname alone", reading(back={"surname": "IVANOVA"}), TYPED, "document-mrz-name-differs", "review"),
    (
        "three surnames", reading(front={"surname": "ИВАНОВА"}), typed(surname="Ахметова"),
        "document-name-unsure", "review",
    ),
    (
        "MRZ names unsure", reading(back={"surname": "SEIDAXMEFOVO"}, outcome=UNSURE), TYPED,
        "document-name-unsure", "review",
    ),
    ("MRZ names unsure, all agree", reading(outcome=UNSURE), TYPED, "document-name-unsure", "review"),
    (
        "front name unsure", reading(front={"given_name": "МАДЖИ", "unsure": ["given_name"]}), TYPED,
        "document-name-unsure", "review",
    ),
    ("typed patronymic, front", reading(), typed(patronymic="Ерланқызы"), "document-patronymic-differs", "review"),
    ("no patronymic", reading(front={"patronymic": None}), TYPED, "document-patronymic-differs", "review"),
    ("expired", reading(back={"expires": "2026-03-01"}), TYPED, "document-expired", "refused"),
    ("no portrait", reading(portrait_pixels=0), TYPED, "document-portrait-missing", "retry"),
    ("portrait too small", reading(portrait_pixels=59), TYPED, "document-too-small", "retry"),
    ("front unread", reading(front=None, ground="photo-glare"), TYPED, "photo-glare", "retry"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "person", "expected", "leads_to"), [row[1:] for row in DIFFERENCES],
                         ids=[row[0] for row in DIFFERENCES])  # fmt: skip
def test_each_difference_has_its_own_ground(found: CardReading, person: Person, expected: str, leads_to: str) -> None:
    assert ground(found, person) == expected
    assert finding("document", expected, 1, 5).outcome.value == leads_to


@pytest.mark.parametrize(
    ("found", "person"),
    [
        (reading(), TYPED),
        (reading(), typed(surname="Seidakhmetova", given_name="Madina", patronymic=None)),
        (reading(), typed(surname="СЕИДАХМЕТОВА", given_name="Мадина", patronymic="Болаткызы")),
        (reading(back={"expires": "2026-03-02"}),
         typed(document=IdentityDocument(number="041236587", expires=date(2026, 3, 2)))),
        (reading(front={"unsure": ["surname"]}), TYPED),
    ],
    ids=["as printed", "Latin letters", "Russian letters", "the last day", "unsure, alike"],
)  # fmt: skip
def test_spellings_of_one_name_agree(found: CardReading, person: Person) -> None:
    assert ground(found, person) is None
    assert found_differences(person, found, 90.0) == []


def test_a_name_that_the_mrz_cut_is_its_beginning() -> None:
    lines = [*LINES[:2], "SEIDAKHMETOVA<<MADINABANUKHAIR"]
    cut = reading(back={"given_name": "MADINABANUKHAIR"}, front={"given_name": "МӘДИНАБАНУХАЙРАНИСА"}, lines=lines)
    assert ground(cut, typed(given_name="Мәдинабанухайраниса")) is None
    whole = reading(back={"given_name": "MADINABANUKHAIR"}, front={"given_name": "МӘДИНАБАНУХАЙРАНИСА"})
    assert ground(whole, typed(given_name="Мәдинабанухайраниса")) == "document-mrz-name-differs"


def test_all_differences_are_kept_the_gravest_first() -> None:
    found = reading(front={"iin": "900101300811", "birth_date": "1990-01-01", "surname": "ИВАНОВА"})
    assert found_differences(TYPED, found, 90.0) == [
        "document-sides-differ",
        "document-birth-differs",
        "document-front-name-differs",
    ]


# ---- on photographs


def _persona(seed: int) -> Persona:
    return make_persona(seed, PHOTOS, "ab"[seed % 2])


def _typed(person: Persona) -> Person:
    return Person(
        surname=person.surname,
        given_name=person.given_name,
        patronymic=person.patronymic,
        iin=person.iin,
        document=IdentityDocument(number=person.document_number, expires=person.expires),
        phone=person.phone,
    )


def judged(person: Persona, front: bytes, back: bytes, today: date = TODAY) -> CardFound:
    return CardJudge(reader(), NUMBERS).judge(_typed(person), front, back, today)


def _jpeg(picture: np.ndarray[Any, Any]) -> bytes:
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def test_a_whole_card_passes_and_is_repeated_exactly() -> None:
    person = _persona(3)
    front, back = card.front(person), card.back(person)
    found = judged(person, front, back)
    assert (found.ground, found.private, found.swapped) == (None, None, False)
    assert found == judged(person, front, back)
    assert {"mrz_lines.onnx", "kaz.traineddata"} < found.models.keys()
    said = json.dumps(found.result, ensure_ascii=False)
    personal = (person.iin, person.surname, person.given_name, person.document_number)
    assert not [word for word in personal if word in said]


def test_exchanged_sides_are_put_right() -> None:
    person = _persona(4)
    found = judged(person, card.back(person), card.front(person, "ghost"))
    assert (found.ground, found.swapped) == (None, True)
    assert found.result["sides"] == {"front": "back", "back": "front"}


@pytest.mark.parametrize(("front", "back", "expected"), [
    ("front", "front", "document-back-missing"),
    ("back", "back", "document-front-missing"),
])  # fmt: skip
def test_one_side_twice_says_which_is_missing(front: str, back: str, expected: str) -> None:
    person = _persona(5)
    sides = {"front": card.front(person), "back": card.back(person)}
    assert judged(person, sides[front], sides[back]).ground == expected


def test_a_passport_page_is_no_card() -> None:
    person, folder = _persona(3), shared("mrz/synthetic", "passport pages")
    page = next(iter(sorted(folder.glob("*td3_easy*")))).read_bytes()
    travel = next(iter(sorted(folder.glob("*td2_easy*")))).read_bytes()
    as_back, as_front = judged(person, card.front(person), page), judged(person, page, card.back(person))
    assert (as_back.ground, as_back.result["sides"]["back"]) == ("document-passport", "passport")
    assert (as_front.ground, as_front.result["sides"]["front"]) == ("document-passport", "passport")
    assert judged(person, card.front(person), travel).ground == "document-wrong-type"


def test_an_empty_desk_is_no_document() -> None:
    person = _persona(3)
    desk = np.random.default_rng(3).normal((90, 100, 110), 12, (720, 1280, 3))
    found = judged(person, card.front(person), _jpeg(np.clip(desk, 0, 255).astype(np.uint8)))
    assert (found.ground, found.result["sides"]["back"]) == ("document-not-found", "none")


def test_the_front_of_another_card_is_seen_and_kept_for_the_officer() -> None:
    person, other = _persona(3), _persona(10)
    found = judged(person, card.front(other), card.back(person))
    assert found.ground == "document-sides-differ"
    assert {"document-sides-differ", "document-birth-differs"} <= set(found.result["differences"])
    assert found.private is not None
    kept = json.loads(found.private)
    assert (kept["front"]["iin"], kept["mrz"]["fields"]["iin"], kept["typed"]["iin"]) == (
        other.iin, person.iin, person.iin,
    )  # fmt: skip
    assert kept["mrz"]["first"] == card.mrz(person)


def test_an_expired_card_ends_the_case_whatever_its_front() -> None:
    person = _persona(3)
    late = person.expires + timedelta(days=1)
    assert judged(person, card.back(person), card.back(person), late).ground == "document-expired"


def test_an_mrz_that_contradicts_its_iin_goes_to_an_officer() -> None:
    person = _persona(3)
    altered = card.back(replace(person, birth_date=date(1990, 1, 1)))
    assert judged(person, card.front(person), altered).ground == "document-iin-differs"


def _dark(picture: Image) -> Image:
    return np.asarray(picture * 0.006, np.uint8)


def _gleam(picture: Image) -> Image:
    spot = np.zeros(picture.shape[:2], np.float32)
    cv2.ellipse(spot, (640, 480), (330, 150), 0, 0, 360, 1.0, -1)
    return np.asarray(np.clip(picture + cv2.GaussianBlur(spot, (0, 0), 12)[:, :, None] * 400, 0, 255), np.uint8)


def _small(picture: Image) -> Image:
    desk = np.full_like(picture, 90)
    desk[300:435, 500:740] = cv2.resize(picture, (240, 135), interpolation=cv2.INTER_AREA)
    return desk


def _cut(picture: Image) -> Image:
    return np.ascontiguousarray(picture[:, 420:])


SPOILT: list[tuple[Callable[[Image], Image], str]] = [
    (lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), 9), np.uint8), "photo-blurred"),
    (_dark, "photo-too-dark"),
    (lambda picture: np.clip(picture.astype(np.int32) + 215, 0, 255).astype(np.uint8), "photo-too-bright"),
    (_gleam, "photo-glare"),
    (_small, "document-too-small"),
    (_cut, "document-cut-off"),
]


@pytest.mark.parametrize(("spoil", "expected"), SPOILT, ids=[expected for _, expected in SPOILT])
def test_a_picture_that_cannot_be_read_says_one_thing_to_do(spoil: Callable[[Image], Image], expected: str) -> None:
    back = images.decode(card.back(_persona(3)))
    found = reader().read_back(_jpeg(spoil(back)))
    assert (found.outcome, found.ground) == (DocumentOutcome.RETAKE, expected)


def test_a_poor_picture_that_reads_is_good_enough() -> None:
    person = _persona(3)
    front, back = (
        _jpeg(np.asarray(cv2.GaussianBlur(images.decode(side), (0, 0), 1.2) * 0.3, np.uint8))
        for side in (card.front(person), card.back(person))
    )
    assert judged(person, front, back).ground is None
