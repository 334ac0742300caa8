"""`nesie report` on a real database and archive with an October in it; the schedules' server is real as well."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from activities.context import open_records
from cli import main
from cli import report as command
from infra import settings as infra_settings
from infra.stack.environment import StackFile, with_login
from rules.reports import REPORTS
from tests.support.report_world import PERIOD, ReportWorld

Nesie = Callable[..., Any]


@pytest.fixture(scope="module")
def kept_state(stack_with):
    with stack_with("postgres", "archive", "temporal") as stack:
        yield stack.state


@pytest.fixture(scope="module")
async def world(kept_state: Path) -> AsyncIterator[ReportWorld]:
    settings = infra_settings.load(kept_state)
    owner = settings.database.owner_url.get_secret_value() if settings.database.owner_url else ""
    urls = {
        "read": settings.database.reading(),
        "postgres": with_login(owner, "postgres", StackFile.load(kept_state).secrets["postgres_password"]),
    }
    opened = open_records(**settings.records())
    made = ReportWorld(opened, urls)
    await made.october()
    yield made
    await made.close()
    await opened.close()


@pytest.fixture
def nesie(
    world: ReportWorld, kept_state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Nesie:
    """Runs one command in a thread, as if there were no loop: exit code, JSON or text, and what it complained of."""
    monkeypatch.setenv("NESIE_STATE", str(kept_state))

    async def call(*words: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(main.run, ["report", *words])
        told = capsys.readouterr()
        return code, json.loads(told.out) if told.out.startswith("{") else told.out, told.err

    return call


async def test_the_list_has_every_report_as_data(nesie: Nesie) -> None:
    code, told, _ = await nesie("list", "--json")
    listed = {one["code"]: one for one in told["reports"]}
    assert (code, set(listed)) == (0, set(REPORTS))
    one = listed["loan-portfolio"]
    assert (one["every"], one["due_rule"], one["recipient"], one["signer"]) == ("month", "report", "NBK", "head")
    assert "p31-60" in one["forms"]["LP-2"]
    assert one["checks"]["LP-1.sum"]


@pytest.mark.parametrize("code", REPORTS)
async def test_the_first_build_keeps_a_draft_and_every_later_one_makes_the_same_bytes(nesie: Nesie, code: str) -> None:
    first, second = [await nesie("build", code, "--period", PERIOD, "--json") for _ in range(2)]
    assert (first[0], second[0]) == (0, 0), first[1]["faults"]
    assert first[1] == second[1]
    told = first[1]
    assert (told["version"], told["draft"], told["ok"]) == (1, True, True)
    assert set(told["files"]) == {"XLSX", "JSON", "PDF"}
    assert all(one["sha256"] == one["archived_sha256"] for one in told["files"].values())
    assert all(check["ok"] for check in told["checks"])


async def test_a_fresh_one_is_another_version(nesie: Nesie) -> None:
    code, told, _ = await nesie("build", "refusals", "--period", PERIOD, "--fresh", "--json")
    assert (code, told["draft"], told["version"] > 1) == (0, True, True)
    assert (await nesie("build", "refusals", "--period", PERIOD, "--version", "1", "--json"))[1]["version"] == 1


async def test_the_files_are_written_and_built_again_from_their_lines_alone(nesie: Nesie, tmp_path: Path) -> None:
    build = ("build", "issued-repaid", "--period", PERIOD, "--json")
    _, told, _ = await nesie(*build, "--out", str(tmp_path))
    lines = tmp_path / f"issued-repaid-{PERIOD}.jsonl"
    assert hashlib.sha256(lines.read_bytes()).hexdigest() == told["snapshot_sha256"]
    _, again, _ = await nesie(*build, "--snapshot", str(lines), "--out", str(tmp_path / "again"))
    for name, one in told["files"].items():
        assert again["files"][name]["sha256"] == one["sha256"]
        written = (tmp_path / "again" / f"issued-repaid-{PERIOD}.{name.lower()}").read_bytes()
        assert hashlib.sha256(written).hexdigest() == one["sha256"]
    wrong = await nesie("build", "refusals", "--period", PERIOD, "--snapshot", str(lines))
    assert (wrong[0], "another report" in wrong[2]) == (1, True)


async def test_a_figure_leads_to_its_loans(nesie: Nesie, world: ReportWorld) -> None:
    await nesie("build", "loan-portfolio", "--period", PERIOD)
    show = ("show", "loan-portfolio", "--period", PERIOD)
    code, told, _ = await nesie(*show, "--cell", "business/n61-90", "--json")
    assert (code, told["form"], told["count"]) == (0, "LP-1", 1)
    assert told["facts"][0]["loan"] == str(world.ids["late"])
    _, figures, _ = await nesie(*show, "--json")
    assert figures["figures"]["LP-1"]["business"]["n61-90"] == 1
    _, text, _ = await nesie(*show, "--cell", "total/p-all")
    assert text.count("loan=") == 4
    assert (await nesie(*show, "--cell", "total/zz"))[2].startswith("nesie: report-cell-unknown")


async def test_a_faulty_form_is_told_by_its_cell_and_ends_with_one(nesie: Nesie, world: ReportWorld) -> None:
    await world.lent("costly", date(2026, 10, 28), rate="46.01")
    code, told, _ = await nesie("build", "effective-rates", "--period", PERIOD, "--fresh", "--json")
    assert (code, told["ok"], told["files"]) == (1, False, {})
    assert [(one["form"], one["cell"], one["rule"]) for one in told["faults"]] == [("ER-1", "total/above", "ER-1.cap")]
    _, text, _ = await nesie("build", "effective-rates", "--period", PERIOD, "--version", str(told["version"]))
    assert "FAULT ER-1.cap" in text
    assert "ER-1 total/above ER-1.cap: 1 ≠ 0" in text


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("build", "refusals", "--period", "2026-Q3"), "report-period-wrong"),
        (("build", "refusals", "--period", "2099-01"), "report-period-not-over"),
        (("build", "refusals", "--period", PERIOD, "--version", "99"), "report-not-built"),
        (("show", "refusals", "--period", "2026-01"), "report-not-built"),
        (("backfill", "--from", "2026-03", "--to", "2026-02"), "report-period-wrong"),
        (("backfill", "--from", "2026-03", "--to", "2099-02"), "report-period-not-over"),
        (("backfill", "--from", "2026-03", "--to", "2026-03"), "has a worker run yet?"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(nesie: Nesie, words: tuple[str, ...], error: str) -> None:
    code, _, complained = await nesie(*words)
    assert code == 1
    assert complained.startswith("nesie: ")
    assert error in complained


async def test_past_periods_are_begun_through_the_schedules(nesie: Nesie, kept_state: Path) -> None:
    from infra.codec import PayloadKeys
    from infra.temporal import connect, data_converter
    from workflows import schedules

    settings = infra_settings.load(kept_state)
    at = settings.temporal
    client = await connect(at.address, at.namespace, data_converter(PayloadKeys.of(settings.keys)))
    await schedules.set_up(client)
    code, told, _ = await nesie("backfill", "--from", "2026-01", "--to", "2026-10", "--code", "refusals", "--json")
    assert (code, told["cases"]) == (0, [f"report/refusals/2026-{month:02d}" for month in range(1, 11)])
    for _ in range(1200):  # no worker runs here: ten are waiting to be begun
        found = [one async for one in client.list_workflows("WorkflowType = 'ReportDue'")]
        if len(found) == 10:
            break
        await asyncio.sleep(0.1)
    assert len(found) == 10
    assert command.case_id("refusals", "2026-10") in told["cases"]
