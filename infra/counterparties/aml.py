"""The financial-monitoring agency's lists and messages (/afm) and the UN's list (/un).

Every list has invented people of its own, so that a halved or empty one can be told; planted personas join
with `listing`. ETag and 304 as the real sites give.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from email.utils import format_datetime
from html import escape
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from infra.counterparties.errors import Refusal
from infra.counterparties.personas import Persona
from infra.counterparties.world import World

_FAULTS = frozenset({"empty_list", "half_list", "old_list"})
_SURNAMES = ("Выдуманов", "Несуществуев", "Примеров", "Образцов", "Шаблонов", "Макетов", "Условнов", "Тестилин")
_GIVEN = ("Абай-Пробный", "Борис-Пробный", "Виктор-Пробный", "Дастан-Пробный", "Ержан-Пробный")


class Message(BaseModel):
    """A report of a suspicious operation or a freeze."""

    form: str
    grounds: list[str]
    subject: dict[str, Any]
    operation: dict[str, Any]
    sent_at: str


def router(world: World) -> APIRouter:
    """Lists and messages."""
    routes = APIRouter(tags=["aml"])

    @routes.get("/afm/{name}.xml")
    async def agency(request: Request, name: str) -> Response:
        """The agency's lists; `un.xml` is its mirror of the UN's."""
        if name not in ("active", "excluded", "wmd", "un"):
            raise Refusal(404, "NOT_FOUND")
        return _served(world, request, name)

    @routes.get("/un/consolidated.xml")
    async def united_nations(request: Request) -> Response:
        return _served(world, request, "un")

    @routes.post("/afm/messages")
    async def message(request: Request, body: Message) -> JSONResponse:
        def work() -> tuple[int, dict[str, Any]]:
            number = f"FM-{uuid4().hex[:10]}"
            world.store.put("afm_message", number, body.model_dump())
            return 201, {"registration_no": number}

        return await world.keyed(request, "aml.message", work)

    return routes


def _served(world: World, request: Request, name: str) -> Response:
    fault = world.faults.take("aml", name, kinds=_FAULTS)
    kind = fault.fault if fault else None
    entries = _entries(world, name, planted=kind != "old_list")
    if kind == "empty_list":
        entries = []
    if kind == "half_list":
        entries = entries[: len(entries) // 2]
    content = _un(entries) if name == "un" else _afm(entries)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    day = world.store.now() - timedelta(days=40 if kind == "old_list" else 0)
    modified = format_datetime(day.replace(hour=0, minute=0, second=0, microsecond=0), usegmt=True)
    return Response(content, media_type="application/xml", headers={"ETag": etag, "Last-Modified": modified})


def _entries(world: World, name: str, *, planted: bool) -> list[dict[str, str]]:
    """num, lname, fname, mname, birthdate, iin of every entry."""
    born = date(1900, 1, 1).toordinal() + 37 * len(name)
    entries = [
        {
            "lname": f"{surname}-{name.title()}",
            "fname": given,
            "mname": "",
            "birthdate": date.fromordinal(born + 11 * (5 * i + j)).strftime("%d.%m.%Y"),
            "iin": "",
        }
        for i, surname in enumerate(_SURNAMES)
        for j, given in enumerate(_GIVEN)
    ]
    if planted:
        entries += [_entry(persona) for persona in world.listed() if persona.listing and persona.listing.list == name]
    return [entry | {"num": str(number)} for number, entry in enumerate(entries, 1)]


def _entry(persona: Persona) -> dict[str, str]:
    listing = persona.listing
    return {
        "lname": persona.surname,
        "fname": persona.given_name,
        "mname": persona.patronymic or "",
        "birthdate": persona.birth_date.strftime("%d.%m.%Y") if listing and listing.with_birth_date else "",
        "iin": persona.iin if listing and listing.with_iin else "",
    }


def _afm(entries: list[dict[str, str]]) -> bytes:
    names = ("num", "lname", "fname", "mname", "birthdate", "iin")
    people = "".join(
        "<person>"
        + "".join(f"<{name}>{escape(entry[name])}</{name}>" for name in names)
        + "<note/><correction/></person>"
        for entry in entries
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><xml><persons>{people}</persons><orgs/></xml>'.encode()


def _un(entries: list[dict[str, str]]) -> bytes:
    people = "".join(
        f"<INDIVIDUAL><DATAID>{entry['num']}</DATAID><FIRST_NAME>{escape(entry['fname'])}</FIRST_NAME>"
        f"<SECOND_NAME>{escape(entry['lname'])}</SECOND_NAME>"
        f"<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME/></INDIVIDUAL_ALIAS>"
        f"<INDIVIDUAL_DATE_OF_BIRTH>{_un_date(entry['birthdate'])}</INDIVIDUAL_DATE_OF_BIRTH></INDIVIDUAL>"
        for entry in entries
    )
    head = '<?xml version="1.0" encoding="UTF-8"?><CONSOLIDATED_LIST dateGenerated="2026-01-01T00:00:00Z">'
    return f"{head}<INDIVIDUALS>{people}</INDIVIDUALS><ENTITIES/></CONSOLIDATED_LIST>".encode()


def _un_date(day: str) -> str:
    if not day:
        return ""
    return f"<TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>{day[6:]}-{day[3:5]}-{day[:2]}</DATE>"
