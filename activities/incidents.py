"""What the case of an incident does: look at what was written down, tell clients and regulator, write the end down.

Clients are told slice by slice: a slice is one transaction, so that a worker that dies tells nobody twice and leaves
nobody out; the SMS of a client has one key.

Rules: para 13, part 1; para 34.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from temporalio import activity

from activities import incident_desk as desk
from activities import incident_leaks, personal_account
from activities import incident_words as words
from activities.context import Moment, Records
from activities.ports import LenderSigner, RegulatorInbox, Sms
from activities.regulator_notices import NoticeDraft, NoticeState, RegulatorNotices
from rules.calendar import local_date
from rules.errors import BusinessError
from rules.evidence import Frozen
from rules.incidents import Kind
from rules.lender import Lender
from storage import incident_clients, incidents
from storage.tables import Client, Incident, IncidentClient, IncidentText

SLICE = 200  # clients told in one transaction
_FOUND_AT_ONCE = 20_000
_TEXTED, _TEXTED_AT_ONCE = 100, 10
_SMS_LIVES_SECONDS = 24 * 3600
_FALLBACK, _TEXT = "kk", "text/plain; charset=utf-8"


class IncidentRef(Frozen):
    """Which incident."""

    incident_id: UUID


class RoundRef(Frozen):
    """Which round of its clients."""

    incident_id: UUID
    n: int


class RoundSeen(Frozen):
    """A round and from when its term runs."""

    n: int
    detected_at: datetime


class CaseSeen(Frozen):
    """An incident as it stands in the database. outcome: of a closing that two people have agreed on."""

    state: str
    certain: bool
    rounds: list[RoundSeen]
    tasks: int
    tasks_open: int
    last_done_at: datetime | None = None
    outcome: str | None = None


class RoundFound(Frozen):
    """Whether all clients of a round are known, and how many there are so far."""

    found: bool
    clients: int


class SliceDone(Frozen):
    """How many clients of the round still wait, and how many could not be reached."""

    left: int
    clients: int
    unreached: int


class Incidents:
    """The steps of a case."""

    def __init__(
        self, records: Records, sms: Sms, regulator: RegulatorInbox, signature: LenderSigner, lender: Lender
    ) -> None:
        self._records, self._sms, self._lender = records, sms, lender
        self.notices = RegulatorNotices(records, regulator, signature)

    @activity.defn
    async def see_case(self, ref: IncidentRef) -> CaseSeen:
        """How the incident stands; also that its case runs."""
        async with self._records.moment() as moment:
            incident = await incidents.locked(moment.session, ref.incident_id)
            if incident.begun_at is None:
                incident.begun_at = moment.at
                moment.session.add(incident)
            tasks = await incidents.tasks(moment.session, incident.id)
            closings = await incidents.closings(moment.session, incident.id)
            rounds = await incidents.rounds(moment.session, incident.id)
            return CaseSeen(
                state=incident.state,
                certain=incident.certain_at is not None,
                rounds=[RoundSeen(n=one.n, detected_at=one.detected_at) for one in rounds],
                tasks=len(tasks),
                tasks_open=sum(one.done_at is None for one in tasks),
                last_done_at=max((one.done_at for one in tasks if one.done_at), default=None),
                outcome=next((one.outcome for one in closings if one.state == desk.CONFIRMED), None),
            )

    @activity.defn
    async def archive_entry(self, ref: IncidentRef) -> UUID:
        """The entry as it was made, archived once."""
        async with self._records.moment() as moment:
            incident = await incidents.locked(moment.session, ref.incident_id)
            if incident.document_id is None:
                incident.document_id = await self._keep(moment, self._entry(incident), "incident_entry")
                moment.session.add(incident)
            return incident.document_id

    def _entry(self, incident: Incident) -> bytes:
        entry = incident.model_dump(
            mode="json",
            include={"id", "kind", "severity", "found_by", "facts", "occurred_at", "detected_at", "entered_by",
                     "entered_at"},
        )  # fmt: skip
        story = words.story_of(self._records.vault, incident)
        return _json({**entry, "story": story.model_dump()})

    @activity.defn
    async def make_certain(self, ref: IncidentRef) -> None:
        """Half of the term is over and nobody has found that it was nothing: it will be told."""
        async with self._records.moment() as moment:
            incident = await incidents.locked(moment.session, ref.incident_id)
            if incident.state == incidents.OPEN:
                await desk.make_certain(moment, ref.incident_id, None)

    # ---- whom, and what

    @activity.defn
    async def find_clients(self, ref: RoundRef) -> RoundFound:
        """The next part of a round's clients, by its query."""
        async with self._records.moment() as moment:
            round_ = await incidents.round_of(moment.session, ref.incident_id, ref.n, lock=True)
            if round_.found_at is None:
                if await incident_clients.find_more(moment.session, round_, _FOUND_AT_ONCE):
                    round_.found_at = moment.at
                moment.session.add(round_)
            done = await incident_clients.progress(moment.session, ref.incident_id, ref.n)
            return RoundFound(found=round_.found_at is not None, clients=done.clients)

    @activity.defn
    async def write_texts(self, ref: RoundRef) -> list[str]:
        """What clients will read, archived once a language, before anybody is told; the languages."""
        async with self._records.moment() as moment:
            incident = await incidents.locked(moment.session, ref.incident_id)
            known = await incidents.texts(moment.session, incident.id)
            wanted = {_language(one) for one in await incident_clients.languages(moment.session, incident.id, ref.n)}
            for language in sorted(wanted - known.keys()):
                text = self._text(incident, language)
                document = await self._keep(moment, text.encode(), "incident_notice", _TEXT, "sent")
                moment.session.add(
                    IncidentText(incident_id=incident.id, language=language, document_id=document, made_at=moment.at)
                )
            return sorted(wanted)

    def _text(self, incident: Incident, language: str) -> str:
        story = words.story_of(self._records.vault, incident)
        return words.to_client(Kind(incident.kind), language, local_date(incident.detected_at), story, self._lender)

    # ---- telling

    @activity.defn
    async def tell_slice(self, ref: RoundRef) -> SliceDone:
        """Write to the next clients of a round, in one transaction with the note that they were told."""
        async with self._records.moment() as moment:
            incident = await incidents.get(moment.session, ref.incident_id)
            documents = await incidents.texts(moment.session, incident.id)
            texts = {language: self._text(incident, language) for language in documents}
            waiting = await incident_clients.untold(moment.session, ref.incident_id, ref.n, SLICE)
            for row, client in waiting:
                language = _language(client.language)
                self._tell(moment, row, client, texts[language], documents[language])
            if incident.kind == Kind.DATA_LEAK:
                await incident_leaks.begin(self._records, moment, incident, ref.n, waiting)
            if waiting:
                told = [str(row.client_id) for row, _ in waiting if row.message_id is not None]
                await desk.note(moment, incident.id, "incident-told", None, round=ref.n, clients=told)
            done = await incident_clients.progress(moment.session, ref.incident_id, ref.n)
            return SliceDone(left=done.clients - done.told, clients=done.clients, unreached=done.unreached)

    def _tell(self, moment: Moment, row: IncidentClient, client: Client, text: str, document: UUID) -> None:
        """One message; a client whose key cannot be opened must not hold up the others."""
        try:
            message = personal_account.message(self._records, moment, client, text, document)
        except BusinessError as error:
            row.ground = error.code
        else:
            moment.session.add(message)
            row.message_id = message.id
        row.told_at = moment.at
        moment.session.add(row)

    @activity.defn
    async def text_slice(self, ref: RoundRef) -> SliceDone:
        """Say by SMS to the next clients that a message waits; noted in small parts, so that little is done again.

        Raises:
            Fault: the gateway is away; what it has taken is noted.
        """
        async with self._records.moment() as moment:
            waiting = await incident_clients.untexted(moment.session, ref.incident_id, ref.n, _TEXTED)
        for start in range(0, len(waiting), _TEXTED_AT_ONCE):
            await self._text_some(ref, waiting[start : start + _TEXTED_AT_ONCE])
        async with self._records.moment() as moment:
            done = await incident_clients.progress(moment.session, ref.incident_id, ref.n)
        return SliceDone(left=done.clients - done.texted, clients=done.clients, unreached=done.unreached)

    async def _text_some(self, ref: RoundRef, some: Sequence[tuple[IncidentClient, Client]]) -> None:
        handed = [self._handed_over(ref, client) for _, client in some]
        answers = await asyncio.gather(*handed, return_exceptions=True)
        taken: list[tuple[UUID, str | None, str | None]] = []
        for (row, _), answer in zip(some, answers, strict=True):
            if isinstance(answer, BusinessError):
                taken.append((row.client_id, None, answer.code))
            elif isinstance(answer, str):
                taken.append((row.client_id, answer, None))
        async with self._records.moment() as moment:
            await incident_clients.note_texted(moment.session, ref.incident_id, moment.at, taken)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, BusinessError):
                raise answer

    async def _handed_over(self, ref: RoundRef, client: Client) -> str:
        person = self._records.clients.person(client)
        key = f"incident/{ref.incident_id}/{client.id}"
        return await self._sms.send(key, person.phone, words.sms(_language(client.language)), _SMS_LIVES_SECONDS)

    @activity.defn
    async def draw_notice(self, ref: RoundRef) -> NoticeState:
        """The notice to the regulator about a round, signed and archived once."""
        async with self._records.moment() as moment:
            incident = await incidents.get(moment.session, ref.incident_id)
            done = await incident_clients.progress(moment.session, incident.id, ref.n)
            story = words.story_of(self._records.vault, incident)
        description, measures = words.to_regulator(incident, story, ref.n, done.clients)
        draft = NoticeDraft(
            key=desk.notice_key(incident.id, ref.n),
            kind="INCIDENT",
            subject=desk.subject_of(incident.id),
            occurred_at=incident.occurred_at,
            detected_at=incident.detected_at,
            description=description,
            measures=measures,
        )
        return await self.notices.draw(draft)

    async def _keep(
        self, moment: Moment, content: bytes, kind: str, media_type: str = "application/json", direction: str = "made"
    ) -> UUID:
        document = await self._records.documents.keep(
            moment.session, content, kind=kind, media_type=media_type, direction=direction, client=None,
            retain_until=moment.retain_until(),
        )  # fmt: skip
        return document.id


def _language(wanted: str) -> str:
    return wanted if wanted in words.LANGUAGES else _FALLBACK


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, default=str).encode()
