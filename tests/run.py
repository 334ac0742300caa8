"""All tests in two processes, for a machine with two cores: `python tests/run.py [options of pytest]`.

Split by the servers that they start, so that none is started twice: activities and workflows in one process, everything
else in the other. What a process prints is kept and shown when both are done, the failed one last; meanwhile a line a
minute says how far they are. On one core they run one after the other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

APART = ("tests/activities", "tests/workflows")
_MINUTE = 60.0


class Part(NamedTuple):
    """One process of pytest."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def progress(self) -> str:
        """The last word of pytest's own progress, for example 45%."""
        found = [line for line in self.output.read_text(errors="replace").splitlines() if line.endswith("%]")]
        return found[-1].rpartition("[")[2].rstrip("]").strip() if found else "beginning"


def started(name: str, words: list[str], folder: Path) -> Part:
    """pytest in a group of processes of its own, so that its servers end with it."""
    output = folder / f"{name}.log"
    with output.open("wb") as into:
        command = [sys.executable, "-m", "pytest", *words]
        process = subprocess.Popen(command, stdout=into, stderr=subprocess.STDOUT, start_new_session=True)
    return Part(name, process, output)


def wait(parts: list[Part]) -> None:
    """Until all are done; says a minute how far they are."""
    told = time.monotonic()
    while any(part.process.poll() is None for part in parts):
        time.sleep(0.5)
        if time.monotonic() - told >= _MINUTE:
            told = time.monotonic()
            print(", ".join(f"{part.name} {part.progress}" for part in parts), flush=True)


def end(parts: list[Part]) -> None:
    """Stop what still runs, as Ctrl-C would."""
    for part in parts:
        if part.process.poll() is None:
            os.killpg(part.process.pid, signal.SIGINT)
    for part in parts:
        part.process.wait()


def main(options: list[str]) -> int:
    """Exit code 0 where every test passed."""
    others = [word for folder in APART for word in ("--ignore", folder)]
    wanted = {"activities-and-workflows": [*options, *APART], "everything-else": [*options, *others]}
    parts: list[Part] = []

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)  # also in the background of a shell, where it and its children would not hear it
    with tempfile.TemporaryDirectory(prefix="nesie-tests-") as folder:
        try:
            for name, words in wanted.items():
                parts.append(started(name, words, Path(folder)))
                if (os.cpu_count() or 1) < len(wanted):
                    wait(parts)
            wait(parts)
        finally:
            end(parts)
        for part in sorted(parts, key=lambda part: part.process.returncode != 0):
            print(f"\n--- {part.name}\n{part.output.read_text(errors='replace')}", flush=True)
    return 1 if any(part.process.returncode for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
