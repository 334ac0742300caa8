"""A client as the law sees one: who they are and what they showed."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class ClientKind(StrEnum):
    """Who may borrow. Rules: para 6, part 1; para 6, part 2."""

    INDIVIDUAL = "INDIVIDUAL"
    ENTREPRENEUR = "ENTREPRENEUR"
    LEGAL_ENTITY = "LEGAL_ENTITY"


class IdentityDocument(BaseModel):
    """The identity document as the client typed it. number: nine digits on Kazakhstan's card."""

    model_config = ConfigDict(frozen=True)

    number: str
    expires: date


class Person(BaseModel):
    """Personal data of a client, or of a legal entity's signatory. Sealed wherever it is stored.

    iin: of the person (of the signatory where bin is given). phone: +7XXXXXXXXXX. organisation: its name, where bin
    is given (a legal entity registered by an earlier release has none).
    """

    model_config = ConfigDict(frozen=True)

    surname: str
    given_name: str
    patronymic: str | None = None
    iin: str
    bin: str | None = None
    organisation: str | None = None
    document: IdentityDocument
    phone: str

    @property
    def full_name(self) -> str:
        """Surname, given name and patronymic as one line."""
        return " ".join(part for part in (self.surname, self.given_name, self.patronymic) if part)

    @property
    def party(self) -> str:
        """Who it is in law, as one line: the organisation, else the person."""
        return self.organisation or self.full_name

    @property
    def number(self) -> str:
        """The BIN of an organisation, else the IIN."""
        return self.bin or self.iin


class AuthorityKind(StrEnum):
    """By which paper a person may sign for a legal entity. Rules: para 6, part 2."""

    ORDER = "ORDER"  # appoints the head
    POWER_OF_ATTORNEY = "POWER_OF_ATTORNEY"


def authority_holds(valid_until: date | None, on: date) -> bool:
    """Whether such a paper is good on a day: the last day counts, an order has none.

    >>> authority_holds(date(2026, 3, 31), date(2026, 3, 31)), authority_holds(date(2026, 3, 31), date(2026, 4, 1))
    (True, False)
    """
    return valid_until is None or on <= valid_until
