"""Sellers with whom the lender has an agreement: a microcredit for goods may be paid to them directly.

The lender's own data, dated. The law asks for an agreement with a legal entity that provides for such payments.

Rules: para 8, part 6; para 9.
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from rules.errors import InvalidInput


class Partner(BaseModel):
    """A seller under one agreement.

    merchant_id: as applications name it. names by language. agreement: its number. since: first day of the agreement,
    until: first day after it, None while it has no end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    merchant_id: str
    names: dict[str, str]
    bin: str
    iban: str
    bank: str
    agreement: str
    signed: date
    since: date
    until: date | None = None

    def holds(self, on: date) -> bool:
        """Whether the agreement is in force on a day."""
        return self.since <= on and (self.until is None or on < self.until)

    def name(self, language: str) -> str:
        """The name in a language."""
        return self.names[language]


# Invented sellers, for demonstrations and tests; a lender brings its own.
PARTNERS: tuple[Partner, ...] = (
    Partner(
        merchant_id="ulgi-technika",
        names={"kk": "«Үлгі Техника» ЖШС", "ru": "ТОО «Улги Техника»", "en": "Ulgi Technika LLP"},
        bin="490740000202", iban="KZ76999KZT0000000101", bank="«Үлгі банк» АҚ",
        agreement="П-2024/1", signed=date(2024, 7, 15), since=date(2024, 8, 1),
    ),
    Partner(
        merchant_id="ulgi-mebel",
        names={"kk": "«Үлгі Жиһаз» ЖШС", "ru": "ТОО «Улги Мебель»", "en": "Ulgi Mebel LLP"},
        bin="490740000212", iban="KZ65999KZT0000000202", bank="«Үлгі банк» АҚ",
        agreement="П-2024/2", signed=date(2024, 7, 15), since=date(2024, 8, 1),
    ),
    Partner(
        merchant_id="ulgi-kitap",
        names={"kk": "«Үлгі Кітап» ЖШС", "ru": "ТОО «Улги Китап»", "en": "Ulgi Kitap LLP"},
        bin="490740000222", iban="KZ54999KZT0000000303", bank="«Үлгі банк» АҚ",
        agreement="П-2024/3", signed=date(2024, 7, 15), since=date(2024, 8, 1), until=date(2025, 8, 1),
    ),
)  # fmt: skip


def partners(on: date) -> tuple[Partner, ...]:
    """Those whose agreement is in force on a day."""
    return tuple(one for one in PARTNERS if one.holds(on))


def partner(merchant_id: str, on: date, field: str = "/receiving/merchant_id") -> Partner:
    """The seller under an agreement in force on a day.

    Raises:
        InvalidInput: `merchant-unknown`: no such seller, or the agreement has ended.
    """
    for one in partners(on):
        if one.merchant_id == merchant_id:
            return one
    raise InvalidInput("merchant-unknown", "no agreement with such a seller is in force", field=field)


def known_partner(merchant_id: str) -> Partner | None:
    """A seller by id, whatever became of the agreement."""
    return next((one for one in PARTNERS if one.merchant_id == merchant_id), None)
