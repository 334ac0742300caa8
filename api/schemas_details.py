"""Shapes of a change of the phone number."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from api.fields import Answer, Body, Phone
from api.schemas_common import DocumentInfo


class PhoneChangeBody(Body):
    """The new mobile number. Nothing else of a person is changed this way. Rules: para 6, part 5; para 6, part 6."""

    phone: Phone


class PhoneChangeAnswer(Answer):
    """A wish for another number.

    missing: the proofs still to be shown, in their order: phone (the code), phone-owner (looked up with it), face,
    signature. statement: what is signed, once it is drawn. expires_at: what is not done by then is not done.
    """

    change_id: UUID
    state: Literal["OPEN", "CHANGED", "REFUSED", "EXPIRED"]
    ground: str | None
    ground_title: str | None
    missing: list[Literal["phone", "phone-owner", "face", "signature"]]
    asked_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    statement: DocumentInfo | None
