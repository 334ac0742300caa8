"""Traceability: every citation has the agreed form and names a paragraph that exists; every paragraph is served."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from cli import law
from cli.main import run
from rules.clocks import CLOCKS
from rules.editions import EDITIONS
from rules.law import LAST, PARAGRAPHS

CITATION = re.compile(
    r"(para (?P<paragraph>[0-9]+)(, part [0-9]+)?(, point [0-9]+)?( \(edition [0-9a-z]+\))?"
    r"|law on microfinance, art\. [0-9-]+(, part [0-9]+)?|law 205-VIII)"
)
# what no code serves yet; a paragraph may leave this list, none may join it unseen
STILL_OPEN = {14, 20, 24, 25, 31}


@pytest.mark.parametrize("citation", sorted({(one.file, one.line) for one in law.citations()}))
def test_a_citation_names_a_paragraph_that_exists(citation):
    file, line = citation
    for one in line.split("; "):
        matched = CITATION.fullmatch(one)
        assert matched, f"{file}: {one!r}"
        assert matched["paragraph"] is None or 1 <= int(matched["paragraph"]) <= LAST


def test_every_paragraph_is_listed_once_and_none_has_a_gap():
    assert [one.number for one in PARAGRAPHS] == list(range(1, LAST + 1))
    assert law.gaps() == []
    assert {one.number for one in PARAGRAPHS if one.open} == STILL_OPEN


def test_clocks_and_editions_that_are_named_exist():
    named = {clock for one in PARAGRAPHS for clock in one.clocks}
    assert named <= set(CLOCKS)
    assert {"P4", "P5", "P13.1-inform", "P13.1-act", "P13.2", "P13.4"} <= named
    assert {name for one in PARAGRAPHS for name in one.otherwise} <= {one.name for one in EDITIONS}


def test_a_paragraph_that_nothing_serves_and_a_lost_test_are_gaps(monkeypatch, tmp_path):
    bare = replace(PARAGRAPHS[14], not_software=None)
    lost = replace(PARAGRAPHS[3], tests=("tests/rules/test_never_was.py",))
    monkeypatch.setattr(law, "PARAGRAPHS", (*PARAGRAPHS[:3], lost, *PARAGRAPHS[4:14], bare, *PARAGRAPHS[15:]))
    assert law.gaps() == ["para 4: tests/rules/test_never_was.py is not there", "para 15: nothing serves it"]


def test_a_citation_of_a_paragraph_that_does_not_exist_is_a_gap(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "made_up.py").write_text('"""Something.\n\nRules: para 38.\n"""\n')
    assert "para 38 is cited by rules/made_up.py and does not exist" in law.gaps(tmp_path)


def test_the_command_prints_each_paragraph_of_an_edition_and_what_others_ask_for(capsys):
    assert run(["law", "--on", "2023-12-01", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["edition"] == "2023"
    sixth = told["paragraphs"][5]
    assert sixth["asks"].startswith("two of three methods")
    assert set(sixth["other_editions"]) >= {"2021", "2025", "2025b"}
    assert "workflows/registration.py" in sixth["code"]
    assert run(["law", "--paragraph", "13"]) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in ("P13.2", "workflows/", "tests/"))


def test_the_security_stage_is_part_of_what_must_pass():
    root = Path(law.ROOT)
    assert "step lint" in (root / ".ci" / "run").read_text()
    assert re.search(r"^lint:.*\n(\t.*\n)*\t\$\(BIN\)/bandit", (root / "Makefile").read_text(), re.M)
    pins = [line for line in (root / "requirements.lock").read_text().splitlines() if "==" in line]
    hashes = (root / "requirements.lock").read_text().count("--hash=sha256:")
    assert hashes >= len(pins) > 0


def test_the_edition_in_force_is_shown_without_a_day(capsys):
    assert run(["law", "--json", "--paragraph", "35"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["edition"] == law.edition(max(date(2026, 1, 1), EDITIONS[-1].in_force)).name
