"""Every part of the whole stack, our own processes included, killed with SIGKILL: each comes back and works."""

from __future__ import annotations

import time

import httpx
import pytest

from infra.settings import Settings
from infra.stack import PARTS, Stack


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_comes_back_and_the_whole_is_healthy(stack: Stack, name: str) -> None:
    died = stack.kill(name)
    end = time.monotonic() + 300
    while (alive := stack.status()[name]["pid"]) in (None, died):  # the supervisor has not noticed yet, or is at it
        assert time.monotonic() < end, f"{name} did not come back: {alive}"
        time.sleep(0.1)
    for other in PARTS:
        stack.wait_healthy(other, patience_seconds=300)
    assert {part: told["healthy"] for part, told in stack.status().items()} == dict.fromkeys(PARTS, True)


async def test_the_addresses_that_are_printed_answer(stack: Stack) -> None:
    where = stack.addresses()
    async with httpx.AsyncClient(timeout=60) as client:
        for name in ("api_docs", "archive_console"):
            assert (await client.get(where[name])).status_code == 200, name


def test_every_process_is_told_the_same_settings(stack: Stack, settings: Settings) -> None:
    assert settings.public_url + "/api/v1" == stack.addresses()["api"]
    assert settings.temporal.address == stack.addresses()["temporal"]
    assert settings.seal.trusted_authorities.exists()
    assert not settings.secure_cookies, "plain http on loopback"
