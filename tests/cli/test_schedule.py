"""`nesie schedule` and `nesie aer`: what they print, and one clear sentence for what cannot be."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.main import run

EXAMPLE = "schedule --principal 750.00 --rate 7 --periods 6 --method annuity --day-count 30/360 --disbursed 2024-01-01"


def told(capsys: pytest.CaptureFixture[str], line: str) -> Any:
    assert run([*line.split(), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], line: str) -> str:
    assert run(line.split()) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("nesie: ")
    assert shown.err.count("\n") == 1
    return shown.err


def test_a_schedule_is_told_with_its_totals_and_effective_rate(capsys: pytest.CaptureFixture[str]) -> None:
    made = told(capsys, EXAMPLE)
    assert list(made) == ["rows", "total", "annual_effective_rate_percent"]
    assert made["rows"][0] == {
        "n": 1, "due": "2024-02-01", "days": 31, "interest": "4.37", "principal": "123.19", "payment": "127.56",
        "balance": "626.81",
    }  # fmt: skip
    assert [row["payment"] for row in made["rows"]] == ["127.56"] * 5 + ["127.59"]
    assert made["rows"][-1]["balance"] == "0.00"
    assert made["total"] == {"interest": "15.39", "payment": "765.39"}
    assert made["annual_effective_rate_percent"] == "7.25"


@pytest.mark.parametrize(
    ("more", "payments"),
    [
        ("--method differentiated", ["129.37", "128.65", "127.92", "127.19", "126.46", "125.73"]),
        ("--method bullet", ["4.37"] * 5 + ["754.37"]),
        ("--method own --interest-only 2", ["4.37"] * 2 + ["190.24"] * 4),
        ("--principal 75 --rate 12.3 --periods 5", ["15.46"] * 4 + ["15.49"]),
        ("--principal 75 --rate 12.3 --periods 5 --rounding spread", ["15.47"] * 4 + ["15.45"]),
        ("--multiple-of 1", ["128.00"] * 5 + ["125.35"]),
        ("--day-count act/360", ["127.59"] * 5 + ["127.61"]),
    ],
)
def test_methods_roundings_and_day_counts(capsys: pytest.CaptureFixture[str], more: str, payments: list[str]) -> None:
    assert [row["payment"] for row in told(capsys, f"{EXAMPLE} {more}")["rows"]] == payments


def test_fees_are_paid_with_the_money_and_raise_the_effective_rate(capsys: pytest.CaptureFixture[str]) -> None:
    plain, dear = told(capsys, EXAMPLE), told(capsys, f"{EXAMPLE} --fee life=10.00 --fee card=5")
    assert plain["rows"] == dear["rows"]
    assert Decimal(dear["annual_effective_rate_percent"]) > Decimal(plain["annual_effective_rate_percent"]) + 7


def test_the_first_payment_falls_a_month_after_the_money_unless_a_day_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = "schedule --principal 1000 --rate 12 --periods 2 --disbursed 2025-01-31"
    assert [row["due"] for row in told(capsys, line)["rows"]] == ["2025-02-28", "2025-03-31"]
    assert [row["due"] for row in told(capsys, f"{line} --month-end roll")["rows"]] == ["2025-03-01", "2025-03-31"]
    late = told(capsys, f"{line} --first-due 2025-04-10")["rows"]
    assert [(row["due"], row["days"]) for row in late] == [("2025-04-10", 69), ("2025-05-10", 30)]


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*EXAMPLE.split(), "--fee", "life=10"]) == 0
    shown = capsys.readouterr().out
    assert "127.59" in shown
    assert "life 10.00 on 2024-01-01" in shown
    assert "annual effective rate" in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("--principal 7500.001", "money is written"),
        ("--principal 0", "amount-not-positive"),
        ("--principal 0.01 --periods 3", "too small for so many instalments"),
        ("--rate seven", "per cent"),
        ("--rate NaN", "per cent"),
        ("--periods 0", "term-too-short"),
        ("--periods 1.5", "whole number"),
        ("--periods 5000", "no schedule"),
        ("--method flat", "one of annuity, differentiated, bullet, own"),
        ("--day-count 31/360", "one of"),
        ("--rounding up", "one of"),
        ("--disbursed 2024-02-30", "YYYY-MM-DD"),
        ("--disbursed 9999-12-31", "9999-12-31"),
        ("--first-due 2024-01-01", "first-due-too-early"),
        ("--first-due 1.2.2024", "YYYY-MM-DD"),
        ("--multiple-of 0", "terms-impossible"),
        ("--fee 10.00", "NAME=AMOUNT"),
        ("--fee life=-1", "not below zero"),
        ("--disbursed 2050-01-01 --off-days next_working_day", "calendar-unknown"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(capsys: pytest.CaptureFixture[str], change: str, words: str) -> None:
    assert words in refused(capsys, f"{EXAMPLE} {change}")


def rate_of(capsys: pytest.CaptureFixture[str], tmp_path: Path, flows: str, more: str = "") -> Any:
    (tmp_path / "flows.json").write_text(flows)
    return told(capsys, f"aer --flows {tmp_path / 'flows.json'} {more}")


def test_the_rate_of_flows_by_day_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = rate_of(capsys, tmp_path, "[[0, 100], [31, -125]]", "--year-days 365.25")
    assert found == {"status": "solved", "annual_effective_rate_percent": "1286.177299", "roots": ["1286.177299"]}
    moved = rate_of(capsys, tmp_path, '[[-10.5, 100.0], [20.5, "-125"]]', "--year-days 365.25")
    assert moved == found


def test_the_rate_of_flows_by_dates_in_any_order(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flows = '[["2025-01-31", -103720], ["2025-01-01", 100000]]'
    assert rate_of(capsys, tmp_path, flows)["annual_effective_rate_percent"] == "55.953041"


def test_several_rates_are_told_and_none_is_chosen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = rate_of(capsys, tmp_path, "[[0, -1000], [365, 2300], [730, -1320]]")
    assert found == {
        "status": "several_roots", "annual_effective_rate_percent": None, "roots": ["10.000000", "20.000000"]
    }  # fmt: skip


@pytest.mark.parametrize("flows", ["[]", "[[0, 0]]", "[[0, 100], [5, 100]]", "[[0, -1000], [365, 2200], [730, -1211]]"])
def test_no_solution_is_said_clearly(capsys: pytest.CaptureFixture[str], tmp_path: Path, flows: str) -> None:
    found = rate_of(capsys, tmp_path, flows)
    assert found == {"status": "no_solution", "annual_effective_rate_percent": None, "roots": []}


@pytest.mark.parametrize(
    "flows",
    ["", "{}", "[1]", "[[0]]", "[[0, null]]", "[[0, true]]", '[["soon", 1]]', '[["2025-01-01", 1], [3, 1]]',
     "[[0, NaN]]", "[[0, 1e400]]", "[[0, 1], [0, 2, 3]]"],
)  # fmt: skip
def test_a_file_that_is_no_list_of_flows_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, flows: str
) -> None:
    (tmp_path / "flows.json").write_text(flows)
    assert "file-wrong" in refused(capsys, f"aer --flows {tmp_path / 'flows.json'}")


def test_a_missing_file_and_a_year_of_no_days_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "cannot be read" in refused(capsys, f"aer --flows {tmp_path / 'none.json'}")
    (tmp_path / "flows.json").write_text("[[0, 1], [1, -1]]")
    assert "above zero" in refused(capsys, f"aer --flows {tmp_path / 'flows.json'} --year-days 0")
