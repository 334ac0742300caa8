"""`nesie doctor` after a real case: nothing is found, and what is planted is.

Real: the whole stack and one loan on it. Simulated: the counterparties and the borrower.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from activities.integrations.biometrics.mesh import FaceMesh
from cli import leaks
from infra.borrower.person import Persona
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from rules.errors import InvalidInput
from storage.database import libpq_url

SEED = 9400


@pytest.fixture(scope="module")
async def borrower(stack: Stack, settings: Settings) -> Persona:
    """Somebody who was given a loan on this stack."""
    at, token = stack.addresses(), settings.parties.sms.token.get_secret_value()
    mesh = FaceMesh(settings.models).of_photo
    town = Town(at["api"], at["counterparties"], token, stack.state / "photos", mesh)
    app = await town.borrower(SEED)
    await app.register()
    await app.log_in()
    application = await app.apply("20000.00", 3)
    await app.offers(application)
    await app.choose(application, "annuity")
    await app.sign_contract(application)
    await app.issued(application)
    await town.close()
    return app.persona


@pytest.fixture
def table(settings: Settings) -> Iterator[psycopg.Connection]:
    """A table `planted` of the database's owner."""
    owner = settings.database.owner_url
    assert owner is not None
    with psycopg.connect(libpq_url(owner.get_secret_value()), autocommit=True) as connection:
        connection.execute("create table planted (text text, bytes bytea)")
        yield connection
        connection.execute("drop table planted")


@pytest.fixture
def planted(stack: Stack) -> Iterator[list[Path]]:
    """Files to be removed afterwards."""
    files: list[Path] = []
    yield files
    for file in files:
        file.unlink()


async def test_after_a_case_no_personal_data_stands_anywhere(stack, settings, borrower: Persona) -> None:
    report = await leaks.look(settings, stack.state)
    assert report["found"] == []
    assert report["ok"] is True
    assert report["values"] >= 5  # at least this borrower's IIN, phone, document, name and account
    assert set(report["scanned"]) == {"database", "logs", "temporal", "archive"}
    assert report["scanned"]["logs"] > 1000
    assert all(report["scanned"][place] > 100_000 for place in ("database", "temporal", "archive"))
    assert report["excluded"] == [leaks.NOT_SEARCHED]


async def test_a_number_in_a_log_is_found_and_not_repeated(stack, settings, borrower: Persona, planted) -> None:
    planted.append(stack.state / "logs" / "planted.log")
    planted[0].write_text(f"client {borrower.iin} asked\n")
    report = await leaks.look(settings, stack.state)
    assert report["found"] == [{"place": "logs/planted.log", "what": "iin", "offset": 7}]
    assert report["ok"] is False
    assert borrower.iin not in json.dumps(report)


@pytest.mark.parametrize("column", ["text", "bytes"])
async def test_a_number_in_a_table_is_found(stack, settings, borrower: Persona, table, column: str) -> None:
    value = f"of {borrower.iin}"
    table.execute(f"insert into planted ({column}) values (%s)", (value if column == "text" else value.encode(),))
    report = await leaks.look(settings, stack.state)
    assert [(one["place"], one["what"]) for one in report["found"]] == [("database dump", "iin")]


async def test_values_in_the_archives_folder_are_found(stack, settings, borrower: Persona, planted) -> None:
    folder = stack.state / "archive" / "objects"
    planted += [folder / "planted", folder / f"of-{borrower.iban}"]
    planted[0].write_bytes(b"-" * 5000 + borrower.iin.encode("utf-16-le") + borrower.phone.encode())
    planted[1].write_bytes(b"")
    report = await leaks.look(settings, stack.state)
    assert [(one["place"], one["what"]) for one in report["found"]] == [
        ("archive: a name", "iban"),
        ("archive/objects/planted", "iin"),
        ("archive/objects/planted", "phone"),
    ]
    assert borrower.iban not in json.dumps(report)


async def test_values_in_temporals_files_are_found(stack, settings, borrower: Persona, planted) -> None:
    planted.append(stack.state / "temporal" / "planted.db")
    planted[0].write_text(f"{borrower.surname.upper()} {borrower.given_name.upper()}")
    report = await leaks.look(settings, stack.state, ["no such text anywhere"])
    assert [(one["place"], one["what"]) for one in report["found"]] == [("temporal/planted.db", "name")]


async def test_a_canary_is_looked_for_and_a_short_one_is_refused(stack, settings, planted) -> None:
    planted.append(stack.state / "logs" / "canary.log")
    planted[0].write_text("Y2FuYXJ5IG9mIHRoZSB0ZXN0")  # base64 of it
    report = await leaks.look(settings, stack.state, ["canary of the test"])
    assert [one["what"] for one in report["found"]] == ["canary"]
    with pytest.raises(InvalidInput, match="8 bytes"):
        await leaks.look(settings, stack.state, ["short"])


async def test_the_command_tells_every_check(stack: Stack, borrower: Persona) -> None:
    done = await asyncio.to_thread(_doctor, stack.state, "--json")
    report = json.loads(done.stdout)
    assert [one["name"] for one in report["checks"] if not one["ok"]] == []
    assert {one["name"] for one in report["checks"]} == {
        "parts", "migrations", "archive lock", "models", "clocks", "disk", "audit trail",
    }  # fmt: skip
    assert report["ok"] is True
    assert done.returncode == 0
    plain = await asyncio.to_thread(_doctor, stack.state, "--pii")
    assert plain.returncode == 0
    assert "personal data" in plain.stdout
    assert "the counterparties' own state" in plain.stdout


def _doctor(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "doctor", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "NESIE_STATE": str(state)},
    )
