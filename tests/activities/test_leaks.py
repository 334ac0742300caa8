"""The response to a leak on a real database: told once, logged out, no new loan, confirmed by each measure alone.

Simulated: the SMS gateway and the operators' base.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from activities import leaks
from activities.context import Records
from activities.leaks import FaceSeen, LeakRef, Leaks
from rules.errors import Conflict, InvalidInput, NotAllowed, NotFound
from rules.leaks import Measure
from storage import audit, sessions
from storage.database import run
from storage.tables import Session, Staff
from tests.support.servicing_world import Borrowed, Gateway, borrowed, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


class Operators:
    """The base's word."""

    def __init__(self, owned: bool | None = True) -> None:
        self.owned = owned

    async def owned_by(self, iin: str, phone: str) -> bool | None:
        return self.owned


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture
async def client(kept: Records) -> Borrowed:
    return await borrowed(kept)


@pytest.fixture
async def people(kept: Records) -> tuple[UUID, UUID]:
    made = []
    async with kept.moment() as moment:
        for _ in range(2):
            one = Staff(
                login=f"k{uuid4().hex[:12]}", name="K", roles=["compliance"], password_hash="x", totp_secret=b"s",
                created_at=moment.at,
            )  # fmt: skip
            moment.session.add(one)
            made.append(one.id)
    return made[0], made[1]


async def entered(kept: Records, client: Borrowed, by: UUID) -> LeakRef:
    leak_id = uuid4()
    async with kept.moment() as moment:
        known_at = moment.at - timedelta(hours=1)
        await leaks.enter(kept, moment, client.client, leak_id, "police", "seen on a market", known_at, by)
    return LeakRef(leak_id=leak_id)


async def noted(
    kept: Records, ref: LeakRef, measure: Measure, by: UUID | None = None, *, is_client: bool = True
) -> None:
    async with kept.moment() as moment:
        row = await leaks.locked(moment, ref.leak_id)
        await leaks.note(moment, row, measure, is_client, {}, by)


async def test_the_client_is_told_once_and_every_log_in_ends(kept, client, people) -> None:
    async with kept.moment() as moment:
        token = await sessions.open(moment.session, "client", client_id=client.client.id)
    ref, sms = await entered(kept, client, people[0]), Gateway()
    case = Leaks(kept, sms, Operators())
    for _ in range(2):
        await case.tell_leak(ref)
    async with kept.moment() as moment:
        query = select(Session).where(col(Session.token_hash) == sessions.token_hash(token))
        assert (await moment.session.exec(query)).one().ended_at is not None
        row = await leaks.locked(moment, ref.leak_id)
        story = kept.vault.open(client.client.data_key, row.story, f"leak:{row.id}")
    assert story == b"seen on a market"
    assert len([text for text in await client.messages() if "микрокредиты" in text]) == 1


async def test_only_all_three_measures_confirm_the_client(kept, client, people) -> None:
    ref = await entered(kept, client, people[0])
    case = Leaks(kept, Gateway(), Operators())
    await case.check_phone_owner(ref)
    assert (await case.look_at_leak(ref)).state == "OPEN"
    with pytest.raises(DBAPIError, match="not every measure"):
        async with kept.moment() as moment:
            await run(
                moment.session, "update leak set state = 'CONFIRMED', ended_at = now() where id = :id", id=ref.leak_id
            )
    await case.note_face(FaceSeen(leak_id=ref.leak_id, is_client=False, challenge_id=uuid4()))
    await noted(kept, ref, Measure.CALL, people[0])
    assert (await case.look_at_leak(ref)).failed == [Measure.BIOMETRICS]
    await case.note_face(FaceSeen(leak_id=ref.leak_id, is_client=True, challenge_id=uuid4()))
    async with kept.moment() as moment:
        assert await leaks.standing(moment, client.client.id) is not None
    assert (await case.look_at_leak(ref)).state == "CONFIRMED"
    async with kept.moment() as moment:
        assert await leaks.standing(moment, client.client.id) is None
        trail = [one["action"] for one in await audit.of_subject(moment.session, f"client:{client.client.id}")]
    assert trail.count("leak-measure") == 4
    assert trail[-1] == "leak-confirmed"


async def test_a_base_that_does_not_know_leaves_the_number_to_people(kept, client, people) -> None:
    ref = await entered(kept, client, people[0])
    seen = await Leaks(kept, Gateway(), Operators(owned=None)).check_phone_owner(ref)
    assert Measure.PHONE_OWNER in seen.open
    seen = await Leaks(kept, Gateway(), Operators(owned=False)).check_phone_owner(ref)
    assert seen.failed == [Measure.PHONE_OWNER]


async def test_two_people_block_and_a_blocked_client_stays_so(kept, client, people) -> None:
    ref = await entered(kept, client, people[0])
    async with kept.moment() as moment:
        assert (await leaks.block(moment, ref.leak_id, people[0])).state == "OPEN"
    with pytest.raises(NotAllowed, match="second-person-needed"):
        async with kept.moment() as moment:
            await leaks.block(moment, ref.leak_id, people[0])
    async with kept.moment() as moment:
        assert (await leaks.block(moment, ref.leak_id, people[1])).state == "BLOCKED"
    async with kept.moment() as moment:
        found = await leaks.standing(moment, client.client.id)
        assert found is not None
        assert found.state == "BLOCKED"
    with pytest.raises(Conflict, match="leak-open"):
        await entered(kept, client, people[0])


async def test_a_leak_is_entered_once_and_never_from_the_future(kept, client, people) -> None:
    ref = await entered(kept, client, people[0])
    async with kept.moment() as moment:
        again = await leaks.enter(kept, moment, client.client, ref.leak_id, "police", "x", moment.at, people[0])
        assert again.n == 1
    with pytest.raises(Conflict, match="leak-open"):
        await entered(kept, client, people[1])
    other = await borrowed(kept)
    async with kept.moment() as moment:
        later = moment.at + timedelta(days=1)
        with pytest.raises(InvalidInput, match="instant-in-the-future"):
            await leaks.enter(kept, moment, other.client, uuid4(), "police", "x", later, people[0])
    with pytest.raises(NotFound, match="leak-unknown"):
        async with kept.moment() as moment:
            await leaks.locked(moment, uuid4())


async def test_one_person_cannot_block_in_the_database_either(kept, client, people) -> None:
    ref = await entered(kept, client, people[0])
    with pytest.raises(DBAPIError, match="leak_two_people_check"):
        async with kept.moment() as moment:
            await run(
                moment.session,
                "update leak set state = 'BLOCKED', ended_at = now(), block_proposed_by = :who,"
                " block_confirmed_by = :who where id = :id",
                who=people[0],
                id=ref.leak_id,
            )
