"""Phone numbers and IBANs as Kazakhstan's payments and SMS need them."""

from __future__ import annotations

import re

from stdnum import iban as _iban
from stdnum.exceptions import ValidationError

from rules.errors import InvalidInput

_MOBILE_CODES = frozenset(
    (
        "700", "701", "702", "703", "704", "705", "706", "707", "708", "709", "747", "750", "751", "760", "761", "762",
        "763", "764", "771", "775", "776", "777", "778",
    )
)  # fmt: skip


def validate_mobile(number: str, field: str = "/phone") -> str:
    """A mobile number of Kazakhstan as +7XXXXXXXXXX.

    >>> validate_mobile("8 701 234 56 78")
    '+77012345678'

    Raises:
        InvalidInput: not a mobile number of Kazakhstan (Russian +79..., a landline, too short).
    """
    digits = re.sub(r"[\s()+-]", "", number)
    if len(digits) == 10:
        digits = "7" + digits
    elif len(digits) == 11 and digits[0] == "8":
        digits = "7" + digits[1:]
    if not re.fullmatch(r"7[0-9]{10}", digits) or digits[1:4] not in _MOBILE_CODES:
        raise InvalidInput("phone-not-kz-mobile", "a mobile number of Kazakhstan is expected", field=field)
    return "+" + digits


def validate_iban(number: str, field: str = "/iban") -> str:
    """A Kazakh IBAN, 20 characters, mod 97.

    An unknown bank code is no error here: the owner check with the bank decides.

    >>> validate_iban("kz86 125K ZT50 0410 0100")
    'KZ86125KZT5004100100'
    """
    try:
        compact = _iban.validate(number)
    except ValidationError:
        raise InvalidInput("iban-invalid", "the account number does not pass its check", field=field) from None
    if not compact.startswith("KZ"):
        raise InvalidInput("iban-not-kz", "an account in Kazakhstan is expected", field=field)
    return str(compact)


def masked(value: str, shown: int = 4) -> str:
    """Bullets with the last characters shown.

    >>> masked("KZ86125KZT5004100100")
    '••••0100'
    """
    return "••••" + value[-shown:]
