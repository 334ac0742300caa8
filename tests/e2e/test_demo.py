"""The demonstration as a new user runs it: one loan from the phone to the money, then through the law's clocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings import state_folder

PREPARED = ("bin", "models", "photos")


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder of its own, open to the OS user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="nesie-test-", dir="/tmp") as folder:
        for name in PREPARED:
            (Path(folder) / name).symlink_to(state_folder() / name)
        yield Path(folder)


def test_the_demonstration_holds_every_invariant_and_leaves_nothing_running(state: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "demo", "--fraud", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
        env={**os.environ, "NESIE_STATE": str(state)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ok"]
    assert len(told["invariants"]) >= 15
    assert [name for name, held in told["invariants"].items() if not held] == []
    assert told["fraud"]["bureau"] == ["NEW", "SUSPEND_REPORTING", "RESUME", "CORRECTION"]
    assert told["fraud"]["owed"]["after"] == "0.00"
    assert {"decision", "written-off", "bureau", "returned", "notice", "certificate"} <= set(
        told["fraud"]["write_off"]["duties"]
    )
    left = subprocess.run(
        [sys.executable, "-m", "cli.main", "down"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "NESIE_STATE": str(state)},
    )
    assert "nothing runs" in left.stdout + left.stderr
