"""The XML of the sanctions lists: the financial-monitoring agency's and the United Nations'."""

from __future__ import annotations

import re
from datetime import date, datetime
from xml.etree import ElementTree  # nosec B405  # document types and entities are refused before parsing

from activities.ports import ListedName
from rules.errors import BrokenContract

_FORBIDDEN = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_IIN = re.compile(r"[0-9]{12}", re.ASCII)
_DAYS = ("%d.%m.%Y", "%Y-%m-%d")


def agency_names(content: bytes, list_name: str) -> list[ListedName]:
    """Entries `<person>` with num, lname, fname, mname, birthdate, iin. Raises BrokenContract."""
    names = []
    for number, person in enumerate(_tree(content).iter("person"), 1):
        surname, given_name, iin = _text(person, "lname"), _text(person, "fname"), _text(person, "iin")
        if not (surname or given_name or iin):
            raise BrokenContract("aml-list-unreadable")
        names.append(
            ListedName(
                list_name=list_name,
                entry=_text(person, "num") or str(number),
                surname=surname,
                given_name=given_name,
                patronymic=_text(person, "mname") or None,
                birth_date=_day(_text(person, "birthdate")),
                iin=iin if _IIN.fullmatch(iin) else None,
            )
        )
    return names


def united_nations_names(content: bytes, list_name: str) -> list[ListedName]:
    """Entries `<INDIVIDUAL>`: the name itself and each alias, with every birth date given. Raises BrokenContract."""
    names = []
    for number, person in enumerate(_tree(content).iter("INDIVIDUAL"), 1):
        parts = [_text(person, f"{place}_NAME") for place in ("FIRST", "SECOND", "THIRD", "FOURTH")]
        spellings = [[part for part in parts if part]]
        spellings += [alias.split() for alias in (_text(one, "ALIAS_NAME") for one in person.iter("INDIVIDUAL_ALIAS"))]
        days = [_day(_text(one, "DATE")) for one in person.iter("INDIVIDUAL_DATE_OF_BIRTH")] or [None]
        if not spellings[0]:
            raise BrokenContract("aml-list-unreadable")
        names += [
            ListedName(
                list_name=list_name,
                entry=_text(person, "DATAID") or str(number),
                surname=words[-1],
                given_name=words[0] if len(words) > 1 else "",
                birth_date=day,
            )
            for words in spellings
            if words
            for day in days
        ]
    return names


def _tree(content: bytes) -> ElementTree.Element:
    if _FORBIDDEN.search(content):
        raise BrokenContract("aml-list-unreadable")
    try:
        return ElementTree.fromstring(content)  # noqa: S314  # nosec B314  # see above
    except (ElementTree.ParseError, ValueError, LookupError):
        pass
    raise BrokenContract("aml-list-unreadable")


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _day(text: str) -> date | None:
    """A day written in one of the two ways; None for a bare year or anything else."""
    for form in _DAYS:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007
        except ValueError:
            continue
    return None
