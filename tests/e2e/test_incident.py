"""Incidents on the whole stack: one borrower, and ten thousand clients while the worker is killed.

Real: the whole stack, the lender's signature, the regulator's check of it. Simulated: the counterparties and people.
Proven: both terms met with evidence; a regulator who is away is told later; nobody of ten thousand is told twice or
left out although the worker dies in the middle, in little memory and short histories; nothing personal leaks.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psutil
import pytest
from sqlmodel import col, select

from cli import leaks
from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from storage import incident_clients
from storage.database import Database, run
from storage.tables import Incident, IncidentDocument, StatutoryClock
from tests.support.incident_world import IncidentWorld
from tests.support.real_world import Colleague, our_records, soon, temporal
from workflows.incident import id_of

HERE = "/staff/api/incidents"
SECRET = f"утечка-{secrets.token_hex(6)}"
MANY = 1_000


@pytest.fixture(scope="module")
async def office(stack: Stack, settings: Settings):
    """Somebody on call, and somebody of compliance."""
    people = [
        await Colleague.hired(stack, settings, f"incident-{role}-{secrets.token_hex(3)}", role)
        for role in ("oncall", "compliance")
    ]
    for one in people:
        assert (await one.log_in()).status_code == 201
    yield people
    for one in people:
        await one.http.aclose()


async def post(who: Colleague, path: str = "", **body: Any) -> dict[str, Any]:
    answer = await who.http.post(f"{HERE}{path}", json=body, headers={"Idempotency-Key": secrets.token_hex(16)})
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


async def shown(who: Colleague, incident_id: str) -> dict[str, Any]:
    answer = await who.http.get(f"{HERE}/{incident_id}")
    answer.raise_for_status()
    return dict(answer.json())


async def entered(who: Colleague, **changes: Any) -> str:
    now = datetime.now(UTC)
    plain = {
        "kind": "DATA_LEAK", "severity": "HIGH", "what": f"Выгрузка ушла не туда: {SECRET}",
        "occurred_at": (now - timedelta(hours=3)).isoformat(),
    }  # fmt: skip
    return str((await post(who, **(plain | changes)))["incident_id"])


async def clocks(settings: Settings, incident_id: str) -> dict[str, StatutoryClock]:
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(StatutoryClock).where(col(StatutoryClock.subject) == f"incident:{incident_id}")
        return {one.rule: one for one in (await session.exec(query)).all()}


async def test_a_borrower_and_the_regulator_are_told_and_two_people_close_it(
    regular: BorrowerApp, office: list[Colleague], town: Town, settings: Settings, stack: Stack
):
    first, second = office
    fault = {"service": "regulator", "operation": "notice", "fault": "http", "params": {"status": 503}, "times": 2}
    (await town.world.post("/_control/faults", json=fault)).raise_for_status()
    # a leak of data would end the log-ins of a borrower whom other tests use (tests/activities/test_incident_leaks.py)
    told = {"kind": "UNAUTHORISED_ACCESS", "clients": {"ids": [str(regular.client_id)]}}
    incident = await entered(first, **told)

    async def informed() -> Any:
        return (await clocks(settings, incident)).get("P13.1-inform", StatutoryClock).state == "MET"

    await soon(informed, "both are told")
    (message,) = [one for one in await regular.call("GET", "/messages") if one["direction"] == "to_client"]
    assert SECRET not in message["text"]
    texts = (await town.world.get("/_control/sms", params={"to": regular.persona.phone})).json()
    assert len([one for one in texts if "кабинет" in one["text"] or "account" in one["text"]]) == 1
    notices = (await town.world.get("/_control/regulator/notices")).json()
    (notice,) = [one for one in notices if incident in one["description"]]
    assert SECRET in notice["description"]
    evidence = (await clocks(settings, incident))["P13.1-inform"].evidence
    assert evidence is not None
    assert (evidence["clients"], evidence["regulator"]["number"]) == (1, notice["reg_no"])

    for task in (await shown(first, incident))["tasks"]:
        await post(first, f"/{incident}/tasks/{task['task_id']}/done", evidence="Сделано и проверено")
    closing = await post(first, f"/{incident}/closing", outcome="RESOLVED", causes="Ошибка", lessons="Проверять адрес")
    await post(second, f"/{incident}/closing/{closing['closing_id']}/confirm")
    result = await (await temporal(settings)).get_workflow_handle(id_of(UUID(incident))).result()
    assert (result["state"], result["informed"], result["dealt_with"]) == ("CLOSED", [True], True)
    assert {one.state for one in (await clocks(settings, incident)).values()} == {"MET"}
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(IncidentDocument).where(col(IncidentDocument.incident_id) == UUID(incident))
        (report,) = (await session.exec(query)).all()
        assert report.kind == "report"
        _, content = await kept.documents.load(session, report.document_id)
        assert SECRET in content.decode()
    found = await leaks.look(settings, stack.state, [SECRET])
    assert found["ok"], found["found"]


async def test_what_the_system_finds_gets_its_case(settings: Settings, office: list[Colleague], stack: Stack):
    """A document's row is made to point at other bytes; the next scrub is asked for at once."""
    async with our_records(settings) as kept:
        async with kept.moment() as moment:
            until = moment.at + timedelta(hours=1)
            plain: dict[str, Any] = {"kind": "evidence", "media_type": "t", "direction": "made", "client": None}
            damaged = await kept.documents.keep(moment.session, b"one", retain_until=until, **plain)
        assert settings.database.owner_url is not None
        owner = Database(settings.database.owner_url.get_secret_value(), pool_size=1)
        async with owner.begin() as session:
            await run(session, "update document set sealed_sha256 = repeat('0', 64) where id = :id", id=damaged.id)
        await owner.close()
    client = await temporal(settings)
    await client.get_schedule_handle("archive-scrub").trigger()

    async def found() -> Any:
        lines = (await office[0].http.get(HERE, params={"state": "OPEN"})).json()
        return next((one for one in lines if one["kind"] == "ARCHIVE_DAMAGE"), None)

    line = await soon(found, "the damage")
    assert (await shown(office[0], line["incident_id"]))["facts"]["document"] == str(damaged.id)
    handle = client.get_workflow_handle(line["workflow_id"])

    async def begun() -> bool:
        return (await clocks(settings, line["incident_id"])).get("P13.1-inform", StatutoryClock).state == "MET"

    await soon(begun, "its case")
    await handle.terminate()


async def test_ten_thousand_clients_are_told_once_each_although_the_worker_is_killed(
    office: list[Colleague], settings: Settings, stack: Stack
):
    async with our_records(settings) as kept:
        world = IncidentWorld(kept)
        clients = await world.clients(MANY)
        rss = [await worker_rss(stack)]
        began = time.monotonic()
        csv = "client_id\n" + "\n".join(str(one) for one in clients)
        incident = UUID(await entered(office[0], clients={"csv": csv}))
        taken = time.monotonic() - began
        async with last_client_held(settings, incident):
            await until(kept, incident, lambda done: done.told >= MANY // 5)
            await asyncio.to_thread(stack.kill, "worker")
            told_at_kill = (await progress(kept, incident)).told
        await until(kept, incident, lambda done: done.told == MANY)
        told = time.monotonic() - began
        async with last_client_held(settings, incident):
            await until(kept, incident, lambda done: done.texted >= MANY // 4)
            rss.append(await worker_rss(stack))
            await asyncio.to_thread(stack.kill, "worker")
            texted_at_kill = (await progress(kept, incident)).texted
        await until(kept, incident, lambda done: done.texted == MANY)
        texted = time.monotonic() - began
        await soon(lambda: met(settings, incident), "the term is met")
        rss.append(await worker_rss(stack))
        assert 0 < told_at_kill < MANY
        assert 0 < texted_at_kill < MANY
        async with kept.database.begin() as session:
            query = "select client_id, count(*) as n from message where client_id = any(:ids) group by client_id"
            messages = {row.client_id: row.n for row in await run(session, query, ids=clients)}
            untexted = await run(
                session, "select count(*) from incident_client where incident_id = :id and sms_id is null", id=incident
            )
            assert untexted.scalar_one() == 0
            assert (await session.get_one(Incident, incident)).state == "OPEN"
        assert messages == dict.fromkeys(clients, 1)
        sent = texts_of(stack, incident)
        assert len(sent) == MANY
        assert set(sent.values()) == {1}
    child = (await temporal(settings)).get_workflow_handle(f"{id_of(incident)}/clients/1")
    events = (await child.describe()).raw_description.workflow_execution_info.history_length
    print(
        f"\n{MANY} clients: entered in {taken:.1f} s, told after {told:.1f} s, texted after {texted:.1f} s,"
        f" two kills of the worker included; its memory {[round(one) for one in rss]} MB; {events} events",
        end="",
    )
    assert events < 1500
    assert max(rss) - min(rss) < 150


@asynccontextmanager
async def last_client_held(settings: Settings, incident: UUID) -> AsyncIterator[None]:
    """Meanwhile nobody can note of the incident's last client that they were told: the telling stands before its end.

    By the owner, whose transactions may wait as long as they like.
    """
    assert settings.database.owner_url is not None
    owner = Database(settings.database.owner_url.get_secret_value(), pool_size=1)
    async with owner.begin() as session:
        held = "select 1 from incident_client where incident_id = :id order by client_id desc limit 1 for update"
        assert (await run(session, held, id=incident)).scalar_one()
        yield
    await owner.close()


async def progress(kept: Any, incident: UUID) -> incident_clients.Progress:
    async with kept.moment() as moment:
        return await incident_clients.progress(moment.session, incident)


async def until(kept: Any, incident: UUID, true: Callable[[incident_clients.Progress], bool]) -> None:
    async def look() -> bool:
        return true(await progress(kept, incident))

    await soon(look, "the telling", 1200)


async def met(settings: Settings, incident: UUID) -> bool:
    return (await clocks(settings, str(incident)))["P13.1-inform"].state == "MET"


async def worker_rss(stack: Stack) -> float:
    """Megabytes of the worker and its children."""
    await asyncio.to_thread(stack.wait_healthy, "worker", 180)
    one = psutil.Process(stack.status()["worker"]["pid"])
    return sum(part.memory_info().rss for part in [one, *one.children(recursive=True)]) / 2**20


def texts_of(stack: Stack, incident: UUID) -> dict[str, int]:
    """What the gateway itself has sent under the incident's keys: each key with the number of its messages."""
    file = stack.state / "counterparties" / "counterparties.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as opened:
        keys = opened.execute(
            "select a.key, count(d.key) from answer a join document d on d.kind = 'sms'"
            " and d.key = json_extract(a.body, '$.message_id')"
            " where a.scope = 'sms.send' and a.key like ? group by a.key",
            (f"incident/{incident}/%",),
        ).fetchall()
        messages = opened.execute("select count(*) from document where kind = 'sms'").fetchone()[0]
        others = opened.execute(
            "select count(*) from answer where scope = 'sms.send' and status = 202 and key not like ?",
            (f"incident/{incident}/%",),
        ).fetchone()[0]
    assert messages - others == len(keys), "a message without a key of its own"
    return dict(keys)
