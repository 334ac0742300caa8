"""What is written down about an incident as staff, or a watch of the system, say it: entry, clients, tasks, the end.

Each function works in the caller's transaction. That something was said the case is told by its own way, and it reads
the database: a message decides nothing.

Rules: para 13, part 1; para 28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError

from activities import regulator_notices
from activities.context import Moment, Records
from activities.incident_words import Story, seal, seal_words
from rules.calendar import local_date
from rules.errors import Conflict, InvalidInput, NotAllowed
from rules.incidents import OTHER, SUSPICIONS, Kind, Severity, tasks_of
from rules.policy import UnknownPolicy, policy
from storage import audit, incident_clients, incidents
from storage.tables import Incident, IncidentClosing, IncidentDocument, IncidentRound, IncidentTask

RESOLVED, FALSE_ALARM = "RESOLVED", "FALSE_ALARM"
CONFIRMED, REFUSED = "CONFIRMED", "REFUSED"
_PARAGRAPH = "13, part 1"


@dataclass(frozen=True)
class Touched:
    """Whom it touches: a list, a query (storage.incident_clients), or nobody that is known."""

    clients: Sequence[UUID] = ()
    query: dict[str, Any] | None = None


@dataclass(frozen=True)
class Entry:
    """An incident as it is entered. key: the cause. entered_by: None where the system has found it."""

    key: str
    kind: Kind
    severity: Severity
    story: Story
    occurred_at: datetime
    detected_at: datetime
    entered_by: UUID | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    touched: Touched = Touched()
    incident_id: UUID | None = None


def subject_of(incident_id: UUID) -> str:
    """As in audit and clocks."""
    return f"incident:{incident_id}"


def notice_key(incident_id: UUID, n: int) -> str:
    """The key of the notice to the regulator about one round."""
    return f"incident/{incident_id}/{n}"


async def enter(records: Records, moment: Moment, entry: Entry) -> tuple[Incident, bool]:
    """Write an incident down, once for its cause; the incident, and whether it is a new one.

    Raises:
        InvalidInput: `incident-in-the-future`, `incident-order`, `incident-too-early`, `client-unknown`.
    """
    _check_times(moment, entry)
    number = entry.incident_id or uuid4()
    incident = Incident(
        id=number, key=entry.key, kind=entry.kind.value, severity=entry.severity.value,
        found_by="SYSTEM" if entry.entered_by is None else "STAFF", story=seal(records.vault, number, entry.story),
        facts=entry.facts, occurred_at=entry.occurred_at, detected_at=entry.detected_at,
        entered_by=entry.entered_by, entered_at=moment.at,
        certain_at=None if entry.kind in SUSPICIONS else moment.at,
    )  # fmt: skip
    known = await incidents.add(moment.session, incident)
    if known is not None:
        return known, False
    detail = {"kind": entry.kind.value, "severity": entry.severity.value, "facts": entry.facts}
    await note(moment, number, "incident-found" if entry.entered_by is None else "incident-entered", entry.entered_by,
               **detail)  # fmt: skip
    await _round(moment, number, 1, entry.touched, entry.detected_at, entry.entered_by)
    for task in tasks_of(entry.kind):
        made = IncidentTask(incident_id=number, code=task.code, part=task.part, created_at=moment.at)
        moment.session.add(made)
    await moment.session.flush()
    return incident, True


def _check_times(moment: Moment, entry: Entry) -> None:
    if entry.detected_at > moment.at:
        raise InvalidInput("incident-in-the-future", field="/detected_at")
    if entry.occurred_at > entry.detected_at:
        raise InvalidInput("incident-order", field="/occurred_at")
    try:
        policy(local_date(entry.detected_at)).row("incident-inform-days")
    except UnknownPolicy:
        raise InvalidInput("incident-too-early", field="/detected_at") from None


async def add_clients(moment: Moment, incident_id: UUID, touched: Touched, staff_id: UUID) -> IncidentRound:
    """More clients turn out to be touched: they, and the regulator, are told as well; its own term runs from now.

    Raises:
        NotFound: `incident-unknown`. Conflict: `incident-closed`. InvalidInput: `client-unknown`.
    """
    await incidents.open_one(moment.session, incident_id)
    n = 1 + len(await incidents.rounds(moment.session, incident_id))
    return await _round(moment, incident_id, n, touched, moment.at, staff_id)


async def _round(
    moment: Moment, incident_id: UUID, n: int, touched: Touched, detected_at: datetime, staff_id: UUID | None
) -> IncidentRound:
    found = moment.at if touched.query is None else None
    made = IncidentRound(
        incident_id=incident_id, n=n, query=touched.query, detected_at=detected_at, added_by=staff_id,
        added_at=moment.at, found_at=found,
    )  # fmt: skip
    moment.session.add(made)
    await moment.session.flush()
    clients = await incident_clients.add_list(moment.session, made, touched.clients) if touched.clients else 0
    await note(moment, incident_id, "incident-clients", staff_id, round=n, clients=clients, query=touched.query)
    return made


async def make_certain(moment: Moment, incident_id: UUID, staff_id: UUID | None) -> None:
    """A suspicion is to be told of: somebody is sure, or half of the term is over and nobody has said otherwise."""
    incident = await incidents.open_one(moment.session, incident_id)
    if incident.certain_at is None:
        incident.certain_at, incident.certain_by = moment.at, staff_id
        moment.session.add(incident)
        await note(moment, incident_id, "incident-certain", staff_id)


# ---- tasks and evidence


async def add_task(
    records: Records, moment: Moment, incident_id: UUID, part: str, about: str, staff_id: UUID
) -> IncidentTask:
    """Something else to be done, in somebody's own words."""
    await incidents.open_one(moment.session, incident_id)
    number = uuid4()
    made = IncidentTask(
        id=number, incident_id=incident_id, code=OTHER, part=part, created_at=moment.at,
        words=seal_words(records.vault, number, {"about": about}),
    )  # fmt: skip
    moment.session.add(made)
    await note(moment, incident_id, "incident-task-added", staff_id, task=str(number))
    return made


async def take_task(moment: Moment, incident_id: UUID, task_id: UUID, owner: UUID, staff_id: UUID) -> IncidentTask:
    """Say who does it."""
    found = await _open_task(moment, incident_id, task_id)
    found.owner = owner
    moment.session.add(found)
    await note(moment, incident_id, "incident-task-taken", staff_id, task=str(task_id), owner=str(owner))
    return found


async def finish_task(
    records: Records, moment: Moment, incident_id: UUID, task_id: UUID, evidence: str, staff_id: UUID
) -> IncidentTask:
    """It is done; what shows it stands in words, and in documents added before.

    Raises:
        Conflict: `incident-closed`, `incident-task-done`. NotFound: `incident-task-unknown`.
    """
    found = await _open_task(moment, incident_id, task_id)
    found.owner = found.owner or staff_id
    found.done_by, found.done_at = staff_id, moment.at
    found.evidence = seal_words(records.vault, task_id, {"evidence": evidence})
    moment.session.add(found)
    await note(moment, incident_id, "incident-task-done", staff_id, task=str(task_id), code=found.code)
    return found


async def _open_task(moment: Moment, incident_id: UUID, task_id: UUID) -> IncidentTask:
    await incidents.open_one(moment.session, incident_id)
    found = await incidents.task(moment.session, incident_id, task_id)
    if found.done_at is not None:
        raise Conflict("incident-task-done")
    return found


async def add_document(
    records: Records, moment: Moment, incident_id: UUID, content: bytes, media_type: str, task_id: UUID | None,
    staff_id: UUID,
) -> IncidentDocument:  # fmt: skip
    """Archive evidence."""
    await incidents.open_one(moment.session, incident_id)
    if task_id is not None:
        await incidents.task(moment.session, incident_id, task_id)
    document = await records.documents.keep(
        moment.session, content, kind="incident_evidence", media_type=media_type, direction="made", client=None,
        retain_until=moment.retain_until(),
    )  # fmt: skip
    made = IncidentDocument(
        incident_id=incident_id, task_id=task_id, document_id=document.id, kind="evidence", added_by=staff_id,
        added_at=moment.at,
    )  # fmt: skip
    moment.session.add(made)
    await note(moment, incident_id, "incident-evidence", staff_id, document=str(document.id))
    return made


# ---- the end: two people


async def propose_closing(
    records: Records, moment: Moment, incident_id: UUID, outcome: str, words: dict[str, str], staff_id: UUID
) -> IncidentClosing:
    """One person says that it is over, and what was learnt.

    Raises:
        Conflict: `incident-closed`, `incident-closing-open`; of one that was real also `incident-tasks-open`,
            `incident-not-informed`.
    """
    await incidents.open_one(moment.session, incident_id)
    if outcome == RESOLVED:
        await _check_all_done(moment, incident_id)
    number = uuid4()
    made = IncidentClosing(
        id=number, incident_id=incident_id, outcome=outcome, words=seal_words(records.vault, number, words),
        proposed_by=staff_id, proposed_at=moment.at,
    )  # fmt: skip
    try:
        async with moment.session.begin_nested():
            moment.session.add(made)
    except IntegrityError:
        raise Conflict("incident-closing-open") from None
    await note(moment, incident_id, "incident-closing-proposed", staff_id, closing=str(number), outcome=outcome)
    return made


async def decide_closing(
    moment: Moment, incident_id: UUID, closing_id: UUID, staff_id: UUID, *, agreed: bool
) -> IncidentClosing:
    """A second person agrees, or somebody says no.

    Raises:
        NotAllowed: `second-person-needed`. NotFound, Conflict: as storage.incidents.closing and propose_closing.
    """
    incident = await incidents.open_one(moment.session, incident_id)
    found = await incidents.closing(moment.session, incident_id, closing_id)
    if agreed and found.proposed_by == staff_id:
        raise NotAllowed("second-person-needed")
    if agreed and found.outcome == RESOLVED:
        await _check_all_done(moment, incident_id)
    found.state, found.decided_by, found.decided_at = CONFIRMED if agreed else REFUSED, staff_id, moment.at
    moment.session.add(found)
    if agreed:
        incident.state = "CLOSED" if found.outcome == RESOLVED else "DISMISSED"
        incident.closed_at = moment.at
        moment.session.add(incident)
    action = f"incident-closing-{found.state.lower()}"
    await note(moment, incident_id, action, staff_id, closing=str(closing_id), outcome=found.outcome)
    return found


async def _check_all_done(moment: Moment, incident_id: UUID) -> None:
    if any(one.done_at is None for one in await incidents.tasks(moment.session, incident_id)):
        raise Conflict("incident-tasks-open")
    done = await incident_clients.progress(moment.session, incident_id)
    for one in await incidents.rounds(moment.session, incident_id):
        notice = await regulator_notices.find(moment.session, notice_key(incident_id, one.n))
        if one.found_at is None or notice is None or notice.state != regulator_notices.SENT:
            raise Conflict("incident-not-informed")
    if done.told < done.clients:
        raise Conflict("incident-not-informed")


async def note(moment: Moment, incident_id: UUID, action: str, staff_id: UUID | None, **detail: Any) -> None:
    """Audit something about an incident. staff_id: None where the system did it."""
    await audit.record(
        moment.session,
        actor="system:worker" if staff_id is None else f"staff:{staff_id}",
        action=action,
        subject=subject_of(incident_id),
        paragraph=_PARAGRAPH,
        detail=detail,
    )
