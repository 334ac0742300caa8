"""An incident that lets out clients' data begins the response to the leak by itself, on a real database.

Proven: once a client, whatever is tried again and whoever enters a leak beside it; linked both ways; the start of the
case stands in the outbox in the same transaction; nobody who could not borrow; no other kind of incident.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from activities import calls, incident_desk, leaks
from activities.context import Records
from activities.incident_desk import Touched
from activities.incident_leaks import incidents_of
from activities.incident_report import IncidentReports
from activities.incidents import IncidentRef, RoundRef
from rules.errors import Conflict
from rules.incidents import Kind
from storage import audit
from storage.database import run
from storage.tables import Leak, OutboxAction
from tests.support.incident_world import IncidentWorld
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture
def world(kept: Records) -> IncidentWorld:
    return IncidentWorld(kept)


async def registered(world: IncidentWorld, number: int) -> list[UUID]:
    clients = await world.clients(number)
    async with world.records.moment() as moment:
        await run(
            moment.session,
            "update client set status = 'REGISTERED', registered_at = now(), password_hash = 'h', face_embedding = 'f'"
            " where id = any(:ids)",
            ids=clients,
        )
    return sorted(clients)


async def leaks_of(world: IncidentWorld, clients: list[UUID]) -> list[Leak]:
    async with world.records.moment() as moment:
        query = select(Leak).where(col(Leak.client_id).in_(clients)).order_by(col(Leak.client_id), col(Leak.n))
        return list((await moment.session.exec(query)).all())


async def starts_of(world: IncidentWorld, found: list[Leak]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """What waits in the outbox about them."""
    async with world.records.moment() as moment:
        wanted = [leaks.id_of(one.client_id, one.n) for one in found]
        query = select(OutboxAction).where(col(OutboxAction.workflow_id).in_(wanted))
        rows = (await moment.session.exec(query.order_by(col(OutboxAction.workflow_id)))).all()
    opened = world.records.vault.open_own
    return [
        (one.operation, one.workflow, one.workflow_id, json.loads(opened(one.argument, calls.context(one.id))))
        for one in rows
    ]


async def entered(world: IncidentWorld, client_id: UUID, by: UUID) -> Leak:
    """As staff enter one."""
    async with world.records.moment() as moment:
        client = await world.records.clients.get(moment.session, client_id)
        known_at = moment.at - timedelta(hours=1)
        return await leaks.enter(world.records, moment, client, uuid4(), "police", "seen", known_at, by)


async def test_every_client_who_was_told_has_one_response_linked_both_ways(world: IncidentWorld) -> None:
    clients, by = await registered(world, 12), await world.staff()
    incident, ref = await world.touching(clients, Kind.DATA_LEAK, by=by)
    await world.cut_off(ref)
    assert await leaks_of(world, clients) == []  # the slice was rolled back whole
    await asyncio.gather(*(world.steps.tell_slice(ref) for _ in range(4)))
    await world.steps.tell_slice(ref)
    found = await leaks_of(world, clients)
    assert [(one.client_id, one.n, one.state) for one in found] == [(client, 1, "OPEN") for client in clients]
    assert {(one.source, one.entered_by, one.known_at) for one in found} == {("incident", by, incident.detected_at)}
    rows = await world.rows(incident.id)
    assert [row.leak_id for row in rows] == [one.id for one in found]
    async with world.records.moment() as moment:
        for one in found:
            assert await incidents_of(moment.session, one.id) == [incident.id]
        trail = await audit.of_subject(moment.session, f"client:{clients[0]}")
    assert [one["action"] for one in trail] == ["leak-entered"]
    starts = await starts_of(world, found)
    assert [one[:3] for one in starts] == [("start", "LeakResponse", f"leak/{client}/1") for client in clients]
    assert [one[3]["leak_id"] for one in starts] == [str(one.id) for one in found]
    (noted,) = [one for one in await world.trail(incident.id) if one["action"] == "incident-leaks"]
    assert noted["detail"]["leaks"] == {str(one.client_id): str(one.id) for one in found}


async def test_a_response_that_stands_is_that_of_every_incident(world: IncidentWorld) -> None:
    (client,), by = await registered(world, 1), await world.staff()
    standing = await entered(world, client, by)
    for _ in range(2):
        _, ref = await world.touching([client], Kind.DATA_LEAK)
        await world.steps.tell_slice(ref)
    assert [one.id for one in await leaks_of(world, [client])] == [standing.id]
    assert await starts_of(world, [standing]) == []  # whoever entered it has begun its case
    async with world.records.moment() as moment:
        assert len(await incidents_of(moment.session, standing.id)) == 2


async def test_one_that_is_over_is_followed_by_another(world: IncidentWorld) -> None:
    (client,) = await registered(world, 1)
    _, ref = await world.touching([client], Kind.DATA_LEAK)
    await world.steps.tell_slice(ref)
    (first,) = await leaks_of(world, [client])
    async with world.records.moment() as moment:
        for measure in leaks.Measure:
            await leaks.note(moment, first, measure, True, {}, await world.staff())
        await run(moment.session, "update leak set state = 'CONFIRMED', ended_at = now() where id = :id", id=first.id)
    _, again = await world.touching([client], Kind.DATA_LEAK)
    await world.steps.tell_slice(again)
    assert [one.n for one in await leaks_of(world, [client])] == [1, 2]


async def test_staff_who_enter_a_leak_at_the_same_moment_make_no_second_one(world: IncidentWorld) -> None:
    by = await world.staff()
    for _ in range(5):
        clients = await registered(world, 3)
        _, ref = await world.touching(clients, Kind.DATA_LEAK)

        async def enter(client: UUID) -> None:
            with suppress(Conflict):  # the incident was first
                await entered(world, client, by)

        await asyncio.gather(world.steps.tell_slice(ref), *(enter(client) for client in clients))
        assert [one.n for one in await leaks_of(world, clients)] == [1, 1, 1]
        assert all(row.leak_id for row in await world.rows(ref.incident_id))


async def test_who_has_not_registered_and_other_kinds_have_none(world: IncidentWorld) -> None:
    registering = await world.clients(2)
    incident, ref = await world.touching(registering, Kind.DATA_LEAK)
    await world.steps.tell_slice(ref)
    clients = await registered(world, 2)
    _, other = await world.touching(clients, Kind.UNAUTHORISED_ACCESS)
    await world.steps.tell_slice(other)
    assert await leaks_of(world, [*registering, *clients]) == []
    assert [row.message_id is not None for row in await world.rows(incident.id)] == [True, True]
    assert "incident-leaks" not in [one["action"] for one in await world.trail(incident.id)]


async def test_clients_who_are_found_later_have_theirs_from_their_own_day(world: IncidentWorld) -> None:
    first, later = await registered(world, 1), await registered(world, 2)
    by = await world.staff()
    incident, ref = await world.touching(first, Kind.DATA_LEAK)  # found by the system: nobody has entered it
    await world.steps.tell_slice(ref)
    async with world.records.moment() as moment:
        round_ = await incident_desk.add_clients(moment, incident.id, Touched(clients=[*first, *later]), by)
    second = RoundRef(incident_id=incident.id, n=round_.n)
    await world.steps.write_texts(second)
    await world.steps.tell_slice(second)
    (one,) = await leaks_of(world, first)
    others = await leaks_of(world, later)
    assert (one.entered_by, one.known_at) == (None, incident.detected_at)
    assert {(other.entered_by, other.known_at) for other in others} == {(by, round_.detected_at)}
    document = await IncidentReports(world.records).archive_report(IncidentRef(incident_id=incident.id))
    async with world.records.moment() as moment:
        _, content = await world.records.documents.load(moment.session, document)
    assert json.loads(content)["leaks"] == {"OPEN": 3}


async def test_a_leak_that_nobody_has_entered_is_of_an_incident(world: IncidentWorld) -> None:
    (client,) = await registered(world, 1)
    with pytest.raises(DBAPIError, match="leak_entered_check"):
        async with world.records.moment() as moment:
            await run(
                moment.session,
                "insert into leak (id, client_id, n, source, story, known_at, entered_at, state, ended_at)"
                " values (gen_random_uuid(), :client, 9, 'police', 's', now(), now(), 'CONFIRMED', now())",
                client=client,
            )
