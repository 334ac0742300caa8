"""What must agree on a card: its two sides, its MRZ, its IIN and what the client typed. Each difference has a ground.

Rules: para 6, part 1; para 6, part 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from rapidfuzz import fuzz

from activities.screening import fold, similarity
from rules.client import Person
from rules.evidence import CardReading, DocumentFields, DocumentOutcome, DocumentReading, FrontFields

_MRZ_NAMES = 30  # symbols of the name line of a card: a longer name is cut off

_UNREAD = {
    "mrz-not-found": "document-not-found",
    "back-missing": "document-back-missing",
    "check-digit-wrong": "document-check-digit",
    "date-not-real": "document-check-digit",
    "wrong-document-type": "document-wrong-type",
    "passport": "document-passport",
    "iin-mismatch": "document-iin-differs",
}


def ground_of(person: Person, reading: CardReading, today: date, *, same: float, portrait_pixels: int) -> str | None:
    """The first finding, None where everything agrees. What ends the case comes before what can be tried again.

    Args:
        same: similarity of two spellings, 0..100, from which they are one name (policy).
        portrait_pixels: least width of the face on the front (policy).
    """
    fields = reading.back.fields
    if fields is None or reading.back.outcome in (DocumentOutcome.RETAKE, DocumentOutcome.REJECTED):
        return _unread(reading.back.ground)
    final = next(_final(person, fields, today), None)
    if final is not None:
        return final
    if reading.front is None or reading.ground is not None:
        return reading.ground or "document-front-missing"
    differences = found_differences(person, reading, same)
    if differences:
        return differences[0]
    if not reading.portrait_pixels:
        return "document-portrait-missing"
    return "document-too-small" if reading.portrait_pixels < portrait_pixels else None


def found_differences(person: Person, reading: CardReading, same: float) -> list[str]:
    """Every difference between the sides and what was typed, the gravest first; [] where a side is unread."""
    if reading.back.fields is None or reading.front is None:
        return []
    found = [*_numbers(person, reading.back.fields, reading.front)]
    found += _names(person, reading.back, reading.back.fields, reading.front, same)
    return list(dict.fromkeys(found))


def _unread(ground: str | None) -> str:
    """A reader's ground in the words of rules.identification."""
    if ground is not None and ground.startswith(("photo-", "image-", "document-")):
        return ground
    return _UNREAD.get(ground or "", "document-retake")


def _final(person: Person, back: DocumentFields, today: date) -> Iterator[str]:
    if back.iin != person.iin:
        yield "document-other-person"
    if date.fromisoformat(back.expires) < today:
        yield "document-expired"


def _numbers(person: Person, back: DocumentFields, front: FrontFields) -> Iterator[str]:
    if front.iin is not None and front.iin != back.iin:
        yield "document-sides-differ"
    if front.birth_date is not None and front.birth_date != back.birth_date:
        yield "document-birth-differs"
    if back.number != person.document.number:
        yield "document-number-differs"
    if date.fromisoformat(back.expires) != person.document.expires:
        yield "document-expiry-differs"


def _names(
    person: Person, reading: DocumentReading, back: DocumentFields, front: FrontFields, same: float
) -> Iterator[str]:
    """Surname and given name, three ways; the patronymic, which no MRZ has, two ways.

    An MRZ whose names are not sure goes to an officer whatever else agrees: no check digit covers them.
    """
    if reading.outcome is DocumentOutcome.READ_NAME_UNSURE:
        yield "document-name-unsure"
        return
    cut = bool(reading.lines) and len(reading.lines[-1].rstrip("<")) >= _MRZ_NAMES
    three = [
        (person.surname, front.surname, back.surname, "surname"),
        (person.given_name, front.given_name, back.given_name, "given_name"),
    ]
    for typed, printed, coded, name in three:
        by_front = printed is not None and similarity(typed, printed) >= same
        by_mrz = _like_mrz(typed, coded, cut=cut, same=same)
        sides_agree = printed is not None and _like_mrz(printed, coded, cut=cut, same=same)
        if by_front and by_mrz:
            continue
        if name in front.unsure:
            yield "document-name-unsure"
        elif by_front:
            yield "document-mrz-name-differs"
        elif by_mrz:
            yield "document-front-name-differs"
        else:
            yield "document-name-differs" if sides_agree else "document-name-unsure"
    if not _patronymics_agree(person.patronymic, front.patronymic, same):
        yield "document-name-unsure" if "patronymic" in front.unsure else "document-patronymic-differs"


def _patronymics_agree(typed: str | None, printed: str | None, same: float) -> bool:
    """Nobody has to type one (para 6, part 1); what is typed must stand on the card."""
    return not typed or (printed is not None and similarity(typed, printed) >= same)


def _like_mrz(name: str, coded: str, *, cut: bool, same: float) -> bool:
    """Whether a name is the MRZ's; one that ran to the end of its line may be only the beginning."""
    if similarity(name, coded) >= same:
        return True
    beginning = fold(coded)
    return cut and len(beginning) >= 2 and fuzz.ratio(fold(name)[: len(beginning)], beginning) >= same
