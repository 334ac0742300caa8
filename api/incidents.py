"""Incidents on their way into their cases, and as staff see them. Rules: para 13, part 1."""

from __future__ import annotations

import csv
import io
from typing import Any, Literal, cast
from uuid import UUID, uuid4

from activities import incident_desk as desk
from activities import incident_words as words
from activities import regulator_notices
from activities.context import Moment
from activities.incident_desk import Touched
from activities.incident_report import clocks_of
from api.actions import Call
from api.schemas_incidents import (
    ClockShown,
    ClosingShown,
    EvidenceShown,
    IncidentLine,
    IncidentShown,
    NoticeShown,
    RoundShown,
    TaskShown,
    TouchedBody,
)
from rules.calendar import local_date
from rules.clocks import CLOCKS
from rules.editions import edition
from rules.errors import InvalidInput
from rules.incidents import Kind, Severity, about
from storage import incident_clients, incidents
from storage.tables import Incident, IncidentRound
from storage.vault import Vault
from workflows.incident import HandleIncident, id_of

WORKFLOW = "Incident"


def start(incident: Incident) -> Call:
    """Begins the case."""
    begin = HandleIncident(
        incident_id=incident.id,
        detected_at=incident.detected_at,
        edition=edition(local_date(incident.detected_at)).name,
    )
    return Call(WORKFLOW, id_of(incident.id), "start", begin, f"start-{incident.id.hex}", "start")


def changed(incident_id: UUID, name: str = "changed") -> Call:
    """Wakes the case: it reads what was written down."""
    return Call(WORKFLOW, id_of(incident_id), name, None, uuid4().hex)


def touched(body: TouchedBody | None) -> Touched:
    """Whom it touches, as it is written down.

    Raises:
        InvalidInput: `client-id-format`, with the line of the CSV.
    """
    if body is None:
        return Touched()
    if body.query is not None:
        return Touched(query=body.query.plain())
    found = body.ids if body.ids is not None else ids_of(body.csv or "")
    return Touched(clients=list(dict.fromkeys(found)))


def ids_of(text: str) -> list[UUID]:
    """The ids in the first column of a CSV; a first line without one is its head, empty lines are nothing.

    >>> ids_of("client_id;name\\n00000000-0000-4000-8000-000000000001;A\\n")
    [UUID('00000000-0000-4000-8000-000000000001')]
    """
    found: list[UUID] = []
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff").replace(";", ",")))
    for line, row in enumerate(lines):
        first = row[0].strip() if row else ""
        if not first:
            continue
        try:
            found.append(UUID(first))
        except ValueError:
            if line > 0 or found:
                raise InvalidInput("client-id-format", field=f"/clients/csv/{line}") from None
    if not found:
        raise InvalidInput("client-id-format", field="/clients/csv")
    return found


def line_of(incident: Incident) -> IncidentLine:
    """For a list."""
    return IncidentLine(
        incident_id=incident.id,
        workflow_id=id_of(incident.id),
        kind=Kind(incident.kind),
        severity=Severity(incident.severity),
        found_by=cast(Literal["STAFF", "SYSTEM"], incident.found_by),
        state=cast(Literal["OPEN", "CLOSED", "DISMISSED"], incident.state),
        certain=incident.certain_at is not None,
        occurred_at=incident.occurred_at,
        detected_at=incident.detected_at,
        entered_at=incident.entered_at,
        closed_at=incident.closed_at,
    )


async def shown(moment: Moment, vault: Vault, incident: Incident) -> IncidentShown:
    """All of it."""
    story = words.story_of(vault, incident)
    return IncidentShown(
        **line_of(incident).model_dump(),
        what=story.what,
        measures=story.measures,
        facts=incident.facts,
        clocks=await _clocks(moment, incident.id),
        rounds=[await _round(moment, one) for one in await incidents.rounds(moment.session, incident.id)],
        tasks=await _tasks(moment, vault, incident.id),
        documents=[
            EvidenceShown(**one.model_dump(include={"document_id", "task_id", "kind", "added_by", "added_at"}))
            for one in await incidents.documents(moment.session, incident.id)
        ],
        closings=await _closings(moment, vault, incident.id),
    )


async def _clocks(moment: Moment, incident_id: UUID) -> list[ClockShown]:
    return [
        ClockShown(
            rule=one.rule,
            title=CLOCKS[one.rule].title,
            state=one.state,
            received_at=one.received_at,
            last_day=one.last_day.isoformat() if one.last_day else None,
            due_at=one.due_at,
            ended_at=one.ended_at,
        )
        for one in await clocks_of(moment.session, incident_id)
    ]


async def _round(moment: Moment, one: IncidentRound) -> RoundShown:
    done = await incident_clients.progress(moment.session, one.incident_id, one.n)
    notice = await regulator_notices.find(moment.session, desk.notice_key(one.incident_id, one.n))
    return RoundShown(
        n=one.n,
        query=one.query,
        detected_at=one.detected_at,
        found=one.found_at is not None,
        clients=done.clients,
        told=done.told,
        texted=done.texted,
        unreached=done.unreached,
        notice=None
        if notice is None
        else NoticeShown(
            state=notice.state,
            ground=notice.ground,
            registration_number=notice.registration_number,
            received_at=notice.received_at,
        ),
    )


async def _tasks(moment: Moment, vault: Vault, incident_id: UUID) -> list[TaskShown]:
    found = []
    for one in await incidents.tasks(moment.session, incident_id):
        said: dict[str, Any] = words.words_of(vault, one.id, one.evidence)
        own = words.words_of(vault, one.id, one.words)
        found.append(
            TaskShown(
                task_id=one.id,
                code=one.code,
                part=one.part,
                about=own.get("about") or about(one.code),
                owner=one.owner,
                done_by=one.done_by,
                done_at=one.done_at,
                evidence=said.get("evidence"),
            )
        )
    return found


async def _closings(moment: Moment, vault: Vault, incident_id: UUID) -> list[ClosingShown]:
    return [
        ClosingShown(
            closing_id=one.id,
            outcome=one.outcome,
            state=one.state,
            proposed_by=one.proposed_by,
            decided_by=one.decided_by,
            **words.words_of(vault, one.id, one.words),
        )
        for one in await incidents.closings(moment.session, incident_id)
    ]
