"""Staff destroy data whose retention has ended: two of them, and the case is started once.

Real: PostgreSQL and the archive. A stand-in: the door to Temporal, which records what came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from activities.context import Records
from activities.disposals import DisposalRef, Disposals
from rules.lender import EXAMPLE
from storage import audit
from storage.clock import now
from tests.support.api_world import ORIGIN, Borrower, Colleague, StandInDoor, assert_problem

HERE = {"Origin": ORIGIN}


class Signer:
    """A signature that is only a mark."""

    async def sign(self, content: bytes) -> bytes:
        return b"signed"


@pytest.fixture
async def people(new_colleague: Callable[..., Any]) -> tuple[Colleague, Colleague]:
    made = (await new_colleague("officer"), await new_colleague("compliance"))
    for one in made:
        assert (await one.log_in()).status_code == 201
    return made


@pytest.fixture
async def over(records: Records, borrower: Borrower) -> UUID:
    """A client with one document whose retention is over in a moment."""
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, borrower.client_id)
        document = await records.documents.keep(
            moment.session, b"words", kind="contract", media_type="text/plain", direction="sent", client=client,
            retain_until=moment.at + timedelta(seconds=3),
        )  # fmt: skip
    for _ in range(600):
        async with records.database.begin() as session:
            if await now(session) > document.retain_until:
                return borrower.client_id
        await asyncio.sleep(0.1)
    raise AssertionError("the retention never ends")


async def post(member: Colleague, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return await member.http.post(f"/staff/api/{path}", json=body, headers=HERE)


async def get(member: Colleague, path: str) -> Any:
    answer = await member.http.get(f"/staff/api/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def body(client_id: UUID) -> dict[str, Any]:
    return {"client_id": str(client_id), "reason": "term-over"}


async def test_two_people_have_the_data_destroyed_and_the_certificate_is_shown(
    people: tuple[Colleague, Colleague], over: UUID, door: StandInDoor, records: Records, borrower: Borrower
) -> None:
    first, second = people
    assert str(over) in {one["client_id"] for one in await get(first, "disposals/due")}
    made = await post(first, "disposals", body(over))
    assert made.status_code == 201, made.text
    disposal = made.json()["disposal_id"]
    assert_problem(await post(second, "disposals", body(over)), 409, "disposal-open")
    assert_problem(await post(first, f"disposals/{disposal}/confirm"), 403, "second-person-needed")
    assert door.started == {}
    assert (await post(second, f"disposals/{disposal}/confirm")).json()["state"] == "CONFIRMED"
    name, start = door.started[f"disposal/{over}"]
    assert (name, str(start.disposal_id)) == ("Disposal", disposal)
    assert_problem(await first.http.get(f"/staff/api/disposals/{disposal}/certificate"), 404, "certificate-not-ready")
    destroying, ref = Disposals(records, Signer(), EXAMPLE), DisposalRef(disposal_id=UUID(disposal))
    await destroying.destroy_data(ref)
    await destroying.remove_objects(ref)
    await destroying.certify_disposal(ref)
    shown = await get(first, f"disposals/{disposal}/certificate")
    assert str(over) in shown["content"]
    assert borrower.phone not in shown["content"]
    assert shown["cms"]
    async with records.database.begin() as session:
        trail = [one["action"] for one in await audit.of_subject(session, f"client:{over}")]
    assert trail[-4:] == ["disposal-proposed", "disposal-confirmed", "data-destroyed", "disposal-certified"]
    assert_problem(await borrower.call("GET", "/documents"), 401, "session-expired")
    assert_problem(await borrower.log_in(), 401, "log-in-wrong")


async def test_what_must_stay_is_refused_with_its_reason(
    people: tuple[Colleague, Colleague], over: UUID, records: Records
) -> None:
    held = await post(people[0], "legal-holds", body(over) | {"reason": "dispute"})
    assert held.status_code == 201
    assert_problem(await post(people[0], "disposals", body(over)), 409, "disposal-hold")
    hold = held.json()["hold_id"]
    assert hold in {one["hold_id"] for one in await get(people[1], "legal-holds")}
    assert_problem(await post(people[0], f"legal-holds/{hold}/lift"), 403, "second-person-needed")
    assert (await post(people[1], f"legal-holds/{hold}/lift")).status_code == 200
    assert_problem(await post(people[1], f"legal-holds/{hold}/lift"), 409, "hold-lifted")
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, over)
        await records.documents.keep(
            moment.session, b"x", kind="contract", media_type="text/plain", direction="sent", client=client,
            retain_until=moment.retain_until(),
        )  # fmt: skip
    assert_problem(await post(people[0], "disposals", body(over)), 409, "disposal-too-early")
    assert str(over) not in {one["client_id"] for one in await get(people[0], "disposals/due")}


async def test_a_proposal_may_be_refused(people: tuple[Colleague, Colleague], over: UUID, door: StandInDoor) -> None:
    disposal = (await post(people[0], "disposals", body(over))).json()["disposal_id"]
    assert (await post(people[1], f"disposals/{disposal}/refuse")).json()["state"] == "REFUSED"
    assert_problem(await post(people[1], f"disposals/{disposal}/confirm"), 409, "disposal-decided")
    assert disposal in {one["disposal_id"] for one in await get(people[0], "disposals")}
    assert door.started == {}


async def test_nobody_unknown(people: tuple[Colleague, Colleague]) -> None:
    assert_problem(await post(people[0], "disposals", body(uuid4())), 404, "client-unknown")
    assert_problem(await post(people[0], "legal-holds", body(uuid4())), 404, "client-unknown")
    assert_problem(await post(people[0], f"disposals/{uuid4()}/confirm"), 404, "disposal-unknown")
    assert_problem(await post(people[0], f"legal-holds/{uuid4()}/lift"), 404, "hold-unknown")
