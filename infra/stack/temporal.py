"""Temporal's namespace and search attributes, by its own command line (it reads TEMPORAL_* for any cluster)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from infra.stack.errors import StartFailed

RETENTION = "2160h"  # 90 days: closed cases stay visible to staff, and ids stay taken, that long
SEARCH_ATTRIBUTES = {
    "CaseKind": "Keyword",
    "Stage": "Keyword",
    "Deadline": "Datetime",
    "DeadlineRule": "Keyword",
    "NeedsPerson": "Bool",
    "Edition": "Keyword",
}
QUEUES = {"worker": "origination", "biometrics": "biometrics"}


def outside_cluster() -> bool:
    """Whether the environment names a cluster (TEMPORAL_ADDRESS, or a profile of temporal.toml)."""
    return any(os.environ.get(name) for name in ("TEMPORAL_ADDRESS", "TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE"))


class TemporalAdmin:
    """Administration of one namespace. address None: the cluster of the environment."""

    def __init__(self, address: str | None, namespace: str) -> None:
        self.namespace = namespace
        self._where = ["--namespace", namespace, *(["--address", address] if address else [])]

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("temporal")), *words, *self._where, "--command-timeout", "5s"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def answers(self) -> bool:
        """Whether the namespace can be described."""
        return self._run("operator", "namespace", "describe", "-o", "json").returncode == 0

    def prepare(self) -> None:
        """Retention and search attributes, as often as wanted."""
        done = self._run("operator", "namespace", "update", "--retention", RETENTION)
        if done.returncode:
            raise StartFailed(f"Temporal's namespace could not be set up: {done.stderr.strip()[-300:]}")
        known = self._run("operator", "search-attribute", "list", "-o", "json").stdout
        missing = [name for name in SEARCH_ATTRIBUTES if f'"{name}"' not in known]
        if not missing:
            return
        words = [word for name in missing for word in ("--name", name, "--type", SEARCH_ATTRIBUTES[name])]
        done = self._run("operator", "search-attribute", "create", *words)
        if done.returncode and "already" not in done.stderr:
            raise StartFailed(f"Temporal's search attributes could not be made: {done.stderr.strip()[-300:]}")

    def has_poller(self, queue: str, pid: int) -> bool:
        """Whether the worker of this process id asks the queue for work (pollers are remembered after they died)."""
        done = self._run("task-queue", "describe", "--task-queue", queue, "-o", "json")
        try:
            pollers = json.loads(done.stdout).get("pollers") or []
        except ValueError:
            return False
        return any(str(one.get("identity", "")).startswith(f"{pid}@") for one in pollers)
