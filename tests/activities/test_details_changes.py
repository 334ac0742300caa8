"""A change of the phone number on a real database and archive: nothing without each proof, then all of it at once.

Simulated: the SMS gateway, the operators' base, and the CMS check (a row of `signature` as it leaves one).

Rules: para 6, part 4; para 6, part 5; para 6, part 6.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select
from temporalio.testing import ActivityEnvironment

from activities import details_desk as desk
from activities import leaks
from activities.context import Records, conclude
from activities.details_changes import ChangeCode, ChangeEnd, ChangeRef, DetailsChanges
from activities.papers import sms_phone_changed
from rules.client import ClientKind, IdentityDocument, Person
from rules.errors import Conflict, Unavailable
from storage import audit, sessions
from storage.database import run
from storage.tables import Client, DetailsChange, Document, Message, Session, Signature, Staff
from tests.support.api_world import new_iin, new_phone
from tests.support.servicing_world import Gateway, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


class Operators:
    """The base's word, and what it was asked."""

    def __init__(self) -> None:
        self.owned: bool | None = True
        self.asked: list[tuple[str, str]] = []

    async def owned_by(self, iin: str, phone: str) -> bool | None:
        self.asked.append((iin, phone))
        return self.owned


@dataclass
class Changing:
    """A registered client who wants another number."""

    kept: Records
    client: Client
    person: Person
    phone: str = field(default_factory=new_phone)
    sms: Gateway = field(default_factory=Gateway)
    operators: Operators = field(default_factory=Operators)
    ref: ChangeRef = field(init=False)

    @property
    def steps(self) -> DetailsChanges:
        return DetailsChanges(self.kept, self.sms, self.operators, "МҚҰ")

    async def ask(self, session_hash: bytes | None = None) -> DetailsChange:
        async with self.kept.moment() as moment:
            client = await self.kept.clients.get(moment.session, self.client.id)
            row = await desk.ask(self.kept, moment, client, uuid4(), self.phone, session_hash)
        self.ref = ChangeRef(change_id=row.id)
        return row

    async def row(self) -> DetailsChange:
        async with self.kept.moment() as moment:
            return await desk.locked(moment, self.ref.change_id)

    async def send(self, key: str) -> str:
        """A code to the new number; the six digits that came."""
        wanted = ChangeCode(change_id=self.ref.change_id, key=key)
        sent = await ActivityEnvironment().run(self.steps.send_change_code, wanted)
        assert sent.outcome == "passed", sent
        to, text = self.sms.sent[f"{key}/1"]
        assert to == self.phone
        found = re.search(r"[0-9]{6}", text)
        assert found is not None
        return found.group()

    async def confirm(self, code: str, key: str) -> Any:
        return await self.steps.confirm_new_phone(ChangeCode(change_id=self.ref.change_id, key=key, code=code))

    async def code(self) -> None:
        key = uuid4().hex
        assert (await self.confirm(await self.send(key), key)).outcome == "passed"

    async def owner(self) -> Any:
        return await self.steps.check_new_owner(self.ref)

    async def face(self) -> None:
        """As Faces.check_face leaves it."""
        async with self.kept.moment() as moment:
            client = await self.kept.clients.get(moment.session, self.client.id)
            await conclude(moment, client, act=desk.ACT, step="face", ground=None, evidence={}, paragraph="35")

    async def signature(self) -> None:
        """As Signatures.verify_signature leaves it."""
        document_id = await self.steps.draw_change_statement(self.ref)
        async with self.kept.moment() as moment:
            moment.session.add(
                Signature(
                    client_id=self.client.id, document_id=document_id, cms_document_id=uuid4(), algorithm="RSA-SHA256",
                    certificate_serial="1", certificate_sha256="0" * 64, signed_at=moment.at, verified_at=moment.at,
                )
            )  # fmt: skip

    async def proved(self, *, without: str = "") -> None:
        for step in ("code", "owner", "face", "signature"):
            if step != without:
                await getattr(self, step)()

    async def now(self) -> tuple[Client, Person]:
        async with self.kept.moment() as moment:
            client = await self.kept.clients.get(moment.session, self.client.id)
            return client, self.kept.clients.person(client)


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


async def registered(kept: Records, kind: ClientKind = ClientKind.INDIVIDUAL, phone: str | None = None) -> Changing:
    person = Person(
        surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=new_iin(), phone=phone or new_phone(),
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
    )  # fmt: skip
    async with kept.moment() as moment:
        client = await kept.clients.register(moment.session, person, kind, "ru", "2025b")
        await kept.clients.complete(moment.session, client, "hash")
    return Changing(kept, client, person)


@pytest.fixture
async def changing(kept: Records) -> Changing:
    return await registered(kept)


async def ended_sessions(kept: Records, *tokens: str) -> list[bool]:
    async with kept.moment() as moment:
        rows = [await moment.session.get_one(Session, sessions.token_hash(token)) for token in tokens]
        return [row.ended_at is not None for row in rows]


async def test_with_every_proof_the_number_changes_and_nothing_else_of_the_person(kept, changing) -> None:
    async with kept.moment() as moment:
        mine, other = [await sessions.open(moment.session, "client", client_id=changing.client.id) for _ in range(2)]
    await changing.ask(sessions.token_hash(mine))
    await changing.proved()
    for _ in range(2):  # the worker may die between commit and answer
        assert (await changing.steps.apply_change(changing.ref)).state == "CHANGED"
    client, person = await changing.now()
    assert person == changing.person.model_copy(update={"phone": changing.phone})
    assert (client.iin_index, client.kind) == (changing.client.iin_index, changing.client.kind)
    assert await ended_sessions(kept, mine, other) == [False, True]
    async with kept.moment() as moment:
        found = await kept.clients.by_phone(moment.session, changing.phone)
        assert found is not None
        assert found.id == client.id
        assert await kept.clients.by_phone(moment.session, changing.person.phone) is None
        told = (await moment.session.exec(select(Message).where(col(Message.client_id) == client.id))).all()
        trail = await audit.of_subject(moment.session, f"client:{client.id}")
    assert len(told) == 1
    text = kept.vault.open(client.data_key, told[0].body, f"message:{told[0].id}").decode()
    assert changing.phone not in text
    assert f"оканчивается на {changing.phone[-2:]}" in text
    assert [one["action"] for one in trail].count("phone-changed") == 1
    assert not {changing.phone, changing.person.phone} & set(re.findall(r"\+7[0-9]{10}", str(trail)))
    await changing.steps.tell_change(changing.ref)
    told_to = {
        key.rsplit("/", 1)[1]: phone for key, (phone, _) in changing.sms.sent.items() if key.startswith("change/")
    }
    assert told_to == {"old": changing.person.phone, "new": changing.phone}
    assert changing.operators.asked == [(changing.person.iin, changing.phone)]


@pytest.mark.parametrize("without", ["code", "owner", "face", "signature"])
async def test_nothing_changes_without_each_proof_in_our_own_records(kept, changing, without) -> None:
    await changing.ask()
    await changing.proved(without=without)
    with pytest.raises(Conflict, match="details-not-proved"):
        await changing.steps.apply_change(changing.ref)
    assert (await changing.now())[1] == changing.person
    await getattr(changing, without)()
    assert (await changing.steps.apply_change(changing.ref)).state == "CHANGED"


async def test_an_entrepreneur_signs_for_another_number_like_everybody_else(kept) -> None:
    entrepreneur = await registered(kept, ClientKind.ENTREPRENEUR)
    await entrepreneur.ask()
    await entrepreneur.proved(without="signature")
    with pytest.raises(Conflict, match="details-not-proved"):
        await entrepreneur.steps.apply_change(entrepreneur.ref)
    await entrepreneur.signature()
    assert (await entrepreneur.steps.apply_change(entrepreneur.ref)).state == "CHANGED"


async def test_the_database_too_changes_no_number_without_the_signature(kept, changing) -> None:
    await changing.ask()
    query = "update details_change set state = 'CHANGED', ended_at = now() where id = :id"
    with pytest.raises(DBAPIError, match="details_change_signed_check"):
        async with kept.moment() as moment:
            await run(moment.session, query, id=changing.ref.change_id)


async def test_what_was_proved_for_an_earlier_number_proves_nothing_of_this_one(kept, changing) -> None:
    first = await changing.ask()
    digits = await changing.send("first")
    await changing.steps.end_change(ChangeEnd(change_id=first.id, state="EXPIRED", ground="details-change-expired"))
    changing.phone = new_phone()
    second = await changing.ask()
    assert second.n == 2
    assert (await changing.confirm(digits, "other")).ground == "code-wrong"
    async with kept.moment() as moment:
        assert await desk.missing(moment, second) == ["phone", "phone-owner", "face", "signature"]


async def test_a_wrong_code_is_counted_and_the_right_one_is_used_once(changing) -> None:
    await changing.ask()
    digits = await changing.send("k")
    wrong = f"{(int(digits) + 1) % 10**6:06d}"
    assert (await changing.confirm(wrong, "k1")).ground == "code-wrong"
    assert (await changing.confirm(digits, "k2")).outcome == "passed"
    assert (await changing.confirm(digits, "k2")).outcome == "passed"  # the same action again
    assert (await changing.confirm(digits, "k3")).ground == "code-used"


@pytest.mark.parametrize(("owned", "ground"), [(False, "phone-not-owned"), (None, "phone-owner-unknown")])
async def test_a_number_that_is_not_known_to_be_the_clients_is_refused(changing, owned, ground) -> None:
    await changing.ask()
    changing.operators.owned = owned
    found = await changing.owner()
    assert (found.outcome, found.ground) == ("refused", ground)


async def test_a_number_of_another_client_is_refused_at_once_and_in_the_race(kept, changing) -> None:
    other = await registered(kept)
    changing.phone = other.person.phone
    with pytest.raises(Conflict, match="phone-taken"):
        await changing.ask()
    changing.phone = changing.person.phone
    with pytest.raises(Conflict, match="phone-not-new"):
        await changing.ask()
    changing.phone = new_phone()
    await changing.ask()
    await changing.proved()
    await registered(kept, phone=changing.phone)  # another one registers with it meanwhile
    seen = await changing.steps.apply_change(changing.ref)
    assert (seen.state, seen.ground) == ("REFUSED", "phone-taken")
    client, person = await changing.now()
    assert (person, client.phone_index) == (changing.person, changing.client.phone_index)


async def test_one_change_is_open_and_an_ended_one_stays_ended(kept, changing) -> None:
    await changing.ask()
    with pytest.raises(Conflict, match="details-change-open"):
        await changing.ask()
    refused = ChangeEnd(change_id=changing.ref.change_id, state="REFUSED", ground="review-refused")
    assert (await changing.steps.end_change(refused)).state == "REFUSED"
    late = ChangeEnd(change_id=changing.ref.change_id, state="EXPIRED", ground="details-change-expired")
    assert (await changing.steps.end_change(late)).ground == "review-refused"
    assert (await changing.steps.apply_change(changing.ref)).state == "REFUSED"
    with pytest.raises(DBAPIError, match="stays as it is"):
        async with kept.moment() as moment:
            await run(moment.session, "update details_change set ground = 'x' where id = :id", id=refused.change_id)


async def test_while_a_leak_stands_no_number_changes(kept, changing) -> None:
    async def leaked(by: UUID) -> None:
        async with kept.moment() as moment:
            at = moment.at - timedelta(hours=1)
            await leaks.enter(kept, moment, changing.client, uuid4(), "police", "seen on a market", at, by)

    async with kept.moment() as moment:
        one = Staff(
            login=f"k{uuid4().hex[:12]}", name="K", roles=["compliance"], password_hash="x", totp_secret=b"s",
            created_at=moment.at,
        )  # fmt: skip
        moment.session.add(one)
    await changing.ask()
    await changing.proved()
    await leaked(one.id)
    seen = await changing.steps.apply_change(changing.ref)
    assert (seen.state, seen.ground) == ("REFUSED", "identity-to-be-confirmed")
    with pytest.raises(Conflict, match="identity-to-be-confirmed"):
        await changing.ask()
    assert (await changing.now())[1] == changing.person


async def test_the_statement_names_both_numbers_and_is_drawn_once(kept, changing) -> None:
    await changing.ask()
    first, again = [await changing.steps.draw_change_statement(changing.ref) for _ in range(2)]
    assert first == again
    async with kept.moment() as moment:
        document, pdf = await kept.documents.load(moment.session, first)
        made = select(Document).where(col(Document.client_id) == changing.client.id)
        assert len((await moment.session.exec(made)).all()) == 1
    assert (document.kind, pdf[:5]) == ("details_statement", b"%PDF-")


async def test_a_gateway_that_is_away_is_asked_again_and_each_number_is_told_once(changing) -> None:
    await changing.ask()
    changing.sms.failure = Unavailable("away")
    with pytest.raises(Unavailable):
        await changing.steps.tell_change(changing.ref)
    changing.sms.failure = None
    for _ in range(2):
        await changing.steps.tell_change(changing.ref)
    assert len(changing.sms.sent) == 2
    assert all(not re.search(r"[0-9]", text) for _, text in changing.sms.sent.values())
    assert all(len(sms_phone_changed(language)) <= 70 for language in ("kk", "ru", "en"))  # one SMS


@pytest.mark.parametrize("column", ["iin_index", "kind", "edition", "data_key"])
async def test_the_application_has_no_right_to_change_whose_iin_it_is(kept, changing, column) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with kept.moment() as moment:
            await run(moment.session, f"update client set {column} = {column} where id = :id", id=changing.client.id)
