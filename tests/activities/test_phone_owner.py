"""Whose the client's number is, as registration finds it out: the fact that a code to it later stands on.

Rules: para 6, part 3; para 6, part 4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.client_files import ClientFiles, PasswordChosen
from activities.context import Records
from activities.ports import IdentityMatch, RegisteredPerson
from activities.state_register import ClientClaimed, StateRegister
from rules.client import ClientKind, IdentityDocument, Person
from rules.errors import NotFound
from rules.iin import birth_date
from storage import devices, reviews
from storage.tables import Client, Staff
from tests.support.api_world import new_iin, new_phone
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


class World:
    """The identity centre and the operators, as a test wants them."""

    def __init__(self, owned: bool | None = True, similarity: float = 0.95, *, known: bool = True) -> None:
        self.owned, self.similarity, self.known = owned, similarity, known
        self.person_of: Person | None = None

    async def match_face(self, iin: str, photo: bytes, media_type: str, key: str) -> IdentityMatch:
        return IdentityMatch(similarity=self.similarity, vendor="v")

    async def person(self, iin: str, consent_sha256: str) -> RegisteredPerson:
        if not self.known or self.person_of is None:
            raise NotFound("iin-not-found")
        one = self.person_of
        return RegisteredPerson(
            iin=iin, surname=one.surname, given_name=one.given_name, patronymic=None, birth_date=birth_date(iin),
            document_number=one.document.number, document_expires=one.document.expires,
        )  # fmt: skip

    async def owned_by(self, iin: str, phone: str) -> bool | None:
        return self.owned


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


async def asked(kept: Records, world: World) -> tuple[Client, Any]:
    """A registration that asks the state."""
    person = Person(
        surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=new_iin(), phone=new_phone(),
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
    )  # fmt: skip
    world.person_of = person
    async with kept.moment() as moment:
        client = await kept.clients.register(moment.session, person, ClientKind.INDIVIDUAL, "kk", "2025")
        selfie = await kept.documents.keep(
            moment.session, b"\xff\xd8\xff", kind="selfie", media_type="image/jpeg", direction="received",
            client=client, retain_until=moment.retain_until(),
        )  # fmt: skip
    register = StateRegister(kept, world, world)
    claimed = ClientClaimed(client_id=client.id, selfie_id=selfie.id)
    return client, await ActivityEnvironment().run(register.verify_with_state, claimed)


async def owner(kept: Records, client: Client) -> str | None:
    async with kept.moment() as moment:
        return await devices.owner(moment.session, client)


@pytest.mark.parametrize(
    ("world", "ground", "outcome"),
    [
        (World(True), None, "OWNED"),
        (World(None), None, "UNKNOWN"),
        (World(False), "phone-not-owned", "NOT_OWNED"),
        (World(True, similarity=0.1), "idec-face-different", "OWNED"),  # an officer looks, and has the answer
        (World(False, similarity=0.1), "idec-face-different", "NOT_OWNED"),
        (World(True, known=False), "idec-unknown-person", None),  # nobody to ask about
    ],
)
async def test_registration_notes_whose_the_number_is(
    kept: Records, world: World, ground: str | None, outcome: str | None
) -> None:
    client, result = await asked(kept, world)
    assert result.ground == ground
    assert await owner(kept, client) == outcome


@pytest.mark.parametrize(("decision", "outcome"), [("approve", "APPROVED"), (None, "NOT_OWNED")])
async def test_an_officer_who_lets_it_pass_is_noted_when_the_client_is_registered(
    kept: Records, decision: str | None, outcome: str
) -> None:
    client, _ = await asked(kept, World(False))
    async with kept.moment() as moment:
        officer = Staff(
            login=f"k{uuid4().hex[:12]}", name="K", roles=["officer"], password_hash="x", totp_secret=b"s",
            created_at=moment.at,
        )  # fmt: skip
        moment.session.add(officer)
        await moment.session.flush()
        review = await reviews.open_review(
            moment.session, kind="IDENTITY", workflow_id=f"registration/{client.id}", ground="phone-not-owned",
            client_id=client.id,
        )  # fmt: skip
        if decision:
            await reviews.claim(moment.session, review.id, officer.id)
            await reviews.decide(moment.session, review.id, officer.id, decision, "checked")
    await ActivityEnvironment().run(
        ClientFiles(kept).complete_registration, PasswordChosen(client_id=client.id, password_hash="hash")
    )
    assert await owner(kept, client) == outcome
