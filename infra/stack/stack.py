"""`Stack`: start, watch and stop everything under one state folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dotenv import dotenv_values

from infra.stack import postgres
from infra.stack.environment import DEFAULT_PORTS, StackFile, choose_ports, save_settings, settings, write_private
from infra.stack.errors import AlreadyRunning, StartFailed
from infra.stack.parts import OURS, PARTS, SERVERS, Parts, outside_database, outside_parts
from infra.stack.programs import configuration, programs
from infra.stack.supervision import Supervisor, kill_tree, leftovers, stop_leftovers

LIVES = 3  # a part that dies more often while we wait for it will not come up


class Stack:
    """The local stack of one state folder.

    Args:
        state: everything lives below it; made when absent.
        ports: listener -> port, for those that shall not have their usual one (see `free_ports`).
        report: told each step as a sentence.
    """

    def __init__(
        self, state: Path, *, ports: Mapping[str, int] | None = None, report: Callable[[str], None] | None = None
    ) -> None:
        self.state = state.absolute()
        self.notes: list[str] = []
        self._wanted = dict(ports or {})
        self._report = report or (lambda _: None)
        self._supervisor = Supervisor(self.state)
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self, only: Collection[str] | None = None, patience_seconds: float = 120) -> None:
        """Start the stack, or the named parts of it, and return when each is healthy.

        Raises:
            AlreadyRunning: another supervisor holds this state folder.
            StartFailed: a part did not become healthy in time; everything is stopped again.
        """
        chosen = set(PARTS if only is None else only)
        if unknown := chosen - set(PARTS):
            raise StartFailed(f"no such part: {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
        self._began = time.monotonic()
        self._make_folders()
        with self._alone():
            try:
                self._start(chosen, patience_seconds)
            except BaseException:
                self._supervisor.stop()
                raise

    def down(self) -> None:
        """Stop everything of this state folder, whoever started it; quiet when nothing runs."""
        self._supervisor.stop()

    def kill(self, name: str, *, stay_down: bool = False) -> int:
        """kill -9 of one part and its children; returns the process id that died. The supervisor restarts it.

        Args:
            stay_down: it stays dead until `revive`.
        """
        pid = self._pid(name)
        if not pid:
            raise StartFailed(f"{name} is not running")
        if stay_down:
            self._supervisor.ask("stopProcess", name, False)
        kill_tree(pid)
        while stay_down and self._pid(name):  # until it is reaped, a start would be lost
            time.sleep(0.02)
        return pid

    def revive(self, name: str) -> None:
        """Start a part that was killed to stay down; does not wait for it."""
        self._supervisor.start(name)

    def stop(self, name: str) -> None:
        """Stop one part in order; it stays down until the stack starts again."""
        self._supervisor.ask("stopProcess", name)

    def supervisor_pid(self) -> int | None:
        """The process id of the running supervisor."""
        return int(self._supervisor.ask("getPID")) if self._supervisor.alive() else None

    def status(self) -> dict[str, dict[str, Any]]:
        """Each part: state (the supervisor's word or `outside`), healthy (asked now), pid, uptime; {} when down."""
        known = self._supervisor.processes()
        if not known:
            return {}
        outside, parts = outside_parts(), self._parts()
        live = [name for name in PARTS if known[name]["pid"] or name in outside]
        with ThreadPoolExecutor(len(PARTS)) as pool:
            healthy = dict(zip(live, pool.map(parts.healthy, live), strict=True))
        return {
            name: {
                "state": "outside" if name in outside else known[name]["statename"].lower(),
                "healthy": healthy.get(name, False),
                "pid": known[name]["pid"] or None,
                "uptime_seconds": known[name]["now"] - known[name]["start"] if known[name]["pid"] else 0,
            }
            for name in PARTS
        }

    def wait_healthy(self, name: str, patience_seconds: float = 120) -> float:
        """Wait until a part answers; returns the seconds that took."""
        began = time.monotonic()
        self._wait(name, partial(self._parts().healthy, name), patience_seconds)
        return time.monotonic() - began

    def settings_env(self) -> dict[str, str]:
        """All settings of this stack as environment variables (secrets included), with NESIE_STATE.

        Real environment variables win, as they do in the stack's processes.
        """
        stored = {name: value or "" for name, value in dotenv_values(self.state / "nesie.env").items()}
        return {**{name: os.environ.get(name, value) for name, value in stored.items()}, "NESIE_STATE": str(self.state)}

    def addresses(self) -> dict[str, str]:
        """Where to look: host and port, or address to open in a browser."""
        ports = {**DEFAULT_PORTS, **StackFile.load(self.state).ports}
        api, s3 = f"http://127.0.0.1:{ports['api']}", f"http://127.0.0.1:{ports['archive']}"
        return {
            "api": f"{api}/api/v1",
            "api_docs": f"{api}/api/docs",
            "temporal_ui": f"{api}/temporal",
            "temporal": f"127.0.0.1:{ports['temporal']}",
            "archive": s3,
            "archive_console": f"{s3}/ui/",
            "counterparties": f"http://127.0.0.1:{ports['counterparties']}",
            "postgres": f"127.0.0.1:{ports['postgres']}",
        }

    def leftovers(self) -> list[int]:
        """Process ids of this stack that live now, supervisor included."""
        return [one.pid for one in leftovers(self.state)]

    def log_tail(self, name: str, lines: int = 12) -> str:
        """The last lines of a part's log."""
        file = self.state / "logs" / f"{name}.log"
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) if file.exists() else "(no log)"

    def _make_folders(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        # Root's PostgreSQL runs as another user and has to pass through; what is inside stays private.
        self.state.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in ("run", "logs", "temporal", "counterparties", "archive"):
            (self.state / name).mkdir(exist_ok=True)
            (self.state / name).chmod(0o700)
        for name in ("accounts", "versions", "objects"):
            (self.state / "archive" / name).mkdir(exist_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One start at a time, and none while a supervisor answers."""
        with (self.state / "run/starting.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(f"the stack in {self.state} is being started by another command") from None
            if self._supervisor.alive():
                raise AlreadyRunning(f"the stack in {self.state} is already running (nesie status, nesie down)")
            yield

    def _start(self, chosen: set[str], patience: float) -> None:
        outside = outside_parts() & chosen
        if "archive" in chosen - outside and not (self.state / "bin/versitygw").exists():
            raise StartFailed(f"the archive server is not in {self.state}/bin: run make setup")
        if ended := stop_leftovers(self.state):
            self._tell(f"ended what an earlier run had left: {ended} processes")
        self._write_files()
        self._supervisor.launch()
        parts = self._parts()
        for name in sorted(outside):
            self._tell(f"{name} is the one that the environment names")
        jobs: dict[str, Callable[[], None]] = {
            name: partial(parts.prepare_outside, name)
            if name in outside
            else partial(self._bring_up, parts, name, patience)
            for name in PARTS
        }
        _all_at_once([jobs[name] for name in SERVERS if name in chosen])
        _all_at_once([jobs[name] for name in OURS if name in chosen])

    def _write_files(self) -> None:
        stack = StackFile.load(self.state)
        stack.ports, self.notes = choose_ports({**DEFAULT_PORTS, **stack.ports, **self._wanted})
        for note in self.notes:
            self._tell(note)
        stack.save(self.state)
        owner = postgres.owner_url(stack.ports["postgres"], stack.secrets["owner_password"])
        save_settings(self.state, settings(self.state, stack, outside_database() or owner))
        write_private(self.state / "run/supervisord.conf", configuration(self.state, programs(self.state, stack)))

    def _bring_up(self, parts: Parts, name: str, patience: float) -> None:
        parts.before(name)
        self._supervisor.start(name)
        self._wait(name, partial(parts.up, name), patience)
        parts.prepare(name)
        self._tell(f"{name} is ready")

    def _wait(self, name: str, healthy: Callable[[], bool], patience: float) -> None:
        end, seen = time.monotonic() + patience, set[int]()
        while not healthy():
            seen |= {self._pid(name)} - {0}
            hopeless = len(seen) > LIVES or not self._supervisor.alive()
            if hopeless or time.monotonic() > end:
                why = f"ended {len(seen)} times" if hopeless else f"did not become ready in {patience:.0f} s"
                raise StartFailed(f"{name} {why}; its log ends:\n{self.log_tail(name)}")
            time.sleep(0.1)

    def _parts(self) -> Parts:
        return Parts(self.state, StackFile.load(self.state), self.settings_env(), self._pid)

    def _pid(self, name: str) -> int:
        return int(self._supervisor.processes().get(name, {}).get("pid", 0))

    def _tell(self, sentence: str) -> None:
        self._report(f"{time.monotonic() - self._began:6.1f} s  {sentence}")


def _all_at_once(jobs: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(max(1, len(jobs))) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()
