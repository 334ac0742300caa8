"""Incidents at the staff's desk: entered, worked on with evidence, closed by two people; auditors read.

Whatever is written down here the case reads itself; the call only wakes it.

Rules: para 13, part 1; para 27; para 28.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from activities import incident_desk as desk
from activities.context import Moment
from activities.incident_desk import Entry
from activities.incident_words import Story
from api import incidents as calls
from api import papers
from api.once import Outcome, fingerprint
from api.problems import WrongContent
from api.routes.problems import problems
from api.schemas_incidents import (
    ClosingAnswer,
    ClosingBody,
    DoneBody,
    EvidenceAdded,
    IncidentBody,
    IncidentChanged,
    IncidentEntered,
    IncidentLine,
    IncidentShown,
    OwnerBody,
    RoundAdded,
    TaskAdded,
    TaskBody,
    TouchedBody,
    TouchedClient,
)
from api.schemas_staff import Role
from api.services import Kit, Services
from api.staff import Member, StaffOnce, needs
from api.uploads import Form, Upload, multipart, read_form
from rules.errors import InvalidInput, NotFound
from storage import audit, incident_clients, incidents
from storage.tables import Document, Staff

router = APIRouter(prefix="/staff/api/incidents", tags=["staff"])
Handler = Annotated[Member, Depends(needs(Role.COMPLIANCE, Role.ONCALL))]
Watcher = Annotated[Member, Depends(needs(Role.COMPLIANCE, Role.ONCALL, Role.AUDITOR))]
Written = TypeVar("Written")

_SHOWN, _CLIENTS_SHOWN = 200, 1000
_LOOK, _DO = problems(401, 403, 404, 422), problems(401, 403, 404, 409, 422)
_SEND = problems(400, 401, 403, 404, 409, 413, 415, 422)


@router.post("", status_code=201, response_model=IncidentEntered, responses=problems(400, 401, 403, 409, 413, 422))
async def enter(body: IncidentBody, kit: Kit, member: Handler, once: StaffOnce) -> Response:
    """Something happened: its case begins at once, and both terms run from the detection."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            incident, new = await desk.enter(kit.records, moment, _entry(body, moment, member, once.new_id))
            call = calls.start(incident)
            await kit.actions.keep(moment.session, call)  # whoever dies now, the terms of the law will run
        await kit.actions.begin(call)
        return Outcome(IncidentEntered(incident_id=incident.id, workflow_id=call.workflow_id, new=new), 201)

    return await once.run(fingerprint(body), work)


def _entry(body: IncidentBody, moment: Moment, member: Member, incident_id: UUID) -> Entry:
    texts = {} if body.texts is None else body.texts.model_dump()
    return Entry(
        key=f"staff:{incident_id}",
        incident_id=incident_id,
        kind=body.kind,
        severity=body.severity,
        story=Story(what=body.what, measures=body.measures or "", texts=texts),
        occurred_at=body.occurred_at,
        detected_at=body.detected_at or moment.at,
        entered_by=member.staff_id,
        touched=calls.touched(body.clients),
    )


@router.get("", responses=problems(401, 403, 422))
async def listed(
    kit: Kit, member: Watcher, state: Annotated[Literal["OPEN", "CLOSED", "DISMISSED"] | None, Query()] = None
) -> list[IncidentLine]:
    """Incidents, newest first."""
    async with kit.records.moment() as moment:
        return [calls.line_of(one) for one in await incidents.listed(moment.session, state, _SHOWN)]


@router.get("/{incident_id}", responses=_LOOK)
async def one(incident_id: UUID, kit: Kit, member: Watcher) -> IncidentShown:
    """All of one incident; that it was read is audited."""
    async with kit.records.moment() as moment:
        incident = await incidents.get(moment.session, incident_id)
        await desk.note(moment, incident_id, "incident-read", member.staff_id)
        return await calls.shown(moment, kit.records.vault, incident)


@router.get("/{incident_id}/clients", responses=_LOOK)
async def clients(
    incident_id: UUID,
    kit: Kit,
    member: Watcher,
    after: Annotated[UUID | None, Query(description="the last client of the part before")] = None,
) -> list[TouchedClient]:
    """Whom it touches and how each was told, a thousand at a time."""
    async with kit.records.moment() as moment:
        await incidents.get(moment.session, incident_id)
        return [
            TouchedClient(
                client_id=row.client_id,
                round=row.round_n,
                told_at=row.told_at,
                texted_at=row.texted_at,
                ground=row.ground,
                leak_id=row.leak_id,
            )
            for row in await incident_clients.page(moment.session, incident_id, after, _CLIENTS_SHOWN)
        ]


async def _written(
    kit: Services, incident_id: UUID, write: Callable[[Moment], Awaitable[Written]]
) -> tuple[Written, bool]:
    """Write in one transaction with the word to the case; what was written, and whether the case has taken it."""
    async with kit.records.moment() as moment:
        made = await write(moment)
        call = calls.changed(incident_id)
        await kit.actions.keep(moment.session, call)
    return made, await kit.actions.deliver(call)


@router.post("/{incident_id}/clients", status_code=201, responses=problems(401, 403, 404, 409, 413, 422))
async def add_clients(incident_id: UUID, body: TouchedBody, kit: Kit, member: Handler) -> RoundAdded:
    """More clients turn out to be touched: they and the regulator are told, by a term that runs from now."""

    async def write(moment: Moment) -> int:
        return (await desk.add_clients(moment, incident_id, calls.touched(body), member.staff_id)).n

    n, delivered = await _written(kit, incident_id, write)
    return RoundAdded(incident_id=incident_id, delivered=delivered, round=n)


@router.post("/{incident_id}/certain", responses=_DO)
async def certain(incident_id: UUID, kit: Kit, member: Handler) -> IncidentChanged:
    """It is no suspicion only: tell clients and regulator now."""
    _, delivered = await _written(
        kit, incident_id, lambda moment: desk.make_certain(moment, incident_id, member.staff_id)
    )
    return IncidentChanged(incident_id=incident_id, delivered=delivered)


@router.post("/{incident_id}/send-again", responses=_DO)
async def send_again(incident_id: UUID, kit: Kit, member: Handler) -> IncidentChanged:
    """The regulator refused the notice, and why was mended: sign it anew and send it."""
    async with kit.records.moment() as moment:
        await incidents.open_one(moment.session, incident_id)
        await desk.note(moment, incident_id, "regulator-notice-again", member.staff_id)
        call = calls.changed(incident_id, "send_again")
        await kit.actions.keep(moment.session, call)
    return IncidentChanged(incident_id=incident_id, delivered=await kit.actions.deliver(call))


# ---- tasks and evidence


@router.post("/{incident_id}/tasks", status_code=201, responses=_DO)
async def add_task(incident_id: UUID, body: TaskBody, kit: Kit, member: Handler) -> TaskAdded:
    """Something else must be done."""

    async def write(moment: Moment) -> UUID:
        return (await desk.add_task(kit.records, moment, incident_id, body.part, body.about, member.staff_id)).id

    task_id, delivered = await _written(kit, incident_id, write)
    return TaskAdded(incident_id=incident_id, delivered=delivered, task_id=task_id)


@router.put("/{incident_id}/tasks/{task_id}/owner", responses=_DO)
async def take_task(incident_id: UUID, task_id: UUID, body: OwnerBody, kit: Kit, member: Handler) -> TaskAdded:
    """Who does it: oneself, or a colleague."""
    async with kit.records.moment() as moment:
        owner = body.staff_id or member.staff_id
        if await moment.session.get(Staff, owner) is None:
            raise InvalidInput("staff-unknown", field="/staff_id")
        await desk.take_task(moment, incident_id, task_id, owner, member.staff_id)
    return TaskAdded(incident_id=incident_id, delivered=True, task_id=task_id)


@router.post("/{incident_id}/tasks/{task_id}/done", responses=_DO)
async def finish_task(incident_id: UUID, task_id: UUID, body: DoneBody, kit: Kit, member: Handler) -> TaskAdded:
    """It is done, and this shows it."""
    _, delivered = await _written(
        kit,
        incident_id,
        lambda moment: desk.finish_task(kit.records, moment, incident_id, task_id, body.evidence, member.staff_id),
    )
    return TaskAdded(incident_id=incident_id, delivered=delivered, task_id=task_id)


@router.post(
    "/{incident_id}/documents", status_code=201, responses=_SEND, openapi_extra=multipart(file="file", task_id="text")
)
async def add_document(incident_id: UUID, request: Request, kit: Kit, member: Handler) -> EvidenceAdded:
    """Archive evidence: PDF, JPEG, PNG or plain text. The field `task_id` is optional."""
    form = await read_form(request, files=frozenset({"file"}), fields=frozenset({"task_id"}))
    upload, task_id = _evidence(form), _task_id(form)
    async with kit.records.moment() as moment:
        made = await desk.add_document(
            kit.records, moment, incident_id, upload.content, upload.media_type, task_id, member.staff_id
        )
    return EvidenceAdded(incident_id=incident_id, delivered=True, document_id=made.document_id)


def _evidence(form: Form) -> Upload:
    try:
        return form.scan("file")
    except WrongContent:
        content = form.files["file"]
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise WrongContent("evidence-type", field="/file") from None
        if "\0" in text:
            raise WrongContent("evidence-type", field="/file") from None
        return Upload(content, "text/plain; charset=utf-8")


def _task_id(form: Form) -> UUID | None:
    text = form.fields.get("task_id")
    try:
        return None if not text else UUID(text)
    except ValueError:
        raise InvalidInput("field-format", field="/task_id") from None


@router.get("/{incident_id}/documents/{document_id}/content", response_class=Response, responses=_LOOK)
async def content(incident_id: UUID, document_id: UUID, kit: Kit, member: Watcher) -> Response:
    """The original bytes of archived evidence; that they were read is audited."""
    async with kit.records.moment() as moment:
        known = {one.document_id for one in await incidents.documents(moment.session, incident_id)}
        document = await moment.session.get(Document, document_id) if document_id in known else None
        if document is None:
            raise NotFound("document-unknown")
        await audit.record(
            moment.session, actor=member.who, action="document-read", subject=f"document:{document_id}", paragraph="27"
        )
        return await papers.serve(kit, moment, document)


# ---- the end: two people


@router.post("/{incident_id}/closing", status_code=201, responses=_DO)
async def propose_closing(incident_id: UUID, body: ClosingBody, kit: Kit, member: Handler) -> ClosingAnswer:
    """One person says that it is over, why it happened and what was learnt."""
    said = {"causes": body.causes, "lessons": body.lessons}
    async with kit.records.moment() as moment:
        made = await desk.propose_closing(kit.records, moment, incident_id, body.outcome, said, member.staff_id)
    return ClosingAnswer(incident_id=incident_id, delivered=True, closing_id=made.id, state=made.state)


@router.post("/{incident_id}/closing/{closing_id}/confirm", responses=_DO)
async def confirm_closing(incident_id: UUID, closing_id: UUID, kit: Kit, member: Handler) -> ClosingAnswer:
    """A second, different person agrees."""
    return await _decided(incident_id, closing_id, kit, member, agreed=True)


@router.post("/{incident_id}/closing/{closing_id}/refuse", responses=_DO)
async def refuse_closing(incident_id: UUID, closing_id: UUID, kit: Kit, member: Handler) -> ClosingAnswer:
    """Somebody says no, or the one who proposed it takes it back."""
    return await _decided(incident_id, closing_id, kit, member, agreed=False)


async def _decided(
    incident_id: UUID, closing_id: UUID, kit: Services, member: Member, *, agreed: bool
) -> ClosingAnswer:
    made, delivered = await _written(
        kit,
        incident_id,
        lambda moment: desk.decide_closing(moment, incident_id, closing_id, member.staff_id, agreed=agreed),
    )
    return ClosingAnswer(incident_id=incident_id, delivered=delivered, closing_id=closing_id, state=made.state)
