"""A change of bank details on a real database and archive: nothing without the bank's yes and each proof, then at once.

Simulated: the bank's word on an account, the SMS gateway, and the CMS check (a row of `signature` as it leaves one).

Rules: para 6, part 5; para 8, part 7; para 9, part 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from sqlmodel import col, select

from activities import details_desk as desk
from activities.account_changes import AccountChanges
from activities.context import Records, conclude
from activities.details_changes import ChangeEnd, ChangeRef, DetailsChanges
from activities.money_ports import AccountOwner
from activities.papers import sms_account_changed
from rules.client import ClientKind, IdentityDocument, Person
from rules.errors import Conflict, NotAllowed
from storage import audit, client_accounts, personal_data
from storage.database import libpq_url, run
from storage.refunds import Named
from storage.tables import Client, Message, Signature
from tests.support.api_world import new_iin, new_phone
from tests.support.servicing_world import Gateway, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

IBAN, OTHER = "KZ86125KZT5004100100", "KZ56125KZT1000100101"
CARD = Named(kind="card", value="crd_b7e1f0c2a94d4c7f8a51")


class OwnersBank:
    """What the bank says of an account, and of whom it was asked."""

    def __init__(self) -> None:
        self.result: str | Exception = "MATCH"
        self.asked: list[tuple[str, str, str]] = []

    async def verify_owner(self, destination: Any, owner: Any) -> AccountOwner:
        self.asked.append((destination.kind, owner.number, owner.name))
        if isinstance(self.result, Exception):
            raise self.result
        return AccountOwner(result=self.result, reference="ref-1")


@dataclass
class Changing:
    """A registered client who wants other bank details."""

    kept: Records
    client: Client
    person: Person
    named: Named = field(default_factory=lambda: Named(kind="iban", value=IBAN))
    bank: OwnersBank = field(default_factory=OwnersBank)
    sms: Gateway = field(default_factory=Gateway)
    ref: ChangeRef = field(init=False)

    @property
    def steps(self) -> AccountChanges:
        return AccountChanges(self.kept, self.bank, self.sms, "МҚҰ")  # type: ignore[arg-type]

    async def ask(self, named: Named | None = None) -> Any:
        async with self.kept.moment() as moment:
            client = await self.kept.clients.get(moment.session, self.client.id)
            row = await desk.ask_account(self.kept, moment, client, uuid4(), named or self.named, None)
        self.ref = ChangeRef(change_id=row.id)
        return row

    async def owner(self) -> Any:
        return await self.steps.check_account_owner(self.ref)

    async def face(self) -> None:
        async with self.kept.moment() as moment:
            client = await self.kept.clients.get(moment.session, self.client.id)
            await conclude(moment, client, act=desk.ACT, step="face", ground=None, evidence={}, paragraph="35")

    async def signature(self) -> None:
        document_id = await self.steps.draw_account_statement(self.ref)
        async with self.kept.moment() as moment:
            moment.session.add(
                Signature(
                    client_id=self.client.id, document_id=document_id, cms_document_id=uuid4(), algorithm="RSA-SHA256",
                    certificate_serial="1", certificate_sha256="0" * 64, signed_at=moment.at, verified_at=moment.at,
                )
            )  # fmt: skip

    async def proved(self, *, without: str = "") -> None:
        for step in ("owner", "face", "signature"):
            if step != without:
                await getattr(self, step)()

    async def changed(self, named: Named | None = None) -> None:
        await self.ask(named)
        await self.proved()
        assert (await self.steps.apply_account_change(self.ref)).state == "CHANGED"

    async def kept_now(self) -> Named | None:
        async with self.kept.moment() as moment:
            account = await client_accounts.active(moment.session, self.client.id)
            return client_accounts.opened(self.kept.vault, self.client, account) if account else None


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


async def registered(kept: Records, kind: ClientKind = ClientKind.INDIVIDUAL, **more: Any) -> Changing:
    person = Person(
        surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=new_iin(), phone=new_phone(),
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)), **more,
    )  # fmt: skip
    async with kept.moment() as moment:
        client = await kept.clients.register(moment.session, person, kind, "ru", "2025b")
        await kept.clients.complete(moment.session, client, "hash")
    return Changing(kept, client, person)


@pytest.fixture
async def changing(kept: Records) -> Changing:
    return await registered(kept)


async def test_with_every_proof_the_details_change_once_and_the_earlier_ones_stay_known(kept, changing) -> None:
    await changing.changed()
    assert await changing.kept_now() == Named(kind="iban", value=IBAN)
    await changing.changed(CARD)
    assert (await changing.steps.apply_account_change(changing.ref)).state == "CHANGED"  # the answer got lost
    assert await changing.kept_now() == CARD
    async with kept.moment() as moment:
        query = "select n, kind, source, until is null as active from client_account where client_id = :id order by n"
        rows = [tuple(row) for row in await run(moment.session, query, id=changing.client.id)]
        told = (await moment.session.exec(select(Message).where(col(Message.client_id) == changing.client.id))).all()
        trail = str(await audit.of_subject(moment.session, f"client:{changing.client.id}"))
        known = [value async for _, value in personal_data.values(moment.session, kept.vault)]
    assert rows == [(1, "iban", "change", False), (2, "card", "change", True)]
    texts = {kept.vault.open(changing.client.data_key, one.body, f"message:{one.id}").decode() for one in told}
    assert any("оканчиваются на 00" in text for text in texts)
    assert not any(value in f"{texts}{trail}" for value in (IBAN, CARD.value))
    assert {IBAN, CARD.value} <= set(known)  # so that doctors look for them
    await changing.steps.tell_account_change(changing.ref)
    assert list(changing.sms.sent.values()) == [(changing.person.phone, sms_account_changed("ru"))]
    assert all(len(sms_account_changed(language)) <= 70 for language in ("kk", "ru", "en"))  # one SMS


@pytest.mark.parametrize("without", ["owner", "face", "signature"])
async def test_nothing_changes_without_each_proof_in_our_own_records(changing, without) -> None:
    await changing.ask()
    await changing.proved(without=without)
    with pytest.raises(Conflict, match="details-not-proved"):
        await changing.steps.apply_account_change(changing.ref)
    assert await changing.kept_now() is None
    await getattr(changing, without)()
    assert (await changing.steps.apply_account_change(changing.ref)).state == "CHANGED"


@pytest.mark.parametrize(
    ("answer", "ground"),
    [("MISMATCH", "account-not-owned"), ("UNKNOWN", "account-owner-unknown"),
     (NotAllowed("account-closed"), "account-closed")],
)  # fmt: skip
async def test_only_the_banks_plain_yes_counts(changing, answer, ground) -> None:
    await changing.ask()
    changing.bank.result = answer
    found = await changing.owner()
    assert (found.outcome, found.ground) == ("refused", ground)
    await changing.proved(without="owner")
    with pytest.raises(Conflict, match="details-not-proved"):
        await changing.steps.apply_account_change(changing.ref)


async def test_the_yes_to_one_account_proves_nothing_of_the_next(kept, changing) -> None:
    await changing.ask()
    await changing.proved()
    ended = ChangeEnd(change_id=changing.ref.change_id, state="EXPIRED", ground="details-change-expired")
    await DetailsChanges(kept, changing.sms, None, "МҚҰ").end_change(ended)  # type: ignore[arg-type]
    second = await changing.ask(Named(kind="iban", value=OTHER))
    async with kept.moment() as moment:
        assert await desk.missing(moment, second) == ["account-owner", "face", "signature"]


async def test_of_an_organisation_the_account_is_the_organisations(kept) -> None:
    person = {"bin": "490740000400", "organisation": "ТОО «Ұлан»"}
    organisation = await registered(kept, ClientKind.LEGAL_ENTITY, **person)
    await organisation.changed()
    assert organisation.bank.asked == [("iban", "490740000400", "ТОО «Ұлан»")]


async def test_an_entrepreneur_signs_for_other_bank_details_and_a_second_wish_waits(kept, changing) -> None:
    entrepreneur = await registered(kept, ClientKind.ENTREPRENEUR)
    assert (await entrepreneur.ask()).signature_needed
    await changing.changed()
    with pytest.raises(Conflict, match="account-not-new"):
        await changing.ask()
    await changing.ask(CARD)
    with pytest.raises(Conflict, match="details-change-open"):
        await changing.ask(Named(kind="iban", value=OTHER))


async def test_the_account_of_the_first_contract_is_kept_and_none_that_was_kept_before_is_replaced(
    kept, changing
) -> None:
    async def first(named: Named) -> bool:
        async with kept.moment() as moment:
            client = await kept.clients.get(moment.session, changing.client.id)
            return await client_accounts.keep_first(moment.session, kept.vault, client, named, "b-1") is not None

    tries = [Named(kind="iban", value=IBAN), CARD, Named(kind="iban", value=OTHER)]
    assert sorted(await asyncio.gather(*map(first, tries))) == [False, False, True]
    assert await changing.kept_now() in tries
    assert not await first(CARD)


@pytest.mark.parametrize("change", ["account = 'x'", "until = null", "client_id = gen_random_uuid()", "kind = 'card'"])
async def test_what_was_kept_stays_as_it_was(database_urls, kept, changing, change) -> None:
    await changing.changed()
    await changing.changed(CARD)
    query = f"update client_account set {change} where client_id = %s and n = 1"
    with psycopg.connect(libpq_url(database_urls["owner"]), autocommit=True) as owner:
        with pytest.raises(psycopg.errors.CheckViolation, match="only the end is noted"):
            owner.execute(query, [changing.client.id])
