"""supervisord, which starts, restarts and reaps the parts: how we start it, ask it, and clean up after a killed one.

It is asked by XML-RPC over a unix socket in a private folder: nobody but it can answer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import xmlrpc.client  # nosec B411
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from infra.stack.errors import StartFailed
from infra.stack.programs import MEMBER, socket_file


class Supervisor:
    """The supervisor of one state folder, asked over its unix socket; a new connection each time (thread-safe)."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call `supervisor.<method>`.

        Raises:
            OSError: no supervisor listens.
            xmlrpc.client.Fault: it refused.
        """
        transport = SupervisorTransport(None, None, f"unix://{socket_file(self.state)}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()

    def alive(self) -> bool:
        """Whether a supervisor answers for this state folder."""
        try:
            self.ask("getState")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def processes(self) -> dict[str, dict[str, Any]]:
        """What the supervisor knows of each part: statename, pid, start, now, exitstatus; {} when it is down."""
        try:
            return {one["name"]: one for one in self.ask("getAllProcessInfo")}
        except (OSError, xmlrpc.client.Error):
            return {}

    def launch(self) -> None:
        """Start supervisord as our child, in a session of its own so that Ctrl-C reaches only us.

        From the main thread it is also told to stop everything in order when we are killed. (The kernel means the
        death of the starting thread, so a helper thread must not ask for that.)
        """
        bound = threading.current_thread() is threading.main_thread()
        tie = ["setpriv", "--pdeathsig", "TERM", "--"] if bound else []
        command = [
            *tie,
            sys.executable,
            "-m",
            "supervisor.supervisord",
            "-n",
            "-c",
            str(self.state / "run/supervisord.conf"),
        ]
        out = (self.state / "logs/supervisor.out").open("wb")
        with out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        end = time.monotonic() + 20
        while not self.alive():
            if self.process.poll() is not None or time.monotonic() > end:
                told = (self.state / "logs/supervisor.out").read_text()[-500:]
                raise StartFailed(f"the process manager did not start: {told}")
            time.sleep(0.05)

    def start(self, name: str) -> None:
        """Ask for a part to run; does not wait for it."""
        try:
            self.ask("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise StartFailed(f"{name} cannot be started: {fault.faultString}") from fault

    def stop(self, patience_seconds: float = 90) -> None:
        """Stop the parts in order, then the supervisor; what does not listen is killed."""
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            self.ask("shutdown")
        end = time.monotonic() + patience_seconds
        while self.alive() and time.monotonic() < end:
            time.sleep(0.1)
        if self.process is not None:
            try:
                self.process.wait(max(1.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        stop_leftovers(self.state)


def kill_tree(pid: int) -> None:
    """kill -9 of a process and of everything below it."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def _belongs(process: psutil.Process, state: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.name() == "postgres":  # it overwrites its environment
            return bool(process.cwd() == str(state / "postgres"))
        if str(state / "run/supervisord.conf") in process.cmdline():
            return True
        return bool(process.environ().get(MEMBER) == str(state))
    except (psutil.Error, OSError):
        return False


def leftovers(state: Path) -> list[psutil.Process]:
    """Processes of this state folder's stack that live now, whoever their parent is."""
    return [one for one in psutil.process_iter() if one.pid != os.getpid() and _belongs(one, state)]


def stop_leftovers(state: Path) -> int:
    """End what an earlier run left behind; returns how many. PostgreSQL may close its files first."""
    found = leftovers(state)
    for one in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGINT if one.name() == "postgres" else signal.SIGKILL)
    _, stubborn = psutil.wait_procs(found, timeout=15)
    for one in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(stubborn, timeout=5)
    return len(found)
