"""The identity card: both sides read and compared with what the client typed. Runs where the models are.

Rules: para 6, part 1; para 6, part 3.
"""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import UUID

from temporalio import activity

from activities.context import Records, conclude
from activities.ports import DocumentReader, FaceEngine
from activities.screening import same_name
from rules.client import Person
from rules.errors import InvalidInput
from rules.evidence import DocumentOutcome, DocumentReading, Frozen, StepResult


class CardShown(Frozen):
    """Both sides of the card, archived."""

    client_id: UUID
    front_id: UUID
    back_id: UUID


class Cards:
    """Reads cards; holds the models."""

    def __init__(self, records: Records, reader: DocumentReader, faces: FaceEngine) -> None:
        self._records, self._reader, self._faces = records, reader, faces

    @activity.defn
    async def read_card(self, shown: CardShown) -> StepResult:
        """MRZ with check digits, IIN, dates and names against what was typed; a portrait must be found."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, shown.client_id)
            _, front = await self._records.documents.load(moment.session, shown.front_id)
            _, back = await self._records.documents.load(moment.session, shown.back_id)
            today = moment.day
        person = self._records.clients.person(client)
        ground, evidence = await asyncio.to_thread(self._look, person, front, back, today)
        evidence |= {"front": str(shown.front_id), "back": str(shown.back_id)}
        async with self._records.moment() as moment:
            return await conclude(
                moment,
                client,
                act="REGISTRATION",
                step="document",
                ground=ground,
                evidence=evidence,
                paragraph="6",
            )

    def _look(self, person: Person, front: bytes, back: bytes, today: date) -> tuple[str | None, dict[str, object]]:
        evidence: dict[str, object] = {}
        try:
            reading = self._reader.read_back(back)
            evidence |= {
                "format": reading.format,
                "outcome": reading.outcome.value,
                "checks": reading.checks,
                "repaired": reading.repaired,
                "score": round(reading.score, 4),
                "models": reading.model_sha256,
            }
            ground = compare(person, reading, today)
            if ground is None:
                self._reader.portrait(front)
        except InvalidInput as error:
            ground = error.code
        return ground, evidence


def compare(person: Person, reading: DocumentReading, today: date) -> str | None:
    """The first difference between the card and what the client typed, None where they agree."""
    fields = reading.fields
    if reading.outcome in (DocumentOutcome.RETAKE, DocumentOutcome.REJECTED) or fields is None:
        return _unread(reading.ground)
    if fields.iin != person.iin:
        return "document-other-person"
    if date.fromisoformat(fields.expires) < today:
        return "document-expired"
    if fields.number != person.document.number or date.fromisoformat(fields.expires) != person.document.expires:
        return "document-number-differs"
    alike = same_name(person.surname, fields.surname) and same_name(person.given_name, fields.given_name)
    if not alike or reading.outcome is DocumentOutcome.READ_NAME_UNSURE:
        return "document-name-unsure"
    return None


def _unread(ground: str | None) -> str:
    """A reader's ground in the words of rules.identification."""
    if ground is not None and ground.startswith(("photo-", "image-")):
        return ground
    return _UNREAD.get(ground or "", "document-retake")


_UNREAD = {
    "mrz-not-found": "document-not-found",
    "check-digit-wrong": "document-check-digit",
    "wrong-document-type": "document-wrong-type",
    "expired": "document-expired",
    "iin-mismatch": "document-check-digit",
}
