"""IIN and BIN: the twelve-digit numbers of persons and organisations of Kazakhstan.

IIN = YYMMDD + century and sex (1/2 = 1800s male/female, 3/4 = 1900s, 5/6 = 2000s) + 4 serial
digits + check digit. BIN = YYMM + type (4-6) + attribute + 5 serial digits + check digit, so the
fifth digit separates them. The check digit is the weighted sum mod 11 with the weights 1..11;
where that gives 10, once more with 3..11,1,2; where it gives 10 again the number is never issued.

A seventh digit of 0 (foreign citizens, by some accounts) is refused: no source confirms it.

>>> validate("880412401006")
'880412401006'
>>> birth_date("880412401006"), sex("880412401006")
(datetime.date(1988, 4, 12), 'F')
>>> is_valid("880412401007")
False
"""

from __future__ import annotations

import re
from datetime import date

from rules.errors import InvalidInput

_WEIGHTS = (tuple(range(1, 12)), (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2))
_CENTURY = {"1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000}


def compact(number: str) -> str:
    """Without spaces and dashes."""
    return re.sub(r"[\s-]", "", number)


def check_digit(first_eleven: str) -> str | None:
    """The twelfth digit, or None where the number is never issued."""
    for weights in _WEIGHTS:
        total = sum(int(digit) * weight for digit, weight in zip(first_eleven, weights, strict=True)) % 11
        if total < 10:
            return str(total)
    return None


def _digits(number: str, field: str) -> str:
    number = compact(number)
    if not re.fullmatch(r"[0-9]{12}", number):
        raise InvalidInput("iin-format", "twelve digits are expected", field=field)
    if check_digit(number[:11]) != number[11]:
        raise InvalidInput("iin-check-digit", "the check digit does not fit", field=field)
    return number


def validate(number: str, field: str = "/iin") -> str:
    """The clean IIN of a person.

    Raises:
        InvalidInput: not twelve digits, wrong check digit, impossible birth date or century digit.
    """
    number = _digits(number, field)
    try:
        birth_date(number)
    except (KeyError, ValueError):
        raise InvalidInput("iin-birth-date", "the birth date in the number does not exist", field=field) from None
    return number


def validate_bin(number: str, field: str = "/bin") -> str:
    """The clean BIN of an organisation.

    >>> validate_bin("940140000385")
    '940140000385'
    """
    number = _digits(number, field)
    if not (1 <= int(number[2:4]) <= 12 and number[4] in "456" and number[5] in "0123"):
        raise InvalidInput("bin-format", "this is not the number of an organisation", field=field)
    return number


def is_valid(number: str) -> bool:
    """Whether validate() would return."""
    try:
        validate(number)
    except InvalidInput:
        return False
    return True


def birth_date(number: str) -> date:
    """The date in the first six digits and the century digit."""
    return date(_CENTURY[number[6]] + int(number[:2]), int(number[2:4]), int(number[4:6]))


def sex(number: str) -> str:
    """'M' or 'F', from the seventh digit."""
    return "M" if int(number[6]) % 2 else "F"


def age(number: str, on: date) -> int:
    """Full years on a day."""
    born = birth_date(number)
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
