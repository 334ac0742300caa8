"""The state's service of digital documents. Rules: para 9."""

from __future__ import annotations

from datetime import date

import httpx
from pydantic import Field

from activities.integrations.http import Service, Wire
from activities.ports import DigitalDocument
from rules.errors import BrokenContract, NotConfirmed


class _Person(Wire):
    iin: str


class _Document(Wire):
    number: str = Field(min_length=1)
    expires: date


class _Answer(Wire):
    person: _Person
    document: _Document


class StateDocuments:
    """The service."""

    def __init__(
        self, url: str, token: str, client: httpx.AsyncClient | None = None, *, timeout_seconds: float = 10.0
    ) -> None:
        self._service = Service("digital-documents", url, token, client, timeout_seconds=timeout_seconds)

    async def shown(self, iin: str, code: str) -> DigitalDocument:
        """The document that its owner opened to us.

        Raises:
            NotConfirmed: `digital-document-code`: no such code of this person, or a used or old one.
            BrokenContract: `digital-documents-other-subject`.
        """
        answer = await self._service.ask(
            _Answer,
            "POST",
            "",
            json={"iin": iin, "code": code},
            refusals={
                "404 NOT_FOUND": lambda: NotConfirmed("digital-document-code"),
                "410 CODE_USED": lambda: NotConfirmed("digital-document-code"),
            },
        )
        if answer.person.iin != iin:
            raise BrokenContract("digital-documents-other-subject")
        return DigitalDocument(iin=iin, number=answer.document.number, expires=answer.document.expires)
