"""Makes tests/support importable: a dependency installs a package named `tests`, which hides our folder."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

if TYPE_CHECKING:
    from our_adapters import Adapters
    from outside_world import Outside
    from payout_world import PayoutWorld

    from storage.database import Database


@pytest.fixture(autouse=True)
def _a_day_that_does_not_end() -> None:
    """What a test and the code under test call today is one day."""
    from one_day import wait_out_midnight

    wait_out_midnight(timedelta(minutes=1))


@pytest.fixture(scope="session")
def running_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """The counterparties in a thread of this process."""
    from outside_world import outside

    with outside(tmp_path_factory.mktemp("outside")) as running:
        yield running


@pytest.fixture
def world(running_world: Outside) -> Outside:
    """The counterparties with one person whom every service knows and a bank that settles at once."""
    from our_adapters import WHO

    running_world.control.post("/_control/reset").raise_for_status()
    running_world.bank(settle_ms=20)
    running_world.plant(WHO)
    return running_world


@pytest.fixture
async def adapters(world: Outside) -> AsyncIterator[Adapters]:
    """One adapter of each kind."""
    from our_adapters import Adapters

    one = Adapters(world.url)
    yield one
    await one.client.aclose()


@pytest.fixture
async def hasty(world: Outside) -> AsyncIterator[Adapters]:
    """The same with little patience, for services that hang."""
    from our_adapters import Adapters

    one = Adapters(world.url, patience=0.3)
    yield one
    await one.client.aclose()


@pytest.fixture(scope="session")
async def payments_database(database_url: str) -> AsyncIterator[Database]:
    """Connections that the tests of outgoing payments share."""
    from storage.database import Database

    opened = Database(database_url, pool_size=10)
    yield opened
    await opened.close()


@pytest.fixture
def bank(payments_database: Database, world: Outside) -> Callable[..., PayoutWorld]:
    """Makes the world of outgoing payments under one profile of the bank: `bank("lookup_only")`."""
    from payout_world import PayoutWorld

    return lambda name="keyed", **more: PayoutWorld(payments_database, world, name, **more)
