"""Names across three alphabets; every name is invented."""

from datetime import date

import pytest

from activities.ports import ListedName
from activities.screening import ALIKE, SAME, same_name, screen, similarity
from rules.client import IdentityDocument, Person

BORN = date(1988, 4, 12)
OTHER_DAY = date(1971, 2, 3)
IIN = "880412401006"

SAME_PEOPLE = [
    ("Тоғаев", "Қасым-Жанат", "Тогаев", "Касым-Жанат"),
    ("Тоғаев", "Қасым-Жанат", "Togayev", "Kassym-Janat"),
    ("Қазарбаев", "Нұржан", "Казарбаев", "Нуржан"),
    ("Ахметов", "Ерлан", "Akhmetov", "Yerlan"),
    ("Жұмабаев", "Ғалымжан", "Zhumabayev", "Galymzhan"),
    ("Жұмабаев", "Ғалымжан", "Джумабаев", "Галимжан"),
    ("Щербаков", "Юрий", "Shcherbakov", "Yuriy"),
    ("Шәкенов", "Мұхтар", "Шакенов", "Мухтар"),
]
# one letter of another sound: alike, not the same
NEARLY = [("Сәтбаев", "Қайрат", "Satpayev", "Kairat"), ("Өмірбекова", "Гүлнар", "Umirbekova", "Gulnar")]
DIFFERENT_PEOPLE = [
    ("Ахметов", "Ерлан", "Ахметов", "Ермек"),
    ("Жұмабаев", "Ғалымжан", "Жумабеков", "Галым"),
    ("Иванов", "Сергей", "Иванова", "Светлана"),
    ("Қасымов", "Нұрлан", "Касымов", "Ерлан"),
]


def person(surname: str, given_name: str) -> Person:
    document = IdentityDocument(number="012345678", expires=date(2031, 1, 1))
    return Person(surname=surname, given_name=given_name, iin=IIN, document=document, phone="+77012345678")


def listed(surname: str, given_name: str, born: date | None = None, iin: str | None = None) -> ListedName:
    return ListedName(list_name="active", entry="1", surname=surname, given_name=given_name, birth_date=born, iin=iin)


@pytest.mark.parametrize(("surname", "given_name", "other_surname", "other_given_name"), SAME_PEOPLE + NEARLY[1:])
class TestSpellingsOfOneName:
    def test_with_the_birth_date_they_are_a_hit(
        self, surname: str, given_name: str, other_surname: str, other_given_name: str
    ) -> None:
        found = screen(person(surname, given_name), BORN, [listed(other_surname, other_given_name, BORN)])
        assert found == ("hit", "name-and-birth-date")

    @pytest.mark.parametrize("day", [None, OTHER_DAY])
    def test_without_it_a_person_looks(
        self, surname: str, given_name: str, other_surname: str, other_given_name: str, day: date | None
    ) -> None:
        found = screen(person(surname, given_name), BORN, [listed(other_surname, other_given_name, day)])
        assert found == ("doubtful", "name")


@pytest.mark.parametrize(("surname", "given_name", "other_surname", "other_given_name"), DIFFERENT_PEOPLE)
def test_different_people_are_clear_even_with_one_birth_date(
    surname: str, given_name: str, other_surname: str, other_given_name: str
) -> None:
    found = screen(person(surname, given_name), BORN, [listed(other_surname, other_given_name, BORN)])
    assert found == ("clear", None)


def test_nearly_the_same_name_is_for_a_person_to_look_at() -> None:
    surname, given_name, other_surname, other_given_name = NEARLY[0]
    assert ALIKE <= similarity(surname, other_surname) < SAME
    assert screen(person(surname, given_name), BORN, [listed(other_surname, other_given_name, BORN)])[0] == "doubtful"


def test_an_equal_iin_is_a_hit_whatever_the_name() -> None:
    assert screen(person("Ахметов", "Ерлан"), BORN, [listed("Иванов", "Сергей", None, IIN)]) == ("hit", "iin")


def test_the_iin_wins_over_a_doubt_found_before() -> None:
    names = [listed("Akhmetov", "Yerlan"), listed("", "", None, IIN)]
    assert screen(person("Ахметов", "Ерлан"), BORN, names) == ("hit", "iin")


def test_a_name_turned_round_is_found() -> None:
    assert screen(person("Ахметов", "Ерлан"), BORN, [listed("Yerlan", "Akhmetov", BORN)])[0] == "hit"


@pytest.mark.parametrize("written", ["", "   ", "王小明", "123"])
def test_a_name_without_a_letter_we_know_matches_nobody(written: str) -> None:
    assert screen(person("Ахметов", "Ерлан"), BORN, [listed(written, written, BORN)]) == ("clear", None)
    assert not same_name(written, written)


def test_an_empty_list_is_clear() -> None:
    assert screen(person("Ахметов", "Ерлан"), BORN, []) == ("clear", None)


@pytest.mark.parametrize(("typed", "card"), [("Қайрат", "KAIRAT"), ("Әйгерім", "AIGERIM"), ("Сергей", "SERGEY")])
def test_a_card_in_latin_letters_is_the_same_name(typed: str, card: str) -> None:
    assert same_name(typed, card)
