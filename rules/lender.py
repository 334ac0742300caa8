"""Who lends: what clients must be able to see, and what stands in contracts. The lender's own data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Lender(BaseModel):
    """The microfinance organisation. names and addresses by language; register: number in the regulator's register.

    Rules: para 7, part 2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: dict[str, str]
    bin: str
    register_number: str
    addresses: dict[str, str]
    city: dict[str, str]
    phones: tuple[str, ...]
    email: str
    web: str
    head: str
    account: str
    bank: str

    def name(self, language: str) -> str:
        """The name in a language."""
        return self.names[language]


# An invented organisation (its number says July 2049) for demonstrations and tests; a real one brings its own.
EXAMPLE = Lender(
    names={
        "kk": "«Несие Үлгі» микроқаржы ұйымы» ЖШС",
        "ru": "ТОО «Микрофинансовая организация «Несие Үлгі»",
        "en": "Nesie Ulgi Microfinance Organisation LLP",
    },
    bin="490740000014",
    register_number="02.21.0001.М",
    addresses={
        "kk": "Алматы қ., Үлгі көшесі, 1-үй",
        "ru": "г. Алматы, улица Улги, дом 1",
        "en": "1 Ulgi Street, Almaty",
    },
    city={"kk": "Алматы қаласы", "ru": "город Алматы", "en": "Almaty"},
    phones=("+7 727 000 00 00",),
    email="office@example.kz",
    web="https://example.kz",
    head="Үлгібаев Ү. Ү.",
    account="KZ60999KZT0000000001",
    bank="«Үлгі банк» АҚ",
)
