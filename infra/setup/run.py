"""The steps of the set-up, in order; each does nothing where its result is already there."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from infra.setup import debian, servers
from infra.setup.errors import SetupFailed

Say = Callable[[str], None]
STILL_SECONDS = 15  # a long step says this often that it is still at work


def run(state: Path, *, tests: bool = False) -> int:
    """Do the whole set-up into the state folder; returns the exit code and prints a line for each step."""
    began = time.monotonic()

    def say(sentence: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {sentence}", flush=True)

    steps: list[tuple[str, Callable[[Say], None]]] = [
        ("Debian packages", lambda say: debian.ensure(say, tests=tests)),
        ("archive server", lambda say: servers.ensure(state, say)),
        ("models and photographs", lambda say: _models(state, say)),
        ("valuation of portfolios", _valuation),
    ]
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    for name, step in steps:
        try:
            with _Reminder(name, say):
                step(say)
        except SetupFailed as error:
            print(f"\nset-up stopped at: {name}\n{error}", file=sys.stderr)
            return 1
    say(f"set-up is complete in {state}")
    return 0


def _models(state: Path, say: Say) -> None:
    # Imported here: it needs the numerical packages, which take a second that other steps need not wait for.
    models = importlib.import_module("infra.setup.models")
    try:
        models.prepare(state, say)
    except models.ModelsNotReady as error:
        raise SetupFailed(str(error)) from error


def _valuation(say: Say) -> None:
    """The compiled code of portfolios, by a process of its own: the set-up knows nothing of activities."""
    command = [sys.executable, "-m", "activities.portfolio.compiled"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupFailed(f"the valuation of portfolios does not compile: {done.stderr.strip()[-800:]}")
    say("valuation of portfolios: compiled")


class _Reminder:
    """Says that a silent step is still at work."""

    def __init__(self, name: str, say: Say) -> None:
        self._name, self._say, self._done = name, say, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(STILL_SECONDS):
            self._say(f"{self._name}: still at work")
