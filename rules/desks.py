"""The lender's cash desks, where a microcredit can be collected in cash. The lender's own data, dated.

Rules: para 9.
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from rules.errors import InvalidInput


class Desk(BaseModel):
    """One cash desk. code: as applications and staff name it; addresses by language. until: first day it is closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    addresses: dict[str, str]
    since: date
    until: date | None = None


DESKS: tuple[Desk, ...] = (
    Desk(
        code="almaty-1",
        addresses={
            "kk": "Алматы қ., Үлгі көшесі, 1-үй",
            "ru": "г. Алматы, улица Улги, дом 1",
            "en": "1 Ulgi Street, Almaty",
        },
        since=date(2024, 8, 1),
    ),
    Desk(
        code="astana-1",
        addresses={
            "kk": "Астана қ., Үлгі көшесі, 2-үй",
            "ru": "г. Астана, улица Улги, дом 2",
            "en": "2 Ulgi Street, Astana",
        },
        since=date(2024, 8, 1),
    ),
)


def desks(on: date) -> tuple[Desk, ...]:
    """Those open on a day."""
    return tuple(one for one in DESKS if one.since <= on and (one.until is None or on < one.until))


def desk(code: str, on: date, field: str = "/receiving/desk") -> Desk:
    """A desk that is open on a day.

    Raises:
        InvalidInput: `desk-unknown`.
    """
    for one in desks(on):
        if one.code == code:
            return one
    raise InvalidInput("desk-unknown", "no such cash desk is open", field=field)


def known_desk(code: str) -> Desk | None:
    """A desk by its code, open or closed."""
    return next((one for one in DESKS if one.code == code), None)
