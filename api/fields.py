"""Field types of the API: each knows its limit, each failure has a stable code, none echoes what came in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from rules import contacts, iin
from rules.errors import BusinessError
from rules.money import Money

MAX_CMS_BYTES = 256 * 1024  # a national CMS with chain and timestamp is 6-12 KB


class Body(BaseModel):
    """Base of everything that comes in: an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Answer(BaseModel):
    """Base of everything that goes out."""

    model_config = ConfigDict(frozen=True)


def checked(check: Callable[[str], str]) -> AfterValidator:
    """A rule of rules/ as a field validator: all wrong fields of a body are told at once."""

    def validate(value: str) -> str:
        try:
            return check(value)
        except BusinessError as error:
            raise PydanticCustomError("business", "{code}", {"code": error.code}) from None

    return AfterValidator(validate)


def _whole_money(value: object) -> object:
    # an amount is text: JSON numbers lose tiyn in many clients
    if not isinstance(value, str | Money):
        raise PydanticCustomError("business", "{code}", {"code": "money-not-text"})
    return value


def _positive(value: Money) -> Money:
    if value <= Money(0):
        raise PydanticCustomError("business", "{code}", {"code": "amount-not-positive"})
    return value


def _not_null_bytes(value: str) -> str:
    if any(ord(sign) < 32 and sign not in "\n\t" for sign in value):
        raise PydanticCustomError("business", "{code}", {"code": "control-characters"})
    return value


def _cms(value: str) -> str:
    try:
        size = len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise PydanticCustomError("business", "{code}", {"code": "not-base64"}) from None
    if not 0 < size <= MAX_CMS_BYTES:
        raise PydanticCustomError("business", "{code}", {"code": "signature-unreadable"})
    return value


Iin = Annotated[str, StringConstraints(min_length=12, max_length=20), checked(iin.validate)]
Bin = Annotated[str, StringConstraints(min_length=12, max_length=20), checked(iin.validate_bin)]
Phone = Annotated[str, StringConstraints(min_length=10, max_length=24), checked(contacts.validate_mobile)]
Iban = Annotated[str, StringConstraints(min_length=20, max_length=30), checked(contacts.validate_iban)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=80, pattern=r"^\p{L}[\p{L}\p{M} .'’ʼ‘-]*$", strip_whitespace=True)
]
_ORGANISATION = r"^[\p{L}\p{N}«\"“„][\p{L}\p{M}\p{N} .,&№'’\"«»“”„()/+-]*$"
OrganisationName = Annotated[
    str, StringConstraints(min_length=2, max_length=200, pattern=_ORGANISATION, strip_whitespace=True)
]
PaperNumber = Annotated[
    str, StringConstraints(min_length=1, max_length=40, pattern=r"^[\p{L}\p{N}][\p{L}\p{N} ./№-]*$")
]
DocumentNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")]
Digits6 = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Password = Annotated[str, Field(min_length=10, max_length=128)]
GivenPassword = Annotated[str, Field(min_length=1, max_length=128)]  # at log-in: no hint about our rules
FreeText = Annotated[str, StringConstraints(min_length=1, max_length=4000), AfterValidator(_not_null_bytes)]
ContractNumber = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_not_null_bytes)]
CmsBase64 = Annotated[str, StringConstraints(min_length=4, max_length=400_000), AfterValidator(_cms)]
Amount = Annotated[Money, BeforeValidator(_whole_money), AfterValidator(_positive)]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2199, 12, 31))]
