"""`nesie card read` on the real models: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import run
from infra.borrower import card
from infra.borrower.person import make_persona
from tests.support.senses import PHOTOS, PREPARED


def test_both_sides_are_read_and_compared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NESIE_STATE", str(tmp_path))  # no stack was ever started here
    (tmp_path / "models").symlink_to(PREPARED / "models")
    person, other = make_persona(5, PHOTOS, "b"), make_persona(6, PHOTOS, "a")
    front, back, strange = tmp_path / "front.jpg", tmp_path / "back.jpg", tmp_path / "strange.jpg"
    front.write_bytes(card.front(person, "aside"))
    back.write_bytes(card.back(person))
    strange.write_bytes(card.front(other))
    assert run(["card", "read", str(front), str(back), "--today", "2026-03-02", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ground"], told["outcome"], told["differences"]) == (None, "READ", [])
    assert (told["front"]["iin"], told["back"]["iin"]) == (person.iin, person.iin)
    assert told["front"]["patronymic"] == person.patronymic
    assert run(["card", "read", str(strange), str(back), "--today", "2026-03-02", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ground"] == "document-sides-differ"
    strange.write_bytes(b"no picture")
    assert run(["card", "read", str(strange), str(back), "--json"]) == 2
    assert "image-type" in capsys.readouterr().err
