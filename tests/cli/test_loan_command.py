"""`nesie loan position` from files and from a real database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli import main
from rules.calendar import local_date

Ask = Callable[..., tuple[int, str, str]]

EVENTS: list[dict[str, Any]] = [
    {"kind": "paid", "value_date": "2026-02-15", "known_at": "2026-02-20T09:00:00+05:00", "amount": "10000.00"},
    {"kind": "disbursed", "value_date": "2026-01-10", "amount": "120000.00"},
]
TERMS: dict[str, Any] = {
    "principal": "120000.00", "rate_percent_per_year": "36.5", "periods": 12, "method": "differentiated",
}  # fmt: skip


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs the command on these facts and terms; its exit code, output and errors."""

    def call(*words: str, events: Any = EVENTS, terms: Any = TERMS) -> tuple[int, str, str]:
        files = tmp_path / "events.json", tmp_path / "terms.json"
        for file, content in zip(files, (events, terms), strict=True):
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        code = main.run(["loan", "position", "--events", str(files[0]), "--terms", str(files[1]), *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_the_debt_of_a_day_with_money_as_strings(ask: Ask) -> None:
    code, out, _ = ask("--on", "2026-03-20", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["principal"], told["principal_due"], told["interest_due"]) == ("110000.00", "10000.00", "6850.00")
    assert (told["overdue_days"], told["next_due"], told["closed"]) == (38, "2026-04-10", False)
    assert told["penalty"] == "1613.30"  # 5 nights of 68.60, 23 of 18.60, 10 of 84.25
    assert told["total_to_close"] == "119563.30"  # 110 000.00 + 6 850.00 + 1 100.00 + penalty
    assert "explain" not in told


def test_the_debt_as_it_was_seen(ask: Ask) -> None:
    seen = [
        json.loads(ask("--on", "2026-02-19", "--as-known-on", day, "--json")[1]) for day in ("2026-02-19", "2026-02-20")
    ]
    assert [(one["paid"], one["principal"]) for one in seen] == [("0.00", "120000.00"), ("10000.00", "110000.00")]
    assert seen[0]["as_known_on"] == "2026-02-19"


def test_each_figure_explained(ask: Ask) -> None:
    told = json.loads(ask("--on", "2026-03-20", "--explain", "--json")[1])
    figures = {one["figure"]: one for one in told["explain"]}
    due = figures["interest_due"]
    assert due["amount"] == told["interest_due"]
    assert (due["day_count"], due["events"]) == ("act/365", ["disbursed-2", "paid-1"])
    assert set(due) == {"figure", "amount", "events", "rule", "day_count", "rounding", "policy_rows", "steps"}
    assert set(due["steps"][0]) == {"on", "what", "amount", "events", "of"}
    assert sum(Decimal(step["amount"]) for step in due["steps"]) == Decimal(due["amount"])


def test_for_people_it_is_a_table_and_the_explanation_a_list(ask: Ask) -> None:
    code, out, _ = ask("--on", "2026-03-20", "--explain")
    assert code == 0
    assert "principal            110000.00" in out
    assert "total_to_close = 119563.30" in out
    assert "  facts: disbursed-2, paid-1" in out


def test_today_is_meant_where_no_day_is_given(ask: Ask) -> None:
    before = local_date(datetime.now(UTC)).isoformat()
    told = json.loads(ask("--json")[1])
    assert before <= told["on"] <= local_date(datetime.now(UTC)).isoformat()


def test_numbers_may_be_json_numbers_and_they_stay_exact(ask: Ask) -> None:
    events = [{"kind": "disbursed", "value_date": "2026-01-10", "amount": 120000}]
    events.append({"kind": "paid", "value_date": "2026-01-12", "amount": 0.29})  # type: ignore[dict-item]
    told = json.loads(
        ask("--on", "2026-01-12", "--json", events=events, terms=TERMS | {"rate_percent_per_year": 36.5})[1]
    )
    assert (told["advance"], told["interest_accrued"]) == ("0.29", "240.00")


def test_terms_say_no_more_than_they_must(ask: Ask) -> None:
    given = {"principal": "120000.00", "rate_percent_per_year": "0", "periods": 12}
    told = json.loads(ask("--on", "2026-02-10", "--json", terms=given)[1])
    assert (told["principal_due"], told["next_due"]) == ("10000.00", "2026-03-10")


def test_a_correction_needs_no_days_of_its_own(ask: Ask) -> None:
    instead = {"kind": "paid", "value_date": "2026-02-15", "amount": "12000.00"}
    events = [*EVENTS, {"kind": "corrected", "wrong": "paid-1", "reason": "typed wrong", "instead": instead}]
    told = json.loads(ask("--on", "2026-03-01", "--json", events=events)[1])
    assert told["paid"] == "12000.00"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"events": "[{"}, "events.json is no JSON"),
        ({"events": {}}, "must hold a JSON list of facts"),
        ({"events": []}, "must hold a JSON list of facts"),
        ({"events": [{"value_date": "2026-01-10"}]}, "fact 1 must be a JSON object with a kind"),
        ({"events": [{"kind": "gift", "value_date": "2026-01-10"}]}, "fact 1"),
        ({"events": [{"kind": "paid", "amount": "1.00"}]}, "fact 1: value_date is no day, write YYYY-MM-DD"),
        ({"events": [{"kind": "disbursed", "value_date": "2026-01-10"}]}, "fact 1: disbursed.amount: Field required"),
        ({"events": [EVENTS[1] | {"amount": "12.345"}]}, "write money as '150000.00'"),
        ({"events": [EVENTS[1] | {"colour": "red"}]}, "colour"),
        ({"terms": []}, "must hold a JSON object with the terms"),
        ({"terms": TERMS | {"colour": "red"}}, "terms have no field 'colour'"),
        ({"terms": {"principal": "1.00"}}, "Field required"),
        ({"terms": TERMS | {"disbursed": "yesterday"}}, "disbursed is no day"),
        ({"terms": TERMS | {"periods": 0}}, "term-too-short"),
        ({"events": EVENTS[:1], "terms": TERMS | {"disbursed": "2026-01-10"}}, "before the money left"),
        ({"events": EVENTS[:1]}, "disbursed: Field required"),
    ],
)
def test_an_error_is_one_clear_sentence(ask: Ask, changes: dict[str, Any], sentence: str) -> None:
    code, out, err = ask("--on", "2026-03-20", "--json", **changes)
    assert (code, out) == (1, "")
    assert sentence in err
    assert err.startswith("nesie: ")
    assert err.count("\n") == 1


def test_before_the_money_left_there_is_no_debt(ask: Ask) -> None:
    code, _, err = ask("--on", "2026-01-09")
    assert code == 1
    assert "no money has left yet on this day" in err


@pytest.mark.parametrize(
    "words", [[], ["--events", "e.json"], ["--terms", "t.json"], ["x", "--events", "e", "--terms", "t"]]
)
def test_a_loan_or_two_files_must_be_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["loan", "position", *words]) == 1
    assert "name a loan, or two files" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["loan", "position", "--events", "/nowhere/e.json", "--terms", "/nowhere/t.json"]) == 1
    assert "/nowhere/e.json cannot be read" in capsys.readouterr().err


def test_help_describes_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.run(["loan", "position", "--help"])
    told = capsys.readouterr().out
    for word in ("smaller_instalment", "year_cap_percent", "court_verdict", "first_due", "day_count"):
        assert word in told


@pytest.fixture(scope="module")
def kept_state(stack_with: Any) -> Any:
    """A database, with the settings that its stack wrote."""
    with stack_with("postgres") as stack:
        yield stack.state


@pytest.mark.parametrize("loan", ["nonsense", str(uuid4())])
def test_an_unknown_loan_is_one_sentence(
    loan: str, kept_state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NESIE_STATE", str(kept_state))
    assert main.run(["loan", "position", loan]) == 1
    assert capsys.readouterr().err == "nesie: there is no such loan (loan-unknown)\n"
