"""Incidents on a real database and a real archive: records of their own, an inbox of the regulator, many clients."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import insert
from sqlalchemy.engine import make_url
from sqlmodel import col, select

from activities import incident_desk as desk
from activities.context import Records
from activities.incident_desk import Entry, Touched
from activities.incident_words import Story
from activities.incidents import IncidentRef, Incidents, RoundRef
from activities.ports import NoticeReceipt
from activities.regulator_notices import NoticeRef
from rules.client import IdentityDocument, Person
from rules.incidents import Kind, Severity
from rules.lender import EXAMPLE
from storage import audit, incidents
from storage.database import libpq_url, sqlalchemy_url
from storage.setup import migrate
from storage.tables import Client, Incident, IncidentClient, Message, Staff
from tests.support.servicing_world import Gateway, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

BY_TERM = timedelta(hours=1)


class Inbox:
    """The regulator's inbox: one receipt a key, refusals and failures where a test wants them, one a call."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.failures: list[Exception] = []

    async def notice(self, key: str, kind: str, **told: Any) -> NoticeReceipt:
        """Take one."""
        if self.failures:
            raise self.failures.pop(0)
        self.taken.setdefault(key, {"kind": kind, "number": f"R-{len(self.taken) + 1}", **told})
        return NoticeReceipt(
            registration_number=self.taken[key]["number"], received_at=datetime(2026, 3, 2, tzinfo=UTC)
        )


class Pen:
    """A lender's signature that is only a mark; the real one has tests of its own."""

    def __init__(self) -> None:
        self.signed = 0

    async def sign(self, content: bytes) -> bytes:
        """Another mark each time."""
        self.signed += 1
        return b"signed %d" % self.signed


@dataclass
class IncidentWorld:
    """Our records, the outside, and the steps of a case."""

    records: Records
    gateway: Gateway = field(default_factory=Gateway)
    inbox: Inbox = field(default_factory=Inbox)
    pen: Pen = field(default_factory=Pen)

    @property
    def steps(self) -> Incidents:
        """The activities."""
        return Incidents(self.records, self.gateway, self.inbox, self.pen, EXAMPLE)  # type: ignore[arg-type]

    async def staff(self, *roles: str) -> UUID:
        """Somebody who works for the lender."""
        async with self.records.moment() as moment:
            one = Staff(
                login=f"i{secrets.token_hex(6)}", name="Colleague", roles=list(roles) or ["compliance"],
                password_hash="h", totp_secret=b"s", created_at=moment.at,
            )  # fmt: skip
            moment.session.add(one)
        return one.id

    async def clients(self, number: int, languages: tuple[str, ...] = ("kk", "ru", "en")) -> list[UUID]:
        """Registered people, written straight into the database."""
        vault, made = self.records.vault, []
        start = secrets.randbelow(9_000_000)
        for n in range(number):
            client_id, key = uuid4(), vault.new_data_key()
            person = Person(
                surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=f"{secrets.randbelow(10**12):012d}",
                document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
                phone=f"+7701{(start + n) % 10**7:07d}",
            )  # fmt: skip
            made.append(
                {
                    "id": client_id, "kind": "INDIVIDUAL", "status": "REGISTERING", "edition": "2025b",
                    "language": languages[n % len(languages)], "iin_index": secrets.token_bytes(16),
                    "iin_hash": vault.index("iin", person.iin), "phone_index": secrets.token_bytes(16),
                    "data_key": key, "created_at": datetime.now(UTC),
                    "personal": vault.seal(key, person.model_dump_json().encode(), f"client:{client_id}:personal"),
                }
            )  # fmt: skip
        async with self.records.moment() as moment:
            await (await moment.session.connection()).execute(insert(Client), made)
        return [one["id"] for one in made]

    async def entered(self, kind: Kind = Kind.FRAUD, *, by: UUID | None = None, **changes: Any) -> Incident:
        """An incident that has just been detected."""
        async with self.records.moment() as moment:
            plain: dict[str, Any] = {
                "key": f"test:{uuid4()}", "kind": kind, "severity": Severity.HIGH, "entered_by": by,
                "story": Story(what="Кто-то вошёл под чужой учётной записью."),
                "occurred_at": moment.at - BY_TERM, "detected_at": moment.at,
            }  # fmt: skip
            incident, _ = await desk.enter(self.records, moment, Entry(**(plain | changes)))
        return incident

    async def touching(self, clients: list[UUID], kind: Kind = Kind.FRAUD, **changes: Any) -> tuple[Incident, RoundRef]:
        """An incident with its first round of clients, whose texts are archived."""
        incident = await self.entered(kind, touched=Touched(clients=clients), **changes)
        ref = RoundRef(incident_id=incident.id, n=1)
        await self.steps.write_texts(ref)
        return incident, ref

    async def told_everybody(self, ref: RoundRef) -> None:
        """Clients and regulator."""
        while not (await self.steps.find_clients(ref)).found:
            pass
        await self.steps.write_texts(ref)
        while (await self.steps.tell_slice(ref)).left:
            pass
        while (await self.steps.text_slice(ref)).left:
            pass
        await self.steps.draw_notice(ref)
        await self.steps.notices.send_notice(NoticeRef(key=desk.notice_key(ref.incident_id, ref.n)))

    async def cut_off(self, ref: RoundRef, after: int = 7) -> None:
        """A slice that breaks off in the middle of its transaction, after some messages."""
        steps, written = self.steps, 0
        tell = steps._tell

        def breaking(*args: Any) -> None:
            nonlocal written
            written += 1
            if written > after:
                raise RuntimeError("cut off")
            tell(*args)

        steps._tell = breaking  # type: ignore[method-assign]
        with suppress(RuntimeError):
            await steps.tell_slice(ref)

    async def rows(self, incident_id: UUID) -> list[IncidentClient]:
        """Touched clients, in order of their ids."""
        async with self.records.moment() as moment:
            query = select(IncidentClient).where(col(IncidentClient.incident_id) == incident_id)
            return list((await moment.session.exec(query.order_by(col(IncidentClient.client_id)))).all())

    async def messages(self, client_id: UUID) -> list[tuple[str, UUID | None]]:
        """What is in a personal account: texts with their documents."""
        async with self.records.moment() as moment:
            client = await self.records.clients.get(moment.session, client_id)
            found = (await moment.session.exec(select(Message).where(col(Message.client_id) == client_id))).all()
        vault = self.records.vault
        return [(vault.open(client.data_key, one.body, f"message:{one.id}").decode(), one.document_id) for one in found]

    async def found(self, kind: Kind) -> list[Incident]:
        """Incidents of a kind, oldest first."""
        async with self.records.moment() as moment:
            every = await incidents.listed(moment.session, None, 1000)
        return [one for one in reversed(every) if one.kind == kind]

    async def trail(self, incident_id: UUID) -> list[dict[str, Any]]:
        """Its audit trail."""
        async with self.records.moment() as moment:
            return await audit.of_subject(moment.session, f"incident:{incident_id}")

    async def see(self, incident: Incident) -> Any:
        """As the case sees it."""
        return await self.steps.see_case(IncidentRef(incident_id=incident.id))


@contextmanager
def migrated(database_urls: dict[str, str]) -> Iterator[str]:
    """The name of a migrated, empty database to be copied: copying is much quicker than migrating."""
    name = f"incidents_{secrets.token_hex(4)}"
    migrate(_another(database_urls["postgres"], name))
    yield name
    _at_root(database_urls, f"drop database {name} with (force)")


@asynccontextmanager
async def alone(
    database_urls: dict[str, str], archive_settings: ArchiveSettings, template: str
) -> AsyncIterator[tuple[IncidentWorld, str]]:
    """A world with a database that nobody else uses, and the superuser's URL of it."""
    name = f"incidents_{secrets.token_hex(4)}"
    _at_root(database_urls, f"create database {name} template {template}")
    async with opened_records(_another(database_urls["app"], name), archive_settings) as records:
        yield IncidentWorld(records), _another(database_urls["postgres"], name)
    _at_root(database_urls, f"drop database {name} with (force)")


def _at_root(database_urls: dict[str, str], statement: str) -> None:
    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def _another(url: str, database: str) -> str:
    return libpq_url(make_url(sqlalchemy_url(url)).set(database=database).render_as_string(hide_password=False))
