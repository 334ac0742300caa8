"""Staff: whose retention has ended, the word of two people that the data is destroyed, holds, certificates.

Rules: para 27; para 28; para 34.
"""

from __future__ import annotations

import base64
from typing import Literal, cast
from uuid import UUID

from fastapi import APIRouter

from activities.context import Moment
from api.actions import Call
from api.routes.problems import problems
from api.schemas_disposals import CertificateAnswer, DisposalAnswer, DisposalBody, DueAnswer, HoldAnswer
from api.services import Kit
from api.staff import Member, Reviewer
from rules.editions import edition
from rules.errors import NotFound
from storage import audit, disposals
from storage.tables import Disposal, LegalHold
from workflows.disposal import DestroyData, id_of

router = APIRouter(prefix="/staff/api", tags=["staff"])

_MOST_SHOWN = 100


@router.get("/disposals/due", responses=problems(401, 403))
async def due(kit: Kit, member: Reviewer) -> list[DueAnswer]:
    """Clients whose last retention has ended, the longest ago first; a hundred at a time."""
    async with kit.records.moment() as moment:
        found = await disposals.due(moment.session, _MOST_SHOWN)
    return [
        DueAnswer(
            client_id=one.client_id, documents=one.documents, retention_ended=one.ended, obstacle=one.obstacle
        )
        for one in found
    ]  # fmt: skip


@router.get("/disposals", responses=problems(401, 403))
async def listed(kit: Kit, member: Reviewer) -> list[DisposalAnswer]:
    """Disposals: those that wait for a second person first."""
    async with kit.records.moment() as moment:
        return [_told(one) for one in await disposals.listed(moment.session, _MOST_SHOWN)]


@router.post("/disposals", status_code=201, responses=problems(401, 403, 404, 409, 422))
async def propose(body: DisposalBody, kit: Kit, member: Reviewer) -> DisposalAnswer:
    """The first person's word. Refused before the retention has ended, and while anything is open."""
    async with kit.records.moment() as moment:
        row = await disposals.propose(moment.session, body.client_id, body.reason, member.staff_id)
        await _record(moment, member, "disposal-proposed", row.client_id, row.reason, {"disposal": str(row.id)})
        return _told(row)


@router.post("/disposals/{disposal_id}/confirm", responses=problems(401, 403, 404, 409, 422))
async def confirm(disposal_id: UUID, kit: Kit, member: Reviewer) -> DisposalAnswer:
    """A second, different person agrees: the data is destroyed now, and cannot be brought back."""
    async with kit.records.moment() as moment:
        row = await disposals.confirm(moment.session, disposal_id, member.staff_id)
        await _record(moment, member, "disposal-confirmed", row.client_id, row.reason, {"disposal": str(row.id)})
        start = DestroyData(disposal_id=row.id, edition=edition(moment.day).name)
        call = Call("Disposal", id_of(row.client_id, row.n), "", start, row.id.hex, operation="start")
        await kit.actions.keep(moment.session, call)
    await kit.actions.begin(call)
    return _told(row)


@router.post("/disposals/{disposal_id}/refuse", responses=problems(401, 403, 404, 409, 422))
async def refuse(disposal_id: UUID, kit: Kit, member: Reviewer) -> DisposalAnswer:
    """Somebody says no, or the one who proposed it takes it back."""
    async with kit.records.moment() as moment:
        row = await disposals.refuse(moment.session, disposal_id, member.staff_id)
        await _record(moment, member, "disposal-refused", row.client_id, row.reason, {"disposal": str(row.id)})
        return _told(row)


@router.get("/disposals/{disposal_id}/certificate", responses=problems(401, 403, 404, 422))
async def certificate(disposal_id: UUID, kit: Kit, member: Reviewer) -> CertificateAnswer:
    """What was destroyed, signed."""
    async with kit.records.moment() as moment:
        row = await disposals.locked(moment.session, disposal_id)
        if row.certificate_id is None or row.cms_id is None:
            raise NotFound("certificate-not-ready")
        document, content = await kit.records.documents.load(moment.session, row.certificate_id)
        _, cms = await kit.records.documents.load(moment.session, row.cms_id)
    return CertificateAnswer(
        disposal_id=row.id, sha256=document.sha256, content=content.decode(), cms=base64.b64encode(cms).decode()
    )


@router.get("/legal-holds", responses=problems(401, 403))
async def holds(kit: Kit, member: Reviewer) -> list[HoldAnswer]:
    """Clients who are kept longer than the term."""
    async with kit.records.moment() as moment:
        return [_hold(one) for one in await disposals.holds(moment.session, _MOST_SHOWN)]


@router.post("/legal-holds", status_code=201, responses=problems(401, 403, 404, 422))
async def hold(body: DisposalBody, kit: Kit, member: Reviewer) -> HoldAnswer:
    """Keep a client's data longer than its term: a dispute, an investigation."""
    async with kit.records.moment() as moment:
        row = await disposals.hold(moment.session, body.client_id, body.reason, member.staff_id)
        await _record(moment, member, "legal-hold-placed", row.client_id, row.reason, {"hold": str(row.id)})
        return _hold(row)


@router.post("/legal-holds/{hold_id}/lift", responses=problems(401, 403, 404, 409, 422))
async def lift(hold_id: UUID, kit: Kit, member: Reviewer) -> HoldAnswer:
    """Another person than the one who placed it says that the reason is gone."""
    async with kit.records.moment() as moment:
        row = await disposals.lift(moment.session, hold_id, member.staff_id)
        await _record(moment, member, "legal-hold-lifted", row.client_id, row.reason, {"hold": str(row.id)})
        return _hold(row)


def _told(row: Disposal) -> DisposalAnswer:
    state = cast(Literal["PROPOSED", "CONFIRMED", "REFUSED", "STOPPED", "DESTROYED", "CERTIFIED"], row.state)
    return DisposalAnswer(
        disposal_id=row.id,
        client_id=row.client_id,
        state=state,
        reason=row.reason,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        stopped_why=row.stopped_why,
        destroyed_at=row.destroyed_at,
        certificate_id=row.certificate_id,
    )


def _hold(row: LegalHold) -> HoldAnswer:
    return HoldAnswer(
        hold_id=row.id,
        client_id=row.client_id,
        reason=row.reason,
        placed_by=row.placed_by,
        placed_at=row.placed_at,
        lifted_by=row.lifted_by,
        lifted_at=row.lifted_at,
    )


async def _record(
    moment: Moment, member: Member, action: str, client_id: UUID, reason: str, detail: dict[str, str]
) -> None:
    await audit.record(
        moment.session,
        actor=member.who,
        action=action,
        subject=f"client:{client_id}",
        reason=reason,
        paragraph="34",
        detail=detail,
    )
