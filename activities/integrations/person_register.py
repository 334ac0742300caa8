"""The state's register of persons: who an IIN belongs to. Rules: para 6, part 3."""

from __future__ import annotations

from datetime import date

import httpx
from pydantic import Field

from activities.integrations.http import Service, Wire
from activities.ports import RegisteredPerson
from rules.errors import BrokenContract, NotFound


class _Person(Wire):
    iin: str
    last: str = Field(min_length=1)
    first: str
    middle: str | None
    dob: date
    deceased: bool


class _Document(Wire):
    number: str = Field(min_length=1)
    expires: date


class _Answer(Wire):
    person: _Person
    document: _Document


class PersonRegister:
    """The register."""

    def __init__(
        self, url: str, token: str, client: httpx.AsyncClient | None = None, *, timeout_seconds: float = 10.0
    ) -> None:
        self._service = Service("person-register", url, token, client, timeout_seconds=timeout_seconds)

    async def person(self, iin: str, consent_sha256: str) -> RegisteredPerson:
        """What the register says of an IIN, with the client's consent named by its hash.

        Raises:
            NotFound: `iin-not-found`.
            BrokenContract: `person-register-other-subject`, or not in shape.
        """
        answer = await self._service.ask(
            _Answer,
            "POST",
            "/v1/person",
            json={"iin": iin, "consent_sha256": consent_sha256},
            refusals={"404 IIN_NOT_FOUND": lambda: NotFound("iin-not-found")},
        )
        person, document = answer.person, answer.document
        if person.iin != iin:
            raise BrokenContract("person-register-other-subject")
        return RegisteredPerson(
            iin=person.iin,
            surname=person.last,
            given_name=person.first,
            patronymic=person.middle,
            birth_date=person.dob,
            document_number=document.number,
            document_expires=document.expires,
            deceased=person.deceased,
        )
