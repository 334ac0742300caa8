"""A planted person: everything the services know of somebody, in one body.

`POST /_control/personas` takes one or a list; README.md shows an example.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rules import iin as iin_rules
from rules.money import Money


class Strict(BaseModel):
    """No unknown fields: a misspelt persona is refused."""

    model_config = ConfigDict(extra="forbid")


class Document(Strict):
    """The identity document in the state's register."""

    type: str = "ID_CARD"
    number: str
    issued: date | None = None
    expires: date
    issuer: str = "MIA RK"


class Account(Strict):
    """An account at the bank. owner: overrides the answer of the owner check."""

    iban: str
    balance: Money = Money("0.00")
    closed: bool = False
    owner: Literal["MATCH", "MISMATCH", "UNKNOWN"] | None = None


class Card(Strict):
    """A card at the bank, by the token that stands for its number. owner: as of an account."""

    card_token: str
    balance: Money = Money("0.00")
    closed: bool = False
    owner: Literal["MATCH", "MISMATCH", "UNKNOWN"] | None = None


class VoluntaryRefusal(Strict):
    """The mark by which a person forbids lending to themself."""

    active: bool = False
    type: Literal["LOAN", "MICROCREDIT", "BOTH"] = "BOTH"
    set_at: datetime | None = None
    source: str = "egov"


class CreditContract(Strict):
    """One contract of a credit report."""

    financial_institution: str
    agreement_number: str
    kind: Literal["LOAN", "MICROCREDIT"] = "LOAN"
    subject_role: str = "borrower"
    start: date = date(2025, 1, 15)
    end: date = date(2027, 1, 15)
    actual_end: date | None = None
    total_amount: Money = Money("0.00")
    outstanding_amount: Money = Money("0.00")
    monthly_payment: Money = Money("0.00")
    interest_rate: str = "0.00"
    installments_left: int = 0
    overdue_days: int = 0
    overdue_amount: Money = Money("0.00")
    statuses: list[str] = []


class CreditFile(Strict):
    """What the bureaus know. known=False: 404 SUBJECT_NOT_FOUND. average_income: a month, over six months."""

    known: bool = True
    voluntary_refusal: VoluntaryRefusal = VoluntaryRefusal()
    contracts: list[CreditContract] = []
    negative_statuses: list[str] = []
    average_income: Money | None = Money("350000.00")
    max_overdue_days_12m: int = 0
    applications_last_hour: int = 0


class Listing(Strict):
    """An entry of a sanctions list. with_iin=False: the list knows the name and date only."""

    list: Literal["active", "excluded", "wmd", "un"] = "active"
    with_iin: bool = True
    with_birth_date: bool = True
    note: str = ""


class Antifraud(Strict):
    """The anti-fraud centre's mark."""

    listed: bool = False
    reason: str = "suspected mule account"


class Persona(Strict):
    """One person of the simulated world.

    phone_owner: overrides the operators' answer. idec_similarity: what the identity centre answers; it has no
    face model of its own. idec_no_face: it finds no face.
    """

    iin: str
    surname: str
    given_name: str
    patronymic: str | None = None
    birth_date: date = Field(default_factory=lambda data: iin_rules.birth_date(data["iin"]))
    deceased: bool = False
    document: Document
    phone: str
    phone_owner: Literal["YES", "NO", "UNKNOWN"] | None = None
    accounts: list[Account] = []
    cards: list[Card] = []
    idec_similarity: float = Field(default=0.97, ge=0, le=1)
    idec_no_face: bool = False
    credit: CreditFile = CreditFile()
    listing: Listing | None = None
    antifraud: Antifraud = Antifraud()

    @model_validator(mode="before")
    @classmethod
    def _right_number(cls, values: object) -> object:
        if isinstance(values, dict) and not iin_rules.is_valid(str(values.get("iin", ""))):
            raise ValueError("iin")
        return values

    @property
    def full_name(self) -> str:
        """Surname, given name and patronymic as one line."""
        return " ".join(part for part in (self.surname, self.given_name, self.patronymic) if part)
