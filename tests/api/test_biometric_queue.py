"""Steps with a face or a card come in a rush: a hundred are let in, the rest comes back and loses nothing.

The API and its database are real; documents are not archived, and the door to Temporal holds every step until all
have come.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.api_world import Borrower, StandInDoor, assert_problem, new_key, registration_body

JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 64
AT_ONCE, LET_IN, CALLS = 16, 100, 130  # the settings' own numbers


class HeldDoor(StandInDoor):
    """Lets nobody through before it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.inside, self.most = asyncio.Event(), 0, 0

    async def update(self, workflow_id: str, name: str, argument: Any, action_id: str, patience_seconds: float) -> Any:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.open.wait()
            return await super().update(workflow_id, name, argument, action_id, patience_seconds)
        finally:
            self.inside -= 1


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> StandInDoor:
    async def received(*_: Any) -> UUID:
        return uuid4()

    monkeypatch.setattr("api.papers.receive", received)
    return HeldDoor()


async def _registrant(http: httpx.AsyncClient) -> Borrower:
    device = new_key()
    headers = {"Idempotency-Key": new_key(), "X-Device-Id": device}
    answer = await http.post("/api/v1/registrations", json=registration_body(), headers=headers)
    assert answer.status_code == 201, answer.text
    return Borrower(UUID(answer.json()["registration_id"]), "", http, device, answer.json()["token"])


def _card(registrant: Borrower, key: str) -> asyncio.Task[httpx.Response]:
    files = {side: (f"{side}.jpg", JPEG, "image/jpeg") for side in ("front", "back")}
    return asyncio.create_task(
        registrant.call("POST", f"/registrations/{registrant.client_id}/document", key=key, files=files)
    )


async def test_a_hundred_cards_at_once_are_answered_and_the_rest_comes_back(
    http: httpx.AsyncClient, door: StandInDoor
) -> None:
    assert isinstance(door, HeldDoor)
    registrant, keys = await _registrant(http), [new_key() for _ in range(CALLS)]
    steps = {_card(registrant, key): key for key in keys}
    waiting, refused = set(steps), list[asyncio.Task[httpx.Response]]()
    while len(refused) < CALLS - LET_IN:
        done, waiting = await asyncio.wait(waiting, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert done, "nobody is refused"
        refused += done
    other = await registrant.call("GET", f"/registrations/{registrant.client_id}")
    assert other.status_code == 200  # what needs no model goes on meanwhile
    door.open.set()
    answers = await asyncio.gather(*waiting)
    assert (len(refused), len(answers)) == (CALLS - LET_IN, LET_IN)
    assert {answer.status_code for answer in answers} == {200}
    assert door.most == AT_ONCE
    for step in refused:
        problem = assert_problem(step.result(), 503, "biometrics-busy")
        assert 1 <= int(step.result().headers["retry-after"]) <= 60
        assert problem["title"] != "biometrics-busy"
    again = await asyncio.gather(*(_card(registrant, steps[step]) for step in refused))
    assert {answer.status_code for answer in again} == {200}  # the same keys: nothing was begun the first time
    assert len(door.done) == CALLS
