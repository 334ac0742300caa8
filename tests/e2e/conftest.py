"""The whole stack, and a town of borrowers before it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from activities.integrations.biometrics.mesh import FaceMesh
from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack

_SEEDS = itertools.count(7000)
NewBorrower = Callable[..., Awaitable[BorrowerApp]]


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


@pytest.fixture
def borrower(town: Town) -> NewBorrower:
    """A new person at each call."""

    async def make(**known: Any) -> BorrowerApp:
        return await town.borrower(next(_SEEDS), **known)

    return make


@pytest.fixture
def client(borrower: NewBorrower) -> NewBorrower:
    """A person who is registered and logged in."""

    async def make(**known: Any) -> BorrowerApp:
        app = await borrower(**known)
        await app.register()
        await app.log_in()
        return app

    return make
