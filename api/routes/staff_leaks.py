"""Leaks of clients' personal data as staff work on them: entered, the call noted, a client blocked by two people.

Rules: para 27; para 28; para 36.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlmodel import col, select

from activities import incident_leaks, leaks
from activities.context import Moment
from activities.leaks import RespondToLeak, id_of
from api.actions import Call
from api.once import Outcome, fingerprint
from api.routes.problems import problems
from api.schemas_leaks import LeakAnswer, LeakBody, MeasureBody
from api.schemas_staff import Role
from api.services import Kit
from api.staff import Member, StaffOnce, needs
from rules.editions import edition
from rules.errors import Conflict
from rules.leaks import Measure
from storage.tables import Leak, StatutoryClock

router = APIRouter(prefix="/staff/api/leaks", tags=["staff"])
Compliance = Annotated[Member, Depends(needs(Role.COMPLIANCE))]
Reader = Annotated[Member, Depends(needs(Role.COMPLIANCE, Role.AUDITOR))]
_SHOWN = 200
_DO = problems(401, 403, 404, 409, 422)


@router.post("", status_code=201, response_model=LeakAnswer, responses=_DO)
async def enter(body: LeakBody, kit: Kit, member: Compliance, once: StaffOnce) -> Response:
    """Note that a client's data is known to have leaked: the response begins at once."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            client = await kit.records.clients.get(moment.session, body.client_id)
            row = await leaks.enter(
                kit.records, moment, client, once.new_id, body.source, body.story, body.known_at, member.staff_id
            )
            start = RespondToLeak(leak_id=row.id, client_id=client.id, n=row.n, edition=edition(moment.day).name)
            call = Call("LeakResponse", id_of(client.id, row.n), "run", start, once.action_id, "start")
            await kit.actions.keep(moment.session, call)  # whoever dies now, the client will be told
            answer = await _told(moment, row)
        await kit.actions.begin(call)
        return Outcome(answer, 201)

    return await once.run(fingerprint(body), work)


@router.get("", responses=problems(401, 403))
async def queue(kit: Kit, member: Reader) -> list[LeakAnswer]:
    """Leaks that are being dealt with, the earliest known first."""
    async with kit.records.moment() as moment:
        query = select(Leak).where(col(Leak.state) == "OPEN").order_by(col(Leak.known_at)).limit(_SHOWN)
        return [await _told(moment, row) for row in (await moment.session.exec(query)).all()]


@router.get("/{leak_id}", responses=problems(401, 403, 404, 422))
async def one(leak_id: UUID, kit: Kit, member: Reader) -> LeakAnswer:
    """One leak with its measures."""
    async with kit.records.moment() as moment:
        return await _told(moment, await leaks.locked(moment, leak_id))


@router.post("/{leak_id}/measures", response_model=LeakAnswer, responses=_DO)
async def measure(leak_id: UUID, body: MeasureBody, kit: Kit, member: Compliance, once: StaffOnce) -> Response:
    """The call, or a second look at what a machine could not say."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await leaks.locked(moment, leak_id)
            if row.state != "OPEN":
                raise Conflict("leak-ended")
            evidence = {"reason": body.reason_code}
            await leaks.note(moment, row, body.measure, body.is_client, evidence, member.staff_id)
            call = _call(row, once.action_id)
            await kit.actions.keep(moment.session, call)
            answer = await _told(moment, row)
        await kit.actions.deliver(call)
        return Outcome(answer, 200)

    return await once.run(fingerprint(body), work)


@router.post("/{leak_id}/block", response_model=LeakAnswer, responses=_DO)
async def block(leak_id: UUID, kit: Kit, member: Compliance, once: StaffOnce) -> Response:
    """It is not the client: the first person proposes, the second one blocks."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await leaks.block(moment, leak_id, member.staff_id)
            call = _call(row, once.action_id)
            await kit.actions.keep(moment.session, call)
            answer = await _told(moment, row)
        await kit.actions.deliver(call)
        return Outcome(answer, 200)

    return await once.run(fingerprint(None), work)


def _call(row: Leak, action_id: str) -> Call:
    return Call("LeakResponse", id_of(row.client_id, row.n), "measure_noted", None, action_id)


async def _told(moment: Moment, row: Leak) -> LeakAnswer:
    seen = await leaks.seen_of(moment, row)
    query = select(StatutoryClock).where(col(StatutoryClock.key) == f"leak:{row.id}")
    clock = (await moment.session.exec(query)).first()
    return LeakAnswer(
        leak_id=row.id,
        client_id=row.client_id,
        workflow_id=id_of(row.client_id, row.n),
        source=row.source,
        known_at=row.known_at,
        state=cast(Literal["OPEN", "CONFIRMED", "BLOCKED"], row.state),
        open=[Measure(one) for one in seen.open],
        failed=[Measure(one) for one in seen.failed],
        block_proposed=row.block_proposed_by is not None,
        last_day=clock.last_day.isoformat() if clock and clock.last_day else None,
        incidents=await incident_leaks.incidents_of(moment.session, row.id),
    )
