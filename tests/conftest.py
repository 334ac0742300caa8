"""Real servers for the tests: each fixture starts only what it names, once a session, below a folder of its own.

Nothing is simulated here but the counterparties. Binaries, models and photographs are linked from the state folder
that `make setup` prepared (NESIE_STATE, else ./.state); ports are free ones, so a running `nesie up` is not disturbed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from dotenv import dotenv_values

from infra import settings as settings_module
from infra.stack import Stack, free_ports
from infra.stack.environment import StackFile, with_login
from tests.support.one_day import wait_out_midnight

if TYPE_CHECKING:
    from infra.settings import Archive, Settings

# an example that takes long on a busy machine is not wrong
hypothesis.settings.register_profile("patient", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("patient")
PREPARED = Path(os.environ.get("NESIE_STATE") or Path(__file__).parents[1] / ".state").absolute()


@contextmanager
def new_state() -> Iterator[Path]:
    """An empty state folder with the prepared binaries and models linked in; removed afterwards.

    It lies under /tmp itself: pytest's own folders are closed to the OS user that PostgreSQL runs as.
    """
    state = Path(tempfile.mkdtemp(prefix="nesie-test-"))
    for name in ("bin", "models", "photos"):
        if not (PREPARED / name).exists():
            pytest.fail(f"{PREPARED / name} is missing: run make setup", pytrace=False)
        (state / name).symlink_to(PREPARED / name)
    try:
        yield state
    finally:
        shutil.rmtree(state, ignore_errors=True)


@contextmanager
def started(*only: str) -> Iterator[Stack]:
    """A stack with these parts (none named: all); stopped at the end, and checked to have left no process."""
    with new_state() as state:
        stack = Stack(state, ports=free_ports())
        stack.up(only or None, patience_seconds=600)
        try:
            yield stack
        finally:
            stack.down()
            assert stack.leftovers() == []


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own NESIE_* and TEMPORAL_* variables must not reach the servers under test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("NESIE_", "TEMPORAL_")) and name != "NESIE_STATE":
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _on_one_day() -> None:
    """A test begins and ends on the same day."""
    wait_out_midnight(timedelta(minutes=1))


@pytest.fixture(scope="session")
def fresh_state() -> Callable[..., object]:
    """`with fresh_state() as state:` for a test that starts a stack itself."""
    return new_state


@pytest.fixture(scope="session")
def stack_with() -> Callable[..., object]:
    """`with stack_with("postgres", "temporal") as stack:` for a test that needs parts of its own."""
    return started


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole stack, healthy."""
    with started() as running:
        yield running


@pytest.fixture(scope="session")
def settings(stack: Stack) -> Settings:
    """What the processes of `stack` are told."""
    return settings_module.load(stack.state)


@pytest.fixture(scope="session")
def database_url(database_urls: dict[str, str]) -> str:
    """Migrated PostgreSQL alone: the URL of the application's role. See also `database_urls`."""
    return database_urls["app"]


@pytest.fixture(scope="session")
def database_urls() -> Iterator[dict[str, str]]:
    """Migrated PostgreSQL alone, for each role: `app`, `owner`, `read`, and the superuser `postgres`."""
    import psycopg

    from storage.database import libpq_url

    with started("postgres") as running:
        stored = StackFile.load(running.state)
        owner = _value(running, "NESIE_DATABASE__OWNER_URL")
        superuser = with_login(owner, "postgres", stored.secrets["postgres_password"])
        with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
            # a commit of these tests need not outlive a power cut; where parts are killed, each test has its own stack
            connection.execute("alter system set synchronous_commit = off")
            connection.execute("select pg_reload_conf()")
        yield {
            "app": _value(running, "NESIE_DATABASE__URL"),
            "owner": owner,
            "read": _value(running, "NESIE_DATABASE__READ_URL"),
            "postgres": superuser,
        }


@pytest.fixture(scope="session")
def archive_settings() -> Iterator[Archive]:
    """The archive server alone, with its application account and bucket."""
    from infra.settings import Archive

    with started("archive") as running:
        names = ("endpoint", "access_key", "secret_key", "bucket")
        yield Archive(**{name: _value(running, f"NESIE_ARCHIVE__{name.upper()}") for name in names})


@pytest.fixture(scope="session")
def counterparties() -> Iterator[tuple[str, str]]:
    """The counterparties alone: base URL and token."""
    with started("counterparties") as running:
        yield running.addresses()["counterparties"], _value(running, "NESIE_PARTIES__BANK__TOKEN")


@pytest.fixture(scope="session")
def temporal_address() -> Iterator[str]:
    """Temporal alone: host:port; the namespace is `nesie`."""
    with started("temporal") as running:
        yield running.addresses()["temporal"]


def _value(running: Stack, name: str) -> str:
    return dotenv_values(running.state / "nesie.env")[name] or ""
