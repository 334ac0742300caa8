"""Texts of machine-readable rows to train on: some as documents have them, some to tell look-alikes apart."""

from __future__ import annotations

from random import Random

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
INDEX = {symbol: index for index, symbol in enumerate(ALPHABET)}
BLANK = len(ALPHABET)

_DIGITS, _LETTERS = ALPHABET[:10], ALPHABET[10:36]
_SYLLABLES = """
    A AN BA BER CHE DA DE DO EK EL ER FA GA GU HA HO I IN IS JA JO KA KEN KI KO KU LA LE LIN LO MA MER MI MO NA NE
    NOV NUR O OV PA PE QUI RA RE RI RO SA SCH SEI SH SI SKA SO SU TA TE TI TO U UL VA VI VSK WA WI X XA YA YE ZA ZE ZH
""".split()  # noqa: SIM905 - a list of so many tells no more
_ALIKE = """
    0O 0OQD 0O 1I 1IL7 2Z 5S 8B 6G 6G5S C< K< E< S< L< CKELS< CKEL< VY UV MN 38 96 KX PR HN CG FE FP EB DO 4A 7Z < <
""".split()  # noqa: SIM905
_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET[:36])} | {"<": 0}


def row(random: Random) -> str:
    """One row of 30, 36 or 44 symbols, or a stretch of look-alikes."""
    return _document_row(random) if random.random() < 0.6 else _stretch(random)


def word(random: Random) -> str:
    """A name, or letters at random."""
    if random.random() < 0.7:
        return "".join(random.choice(_SYLLABLES) for _ in range(random.randint(1, 5)))
    return "".join(random.choice(_LETTERS) for _ in range(random.randint(1, 11)))


def _check_digit(symbols: str) -> str:
    return str(sum(_VALUES[symbol] * (7, 3, 1)[at % 3] for at, symbol in enumerate(symbols)) % 10)


def _names(random: Random) -> str:
    surname = "<".join(word(random) for _ in range(random.choice((1, 1, 1, 2, 3))))
    if random.random() < 0.07:
        return surname
    return surname + "<<" + "<".join(word(random) for _ in range(random.choice((1, 1, 2, 3))))


def _symbols(random: Random, length: int) -> str:
    choice = _DIGITS if random.random() < 0.45 else _DIGITS + _LETTERS
    return "".join(random.choice(choice) for _ in range(length))


def _date(random: Random) -> str:
    day = f"{random.randint(0, 99):02}{random.randint(1, 12):02}{random.randint(1, 31):02}"
    return day + _check_digit(day)


def _document_row(random: Random) -> str:
    state = "".join(random.choice(_LETTERS) for _ in range(3)) if random.random() < 0.9 else "D<<"
    number = _symbols(random, random.choice((9, 9, 9, 8, 7, 6))).ljust(9, "<")
    number += _check_digit(number)
    dates = _date(random) + random.choice("MF<") + _date(random)
    optional = _symbols(random, random.choice((0, 0, 6, 8, 12, 14)))
    kind = random.randint(0, 4)
    if kind == 0:
        return (random.choice(("I<", "ID", "AC", "IR", "C<")) + state + number + optional).ljust(30, "<")[:30]
    if kind == 1:
        tail = _symbols(random, random.randint(1, 11)) if random.random() < 0.3 else ""
        return (dates + state + tail).ljust(29, "<")[:29] + random.choice(_DIGITS)
    if kind == 2:
        return _names(random).ljust(30, "<")[:30]
    length = random.choice((36, 44))
    if kind == 3:
        start = random.choice(("P<", "PP", "PD", "PM", "I<", "V<", "PO"))
        return (start + state + _names(random)).ljust(length, "<")[:length]
    text = (number + state + dates + optional).ljust(length - 2, "<")[: length - 2]
    return text + random.choice(_DIGITS + "<") + random.choice(_DIGITS)


def _stretch(random: Random) -> str:
    text = ""
    while len(text) < 44:
        kind = random.random()
        if kind < 0.82:
            choice = ALPHABET if kind < 0.38 else random.choice(_ALIKE)
            text += "".join(random.choice(choice) for _ in range(random.randint(1, 9)))
        elif kind < 0.95:
            text += "<" * random.randint(2, 14)
        else:
            text += random.choice(ALPHABET) * random.randint(2, 5)
    return text
