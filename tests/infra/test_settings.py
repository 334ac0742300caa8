"""Settings that cannot be are refused before anything is done, by name and cause, and no secret is told with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from api.app import create_app
from infra.settings import Parties, Settings, load
from rules.bank_profile import PROFILES, BankProfile, profile
from rules.errors import InvalidInput

ROOT = Path(__file__).parents[2]
SECRET = "not-to-be-told"
WHOLE = {
    "DATABASE__URL": f"postgresql://nesie_app:{SECRET}@127.0.0.1:1/nesie",
    "ARCHIVE__ENDPOINT": "127.0.0.1:1",
    "ARCHIVE__ACCESS_KEY": "nesie",
    "ARCHIVE__SECRET_KEY": SECRET,
    "KEYS__MASTER": f'{{"first": "{SECRET}"}}',
    "KEYS__MASTER_CURRENT": "first",
    "KEYS__PAYLOAD": f'{{"first": "{SECRET}"}}',
    "KEYS__PAYLOAD_CURRENT": "first",
    "KEYS__INDEX": SECRET,
    **{f"PARTIES__{name.upper()}__URL": "http://127.0.0.1:1" for name in Parties.model_fields},
    **{f"PARTIES__{name.upper()}__TOKEN": SECRET for name in Parties.model_fields},
    **{f"SEAL__{name}": "none.pem" for name in ("KEY_FILE", "CERTIFICATE_FILE", "CHAIN_FILE", "TRUSTED_AUTHORITIES")},
    "MODELS": "none",
}
Given = Callable[..., None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Given:
    """The whole environment of a process, with these settings besides; None takes one away."""

    def give(**changes: str | None) -> None:
        monkeypatch.setenv("NESIE_STATE", str(tmp_path))
        for name, value in (WHOLE | changes).items():
            if value is None:
                monkeypatch.delenv(f"NESIE_{name}", raising=False)
            else:
                monkeypatch.setenv(f"NESIE_{name}", value)

    return give


def refused() -> str:
    with pytest.raises(InvalidInput) as wrong:
        load()
    assert wrong.value.code == "settings-wrong"
    assert SECRET not in str(wrong.value)
    return str(wrong.value)


def test_a_whole_environment_is_taken(given: Given) -> None:
    given()
    assert load().bank.promises() == PROFILES["keyed"]


def test_every_missing_setting_is_named(given: Given) -> None:
    given(DATABASE__URL=None, PARTIES__BANK__TOKEN=None)
    assert refused() == "NESIE_DATABASE: Field required; NESIE_PARTIES__BANK__TOKEN: Field required"


@pytest.mark.parametrize("name", sorted(PROFILES))
@pytest.mark.parametrize(
    ("settle", "request_", "posting", "least"),
    [
        ("12", None, None, "75 s"),  # the hand-over is ours, the rest as it is where nothing is said
        ("16.9", "10", "2", "17 s"),
        ("17", "12", "0.5", "17.5 s"),
        (None, None, "106", "121 s"),  # against the time that stands where nothing is said
    ],
)
def test_not_found_is_not_believed_before_a_payout_must_have_shown(
    given: Given, name: str, settle: str | None, request_: str | None, posting: str | None, least: str
) -> None:
    given(
        BANK__PROFILE=name,
        BANK__SETTLE_AFTER_SECONDS=settle,
        BANK__REQUEST_SECONDS=request_,
        BANK__POSTING_SECONDS=posting,
    )
    told = refused()
    assert told.startswith("NESIE_BANK: SETTLE_AFTER_SECONDS, REQUEST_SECONDS, POSTING_SECONDS: certain_after is ")
    assert f"must be {least} or more" in told


@pytest.mark.parametrize(
    ("settle", "request_", "posting"), [("17", "10", "2"), ("6", "1", "0"), ("86405.5", "0.5", "86400")]
)
def test_at_the_very_time_it_is_believed(given: Given, settle: str, request_: str, posting: str) -> None:
    given(
        BANK__PROFILE="lookup_only",
        BANK__SETTLE_AFTER_SECONDS=settle,
        BANK__REQUEST_SECONDS=request_,
        BANK__POSTING_SECONDS=posting,
    )
    promises = load().bank.promises()
    assert promises.certain_after == promises.on_its_way == timedelta(seconds=float(settle))
    assert (promises.keys, promises.lookup) == (False, True)


@pytest.mark.parametrize("seconds", ["0", "-1", "12.1", "soon"])
def test_a_request_fits_into_the_activity_that_makes_it(given: Given, seconds: str) -> None:
    given(BANK__REQUEST_SECONDS=seconds, BANK__SETTLE_AFTER_SECONDS="1000")
    assert refused().startswith("NESIE_BANK__REQUEST_SECONDS: ")


def test_no_profile_can_be_made_that_would_pay_twice() -> None:
    for one in PROFILES.values():
        assert one.certain_after >= one.on_its_way
    with pytest.raises(ValueError, match="must be 75 s or more"):
        BankProfile("mine", keys=False, lookup=True, certain_after=timedelta(seconds=74.9))
    assert profile("neither", hand_over_seconds=0, request_seconds=1, posting_seconds=0, settle_after_seconds=1)


def test_the_api_does_not_start_on_them(
    given: Given, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("infra.logs.set_up", lambda process: None)  # the loggers of this process are the tests'
    given(BANK__SETTLE_AFTER_SECONDS="12")
    with pytest.raises(InvalidInput, match="SETTLE_AFTER_SECONDS"):
        create_app()
    assert "the API refuses to start: NESIE_BANK: SETTLE_AFTER_SECONDS" in caplog.text
    assert SECRET not in caplog.text


def test_the_worker_says_what_is_wrong_and_does_not_start(tmp_path: Path) -> None:
    told = {f"NESIE_{name}": value for name, value in WHOLE.items()}
    environment = {"PATH": os.environ["PATH"], "NESIE_STATE": str(tmp_path), **told}
    environment |= {"NESIE_BANK__PROFILE": "lookup_only", "NESIE_BANK__SETTLE_AFTER_SECONDS": "12"}
    done = subprocess.run(
        [sys.executable, "worker.py", "origination"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("the worker refuses to start: NESIE_BANK: SETTLE_AFTER_SECONDS")
    assert "must be 75 s or more" in last
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr + done.stdout


def test_what_is_wrong_is_shown_without_what_came_in() -> None:
    assert Settings.model_config["hide_input_in_errors"] is True
