"""Notices of resources on a real database and a real archive: two people, the regulator's receipt, the term, the gate.

Simulated: the lender's signature and the regulator's inbox. Proven: nothing is sent that one person wanted alone; a
resource opens with its notice and not before, whoever writes into the database; an unknown one lends nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from activities import resource_desk
from activities.context import Records
from activities.ports import NoticeReceipt
from activities.regulator_notices import NoticeRef, RegulatorNotices
from activities.resource_notices import ResourceInForce, ResourceNotices, ResourceRef, key_of
from rules.errors import Conflict, InvalidInput, NotAllowed
from rules.resources import Kind, ResourceFacts, Service, check_lends
from storage import audit, resources
from storage.database import run
from storage.tables import Staff
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

LATER = timedelta(days=40)  # than any term with its days off


class Signer:
    async def sign(self, content: bytes) -> bytes:
        return b"signed:" + content[:8]


class Inbox:
    """Keeps what came."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []

    async def notice(self, key: str, kind: str, **said: Any) -> NoticeReceipt:
        self.got.append({"key": key, "kind": kind, **said})
        return NoticeReceipt(registration_number=f"ARDFM-{len(self.got)}", received_at=datetime.now(UTC))


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture
async def people(kept: Records) -> tuple[UUID, UUID]:
    made = []
    async with kept.moment() as moment:
        for _ in range(2):
            one = Staff(
                login=f"n{uuid4().hex[:12]}", name="N", roles=["compliance"], password_hash="x", totp_secret=b"s",
                created_at=moment.at,
            )  # fmt: skip
            moment.session.add(one)
            made.append(one.id)
    return made[0], made[1]


def a_site(**changes: Any) -> ResourceFacts:
    plain: dict[str, Any] = {
        "code": f"site-{uuid4().hex[:10]}", "kind": Kind.WEB, "name": "Second site", "place": "https://two.example",
        "services": (Service.APPLICATION, Service.CONTRACT),
    }  # fmt: skip
    return ResourceFacts.model_validate(plain | changes)


async def entered(kept: Records, facts: ResourceFacts, by: UUID, *, change: bool = False) -> UUID:
    notice_id = uuid4()
    async with kept.moment() as moment:
        await resource_desk.enter(
            kept, moment, notice_id, facts, change=change, procedures=b"%PDF-1.7 rules", media_type="application/pdf",
            staff_id=by,
        )  # fmt: skip
    return notice_id


async def decided(kept: Records, notice_id: UUID, by: UUID, *, confirmed: bool = True) -> None:
    async with kept.moment() as moment:
        await resource_desk.decide(moment, notice_id, by, confirmed=confirmed, reason="looked-through")


async def lends(kept: Records, kind: Kind, code: str | None) -> bool:
    async with kept.moment() as moment:
        opened = await resources.opened(moment.session)
    try:
        check_lends(kind, code, opened)
    except Conflict as error:
        return error.code != "resource-not-open"
    return True


async def sent(kept: Records, inbox: Inbox, notice_id: UUID) -> ResourceNotices:
    notices = RegulatorNotices(kept, inbox, Signer())
    case = ResourceNotices(kept, notices)
    await case.draw_resource_notice(ResourceRef(notice_id=notice_id))
    await notices.send_notice(NoticeRef(key=key_of(notice_id)))
    await case.note_resource_notice_sent(ResourceRef(notice_id=notice_id))
    return case


async def test_an_opening_by_two_people_with_its_enclosures_then_the_gate_lets_pass(kept, people) -> None:
    facts, inbox = a_site(), Inbox()
    notice_id = await entered(kept, facts, people[0])
    await decided(kept, notice_id, people[1])
    case = await sent(kept, inbox, notice_id)
    assert inbox.got[0]["kind"] == "RESOURCE_OPENING"
    assert inbox.got[0]["attachments"] == [b"%PDF-1.7 rules"]
    assert facts.place in inbox.got[0]["description"]
    assert not await lends(kept, Kind.WEB, facts.code)
    at = datetime.now(UTC) + LATER
    for _ in range(2):
        await case.put_resource_in_force(ResourceInForce(notice_id=notice_id, at=at))
    assert await lends(kept, Kind.WEB, facts.code)
    assert not await lends(kept, Kind.MOBILE_APPLICATION, facts.code)
    async with kept.moment() as moment:
        trail = [one["action"] for one in await audit.of_subject(moment.session, f"resource:{facts.code}")]
    assert trail == [
        "resource-notice-entered", "resource-notice-confirmed", "regulator-notice-made", "regulator-notice-sent",
        "resource-notice-sent", "resource-in-force",
    ]  # fmt: skip


async def test_a_change_waits_for_its_term_too(kept, people) -> None:
    facts, inbox = a_site(), Inbox()
    first = await entered(kept, facts, people[0])
    await decided(kept, first, people[1])
    case = await sent(kept, inbox, first)
    await case.put_resource_in_force(ResourceInForce(notice_id=first, at=datetime.now(UTC) + LATER))
    with pytest.raises(InvalidInput, match="nothing-changed"):
        await entered(kept, facts, people[0], change=True)
    moved = facts.model_copy(update={"place": "https://three.example"})
    second = await entered(kept, moved, people[0], change=True)
    await decided(kept, second, people[1])
    case = await sent(kept, inbox, second)
    assert inbox.got[1]["kind"] == "CHANGE"
    async with kept.moment() as moment:
        assert await resources.facts(moment.session, facts.code) == facts
    await case.put_resource_in_force(ResourceInForce(notice_id=second, at=datetime.now(UTC) + LATER))
    async with kept.moment() as moment:
        assert await resources.facts(moment.session, facts.code) == moved


async def test_one_person_sends_nothing_and_a_refused_notice_opens_nothing(kept, people) -> None:
    facts = a_site()
    notice_id = await entered(kept, facts, people[0])
    with pytest.raises(NotAllowed, match="second-person-needed"):
        await decided(kept, notice_id, people[0])
    case = ResourceNotices(kept, RegulatorNotices(kept, Inbox(), Signer()))
    with pytest.raises(Conflict, match="resource-notice-undecided"):
        await case.draw_resource_notice(ResourceRef(notice_id=notice_id))
    await decided(kept, notice_id, people[0], confirmed=False)
    with pytest.raises(Conflict, match="resource-notice-decided"):
        await decided(kept, notice_id, people[1])
    await entered(kept, facts, people[0])  # the code is free again


async def test_one_notice_about_a_resource_at_a_time(kept, people) -> None:
    facts = a_site()
    await entered(kept, facts, people[0])
    with pytest.raises(Conflict, match="resource-notice-open"):
        await entered(kept, facts, people[1])


async def test_known_and_unknown_resources_are_told_apart(kept, people) -> None:
    with pytest.raises(Conflict, match="resource-known"):
        await entered(kept, a_site(code="site"), people[0])
    with pytest.raises(Conflict, match="resource-unknown"):
        await entered(kept, a_site(), people[0], change=True)
    with pytest.raises(InvalidInput, match="resource-kind-fixed"):
        await entered(kept, a_site(code="site", kind=Kind.TERMINAL), people[0], change=True)


@pytest.mark.parametrize("kind", list(Kind))
async def test_what_was_told_before_the_system_came_lends(kept, kind) -> None:
    assert await lends(kept, kind, None)


async def test_the_database_opens_no_resource_without_a_notice_in_force(kept, people) -> None:
    notice_id = await entered(kept, a_site(), people[0])
    with pytest.raises(DBAPIError, match=r"opens when its notice"):
        async with kept.moment() as moment:
            await run(
                moment.session,
                "insert into resource values ('forged', 'WEB', '{}', :notice, now(), now(), null)",
                notice=notice_id,
            )
    with pytest.raises(DBAPIError, match="resource_notice_two_people"):
        async with kept.moment() as moment:
            await run(
                moment.session,
                "update resource_notice set state = 'CONFIRMED', decided_by = :who, decided_at = now() where id = :id",
                who=people[0],
                id=notice_id,
            )
