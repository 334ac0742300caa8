"""An incident that has let out clients' data begins the response to the leak for each of them, by itself.

The link is `incident_client.leak_id`, both ways. It is written in the transaction that notes that the client was told,
with the leak and the start of its case: a slice that is tried again begins nothing twice and leaves nobody out.

Rules: para 36.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from activities import calls, incident_desk, leaks
from activities.context import Moment, Records
from activities.leaks import RespondToLeak, id_of
from rules.editions import edition
from storage import incidents
from storage.tables import Client, Incident, IncidentClient, Leak

SOURCE = "incident"


async def begin(
    records: Records, moment: Moment, incident: Incident, n: int, told: Sequence[tuple[IncidentClient, Client]]
) -> None:
    """The response for each client of a round who was told just now and could borrow.

    Who has not finished registering is identified by the registration itself.
    """
    round_ = await incidents.round_of(moment.session, incident.id, n)
    entered_by = round_.added_by or incident.entered_by
    begun: dict[str, str] = {}
    for row, client in told:
        if client.status == "REGISTERED" and row.message_id is not None:
            leak = await _response(records, moment, client, incident.id, round_.detected_at, entered_by)
            row.leak_id = leak.id
            moment.session.add(row)
            begun[str(client.id)] = str(leak.id)
    if begun:
        await incident_desk.note(moment, incident.id, "incident-leaks", None, round=n, leaks=begun)


async def _response(
    records: Records, moment: Moment, client: Client, incident_id: UUID, known_at: datetime, staff_id: UUID | None
) -> Leak:
    """A new one, or the one that stands already: what it asks of the client is the same."""
    known = await leaks.standing_alone(moment, client.id)
    if known is not None:
        return known
    story = f"incident:{incident_id}"
    row = await leaks.enter(records, moment, client, uuid4(), SOURCE, story, known_at, staff_id)
    start = RespondToLeak(leak_id=row.id, client_id=client.id, n=row.n, edition=edition(moment.day).name)
    case = id_of(client.id, row.n)
    await calls.keep(
        records, moment.session, f"leak:{row.id}", calls.START, "LeakResponse", case, calls.RUN, start
    )  # fmt: skip
    return row


async def incidents_of(session: AsyncSession, leak_id: UUID) -> list[UUID]:
    """The incidents that a response belongs to."""
    query = select(IncidentClient.incident_id).where(col(IncidentClient.leak_id) == leak_id)
    return list((await session.exec(query.order_by(col(IncidentClient.incident_id)))).all())
