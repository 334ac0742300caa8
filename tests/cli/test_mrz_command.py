"""`nesie mrz read` and `nesie bench mrz` on cards made for the occasion."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from cli import main
from infra.borrower import card
from infra.borrower.person import make_persona
from tests.support.senses import PHOTOS, PREPARED

PERSON = make_persona(5, PHOTOS, "a")


@pytest.fixture(autouse=True)
def _prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESIE_STATE", str(PREPARED))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "back.jpg").write_bytes(card.back(PERSON))
    (tmp_path / "front.jpg").write_bytes(card.front(PERSON))
    (tmp_path / "forged.jpg").write_bytes(card.back(PERSON, break_check_digit=True))
    return tmp_path


def test_one_card_is_told_with_its_fields(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["mrz", "read", str(folder / "back.jpg"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {
        "outcome", "format", "mrz", "fields", "checks", "repaired", "reason", "ms", "cpu_ms",
    }  # fmt: skip
    assert (told["outcome"], told["format"], told["mrz"]) == ("READ", "TD1", card.mrz(PERSON))
    assert (told["repaired"], told["reason"]) == (False, None)
    assert set(told["checks"].values()) == {True}
    assert (told["fields"]["iin"], told["fields"]["number"]) == (PERSON.iin, PERSON.document_number)
    assert told["fields"]["birth_date"] == f"{PERSON.birth_date:%y%m%d}"


def test_what_is_not_read_says_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["mrz", "read", str(folder / "forged.jpg"), "--json"]) == 1
    forged = json.loads(capsys.readouterr().out)
    assert (forged["outcome"], forged["reason"], forged["checks"]["birth_date"]) == (
        "REJECTED", "check-digit-wrong", False,
    )  # fmt: skip
    assert main.run(["mrz", "read", str(folder / "front.jpg"), "--json"]) == 1
    front = json.loads(capsys.readouterr().out)
    assert (front["outcome"], front["reason"]) == ("RETAKE", "mrz-not-found")
    (folder / "text.jpg").write_bytes(b"no picture")
    assert main.run(["mrz", "read", str(folder / "text.jpg")]) == 2
    assert main.run(["mrz", "read", str(folder / "absent.jpg")]) == 2
    assert "neither a JPEG nor a PNG" in capsys.readouterr().err


def _truth(folder: Path, *rows: tuple[str, str, str, str]) -> str:
    with (folder / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "doc_format", "level", "mrz", "check_digits_valid"))
        writer.writerows((*row[:4], "0" if row[0] == "forged.jpg" else "1") for row in rows)
    return str(folder / "truth.csv")


def test_the_bench_counts_what_was_read_and_what_was_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, forged = "|".join(card.mrz(PERSON)), "|".join(card.mrz(PERSON, break_check_digit=True))
    rows = (
        ("back.jpg", "TD1", "easy", lines),
        ("front.jpg", "KZFRONT", "easy", ""),
        ("forged.jpg", "TD1", "hard", forged),
    )
    assert main.run(["bench", "mrz", "--truth", _truth(folder, *rows), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {
        "pictures", "read_exact", "field_error", "accepted", "accepted_wrong_protected", "accepted_wrong_name",
        "unsure", "rejected", "retake", "cpu_ms", "rss_mb", "by_format", "by_level", "misses",
    }  # fmt: skip
    counts = [told[name] for name in ("pictures", "read_exact", "accepted", "unsure", "rejected", "retake")]
    assert counts == [3, 2, 1, 0, 1, 1]
    assert (told["field_error"], told["misses"]) == (0.0, [])
    assert told["by_level"]["hard"] == {"pictures": 1, "read_exact": 1, "confidence_95": [0.2065, 1.0]}


def test_the_bench_fails_on_a_card_taken_and_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = card.mrz(PERSON)
    number = [lines[0][:6] + ("1" if lines[0][6] != "1" else "2") + lines[0][7:], *lines[1:]]
    assert (
        main.run(["bench", "mrz", "--truth", _truth(folder, ("back.jpg", "TD1", "", "|".join(number))), "--json"]) == 1
    )
    told = json.loads(capsys.readouterr().out)
    assert (told["accepted_wrong_protected"], told["accepted_wrong_name"], told["read_exact"]) == (1, 0, 0)
    assert told["misses"] == [{"file": "back.jpg", "outcome": "READ", "expected": number, "got": lines}]
    name = [*lines[:2], ("B" if lines[2][0] != "B" else "C") + lines[2][1:]]
    truth = _truth(folder, ("back.jpg", "TD1", "", "|".join(name)))
    assert main.run(["bench", "mrz", "--truth", truth, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["accepted_wrong_protected"], told["accepted_wrong_name"]) == (0, 1)
