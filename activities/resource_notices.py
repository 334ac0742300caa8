"""A notice of a resource on its way: drawn and signed, sent, in force once the term has passed.

Rules: para 4; para 5.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from temporalio import activity

from activities import resource_desk
from activities.context import Records
from activities.regulator_notices import SENT, NoticeDraft, NoticeKind, NoticeState, RegulatorNotices, get
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.resources import ResourceFacts
from storage import resources
from storage.tables import Resource

_KINDS: dict[str, NoticeKind] = {"P4": "RESOURCE_OPENING", "P5": "CHANGE"}


class ResourceRef(Frozen):
    """Which notice."""

    notice_id: UUID


class ResourceInForce(Frozen):
    """The term has passed at that instant of the case."""

    notice_id: UUID
    at: datetime


class ResourceNotices:
    """The steps of the case."""

    def __init__(self, records: Records, notices: RegulatorNotices) -> None:
        self._records, self._notices = records, notices

    @activity.defn
    async def draw_resource_notice(self, ref: ResourceRef) -> NoticeState:
        """Sign and archive what the regulator is told, with the security procedures enclosed; once.

        Raises:
            Conflict: `resource-notice-undecided`: no second person has confirmed it.
        """
        async with self._records.moment() as moment:
            row = await resources.notice(moment.session, ref.notice_id)
        if row.state in ("ENTERED", "REFUSED") or row.decided_at is None:
            raise Conflict("resource-notice-undecided")
        told = ResourceFacts.model_validate(row.facts)
        services = ", ".join(told.services)
        return await self._notices.draw(
            NoticeDraft(
                key=key_of(row.id), kind=_KINDS[row.rule], subject=f"resource:{row.code}",
                occurred_at=row.entered_at, detected_at=row.decided_at,
                description=f"{told.kind}: {told.name}; {told.place}; {services}",
                measures="approved security procedures are enclosed", attachments=[row.procedures_id],
            )
        )  # fmt: skip

    @activity.defn
    async def note_resource_notice_sent(self, ref: ResourceRef) -> NoticeState:
        """Keep the number and the instant of the regulator's receipt beside the notice.

        Raises:
            Conflict: `resource-notice-not-sent`.
        """
        async with self._records.moment() as moment:
            sent = await get(moment.session, key_of(ref.notice_id))
            if sent.state != SENT or sent.received_at is None:
                raise Conflict("resource-notice-not-sent")
            row = await resources.notice(moment.session, ref.notice_id, lock=True)
            if row.state == "CONFIRMED":
                row.state = "SENT"
                row.registration_number, row.received_at = sent.registration_number, sent.received_at
                moment.session.add(row)
                await resource_desk.record(moment, row, "system:worker", "resource-notice-sent")
            return NoticeState(
                key=sent.key,
                state=sent.state,
                registration_number=sent.registration_number,
                received_at=sent.received_at,
                receipt_id=sent.receipt_document_id,
            )

    @activity.defn
    async def put_resource_in_force(self, wanted: ResourceInForce) -> None:
        """The resource may lend, or is what it was changed to; once. Its clock has been noted as passed before."""
        async with self._records.moment() as moment:
            row = await resources.notice(moment.session, wanted.notice_id, lock=True)
            if row.state == "IN_FORCE":
                return
            row.state, row.in_force_at = "IN_FORCE", wanted.at
            moment.session.add(row)
            await moment.session.flush()
            told = ResourceFacts.model_validate(row.facts)
            known = await moment.session.get(Resource, told.code)
            if known is None:
                known = Resource(
                    code=told.code,
                    kind=told.kind,
                    facts={},
                    notice_id=row.id,
                    opened_at=wanted.at,
                    changed_at=wanted.at,
                )
            known.facts, known.notice_id, known.changed_at = told.model_dump(mode="json"), row.id, wanted.at
            moment.session.add(known)
            await resource_desk.record(moment, row, "system:worker", "resource-in-force")

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.draw_resource_notice, self.note_resource_notice_sent, self.put_resource_in_force]


def key_of(notice_id: UUID) -> str:
    """The business fact that the regulator is told."""
    return f"resource:{notice_id}"
