"""The local stack, really started: PostgreSQL, Temporal and the archive are the real servers, killed with SIGKILL."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from dotenv import dotenv_values

from infra.stack import AlreadyRunning, Stack, StartFailed, free_ports
from infra.stack.environment import StackFile, choose_ports, is_free, with_login

SERVERS = ("postgres", "temporal", "archive")


@pytest.fixture(scope="module")
def servers(stack_with: Callable[..., object]) -> Iterator[Stack]:
    with stack_with(*SERVERS) as stack:  # type: ignore[attr-defined]
        yield stack


def _gone_within(stack: Stack, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while stack.leftovers() and time.monotonic() < end:
        time.sleep(0.05)
    return not stack.leftovers()


def test_each_started_part_is_healthy_and_the_others_are_stopped(servers: Stack) -> None:
    status = servers.status()
    assert {name for name, part in status.items() if part["healthy"]} == set(SERVERS)
    assert {part["state"] for name, part in status.items() if name not in SERVERS} == {"stopped"}


@pytest.mark.parametrize("name", SERVERS)
def test_a_killed_part_comes_back_by_itself(servers: Stack, name: str) -> None:
    servers.wait_healthy(name)
    died = servers.kill(name)
    end = time.monotonic() + 120
    while servers.status()[name]["pid"] in (None, died):  # the supervisor has not noticed yet, or is at it
        assert time.monotonic() < end
        time.sleep(0.05)
    servers.wait_healthy(name)


def test_an_acknowledged_row_outlives_a_killed_server(servers: Stack) -> None:
    servers.wait_healthy("postgres")
    url = servers.settings_env()["NESIE_DATABASE__OWNER_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists kept (n int)")
        connection.execute("insert into kept values (7)")
    servers.kill("postgres")
    servers.wait_healthy("postgres")
    with psycopg.connect(url) as connection:
        assert connection.execute("select n from kept").fetchall() == [(7,)]
        connection.execute("drop table kept")


def test_a_second_start_of_the_same_state_is_refused(servers: Stack) -> None:
    with pytest.raises(AlreadyRunning, match="already running"):
        Stack(servers.state).up(["archive"])
    assert servers.status()["archive"]["healthy"]


def test_the_owner_of_the_database_is_no_superuser(servers: Stack) -> None:
    servers.wait_healthy("postgres")
    with psycopg.connect(servers.settings_env()["NESIE_DATABASE__OWNER_URL"]) as connection:
        assert connection.execute("select usesuper from pg_user where usename = current_user").fetchone() == (False,)


def test_a_wrong_password_opens_no_database(servers: Stack) -> None:
    servers.wait_healthy("postgres")
    port = servers.addresses()["postgres"].rpartition(":")[2]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=port, user="postgres", password="guess", dbname="postgres")


@pytest.mark.parametrize("name", ["nesie.env", "stack.json", "run/supervisord.conf"])
def test_a_file_with_secrets_is_closed_to_others(servers: Stack, name: str) -> None:
    assert stat.S_IMODE((servers.state / name).stat().st_mode) == 0o600


def test_the_settings_can_be_read_by_a_shell(servers: Stack) -> None:
    script = f'set -a; . {servers.state}/nesie.env; printf %s "$NESIE_KEYS__MASTER"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == servers.settings_env()["NESIE_KEYS__MASTER"]


def test_a_killed_supervisor_leaves_no_process_and_the_next_start_works(stack_with: Callable[..., object]) -> None:
    with stack_with("postgres", "archive") as stack:  # type: ignore[attr-defined]
        before = dotenv_values(stack.state / "nesie.env")
        supervisor = stack.supervisor_pid()
        assert supervisor is not None
        os.kill(supervisor, signal.SIGKILL)
        assert _gone_within(stack, seconds=120)
        stack.up(["postgres", "archive"])
        assert stack.status()["postgres"]["healthy"]
        assert dotenv_values(stack.state / "nesie.env") == before, "keys and ports must be kept"


def test_everything_killed_at_once_starts_again(stack_with: Callable[..., object]) -> None:
    with stack_with("postgres") as stack:  # type: ignore[attr-defined]
        for pid in stack.leftovers():
            with suppress(ProcessLookupError):  # it followed its parent
                os.kill(pid, signal.SIGKILL)
        assert _gone_within(stack, seconds=120)
        stack.up(["postgres"])
        assert stack.status()["postgres"]["healthy"]


def test_the_database_runs_below_a_folder_that_is_closed_to_others(fresh_state: Callable[..., object]) -> None:
    with fresh_state() as outer:  # type: ignore[attr-defined]
        outer.chmod(0o700)
        stack = Stack(outer / "inner", ports=free_ports())
        try:
            stack.up(["postgres"])
            assert stack.status()["postgres"]["healthy"]
            stack.kill("postgres")
            stack.wait_healthy("postgres")
        finally:
            stack.down()
        assert stack.leftovers() == []


def test_a_database_named_by_the_environment_is_migrated_and_used(
    stack_with: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with stack_with("postgres") as server:  # type: ignore[attr-defined]
        owner = server.settings_env()["NESIE_DATABASE__OWNER_URL"]
        superuser = with_login(owner, "postgres", StackFile.load(server.state).secrets["postgres_password"])
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("create database elsewhere owner nesie_migrations")
        monkeypatch.setenv("NESIE_DATABASE_URL", owner.rpartition("/")[0] + "/elsewhere")
        with stack_with("postgres") as stack:  # type: ignore[attr-defined]
            status = stack.status()["postgres"]
            assert (status["state"], status["healthy"], status["pid"]) == ("outside", True, None)
            assert not (stack.state / "postgres").exists(), "no server of our own beside it"
            with psycopg.connect(stack.settings_env()["NESIE_DATABASE__URL"]) as connection:
                who = connection.execute("select current_user, current_database()").fetchone()
            assert who == ("nesie_app", "elsewhere")


def test_a_busy_port_is_replaced_and_named() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        chosen, notes = choose_ports({**free_ports(), "api": taken})
    assert chosen["api"] != taken
    assert is_free(chosen["api"])
    assert notes == [f"port {taken} is busy: api listens on {chosen['api']}"]


def test_a_missing_archive_server_is_named_before_anything_starts(tmp_path: Path) -> None:
    stack = Stack(tmp_path, ports=free_ports())
    with pytest.raises(StartFailed, match="run make setup"):
        stack.up(["archive"])
    assert stack.leftovers() == []


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no such part: printer"):
        Stack(tmp_path).up(["printer"])


def test_a_state_folder_with_too_long_a_path_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="too long for a unix socket"):
        Stack(tmp_path / ("long" * 30)).up(["temporal"])
