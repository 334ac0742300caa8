"""Data destroyed after its retention, by two people, with a certificate.

Real: PostgreSQL (a database of its own) and the archive with its locks. Proven: it is destroyed when its time is over
and not before, by two people and not by one, with nothing open; what is destroyed cannot be read anywhere any more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from own_database import own_database, records_on
from psycopg import errors
from servicing_world import A_DAY, lent_to
from sqlmodel import select

from activities.clocks import Clocks, ClockWanted
from activities.context import Records
from activities.disposals import DisposalRef, Disposals
from rules.client import ClientKind, IdentityDocument, Person
from rules.errors import BusinessError, Conflict, Gone, NotAllowed, NotFound, Unavailable
from rules.lender import EXAMPLE
from storage import audit, challenges, disposals
from storage.archive import Archive
from storage.clock import now
from storage.database import Database, libpq_url, run
from storage.personal_data import values
from storage.rotation import rotate_master
from storage.tables import Client, Disposal, Document, Message, Staff
from storage.vault import Vault, check_master_key
from tests.support.api_world import new_iin, new_phone
from tests.support.loan_world import a_loan

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

SHORT = timedelta(seconds=2)  # the archive takes no lock that has ended when it comes
LONG = timedelta(days=400)
SURNAME = "ЖОЙЫЛАТЫН"


class Signer:
    """A signature that is only a mark; the real one has tests of its own."""

    def __init__(self) -> None:
        self.away = False

    async def sign(self, content: bytes) -> bytes:
        if self.away:
            raise Unavailable("tsp")
        return b"signed:" + sha256(content).digest()


@pytest.fixture(scope="module")
def urls(database_urls: dict[str, str]) -> Iterator[dict[str, str]]:
    with own_database(database_urls) as own:
        yield own


@pytest.fixture(scope="module")
async def records(urls: dict[str, str], archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    at = archive_settings
    archive = Archive(at.endpoint, at.access_key, at.secret_key.get_secret_value(), at.bucket)
    await archive.prepare()
    made = records_on(urls["app"], archive)
    async with made.database.begin() as session:
        await check_master_key(session, made.vault)
    yield made
    await made.close()


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def destroying(records: Records, signer: Signer) -> Disposals:
    return Disposals(records, signer, EXAMPLE)


@pytest.fixture
async def staff(records: Records) -> tuple[UUID, UUID]:
    """Two people."""
    made = []
    async with records.moment() as moment:
        for _ in range(2):
            one = Staff(
                login=f"p{uuid4().hex[:12]}", name="Colleague", roles=["officer"], password_hash="h",
                totp_secret=records.vault.seal_own(b"s", "x"), created_at=moment.at,
            )  # fmt: skip
            moment.session.add(one)
            await moment.session.flush()
            made.append(one.id)
    return made[0], made[1]


class Kept:
    """A registered client with documents, a message and a closed loan."""

    def __init__(self, records: Records, client: Client, person: Person, documents: list[Document]) -> None:
        self.records, self.client, self.person, self.documents = records, client, person, documents
        self.message: Message

    async def over(self) -> None:
        """Wait until the locks have ended."""
        last = max((document.retain_until for document in self.documents), default=datetime.now(UTC))
        for _ in range(900):
            async with self.records.database.begin() as session:
                if await now(session) > last:
                    return
            await asyncio.sleep(0.1)
        raise AssertionError("the retention never ends")


@pytest.fixture
def keep(records: Records) -> Callable[..., Any]:
    async def make(*, retained: timedelta = SHORT, documents: int = 3, loan: str | None = "closed") -> Kept:
        person = Person(
            surname=SURNAME, given_name="АДАМ", iin=new_iin(), phone=new_phone(),
            document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
        )  # fmt: skip
        async with records.moment() as moment:
            client = await records.clients.register(moment.session, person, ClientKind.INDIVIDUAL, "kk", "2025b")
            await records.clients.complete(moment.session, client, "hash")
            records.clients.seal_embedding(client, b"face")
            kept = Kept(records, client, person, [])
            if loan is not None:
                made = await lent_to(moment, client, a_loan(), records.vault)
                if loan == "closed":
                    made.status, made.closed_at = "CLOSED", moment.at
                moment.session.add(made)
            text = records.vault.seal(client.data_key, b"words", f"message:{client.id}")
            kept.message = Message(client_id=client.id, direction="from_client", body=text, at=moment.at)
            moment.session.add(kept.message)
            await moment.session.flush()
            for n in range(documents):
                kept.documents.append(
                    await records.documents.keep(
                        moment.session,
                        f"{SURNAME} {n}".encode(),
                        kind="contract",
                        media_type="text/plain",
                        direction="sent",
                        client=client,
                        retain_until=datetime.now(UTC) + retained,  # not from the beginning of a slow transaction
                    )
                )
        return kept

    return make


async def proposed(records: Records, client_id: UUID, who: UUID) -> Disposal:
    async with records.moment() as moment:
        return await disposals.propose(moment.session, client_id, "term-over", who)


async def confirmed(records: Records, disposal: Disposal, who: UUID) -> DisposalRef:
    async with records.moment() as moment:
        await disposals.confirm(moment.session, disposal.id, who)
    return DisposalRef(disposal_id=disposal.id)


async def decided(records: Records, kept: Kept, staff: tuple[UUID, UUID]) -> DisposalRef:
    """Two people have decided, in time."""
    await kept.over()
    return await confirmed(records, await proposed(records, kept.client.id, staff[0]), staff[1])


async def row_of(records: Records, ref: DisposalRef) -> Disposal:
    async with records.database.begin() as session:
        return await session.get_one(Disposal, ref.disposal_id)


async def client_of(records: Records, kept: Kept) -> Client:
    async with records.database.begin() as session:
        return await session.get_one(Client, kept.client.id)


class TestWhenItsTimeIsOver:
    async def test_nothing_of_the_client_can_be_read_any_more(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals
    ) -> None:
        kept = await keep()
        async with records.database.begin() as session:
            await challenges.remember(session, kept.documents[0].id, kept.client.id, uuid4(), bytes(64), [1])
        ref = await decided(records, kept, staff)
        assert (await destroying.destroy_data(ref)).state == "DESTROYED"
        client = await client_of(records, kept)
        assert (client.status, client.data_key, client.personal) == ("DESTROYED", b"", b"")
        assert (client.face_embedding, client.password_hash) == (None, None)
        assert client.iin_index != kept.client.iin_index
        assert client.phone_index != kept.client.phone_index
        with pytest.raises(Gone, match="data-destroyed"):
            records.clients.person(client)
        with pytest.raises(Gone, match="data-destroyed"):
            records.vault.open(client.data_key, kept.message.body, f"message:{client.id}")
        async with records.database.begin() as session:
            for document in kept.documents:
                with pytest.raises(Gone, match="data-destroyed"):
                    await records.documents.load(session, document.id)
            (account,) = (
                await run(session, "select account from application where client_id = :id", id=client.id)
            ).scalars()
            assert await records.clients.by_phone(session, kept.person.phone) is None
            assert await challenges.alike(session, [1], uuid4()) == [], "what the face looked like is gone"
        assert account == b""
        with pytest.raises(Gone, match="data-destroyed"):
            records.vault.open_own(account, "application:x:account")

    async def test_its_documents_leave_the_archive_and_the_certificate_names_each(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals
    ) -> None:
        kept = await keep()
        ref = await decided(records, kept, staff)
        await destroying.destroy_data(ref)
        objects = await destroying.remove_objects(ref)
        assert (objects.removed, objects.kept) == (3, 0)
        for document in kept.documents:
            with pytest.raises(NotFound, match="document-absent"):
                await records.documents.archive.get(document.key, document.version_id)
        made = await destroying.certify_disposal(ref)
        async with records.database.begin() as session:
            _, content = await records.documents.load(session, made.certificate_id)
            _, cms = await records.documents.load(session, made.cms_id)
            trail = [one["action"] for one in await audit.of_subject(session, f"client:{kept.client.id}")]
        assert cms == b"signed:" + sha256(content).digest()
        told = json.loads(content)
        assert (told["client"], told["disposal"]) == (str(kept.client.id), str(ref.disposal_id))
        assert (told["proposed"]["by"], told["confirmed"]["by"]) == (str(staff[0]), str(staff[1]))
        assert {(one["id"], one["sha256"], one["object"]) for one in told["documents"]} == {
            (str(document.id), document.sha256, "removed") for document in kept.documents
        }
        for personal in (kept.person.iin, kept.person.phone, SURNAME, "АДАМ", "012345678"):
            assert personal not in content.decode()
        row = await row_of(records, ref)
        assert (row.state, row.certificate_id) == ("CERTIFIED", made.certificate_id)
        assert trail == ["data-destroyed", "disposal-certified"]

    async def test_each_step_again_is_the_same_as_once(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals,
        signer: Signer,
    ) -> None:  # fmt: skip
        ref = await decided(records, await keep(), staff)
        states = await asyncio.gather(*(destroying.destroy_data(ref) for _ in range(6)))
        assert {one.state for one in states} == {"DESTROYED"}
        first = await destroying.remove_objects(ref)
        assert await destroying.remove_objects(ref) == first
        signer.away = True
        with pytest.raises(Unavailable):
            await destroying.certify_disposal(ref)
        assert (await row_of(records, ref)).state == "DESTROYED"
        signer.away = False
        made = await destroying.certify_disposal(ref)
        assert await destroying.certify_disposal(ref) == made
        assert (await destroying.destroy_data(ref)).state == "CERTIFIED"

    async def test_an_object_that_the_archive_keeps_is_named_and_cannot_be_read(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals
    ) -> None:
        kept = await keep(documents=2)
        longer = kept.documents[0]
        await records.documents.archive.extend(longer.key, longer.version_id, datetime.now(UTC) + timedelta(hours=1))
        ref = await decided(records, kept, staff)
        await destroying.destroy_data(ref)
        assert (await destroying.remove_objects(ref)).kept >= 1
        made = await destroying.certify_disposal(ref)
        async with records.database.begin() as session:
            _, content = await records.documents.load(session, made.certificate_id)
        objects = {one["id"]: one["object"] for one in json.loads(content)["documents"]}
        assert objects[str(longer.id)].startswith("kept by the archive, unreadable: ")
        sealed = await records.documents.archive.get(longer.key, longer.version_id)
        assert SURNAME.encode() not in sealed

    async def test_the_same_person_may_come_again(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals
    ) -> None:
        kept = await keep()
        await destroying.destroy_data(await decided(records, kept, staff))
        async with records.moment() as moment:
            again = await records.clients.register(moment.session, kept.person, ClientKind.INDIVIDUAL, "kk", "2025b")
            await records.clients.complete(moment.session, again, "hash")
        assert records.clients.person(again) == kept.person

    async def test_whose_time_is_over_is_listed_until_somebody_proposes_it(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID]
    ) -> None:
        over, early, lending = await keep(), await keep(retained=LONG), await keep(loan="open")
        await over.over()
        await lending.over()

        async def listed() -> dict[UUID, disposals.Due]:
            async with records.database.begin() as session:
                return {one.client_id: one for one in await disposals.due(session, 1000)}

        found = await listed()
        assert (found[over.client.id].documents, found[over.client.id].obstacle) == (3, None)
        assert early.client.id not in found
        assert found[lending.client.id].obstacle == "disposal-loan-open"
        await proposed(records, over.client.id, staff[0])
        assert over.client.id not in await listed()

    async def test_master_keys_rotate_and_leaks_are_looked_for_all_the_same(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals,
        urls: dict[str, str],
    ) -> None:  # fmt: skip
        kept, other = await keep(), await keep(retained=LONG)
        await destroying.destroy_data(await decided(records, kept, staff))
        async with records.database.begin() as session:
            known = {value async for _, value in values(session, records.vault)}
        assert other.person.iin in known
        assert kept.person.iin not in known
        turned = Vault({"second": bytes(range(32)), "first": bytes(32)}, "second", bytes(32))
        turned._master["first"], turned._index_key = records.vault._master["first"], records.vault._index_key
        owner = Database(urls["postgres"], 2)
        async with owner.begin() as session:
            assert await rotate_master(session, turned) > 0
            row = await session.get_one(Client, kept.client.id)
            assert row.data_key == b""
            await session.rollback()
        await owner.close()


class TestBeforeItsTime:
    async def refused(self, records: Records, client_id: UUID, who: UUID, code: str) -> None:
        with pytest.raises(Conflict, match=code):
            await proposed(records, client_id, who)

    async def test_as_long_as_one_document_must_stay(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID]
    ) -> None:
        kept = await keep(retained=LONG)
        await self.refused(records, kept.client.id, staff[0], "disposal-too-early")

    async def test_with_a_loan_that_is_not_closed(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID]
    ) -> None:
        kept = await keep(loan="open")
        await kept.over()
        await self.refused(records, kept.client.id, staff[0], "disposal-loan-open")

    async def test_with_a_hold_until_another_person_has_lifted_it(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID]
    ) -> None:
        kept = await keep()
        await kept.over()
        async with records.moment() as moment:
            held = await disposals.hold(moment.session, kept.client.id, "dispute", staff[0])
        await self.refused(records, kept.client.id, staff[0], "disposal-hold")
        with pytest.raises(NotAllowed, match="second-person-needed"):
            async with records.moment() as moment:
                await disposals.lift(moment.session, held.id, staff[0])
        async with records.moment() as moment:
            await disposals.lift(moment.session, held.id, staff[1])
        assert (await proposed(records, kept.client.id, staff[0])).state == "PROPOSED"

    async def test_with_a_term_of_the_law_that_runs(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID]
    ) -> None:
        kept = await keep()
        await kept.over()
        await Clocks(records).start_clock(
            ClockWanted(
                key=f"test:{uuid4()}",
                rule="P13.2",
                subject=f"client:{kept.client.id}",
                workflow_id="case/1",
                received_at=datetime.now(UTC),
                client_id=kept.client.id,
            )
        )
        await self.refused(records, kept.client.id, staff[0], "disposal-clock-running")

    async def test_with_a_payment_whose_end_is_not_known(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID]
    ) -> None:
        kept = await keep()
        await kept.over()
        async with records.database.begin() as session:
            await run(
                session,
                "insert into outbound_payment (key, order_id, loan_id, purpose, channel, request_hash, amount,"
                " limit_amount, account, state, made_at) select 'refund:' || id, 'o-' || id, id, 'refund', 'bank', 'h',"
                " 10, 100, 'a', 'sending', now() from loan where client_id = :id",
                id=kept.client.id,
            )
        await self.refused(records, kept.client.id, staff[0], "disposal-payment-open")

    async def test_where_nothing_is_kept_and_nobody_is_known(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID]
    ) -> None:
        kept = await keep(documents=0)
        await self.refused(records, kept.client.id, staff[0], "disposal-nothing-kept")
        with pytest.raises(NotFound, match="client-unknown"):
            await proposed(records, uuid4(), staff[0])

    async def test_what_comes_up_between_the_decision_and_the_act_stops_it(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals
    ) -> None:
        kept = await keep()
        ref = await decided(records, kept, staff)
        async with records.moment() as moment:
            held = await disposals.hold(moment.session, kept.client.id, "investigation", staff[0])
        stopped = await destroying.destroy_data(ref)
        assert (stopped.state, stopped.why) == ("STOPPED", "disposal-hold")
        assert records.clients.person(await client_of(records, kept)) == kept.person
        with pytest.raises(Conflict, match="disposal-not-destroyed"):
            await destroying.remove_objects(ref)
        with pytest.raises(Conflict, match="disposal-not-destroyed"):
            await destroying.certify_disposal(ref)
        assert (await destroying.destroy_data(ref)).state == "STOPPED"
        async with records.moment() as moment:
            await disposals.lift(moment.session, held.id, staff[1])
        again = await decided(records, kept, staff)
        assert (await row_of(records, again)).n == 2
        assert (await destroying.destroy_data(again)).state == "DESTROYED"


class TestTwoPeople:
    async def test_one_alone_destroys_nothing(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals
    ) -> None:
        kept = await keep()
        await kept.over()
        made = await proposed(records, kept.client.id, staff[0])
        with pytest.raises(NotAllowed, match="second-person-needed"):
            await confirmed(records, made, staff[0])
        assert (await destroying.destroy_data(DisposalRef(disposal_id=made.id))).state == "PROPOSED"
        assert (await client_of(records, kept)).status == "REGISTERED"

    async def test_it_is_proposed_once_and_decided_once(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID]
    ) -> None:
        kept = await keep()
        await kept.over()
        made = await proposed(records, kept.client.id, staff[0])
        with pytest.raises(Conflict, match="disposal-open"):
            await proposed(records, kept.client.id, staff[1])
        async with records.moment() as moment:
            await disposals.refuse(moment.session, made.id, staff[0])
        with pytest.raises(Conflict, match="disposal-decided"):
            await confirmed(records, made, staff[1])
        again = await proposed(records, kept.client.id, staff[1])
        results = await asyncio.gather(*(confirmed(records, again, staff[0]) for _ in range(4)), return_exceptions=True)
        assert sum(isinstance(one, DisposalRef) for one in results) == 1
        assert {one.code for one in results if isinstance(one, BusinessError)} == {"disposal-decided"}

    @pytest.mark.parametrize(
        ("statement", "error"),
        [
            ("update client set data_key = '' where id = %(client)s", errors.InsufficientPrivilege),
            ("update disposal set destroyed_at = now() where id = %(disposal)s", errors.InsufficientPrivilege),
            ("select destroy_client_data(%(disposal)s)", errors.CheckViolation),
            ("select destroy_client_data(gen_random_uuid())", errors.CheckViolation),
            (
                "update disposal set state = 'CONFIRMED', decided_by = proposed_by, decided_at = now()"
                " where id = %(disposal)s",
                errors.CheckViolation,
            ),
            (
                "update disposal set state = 'DESTROYED', decided_by = %(other)s, decided_at = now()"
                " where id = %(disposal)s",
                errors.CheckViolation,
            ),
            (
                "insert into disposal (id, client_id, n, state, reason, proposed_by, proposed_at, decided_by,"
                " decided_at) values (gen_random_uuid(), %(client)s, 9, 'CONFIRMED', 'r', %(one)s, now(), %(other)s,"
                " now())",
                errors.CheckViolation,
            ),
        ],
    )
    async def test_the_database_lets_the_application_do_none_of_it_by_hand(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], urls: dict[str, str],
        statement: str, error: type[Exception],
    ) -> None:  # fmt: skip
        kept = await keep()
        await kept.over()
        made = await proposed(records, kept.client.id, staff[0])
        known = {"client": kept.client.id, "disposal": made.id, "one": staff[0], "other": staff[1]}
        with psycopg.connect(libpq_url(urls["app"]), autocommit=True) as connection:
            with pytest.raises(error):
                connection.execute(statement, known)
        assert (await client_of(records, kept)).status == "REGISTERED"

    async def test_the_database_looks_at_the_retention_itself(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], urls: dict[str, str]
    ) -> None:
        kept = await keep()
        ref = await decided(records, kept, staff)
        async with records.database.begin() as session:
            await records.documents.extend(session, kept.documents[0].id, await now(session) + A_DAY, "dispute")
        with psycopg.connect(libpq_url(urls["app"]), autocommit=True) as connection:
            with pytest.raises(errors.CheckViolation, match="disposal-too-early"):
                connection.execute("select destroy_client_data(%s)", (ref.disposal_id,))

    async def test_what_was_destroyed_stays_destroyed_whoever_asks(
        self, records: Records, keep: Callable[..., Any], staff: tuple[UUID, UUID], destroying: Disposals,
        urls: dict[str, str],
    ) -> None:  # fmt: skip
        kept = await keep()
        await destroying.destroy_data(await decided(records, kept, staff))
        with psycopg.connect(libpq_url(urls["postgres"]), autocommit=True) as root:
            with pytest.raises(errors.CheckViolation):
                root.execute("update client set status = 'REGISTERED' where id = %s", (kept.client.id,))
        with pytest.raises(Conflict, match="data-destroyed"):
            await proposed(records, kept.client.id, staff[0])
        async with records.database.begin() as session:
            rows = (await session.exec(select(Document.id).where(Document.client_id == kept.client.id))).all()
        assert len(rows) == 3  # what was kept, and its hashes, can still be shown
