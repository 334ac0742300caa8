"""Our adapter against the simulated service of digital documents: one code, one look, one person.

Real: the HTTP between them. Proven besides: what breaks outside is a fault that says nothing personal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from our_adapters import IIN, WHO, says_nothing_personal
from outside_world import TOKEN, Outside

from activities.integrations.digital_documents import StateDocuments
from rules.errors import BrokenContract, Fault, NotConfirmed, Unavailable


@pytest.fixture
async def documents(world: Outside) -> AsyncIterator[StateDocuments]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield adapter(world, http, timeout_seconds=60)


def adapter(world: Outside, http: httpx.AsyncClient, timeout_seconds: float) -> StateDocuments:
    """Ours, with so much patience."""
    return StateDocuments(f"{world.url}/digital-documents", TOKEN, http, timeout_seconds=timeout_seconds)


def opened(world: Outside, iin: str = IIN) -> str:
    """The code on the person's screen."""
    answer = world.control.post("/_control/digital-documents", json={"iin": iin})
    answer.raise_for_status()
    return str(answer.json()["code"])


async def test_the_owner_shows_the_document_once(world: Outside, documents: StateDocuments) -> None:
    code = opened(world)
    shown = await documents.shown(IIN, code)
    assert (shown.iin, shown.number) == (IIN, WHO["document"]["number"])
    assert shown.expires.isoformat() == WHO["document"]["expires"]
    with pytest.raises(NotConfirmed) as refused:
        await documents.shown(IIN, code)
    assert refused.value.code == "digital-document-code"
    says_nothing_personal(refused.value)


async def test_a_guessed_or_anothers_code_opens_nothing(world: Outside, documents: StateDocuments) -> None:
    code = opened(world)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for iin, tried in ((IIN, wrong), ("910203300023", code)):
        with pytest.raises(NotConfirmed, match="digital-document-code"):
            await documents.shown(iin, tried)
    assert (await documents.shown(IIN, code)).iin == IIN  # the wrong tries did not use it up


async def test_a_code_is_old_after_three_minutes(world: Outside, documents: StateDocuments) -> None:
    code = opened(world)
    later = (datetime.now(UTC) + timedelta(minutes=3, seconds=1)).isoformat()
    world.control.post("/_control/clock", json={"now": later}).raise_for_status()
    with pytest.raises(NotConfirmed, match="digital-document-code"):
        await documents.shown(IIN, code)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"fault": "http", "params": {"status": 503}}, Unavailable),
        ({"fault": "hang_before"}, Unavailable),
        ({"fault": "bad_json"}, BrokenContract),
        ({"fault": "wrong_subject", "params": {"iin": "910203300023"}}, BrokenContract),
    ],
)
async def test_what_breaks_outside_is_a_fault(
    world: Outside, documents: StateDocuments, fault: dict[str, Any], error: type[Fault]
) -> None:
    code = opened(world)
    planted = {"service": "digital_documents", "operation": "shown", **fault}
    world.control.post("/_control/faults", json=planted).raise_for_status()
    async with httpx.AsyncClient(trust_env=False) as http:
        asks = adapter(world, http, timeout_seconds=1) if fault["fault"] == "hang_before" else documents
        with pytest.raises(error) as failed:
            await asks.shown(IIN, code)
    says_nothing_personal(failed.value)
