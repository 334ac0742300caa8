"""The whole stack, and a town of borrowers before it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from activities.integrations.biometrics.mesh import FaceMesh
from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from tests.support.one_day import wait_out_midnight

_SEEDS = itertools.count(7000)
NewBorrower = Callable[..., Awaitable[BorrowerApp]]


@pytest.fixture(scope="module", autouse=True)
def _module_on_one_day() -> None:
    """The tests of a module speak of one day, in loans and books that they share."""
    wait_out_midnight(timedelta(minutes=15))


@pytest.fixture(scope="session")
async def town(stack: Stack, settings: Settings) -> AsyncIterator[Town]:
    """Borrowers of this stack."""
    addresses = stack.addresses()
    town = Town(
        addresses["api"],
        addresses["counterparties"],
        settings.parties.sms.token.get_secret_value(),
        stack.state / "photos",
        FaceMesh(settings.models).of_photo,
    )
    yield town
    await town.close()


async def _new(town: Town, **known: Any) -> BorrowerApp:
    return await town.borrower(next(_SEEDS), **known)


async def _new_client(town: Town, **known: Any) -> BorrowerApp:
    app = await _new(town, **known)
    await app.register()
    await app.log_in()
    return app


@pytest.fixture
async def borrower(town: Town) -> AsyncIterator[NewBorrower]:
    """A new person at each call. Whoever is put on a list leaves it with the test: namesakes would be doubted."""
    listed: list[str] = []

    async def make(**known: Any) -> BorrowerApp:
        app = await _new(town, **known)
        if known.get("listing"):
            listed.append(app.persona.iin)
        return app

    yield make
    for iin in listed:
        (await town.world.patch(f"/_control/personas/{iin}", json={"listing": None})).raise_for_status()


@pytest.fixture
def client(borrower: NewBorrower) -> NewBorrower:
    """A person who is registered and logged in."""

    async def make(**known: Any) -> BorrowerApp:
        app = await borrower(**known)
        await app.register()
        await app.log_in()
        return app

    return make


@pytest.fixture(scope="module")
async def regular(town: Town) -> BorrowerApp:
    """One registered client for a whole module: small loans, one after the other."""
    return await _new_client(town)
