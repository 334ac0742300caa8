"""Shapes of what was read of an identity card. Personal data: only for the officer of a review."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from api.fields import Answer


class CardWords(Answer):
    """One source's words; None: it does not say, or was not read. Dates are ISO."""

    surname: str | None = None
    given_name: str | None = None
    patronymic: str | None = None
    iin: str | None = None
    number: str | None = None
    birth_date: str | None = None
    expires: str | None = None


class CardReadingShown(Answer):
    """What the client typed beside what was read of both sides. mrz_second: by the other reader, where it was asked.

    differences: grounds. unsure: fields of the front that were read with doubt. The pictures are JPEG in base64, cut
    along the card's outline where that was found.
    """

    review_id: UUID
    client_id: UUID
    typed: CardWords
    mrz: CardWords | None
    front: CardWords | None
    mrz_first: list[str]
    mrz_second: list[str] | None
    differences: list[str]
    unsure: list[str]
    front_picture: str = Field(repr=False)
    back_picture: str = Field(repr=False)
