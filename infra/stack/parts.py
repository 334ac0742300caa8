"""One part each: how it is prepared, and how to ask whether it is healthy."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.stack import postgres
from infra.stack.archive import ArchiveAdmin
from infra.stack.environment import StackFile
from infra.stack.errors import StartFailed
from infra.stack.programs import ROOT, programs
from infra.stack.temporal import QUEUES, TemporalAdmin, outside_cluster

SERVERS = ("postgres", "temporal", "archive", "counterparties")
OURS = ("worker", "biometrics", "api")
PARTS = (*SERVERS, *OURS)


class Parts:
    """The parts of one started stack.

    Args:
        settings: the contents of its `nesie.env`.
        pid_of: the process id of a part now, 0 when it does not run.
    """

    def __init__(
        self, state: Path, stack: StackFile, settings: Mapping[str, str], pid_of: Callable[[str], int]
    ) -> None:
        self.state = state
        self._pid_of = pid_of
        self.ports, self.secrets = stack.ports, stack.secrets
        self.settings = settings
        self._outside = programs(state, stack)["counterparties"].environment
        self.temporal = temporal_admin(stack.ports)
        root = stack.secrets["archive_root_access"], stack.secrets["archive_root_secret"]
        account = settings["NESIE_ARCHIVE__ACCESS_KEY"], settings["NESIE_ARCHIVE__SECRET_KEY"]
        endpoint, bucket = settings["NESIE_ARCHIVE__ENDPOINT"], settings["NESIE_ARCHIVE__BUCKET"]
        secure = settings["NESIE_ARCHIVE__SECURE"] == "true"
        self.archive = ArchiveAdmin(state / "bin/versitygw", endpoint, root, account, bucket, secure)
        place = f"127.0.0.1:{stack.ports['postgres']}/postgres"
        self._superuser = f"postgresql://postgres:{stack.secrets['postgres_password']}@{place}"

    def up(self, name: str) -> bool:
        """Whether the server itself answers; it may not be prepared yet."""
        if name == "postgres":
            return postgres.answers(self._superuser)
        return self.archive.alive() if name == "archive" else self.healthy(name)

    def healthy(self, name: str) -> bool:
        """Whether the part does its work, asked by doing a little of it."""
        if name == "postgres":
            return postgres.answers(self.settings["NESIE_DATABASE__OWNER_URL"])
        if name == "temporal":
            return self.temporal.answers()
        if name == "archive":
            return self.archive.answers()
        if name in QUEUES:
            return self.temporal.has_poller(QUEUES[name], self._pid_of(name))
        page = "ready" if name == "api" else "health"  # ready: its database and Temporal answer too
        return says_ok(f"http://127.0.0.1:{self.ports[name]}/{page}")

    def before(self, name: str) -> None:
        """What must exist before the server can start."""
        if name == "postgres":
            postgres.make_cluster(self.state / "postgres", self.secrets["postgres_password"])

    def prepare(self, name: str) -> None:
        """What others need of a running server; each step may be repeated."""
        if name == "postgres":
            postgres.make_database(self._superuser, self.secrets["owner_password"])
            postgres.migrate(self.settings)
        elif name == "temporal":
            self.temporal.prepare()
        elif name == "archive":
            self.archive.prepare()
        elif name == "counterparties":
            self._issue_seal()

    def prepare_outside(self, name: str) -> None:
        """The same for a server that the environment names and that is not ours to start."""
        if name == "postgres":
            postgres.migrate(self.settings)
        elif name == "temporal":
            self.temporal.prepare()
        elif name == "archive":
            self.archive.make_bucket()

    def _issue_seal(self) -> None:
        """The lender's signing key and the list of trusted authorities, from the counterparty's CA; kept while good."""
        folder = self.state / "pki"
        command = [sys.executable, "-m", "infra.counterparties.pki.issue_lender", str(folder)]
        environment = {**os.environ, **self._outside}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StartFailed(f"the lender's certificate was not issued: {done.stderr.strip()[-400:]}")


def outside_database() -> str | None:
    """The owner's URL of a PostgreSQL >= 15 that is not ours to start."""
    return os.environ.get("NESIE_DATABASE_URL")


def outside_parts() -> set[str]:
    """The servers that the environment names (S3 by NESIE_ARCHIVE__ENDPOINT): used, never started."""
    named = {
        "postgres": outside_database(),
        "archive": os.environ.get("NESIE_ARCHIVE__ENDPOINT"),
        "temporal": outside_cluster(),
    }
    return {name for name, value in named.items() if value}


def temporal_admin(ports: Mapping[str, int]) -> TemporalAdmin:
    """Temporal of this stack, or the cluster that the environment names."""
    if outside_cluster():
        return TemporalAdmin(None, os.environ.get("TEMPORAL_NAMESPACE", "nesie"))
    return TemporalAdmin(f"127.0.0.1:{ports['temporal']}", "nesie")


def says_ok(url: str) -> bool:
    """Whether a GET of one of our own http addresses is answered 200 within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # nosec B310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
