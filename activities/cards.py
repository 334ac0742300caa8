"""The identity card: both sides read and compared with what the client typed. Runs where the models are.

Rules: para 6, part 1; para 6, part 3.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from temporalio import activity

from activities.card_checks import found_differences, ground_of
from activities.context import Moment, Records, conclude
from activities.identity_ports import DocumentReader
from rules.client import Person
from rules.errors import InvalidInput
from rules.evidence import CardReading, FrontFields, Frozen, StepResult
from storage.tables import Client

READING = "document_reading"
"""Kind of the archived document with everything that was read, for the officer."""

POLICY = ("document-name-same", "document-portrait-pixels")


class CardShown(Frozen):
    """Both sides of the card, archived."""

    client_id: UUID
    front_id: UUID
    back_id: UUID


class CardResult(StepResult):
    """The step's result, and which of the two pictures is the front: clients send them exchanged."""

    front_id: UUID | None = None

    def step_result(self) -> StepResult:
        """The result alone."""
        return StepResult(**self.model_dump(exclude={"front_id"}))


class CardFound(NamedTuple):
    """A judgement. ground: of rules.identification, None where all agrees. result: no personal data.

    private: what was read, as JSON for an officer; None where all agrees or no picture could be decoded. swapped: the
    picture given as the back is the front.
    """

    ground: str | None
    result: dict[str, Any]
    models: dict[str, str]
    private: bytes | None
    swapped: bool = False


class CardJudge:
    """Judges two pictures of a card. The same pictures, person, day, policy and models give the same answer.

    Args:
        reader: with the models.
        policy: the rows of POLICY, as strings.
    """

    def __init__(self, reader: DocumentReader, policy: Mapping[str, str]) -> None:
        self._reader = reader
        self.policy = {name: policy[name] for name in POLICY}

    def judge(self, person: Person, front: bytes, back: bytes, today: date) -> CardFound:
        """Read both sides and compare them with each other and with what was typed.

        Raises:
            Unavailable: the program that reads the front does not answer.
        """
        try:
            reading = self._reader.read(front, back)
        except InvalidInput as error:
            return CardFound(error.code, {}, {}, None)
        same = float(self.policy["document-name-same"])
        ground = ground_of(
            person, reading, today, same=same, portrait_pixels=int(self.policy["document-portrait-pixels"])
        )
        differences = found_differences(person, reading, same)
        front_read = reading.front or FrontFields()
        result: dict[str, Any] = {
            "ground": ground,
            "sides": {name: side.value for name, side in reading.sides.items()},
            "swapped": reading.swapped,
            "back": reading.back.model_dump(
                mode="json", include={"format", "outcome", "checks", "repaired", "score", "ground"}
            ),
            "second_reader": _second(reading),
            "front": {
                "ground": reading.ground,
                "read": sorted(front_read.model_dump(exclude_none=True, exclude={"unsure"})),
                "unsure": front_read.unsure,
            },
            "portrait_pixels": reading.portrait_pixels,
            "differences": differences,
        }
        private = None if ground is None else self._for_officer(person, reading, differences, front, back)
        return CardFound(ground, result, reading.model_sha256, private, reading.swapped)

    def _for_officer(
        self, person: Person, reading: CardReading, differences: list[str], front: bytes, back: bytes
    ) -> bytes:
        """Everything that was read beside what was typed, and both sides cut out. Personal: only ever kept sealed."""
        if reading.swapped:
            front, back = back, front
        told = {
            "typed": {
                "surname": person.surname,
                "given_name": person.given_name,
                "patronymic": person.patronymic,
                "iin": person.iin,
                "number": person.document.number,
                "expires": person.document.expires.isoformat(),
            },
            "mrz": {
                "first": reading.back.lines,
                "second": reading.back.second,
                "fields": reading.back.fields.model_dump() if reading.back.fields else None,
            },
            "front": reading.front.model_dump() if reading.front else None,
            "differences": differences,
            "pictures": {
                "front": base64.b64encode(self._reader.cut(front)).decode(),
                "back": base64.b64encode(self._reader.cut(back)).decode(),
            },
        }
        return json.dumps(told, ensure_ascii=False).encode()


class Cards:
    """Reads cards; holds the models."""

    def __init__(self, records: Records, reader: DocumentReader) -> None:
        self._records, self._reader = records, reader

    @activity.defn
    async def read_card(self, shown: CardShown) -> CardResult:
        """Both sides, the IIN, dates and names against each other and against what was typed."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, shown.client_id)
            _, front = await self._records.documents.load(moment.session, shown.front_id)
            _, back = await self._records.documents.load(moment.session, shown.back_id)
            today, numbers = moment.day, {name: str(moment.policy.number(name)) for name in POLICY}
        judge = CardJudge(self._reader, numbers)
        found = await asyncio.to_thread(judge.judge, self._records.clients.person(client), front, back, today)
        inputs = {"front": str(shown.front_id), "back": str(shown.back_id)}
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, shown.client_id)
            if found.private is not None:
                inputs["reading"] = str(await self._keep(moment, client, found.private))
            result = await conclude(
                moment,
                client,
                act="REGISTRATION",
                step="document",
                ground=found.ground,
                evidence={
                    "inputs": inputs,
                    "asked": {"today": today.isoformat()},
                    "policy": judge.policy,
                    "models": found.models,
                    "result": found.result,
                },
                paragraph="6",
            )
        return CardResult(**result.model_dump(), front_id=shown.back_id if found.swapped else shown.front_id)

    async def _keep(self, moment: Moment, client: Client, private: bytes) -> UUID:
        """Seal what was read for the officer: the evidence names it, and holds nothing of it."""
        document = await self._records.documents.keep(
            moment.session,
            private,
            kind=READING,
            media_type="application/json",
            direction="made",
            client=client,
            retain_until=moment.retain_until(),
        )
        return document.id


def _second(reading: CardReading) -> str:
    """Whether the second reader of the MRZ was asked, and said the same."""
    if reading.back.second is None:
        return "not asked"
    return "same" if reading.back.second == reading.back.lines else "differs"
