"""At the end of an incident: all that is known of it as one archived document.

Rules: para 13, part 1; para 34.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities import incident_desk as desk
from activities import incident_words as words
from activities import regulator_notices
from activities.context import Moment, Records
from activities.incident_watch import Watches
from activities.incidents import IncidentRef, Incidents
from activities.ports import LenderSigner, RegulatorInbox, Sms
from rules.lender import Lender
from storage import incident_clients, incidents
from storage.tables import Incident, IncidentDocument, StatutoryClock


class IncidentReports:
    """Writes reports."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def archive_report(self, ref: IncidentRef) -> UUID:
        """What happened, who was told when, what was done, what was learnt, and whether in time; once."""
        async with self._records.moment() as moment:
            incident = await incidents.locked(moment.session, ref.incident_id)
            for one in await incidents.documents(moment.session, incident.id):
                if one.kind == "report":
                    return one.document_id
            content = json.dumps(await self._report(moment, incident), ensure_ascii=False, sort_keys=True, default=str)
            document = await self._records.documents.keep(
                moment.session, content.encode(), kind="incident_report", media_type="application/json",
                direction="made", client=None, retain_until=moment.retain_until(),
            )  # fmt: skip
            moment.session.add(
                IncidentDocument(incident_id=incident.id, document_id=document.id, kind="report", added_at=moment.at)
            )
            await desk.note(moment, incident.id, "incident-report", None, document=str(document.id))
            return document.id

    async def _report(self, moment: Moment, incident: Incident) -> dict[str, Any]:
        session, vault = moment.session, self._records.vault
        done = await incident_clients.progress(session, incident.id)
        return {
            "incident": incident.model_dump(mode="json", exclude={"story"}),
            "story": words.story_of(vault, incident).model_dump(),
            "clients": {"touched": done.clients, "told": done.told, "texted": done.texted, "unreached": done.unreached},
            "leaks": await incident_clients.leaks(session, incident.id),
            "rounds": [one.model_dump(mode="json") for one in await incidents.rounds(session, incident.id)],
            "texts": {one: str(document) for one, document in (await incidents.texts(session, incident.id)).items()},
            "notices": [one.model_dump(mode="json") for one in await _notices(session, incident)],
            "tasks": [
                {
                    **one.model_dump(mode="json", exclude={"words", "evidence"}),
                    **words.words_of(vault, one.id, one.words),
                    **words.words_of(vault, one.id, one.evidence),
                }
                for one in await incidents.tasks(session, incident.id)
            ],
            "evidence": [one.model_dump(mode="json") for one in await incidents.documents(session, incident.id)],
            "closings": [
                {**one.model_dump(mode="json", exclude={"words"}), **words.words_of(vault, one.id, one.words)}
                for one in await incidents.closings(session, incident.id)
            ],
            "clocks": [one.model_dump(mode="json") for one in await clocks_of(session, incident.id)],
        }


async def _notices(session: AsyncSession, incident: Incident) -> list[Any]:
    found = []
    for one in await incidents.rounds(session, incident.id):
        notice = await regulator_notices.find(session, desk.notice_key(incident.id, one.n))
        found += [notice] if notice is not None else []
    return found


async def clocks_of(session: AsyncSession, incident_id: UUID) -> list[StatutoryClock]:
    """The statutory clocks of an incident, the oldest first."""
    query = select(StatutoryClock).where(col(StatutoryClock.subject) == desk.subject_of(incident_id))
    return list((await session.exec(query.order_by(col(StatutoryClock.started_at)))).all())


def incident_activities(
    records: Records, sms: Sms, regulator: RegulatorInbox, signature: LenderSigner, lender: Lender
) -> Sequence[Callable[..., Any]]:
    """All that the cases of incidents and the watches call, and what sends notices to the regulator."""
    case, watches = Incidents(records, sms, regulator, signature, lender), Watches(records)
    return [
        case.see_case, case.archive_entry, case.make_certain, case.find_clients, case.write_texts, case.tell_slice,
        case.text_slice, case.draw_notice, case.notices.send_notice, case.notices.renew_notice,
        IncidentReports(records).archive_report,
        watches.incidents_to_begin, watches.look_at_access, watches.verify_audit, watches.scrub_slice,
    ]  # fmt: skip
