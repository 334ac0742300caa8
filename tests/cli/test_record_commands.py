"""`nesie audit`, `nesie archive`, `nesie keys` on a real database and archive."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from cli import main, records
from infra import settings as infra_settings
from storage import audit
from storage.database import libpq_url
from storage.documents import Documents
from storage.vault import check_master_key

Nesie = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="session")
def kept_state(stack_with):
    """Database and archive, with the settings that their stack wrote."""
    with stack_with("postgres", "archive") as stack:
        yield stack.state


@pytest.fixture
def nesie(kept_state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nesie:
    """Runs one command and gives its exit code and its JSON."""
    monkeypatch.setenv("NESIE_STATE", str(kept_state))

    def call(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main.run([*words])
        out = capsys.readouterr().out
        return code, json.loads(out) if out.startswith("{") else out

    return call


async def _a_document(state: Path) -> UUID:
    settings = infra_settings.load(state)
    database, archive = records.application(settings), records.archive(settings)
    async with database.begin() as session:
        await check_master_key(session, records.vault(settings))
        kept = await Documents(archive, records.vault(settings)).keep(
            session,
            b"original bytes",
            kind="evidence",
            media_type="text/plain",
            direction="made",
            client=None,
            retain_until=datetime.now(UTC) + timedelta(minutes=2),
        )
    await archive.close()
    await database.close()
    return kept.id


def test_a_document_is_taken_out_and_that_is_audited(nesie: Nesie, kept_state: Path, tmp_path: Path) -> None:
    document_id = records.wait(_a_document(kept_state))
    code, _ = nesie("archive", "get", str(document_id), str(tmp_path / "out"))
    assert code == 0
    assert (tmp_path / "out").read_bytes() == b"original bytes"
    code, shown = nesie("audit", "show", f"document:{document_id}", "--json")
    assert code == 0
    assert [entry["action"] for entry in shown["entries"]] == ["document-archived", "document-taken-out"]
    code, text = nesie("audit", "show", f"document:{document_id}")
    assert code == 0
    assert "document-taken-out" in text


def test_the_lock_is_verified(nesie: Nesie) -> None:
    code, told = nesie("archive", "verify-lock", "--json")
    assert code == 0
    assert told["ok"] is True
    assert {"rule", "vital", "result", "detail"} == set(told["checks"][0])


@pytest.fixture
def stack_superuser(kept_state: Path) -> str:
    """The superuser of the stack's database."""
    from infra.stack.environment import StackFile, with_login

    owner = infra_settings.load(kept_state).database.owner_url
    assert owner is not None
    return with_login(owner.get_secret_value(), "postgres", StackFile.load(kept_state).secrets["postgres_password"])


def test_a_whole_trail_is_verified_and_a_forged_row_is_named(
    nesie: Nesie, kept_state: Path, stack_superuser: str
) -> None:
    records.wait(_a_document(kept_state))
    code, told = nesie("audit", "verify", "--json")
    assert (code, told["verified"], told["forged_row"], told["problem"]) == (0, True, None, None)
    assert len(told["head"]) == 64
    rows, head = told["rows"], told["head"]
    assert nesie("audit", "verify", "--expect", f"{rows}:{head}")[0] == 0
    assert nesie("audit", "verify", "--expect", f"{rows}:{audit.START}")[0] == 1
    with psycopg.connect(libpq_url(stack_superuser), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update audit_entry set actor = 'staff:innocent' where n = 1")
    code, told = nesie("audit", "verify", "--json")
    assert (code, told["verified"], told["forged_row"]) == (1, False, 1)
    assert "row 1 does not fit" in nesie("audit", "verify")[1]


# last: the stored settings do not open the database after it
def test_keys_are_rotated_and_the_documents_still_open(
    nesie: Nesie, kept_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = records.wait(_a_document(kept_state))
    keys = infra_settings.load(kept_state).keys
    both = {key_id: key.get_secret_value() for key_id, key in keys.master.items()} | {"next": "A" * 43 + "="}
    monkeypatch.setenv("NESIE_KEYS__MASTER", json.dumps(both))
    monkeypatch.setenv("NESIE_KEYS__MASTER_CURRENT", "next")
    code, told = nesie("keys", "rotate", "--json")
    assert (code, told["current"]) == (0, "next")
    assert told["changed"] >= 1
    assert nesie("keys", "rotate", "--json") == (0, {"current": "next", "changed": 0})
    monkeypatch.setenv("NESIE_KEYS__MASTER", json.dumps({"next": both["next"]}))
    code, _ = nesie("archive", "get", str(document_id), str(tmp_path / "out"))
    assert code == 0
    assert (tmp_path / "out").read_bytes() == b"original bytes"
