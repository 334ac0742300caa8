"""Notices of resources as staff enter and decide them: two people, inside the caller's transaction.

Rules: para 4; para 5; para 28.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.exc import IntegrityError

from activities.context import Moment, Records
from rules.errors import Conflict, NotAllowed
from rules.resources import ResourceFacts, check_change
from storage import audit, resources
from storage.tables import ResourceNotice


async def enter(
    records: Records,
    moment: Moment,
    notice_id: UUID,
    told: ResourceFacts,
    *,
    change: bool,
    procedures: bytes,
    media_type: str,
    staff_id: UUID,
) -> ResourceNotice:
    """Keep what is to be told, with the approved security procedures archived; the same id again is the same notice.

    Raises:
        Conflict: `resource-known`, `resource-unknown`, `resource-notice-open`: another one about it is under way.
        InvalidInput: `resource-kind-fixed`, `nothing-changed`.

    Rules: para 4, point 3.
    """
    known = await moment.session.get(ResourceNotice, notice_id)
    if known is not None:
        return known
    check_change(await resources.facts(moment.session, told.code), told, change=change)
    document = await records.documents.keep(
        moment.session,
        procedures,
        kind="security_procedures",
        media_type=media_type,
        direction="received",
        client=None,
        retain_until=moment.retain_until(),
    )
    row = ResourceNotice(
        id=notice_id, code=told.code, rule="P5" if change else "P4", facts=told.model_dump(mode="json"),
        procedures_id=document.id, entered_by=staff_id, entered_at=moment.at,
    )  # fmt: skip
    moment.session.add(row)
    try:
        await moment.session.flush()
    except IntegrityError as error:
        if "resource_notice_one_open" in str(error.orig):
            raise Conflict("resource-notice-open") from None
        raise
    await record(moment, row, f"staff:{staff_id}", "resource-notice-entered")
    return row


async def decide(moment: Moment, notice_id: UUID, staff_id: UUID, *, confirmed: bool, reason: str) -> ResourceNotice:
    """A second person's word; whoever entered it may only take it back.

    Raises:
        NotFound: `resource-notice-unknown`.
        Conflict: `resource-notice-decided`.
        NotAllowed: `second-person-needed`.
    """
    row = await resources.notice(moment.session, notice_id, lock=True)
    if row.state != "ENTERED":
        raise Conflict("resource-notice-decided")
    if confirmed and row.entered_by == staff_id:
        raise NotAllowed("second-person-needed")
    row.state = "CONFIRMED" if confirmed else "REFUSED"
    row.decided_by, row.decided_at, row.reason_code = staff_id, moment.at, reason
    moment.session.add(row)
    await record(moment, row, f"staff:{staff_id}", f"resource-notice-{row.state.lower()}", reason)
    return row


async def record(moment: Moment, row: ResourceNotice, actor: str, action: str, reason: str | None = None) -> None:
    """The audit entry of a step."""
    await audit.record(
        moment.session,
        actor=actor,
        action=action,
        subject=f"resource:{row.code}",
        reason=reason,
        paragraph=row.rule.removeprefix("P"),
        detail={"notice": str(row.id), "procedures": str(row.procedures_id), "number": row.registration_number},
    )
