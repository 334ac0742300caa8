"""Web resources, mobile applications and terminals: what may lend, and notices of new or changed ones by two people.

Rules: para 4; para 5; para 28.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import col, select

from activities import resource_desk
from activities.context import Moment
from api.actions import Call
from api.once import Outcome
from api.routes.problems import problems
from api.schemas_resources import NoticeAnswer, NoticeBody, NoticeRefusal, ResourceAnswer
from api.schemas_staff import Role
from api.services import Kit
from api.staff import Member, StaffOnce, needs
from api.uploads import Form, multipart, read_form
from rules.editions import edition
from rules.errors import InvalidInput
from rules.resources import TAKEN_OVER, ResourceFacts
from storage import resources
from storage.tables import Resource, ResourceNotice, StatutoryClock
from workflows.resource_notice import GiveNotice, id_of

router = APIRouter(prefix="/staff/api/resources", tags=["staff"])
Compliance = Annotated[Member, Depends(needs(Role.COMPLIANCE))]
Reader = Annotated[Member, Depends(needs(Role.COMPLIANCE, Role.AUDITOR, Role.ONCALL))]
_SHOWN = 200
_DO = problems(401, 403, 404, 409, 422)
_SEND = problems(400, 401, 403, 409, 413, 415, 422)


@router.get("", responses=problems(401, 403))
async def lending(kit: Kit, member: Reader) -> list[ResourceAnswer]:
    """What may lend today."""
    async with kit.records.moment() as moment:
        found = {row.code: row for row in (await moment.session.exec(select(Resource))).all()}
    told = [
        ResourceAnswer(facts=one.facts, opened_at=one.opened.isoformat(), notice=one.notice, taken_over=True)
        for one in TAKEN_OVER
        if one.facts.code not in found
    ]
    for row in found.values():
        if row.closed_at is None:
            facts = ResourceFacts.model_validate(row.facts)
            opened = row.opened_at.isoformat()
            told.append(ResourceAnswer(facts=facts, opened_at=opened, notice=str(row.notice_id), taken_over=False))
    return told


@router.get("/notices", responses=problems(401, 403))
async def notices(kit: Kit, member: Reader) -> list[NoticeAnswer]:
    """All notices, the newest first."""
    async with kit.records.moment() as moment:
        query = select(ResourceNotice).order_by(col(ResourceNotice.entered_at).desc()).limit(_SHOWN)
        return [await _told(moment, row) for row in (await moment.session.exec(query)).all()]


@router.post(
    "/notices",
    status_code=201,
    response_model=NoticeAnswer,
    responses=_SEND,
    openapi_extra=multipart(procedures="file", notice="text"),
)
async def enter(request: Request, kit: Kit, member: Compliance, once: StaffOnce) -> Response:
    """Enter what the regulator is to be told, with the approved security procedures; another person confirms it."""
    form = await read_form(request, files=frozenset({"procedures"}), fields=frozenset({"notice"}))
    body, enclosed = _body(form), form.scan("procedures")

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await resource_desk.enter(
                kit.records, moment, once.new_id, body.facts, change=body.change,
                procedures=enclosed.content, media_type=enclosed.media_type, staff_id=member.staff_id,
            )  # fmt: skip
            return Outcome(await _told(moment, row), 201)

    return await once.run(form.fingerprint, work)


def _body(form: Form) -> NoticeBody:
    text = form.fields.get("notice")
    if text is None:
        raise InvalidInput("field-missing", field="/notice")
    try:
        return NoticeBody.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None


@router.post("/notices/{notice_id}/confirm", responses=_DO)
async def confirm(notice_id: UUID, kit: Kit, member: Compliance) -> NoticeAnswer:
    """A second person agrees: it is signed and sent, and the term runs from the regulator's receipt."""
    async with kit.records.moment() as moment:
        row = await resource_desk.decide(moment, notice_id, member.staff_id, confirmed=True, reason="confirmed")
        start = GiveNotice(notice_id=row.id, code=row.code, rule=row.rule, edition=edition(moment.day).name)
        call = Call("ResourceNotice", id_of(row.id), "run", start, row.id.hex, operation="start")
        await kit.actions.keep(moment.session, call)  # whoever dies now, the regulator will be told
        answer = await _told(moment, row)
    await kit.actions.begin(call)
    return answer


@router.post("/notices/{notice_id}/refuse", responses=_DO)
async def refuse(notice_id: UUID, body: NoticeRefusal, kit: Kit, member: Compliance) -> NoticeAnswer:
    """It is not sent; whoever entered it may take it back so."""
    async with kit.records.moment() as moment:
        reason = body.reason_code
        row = await resource_desk.decide(moment, notice_id, member.staff_id, confirmed=False, reason=reason)
        return await _told(moment, row)


@router.post("/notices/{notice_id}/retry", responses=_DO)
async def retry(notice_id: UUID, kit: Kit, member: Compliance, once: StaffOnce) -> NoticeAnswer:
    """The regulator refused it and the reason is mended: it is signed anew and sent again."""
    async with kit.records.moment() as moment:
        row = await resources.notice(moment.session, notice_id)
        call = Call("ResourceNotice", id_of(row.id), "retry", None, once.new_id.hex)
        await kit.actions.keep(moment.session, call)
        await resource_desk.record(moment, row, member.who, "resource-notice-retried")
        answer = await _told(moment, row)
    await kit.actions.deliver(call)
    return answer


async def _told(moment: Moment, row: ResourceNotice) -> NoticeAnswer:
    query = select(StatutoryClock).where(col(StatutoryClock.key) == f"{row.rule}:{row.id}")
    clock = (await moment.session.exec(query)).first()
    return NoticeAnswer(
        notice_id=row.id,
        workflow_id=id_of(row.id),
        rule=row.rule,
        state=row.state,
        facts=ResourceFacts.model_validate(row.facts),
        entered_at=row.entered_at,
        registration_number=row.registration_number,
        received_at=row.received_at,
        last_day=clock.last_day.isoformat() if clock and clock.last_day else None,
        in_force_at=row.in_force_at,
    )
