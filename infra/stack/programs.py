"""The programs of the stack, and the supervisord configuration that keeps them alive."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.stack.environment import StackFile
from infra.stack.errors import StartFailed

ROOT = Path(__file__).resolve().parents[2]
MEMBER = "NESIE_STACK_MEMBER"  # set in every child: how leftovers of a killed supervisor are recognised
SOCKET_LIMIT = 100  # bytes; the kernel takes 107 for the path of a unix socket


@dataclass(frozen=True)
class Program:
    """One supervised process. priority: started low first, stopped high first. stop_seconds: then SIGKILL.

    start_seconds: a process that ends sooner failed to start, and is tried again with growing pauses.
    """

    name: str
    command: list[str]
    priority: int
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    start_seconds: int = 1


def _uvicorn(factory: str, port: int) -> list[str]:
    # No access log: it would keep query strings; the applications log what they need themselves.
    options = [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-access-log",
        "--no-server-header",
        "--no-proxy-headers",
    ]
    return [sys.executable, "-m", "uvicorn", factory, "--factory", *options, "--timeout-graceful-shutdown", "5"]


def _temporal(state: Path, ports: Mapping[str, int]) -> list[str]:
    return [
        *[str(Path(sys.executable).with_name("temporal")), "server", "start-dev", "--ip", "127.0.0.1"],
        *["--port", str(ports["temporal"]), "--ui-port", str(ports["temporal_ui"])],
        *["--db-filename", str(state / "temporal" / "temporal.db"), "--namespace", "nesie"],
        *["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=FULL"],
        *["--ui-public-path", "/temporal", "--ui-codec-endpoint", "/codec", "--ui-disable-news-fetch"],
    ]


def _archive(state: Path, port: int) -> list[str]:
    folder = state / "archive"
    return [
        *[str(state / "bin" / "versitygw"), "--port", f"127.0.0.1:{port}", "--iam-dir", str(folder / "accounts")],
        *["--webui-s3-prefix", "/ui", "--quiet", "posix"],
        *["--versioning-dir", str(folder / "versions"), str(folder / "objects")],
    ]


def programs(state: Path, stack: StackFile) -> dict[str, Program]:
    """All parts of the stack by name, in the order in which they start."""
    ports, own, models = stack.ports, stack.secrets, str(state / "models")
    python = [sys.executable, "-m"]
    keys = {"ROOT_ACCESS_KEY": own["archive_root_access"], "ROOT_SECRET_KEY": own["archive_root_secret"]}
    outside = {
        "NESIE_COUNTERPARTIES_STATE": str(state / "counterparties"),
        "NESIE_COUNTERPARTIES_TOKEN": own["counterparties_token"],
        "NESIE_COUNTERPARTIES_CALLBACK_SECRET": own["callback_secret"],
        "NESIE_COUNTERPARTIES_BASE_URL": f"http://127.0.0.1:{ports['counterparties']}",
        "NESIE_COUNTERPARTIES_CALLBACK_URL": f"http://127.0.0.1:{ports['api']}/api/v1/callbacks",
        "NESIE_COUNTERPARTIES_API_URL": f"http://127.0.0.1:{ports['api']}",
    }
    faces = {"DEEPFACE_HOME": models, "DEEPFACE_BACKEND_ENGINE": "onnx"}
    postgres = [*python, "infra.stack.postgres_run", str(state / "postgres"), str(ports["postgres"])]
    listed = [
        Program("postgres", postgres, 10, stop_signal="INT", stop_seconds=30),  # INT is the fast shutdown
        Program("temporal", _temporal(state, ports), 20),
        Program("archive", _archive(state, ports["archive"]), 20, keys),
        Program(
            "counterparties", _uvicorn("infra.counterparties.app:create_app", ports["counterparties"]), 20, outside
        ),
        Program("worker", [*python, "worker", "origination"], 30, stop_seconds=35, start_seconds=8),
        Program("biometrics", [*python, "worker", "biometrics"], 30, faces, stop_seconds=35, start_seconds=8),
        Program("api", _uvicorn("api.app:create_app", ports["api"]), 40, start_seconds=8),
    ]
    return {one.name: one for one in listed}


def socket_file(state: Path) -> Path:
    """Where the supervisor listens.

    Raises:
        StartFailed: the path is longer than the kernel takes.
    """
    inside = state / "run" / "supervisor.sock"
    if len(os.fsencode(inside)) <= SOCKET_LIMIT:
        return inside
    raise StartFailed(f"the state folder's path is too long for a unix socket ({SOCKET_LIMIT} bytes): {inside}")


def _quoted(value: str) -> str:
    return '"' + value.replace("%", "%%").replace('"', '\\"') + '"'


def _section(program: Program, state: Path) -> str:
    environment = {"NESIE_STATE": str(state), MEMBER: str(state), "PYTHONUNBUFFERED": "1", **program.environment}
    told = ",".join(f"{name}={_quoted(value)}" for name, value in environment.items())
    # The kernel kills the child when the supervisor dies: no orphans even after kill -9 of the supervisor.
    command = " ".join(_quoted(word) for word in ["setpriv", "--pdeathsig", "KILL", "--", *program.command])
    return f"""
[program:{program.name}]
command={command}
directory={str(ROOT).replace("%", "%%")}
environment={told}
priority={program.priority}
autostart=false
autorestart=true
startsecs={program.start_seconds}
startretries=1000000
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={state}/logs/{program.name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=3
"""


def configuration(state: Path, parts: Mapping[str, Program]) -> str:
    """The text of supervisord.conf; it holds secrets, so the file must be private."""
    user = "user=root\n" if os.geteuid() == 0 else ""
    head = f"""[unix_http_server]
file={socket_file(state)}
chmod=0600

[supervisord]
nodaemon=true
silent=true
{user}logfile={state}/logs/supervisor.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile={state}/run/supervisor.pid
directory={ROOT}
minfds=1024

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_section(program, state) for program in parts.values())
