"""Processor time of the stack's processes."""

from __future__ import annotations

import contextlib

import psutil

from infra.stack import Stack


class Processes:
    """Sums user and system time of each part, its children included."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def cpu(self) -> dict[str, float]:
        """Seconds so far, by part, and of this process (the borrowers' phones) as `client`."""
        seconds = {}
        for name, state in self._stack.status().items():
            if state["pid"]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    seconds[name] = _of(psutil.Process(state["pid"]))
        seconds["client"] = sum(psutil.Process().cpu_times()[:2])
        return seconds

    def spent(self, before: dict[str, float], loans: int) -> dict[str, float]:
        """Seconds a loan since `before`; a part that was killed meanwhile counts from its restart."""
        after = self.cpu()
        return {
            name: round(max(seconds - before.get(name, 0.0), 0.0) / loans, 4)
            if seconds >= before.get(name, 0.0)
            else round(seconds / loans, 4)
            for name, seconds in after.items()
        }


def _of(process: psutil.Process) -> float:
    """With children dead and alive: PostgreSQL's backends come and go."""
    times = process.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            own = child.cpu_times()
            total += own.user + own.system
    return float(total)
