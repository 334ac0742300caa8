"""What is left of a loan for those who come later: grounds with their rule, a trail that cannot be forged, keys.

Real: the whole stack and the commands of `nesie`. Simulated: the counterparties and the borrower.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from infra.borrower.app import BorrowerApp, Stopped
from infra.settings import Settings
from infra.stack import Stack
from infra.stack.environment import StackFile, save_settings, with_login
from infra.stack.programs import ROOT
from rules.calendar import local_date
from rules.editions import edition
from rules.policy import policy
from rules.products import product_version
from storage.database import libpq_url
from storage.tables import Application
from tests.support.real_world import down, nesie, offered, our_records, trail


@pytest.fixture(scope="module")
async def issued(regular: BorrowerApp) -> str:
    """An application that came to its money."""
    application = await offered(regular, "30000.00", 6)
    await regular.sign_contract(application)
    await regular.issued(application)
    return application


async def row_of(settings: Settings, application: str) -> Application:
    async with our_records(settings) as kept, kept.database.begin() as session:
        return await session.get_one(Application, UUID(application))


async def test_a_decision_is_stored_with_the_edition_the_policy_and_the_product_it_stands_on(
    issued: str, regular: BorrowerApp, settings: Settings
):
    row = await row_of(settings, issued)
    day = local_date(row.created_at)
    of_the_day = policy(day)
    assert row.edition == edition(day).name
    assert row.policy_version == row.decision["policy_version"] == of_the_day.version
    assert product_version(row.product_code, row.product_version).code == "personal"
    assert (row.decision["result"], row.decision["grounds"]) == ("approved", [])
    figures = row.decision["figures"]
    assert figures["debt_burden_cap"] == str(of_the_day.number("debt-burden-cap"))
    assert 0 < float(figures["debt_burden"]) < float(figures["debt_burden_cap"])


async def test_each_ground_of_a_refusal_cites_a_paragraph_and_the_row_of_the_policy_that_it_compared(
    regular: BorrowerApp, client, settings: Settings
):
    app = await client(credit={"average_income": "10000.00", "voluntary_refusal": {"active": True}})
    application = await app.apply("100000.00", 6)
    with pytest.raises(Stopped):
        await app.offers(application)
    row = await row_of(settings, application)
    grounds = {one["code"]: one for one in row.decision["grounds"]}
    assert set(grounds) == {"voluntary-refusal", "debt-burden-too-high"}
    for code, name in (("voluntary-refusal", "voluntary-refusal-rule"), ("debt-burden-too-high", "debt-burden-cap")):
        assert grounds[code]["paragraph"]
        assert grounds[code]["policy_row"] == policy(local_date(row.created_at)).row_id(name)
    (decided,) = [
        one for one in await trail(settings, f"application:{application}") if one["action"].startswith("decision-")
    ]
    assert decided["detail"]["rows"] == [one["policy_row"] for one in row.decision["grounds"]]


async def test_the_trail_of_an_application_tells_its_whole_life_in_order_with_who_what_why_and_the_paragraph(
    issued: str, regular: BorrowerApp, stack: Stack
):
    done = await asyncio.to_thread(nesie, stack.state, "audit", "show", f"application:{issued}", "--json")
    entries = json.loads(done.stdout)["entries"]
    client, worker = f"client:{regular.client_id}", "system:worker"
    life = [
        (one["actor"], one["action"])
        for one in entries
        if one["action"] != "face-retry"  # a borrower films again where a movement was not seen
    ]
    assert life == [
        (client, "application-submitted"),
        (worker, "stage-due_diligence"),
        (worker, "bureau-asked"),
        (worker, "decision-approved"),
        (worker, "stage-offered"),
        *[(client, "acknowledged")] * 3,
        (client, "stage-contract"),
        (worker, "stage-signing"),
        (worker, "face-passed"),
        (worker, "signature-passed"),
        (worker, "identification-recorded"),
        (worker, "stage-signing"),
        (worker, "bureau-asked"),
        (worker, "account-verified"),
        (worker, "stage-disbursing"),
        (worker, "stage-issued"),
    ]
    assert [one["n"] for one in entries] == sorted(one["n"] for one in entries)
    assert [one["at"] for one in entries] == sorted(one["at"] for one in entries)
    assert all(one["paragraph"] for one in entries)
    why = {one["action"]: one["reason"] for one in entries}
    assert (why["stage-due_diligence"], why["bureau-asked"]) == ("clear", "before_disbursement")
    assert {one["reason"] for one in entries if one["action"] == "acknowledged"} == {
        "lending_rules",
        "payments_information",
        "rights_and_duties",
    }
    told = done.stdout
    for personal in (regular.persona.iin, regular.persona.iban, regular.persona.phone, regular.persona.surname):
        assert personal not in told


@contextmanager
def as_superuser(stack: Stack, settings: Settings) -> Iterator[psycopg.Connection]:
    """Somebody with every right over the database, who also silences its triggers."""
    assert settings.database.owner_url is not None
    password = StackFile.load(stack.state).secrets["postgres_password"]
    url = with_login(settings.database.owner_url.get_secret_value(), "postgres", password)
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection


async def test_a_row_that_a_superuser_forged_is_named(issued: str, stack: Stack, settings: Settings):
    async def verified() -> dict[str, Any]:
        done = await asyncio.to_thread(nesie, stack.state, "audit", "verify", "--json")
        told: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if told["verified"] else 1)
        return told

    assert (await verified())["forged_row"] is None
    with as_superuser(stack, settings) as connection:
        change = "update audit_entry set action = %s where subject = %s and action = %s returning n"
        subject = f"application:{issued}"
        ((row,),) = connection.execute(change, ("decision-refused", subject, "decision-approved")).fetchall()
        try:
            told = await verified()
            assert (told["verified"], told["forged_row"], told["rows"]) == (False, row, row - 1)
            assert told["problem"] == "the row was changed"
        finally:
            connection.execute(change, ("decision-approved", subject, "decision-refused"))
    assert (await verified())["verified"] is True


async def judged_again(stack: Stack, identification: str) -> dict[str, Any]:
    done = await asyncio.to_thread(nesie, stack.state, "evidence", "verify", identification, "--json")
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["same"] else 1)
    return told


async def test_each_identification_is_judged_again_from_the_archive_with_the_real_models_and_comes_out_the_same(
    issued: str, regular: BorrowerApp, stack: Stack, settings: Settings
):
    done = await asyncio.to_thread(nesie, stack.state, "evidence", "list", regular.client_id, "--json")
    listed = json.loads(done.stdout)["identifications"]
    assert [(one["act"], one["outcome"]) for one in listed] == [("REGISTRATION", "PASSED"), ("CONTRACT", "PASSED")]
    assert listed[1]["application_id"] == issued
    steps = []
    for one in listed:
        told = await judged_again(stack, one["id"])
        assert (told["same"], told["findings"]) == (True, []), told
        assert all(check["same"] and not check["differences"] for check in told["checks"])
        steps.append(list(dict.fromkeys(check["step"] for check in told["checks"] if check["repeated"])))
    assert steps == [["document", "face", "signature"], ["face", "signature"]]
    with as_superuser(stack, settings) as connection:
        change = (
            "update identification_check set evidence = jsonb_set(evidence, '{result,match,cosine}', %s)"
            " where application_id = %s and step = 'face' and outcome = 'passed'"
            " returning evidence->'result'->'match'->>'cosine'"
        )
        connection.execute(change, ("0.99", issued))
    told = await judged_again(stack, listed[1]["id"])
    assert [one.partition(":")[2].strip() for one in told["findings"]] == ["the database tells another one"]


def with_keys(stack: Stack, kept: dict[str, str], master: dict[str, str], current: str) -> None:
    """The stack's settings with other master keys."""
    changed = {"NESIE_KEYS__MASTER": json.dumps(master), "NESIE_KEYS__MASTER_CURRENT": current}
    save_settings(stack.state, kept | changed)


async def restarted(stack: Stack) -> None:
    """The API with the settings that stand in the file now."""

    def work() -> None:
        with down(stack, "api"):
            pass

    await asyncio.to_thread(work)


async def test_after_a_rotation_of_the_master_key_the_same_documents_open_without_the_old_key(
    issued: str, regular: BorrowerApp, stack: Stack
):
    contract = await regular.call("GET", f"/applications/{issued}/contract")
    path = contract["pdf"].removeprefix("/api/v1")
    before = await regular.fetch(path)
    kept = {name: value for name, value in stack.settings_env().items() if name != "NESIE_STATE"}
    old, current = json.loads(kept["NESIE_KEYS__MASTER"]), kept["NESIE_KEYS__MASTER_CURRENT"]
    fresh = {"rotated": base64.b64encode(secrets.token_bytes(32)).decode()}

    async def rotate(to: str) -> dict[str, Any]:
        with_keys(stack, kept, old | fresh, to)
        await restarted(stack)
        done = await asyncio.to_thread(nesie, stack.state, "keys", "rotate", "--json")
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    try:
        told = await rotate("rotated")
        assert told["current"] == "rotated"
        assert told["changed"] > 0
        with_keys(stack, kept, fresh, "rotated")  # the old key is gone for good
        await restarted(stack)
        assert await regular.fetch(path) == before
        await regular.log_in()
        state = await regular.call("GET", f"/applications/{issued}")
        assert state["account"].endswith(regular.persona.iban[-4:])
    finally:
        await rotate(current)
        save_settings(stack.state, kept)
    assert await regular.fetch(path) == before


PROCESSES = {
    "worker": [sys.executable, "-m", "worker", "origination"],
    "api": [sys.executable, "-m", "uvicorn", "api.app:create_app", "--factory", "--port", "0"],
    "command": [sys.executable, "-m", "cli.main", "keys", "rotate"],
}


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_process_with_a_wrong_master_key_refuses_to_start(name: str, stack: Stack):
    wrong = json.dumps({"m1": base64.b64encode(secrets.token_bytes(32)).decode()})
    environment = stack.settings_env() | {"NESIE_KEYS__MASTER": wrong, "PATH": "/usr/bin:/bin"}

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            PROCESSES[name], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    done = await asyncio.to_thread(start)
    assert done.returncode != 0
    said = [line for line in (done.stdout + done.stderr).splitlines() if "(wrong-master-key)" in line]
    assert len(said) == 1, done.stderr
