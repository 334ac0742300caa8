"""`nesie deadline`: what it prints, with and without a database, and one clear sentence for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.main import run
from rules.clocks import CLOCKS
from rules.days_off import CALENDAR
from storage.database import libpq_url
from tests.support.own_database import own_database

EXAMPLE = "deadline --rule P13.2 --received 2026-03-19T18:30+05:00"
NAMED = {
    "P4", "P5", "P13.1-inform", "P13.1-act", "P13.2", "P13.4", "arrears-notice", "restructuring-answer",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("NESIE_STATE", str(tmp_path))
    monkeypatch.delenv("NESIE_DATABASE__URL", raising=False)
    monkeypatch.delenv("NESIE_DATABASE__READ_URL", raising=False)


@pytest.fixture(scope="module")
def urls(database_urls: dict[str, str]) -> Iterator[dict[str, str]]:
    """A database in which two people have made Thursday 26 March 2026 a day off."""
    with own_database(database_urls) as own:
        with psycopg.connect(libpq_url(own["postgres"]), autocommit=True) as root:
            people = [uuid4(), uuid4()]
            for one in people:
                root.execute(
                    "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active,"
                    " created_at) values (%s, %s, 'C', '{officer}', 'h', 's', 0, true, now())",
                    (one, one.hex[:12]),
                )
            proposed(root, people[0], date(2026, 3, 26))
            root.execute(
                "update calendar_change set state = 'CONFIRMED', decided_by = %s, decided_at = now()", (people[1],)
            )
            proposed(root, people[0], date(2026, 3, 20))  # waits for its second person: counts for nothing
        yield own


def proposed(root: psycopg.Connection, who: UUID, day: date) -> None:
    root.execute(
        "insert into calendar_change (id, day, works, act, state, proposed_by, proposed_at)"
        " values (%s, %s, false, 'order 9 of 2026', 'PROPOSED', %s, now())",
        (uuid4(), day, who),
    )


def told(capsys: pytest.CaptureFixture[str], line: str) -> Any:
    assert run([*line.split(), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], line: str, code: int) -> str:
    assert run(line.split()) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    return shown.err


def test_a_term_is_told_with_every_day_that_was_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, EXAMPLE)
    assert list(found) == [
        "rule", "received", "last_day", "due", "working_days", "skipped", "calendar_version",
    ]  # fmt: skip
    assert found == {
        "rule": "P13.2",
        "received": "2026-03-19T18:30:00+05:00",
        "last_day": "2026-03-27",
        "due": "2026-03-28T00:00:00+05:00",
        "working_days": 3,
        "skipped": [
            {"day": "2026-03-21", "why": "weekend"},
            {"day": "2026-03-22", "why": "weekend"},
            *({"day": f"2026-03-{day}", "why": "holiday: Nauryz"} for day in (23, 24, 25)),
        ],
        "calendar_version": CALENDAR.version,
    }


def test_a_receipt_told_in_another_zone_is_shown_in_almaty(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "deadline --rule restructuring-answer --received 2026-03-19T19:30Z")
    assert (found["received"], found["due"]) == ("2026-03-20T00:30:00+05:00", "2026-04-05T00:00:00+05:00")
    assert (found["working_days"], found["skipped"]) == (None, [])
    assert told(capsys, "deadline --rule P13.2 --received 2024-02-26T12:00+06:00")["due"] == "2024-03-01T00:00:00+05:00"


def test_all_terms_are_named_with_their_days_and_where_they_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    rules = {one["rule"]: one for one in told(capsys, "deadline --list")["rules"]}
    assert set(rules) == set(CLOCKS)
    assert set(rules) >= NAMED
    one = rules["P13.4"]
    assert (one["days"], one["unit"], one["paragraph"]) == (15, "working days", "para 13, part 4")
    assert (one["policy_row"], one["certainty"]) == ("write-off-days@2023-11-20", "A")
    assert rules["restructuring-answer"]["certainty"] == "B"
    assert run(["deadline", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(CLOCKS)


def test_for_people_it_is_told_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(EXAMPLE.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("P13.2: 3 working days from 2026-03-19T18:30:00+05:00")
    assert lines[-1].startswith("last day 2026-03-27, missed from 2026-03-28T00:00:00+05:00")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("deadline", "clock-rule-missing"),
        ("deadline --rule P13.2", "clock-rule-missing"),
        ("deadline --rule P99 --received 2026-03-19T18:30+05:00", "clock-rule-unknown"),
        ("deadline --rule P13.2 --received 2026-03-19T18:30", "instant-without-zone"),
        ("deadline --rule P13.2 --received yesterday", "instant-unreadable"),
        ("deadline --rule P13.2 --received 2026-02-30T10:00+05:00", "instant-unreadable"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence_and_exit_code_two(
    capsys: pytest.CaptureFixture[str], line: str, code: str
) -> None:
    assert code in refused(capsys, line, 2)


def test_a_term_that_reaches_into_a_year_without_a_table_is_not_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = refused(capsys, "deadline --rule P13.4 --received 2027-12-20T10:00+05:00", 1)
    assert "calendar-unknown" in sentence
    assert "2028" in sentence


def test_confirmed_changes_count_where_a_database_answers(
    capsys: pytest.CaptureFixture[str], urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESIE_DATABASE__URL", urls["app"])
    monkeypatch.setenv("NESIE_DATABASE__READ_URL", urls["read"])
    found = told(capsys, EXAMPLE)
    assert found["last_day"] == "2026-03-30"
    assert {"day": "2026-03-26", "why": "transferred: order 9 of 2026"} in found["skipped"]
    assert found["calendar_version"] != CALENDAR.version
    assert told(capsys, f"{EXAMPLE} --base")["last_day"] == "2026-03-27"


def test_a_database_that_is_away_costs_a_line_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESIE_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert run([*EXAMPLE.split(), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["calendar_version"] == CALENDAR.version
    assert "counted by the released table" in shown.err


def test_today_has_a_term_for_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    today = datetime(2026, 11, 2, 9, tzinfo=UTC).isoformat()
    for rule in CLOCKS:
        assert told(capsys, f"deadline --rule {rule} --received {today}")["rule"] == rule
