"""Invented people: names, numbers with right check digits, and two photographs of one face.

The photographs are the six published ones of docs/photographs.md; everything else is made from the seed, so that
the same seed is the same person and different seeds never share an IIN, a phone, a card or an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rules import iin

_MEN = (
    ("АБДРАХМАНОВ", "НҰРЛАН", "СЕРІКҰЛЫ"),
    ("ОСПАНОВ", "ЕРЛАН", "БОЛАТҰЛЫ"),
    ("ЖҰМАБАЕВ", "АЙДОС", "МАРАТҰЛЫ"),
    ("ТҮЙМЕБАЕВ", "ӘЛІБЕК", "ҚАНАТҰЛЫ"),
    ("ИВАНОВ", "СЕРГЕЙ", "ПЕТРОВИЧ"),
    ("ҚАСЫМОВ", "ТИМУР", "АСҚАРҰЛЫ"),
    ("СӘТБАЕВ", "БАУЫРЖАН", "ЕРЖАНҰЛЫ"),
)
_WOMEN = (
    ("АХМЕТОВА", "ДИНАРА", "СЕРІКҚЫЗЫ"),
    ("СЕЙДАХМЕТОВА", "МӘДИНА", "БОЛАТҚЫЗЫ"),
    ("ҒАЛИЕВА", "ӘСЕЛ", "МАРАТҚЫЗЫ"),
    ("ҮСЕНОВА", "АЙГҮЛ", "ҚАНАТҚЫЗЫ"),
    ("ПЕТРЕНКО", "ОЛЬГА", "ИВАНОВНА"),
    ("ӨТЕГЕНОВА", "САЛТАНАТ", "АСҚАРҚЫЗЫ"),
    ("ЩЕРБАКОВА", "ЮЛИЯ", "СЕРГЕЕВНА"),
)
_PHOTOS = {"a": ("person_a_1.jpg", "person_a_2.jpg"), "b": ("person_b_2.jpg", "person_b_1.jpg")}  # card, selfie
_FIRST_BIRTH, _BIRTH_DAYS = date(1971, 1, 1), 10_950
_BANK = "125"
PEOPLE = 10_000_000

# One published scheme; several are in use, so names are compared after folding, never for equality.
_LATIN = "A,B,V,G,D,E,E,ZH,Z,I,I,K,L,M,N,O,P,R,S,T,U,F,KH,TS,CH,SH,SHCH,,Y,,E,YU,YA,A,I,N,G,U,U,K,O,H"
_SCHEME = dict(zip("АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯӘІҢҒҮҰҚӨҺ", _LATIN.split(","), strict=True))


@dataclass(frozen=True)
class Persona:
    """A simulated person. Names in Cyrillic capitals as on the card; iban: their own account."""

    surname: str
    given_name: str
    patronymic: str
    iin: str
    birth_date: date
    sex: str
    document_number: str
    issued: date
    expires: date
    phone: str
    iban: str
    photo_card: bytes
    photo_selfie: bytes

    @property
    def full_name(self) -> str:
        """Surname, given name, patronymic."""
        return f"{self.surname} {self.given_name} {self.patronymic}"


def make_persona(seed: int, photos: Path, who: str) -> Persona:
    """The person of a seed.

    Args:
        seed: 0 to 9,999,999.
        photos: folder of the photographs.
        who: whose face, "a" (a man) or "b" (a woman).

    Raises:
        ValueError: a seed or face that does not exist.
    """
    if not 0 <= seed < PEOPLE or who not in _PHOTOS:
        raise ValueError("seed 0 to 9,999,999 and face a or b are expected")
    names = _MEN if who == "a" else _WOMEN
    surname, given_name, patronymic = names[seed % len(names)]
    born = _FIRST_BIRTH + timedelta(days=seed * 97 % _BIRTH_DAYS)
    issued = date(2022, 1, 1) + timedelta(days=seed * 53 % 1000)
    card, selfie = _PHOTOS[who]
    scattered = (seed * 7_919 + 1_234_567) % PEOPLE
    return Persona(
        surname=surname,
        given_name=given_name,
        patronymic=patronymic,
        iin=_iin(born, who, seed),
        birth_date=born,
        sex="M" if who == "a" else "F",
        document_number=f"0{(10_000_000, 30_000_000)[who == 'b'] + scattered}",
        issued=issued,
        expires=date(issued.year + 10, issued.month, min(issued.day, 28)),
        phone=f"+7{('701', '747')[who == 'b']}{scattered:07d}",
        iban=iban_of(f"{('K', 'Z')[who == 'b']}T{scattered:011d}"),
        photo_card=(photos / card).read_bytes(),
        photo_selfie=(photos / selfie).read_bytes(),
    )


def transliterated(name: str) -> str:
    """A name in the letters of the MRZ.

    >>> transliterated("ЩЕРБАКОВА"), transliterated("ӘЛІБЕК")
    ('SHCHERBAKOVA', 'ALIBEK')
    """
    return "".join(_SCHEME.get(letter, letter if letter.isascii() and letter.isalpha() else "<") for letter in name)


def _iin(born: date, who: str, seed: int) -> str:
    """Valid check digit, the seed in the serial; the two faces have different century digits, so they never meet."""
    century = (3 if born.year < 2000 else 5) + (who == "b")
    serial = seed // _BIRTH_DAYS * 11
    while True:
        first = f"{born:%y%m%d}{century}{serial % 10_000:04d}"
        digit = iin.check_digit(first)
        if digit is not None:
            return first + digit
        serial += 1


def iban_of(account: str) -> str:
    """KZ, two check digits (mod 97), the bank, 13 characters."""
    text = _BANK + account
    number = int("".join(str(int(symbol, 36)) for symbol in text + "KZ00"))
    return f"KZ{98 - number % 97:02d}{text}"
