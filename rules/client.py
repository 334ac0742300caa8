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

    iin: of the person (of the signatory where bin is given). phone: +7XXXXXXXXXX.
    """

    model_config = ConfigDict(frozen=True)

    surname: str
    given_name: str
    patronymic: str | None = None
    iin: str
    bin: str | None = None
    document: IdentityDocument
    phone: str

    @property
    def full_name(self) -> str:
        """Surname, given name and patronymic as one line."""
        return " ".join(part for part in (self.surname, self.given_name, self.patronymic) if part)
