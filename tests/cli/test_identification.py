"""`nesie identification`: what an act needs on a day, as one JSON object; a day without an edition is a usage error."""

from __future__ import annotations

import json

import pytest

from cli import main


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main.run(["identification", *words, "--json"]) == 0
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_a_registration_of_2025_needs_face_and_signature(capsys: pytest.CaptureFixture[str]) -> None:
    answer = told(capsys, "--act", "registration", "--client", "individual", "--on", "2025-03-01")
    assert answer == {
        "act": "registration", "client": "INDIVIDUAL", "on": "2025-03-01", "edition": "2025", "in_force": "2025-01-01",
        "certainty": "A", "paragraph": "para 6, part 4", "always": ["biometry", "signature"],
        "choices": ["biometry", "signature"], "count": 2, "two_factor": None, "asked": ["biometry", "signature"],
        "checks": ["state_register", "liveness_sequence"], "source": "resolution 77 of 2024",
    }  # fmt: skip


def test_two_factors_are_told_where_they_are_a_method(capsys: pytest.CaptureFixture[str]) -> None:
    answer = told(capsys, "--act", "phone-change", "--client", "legal-entity", "--on", "2023-12-01")
    assert (answer["count"], answer["choices"]) == (1, ["biometry", "signature", "two_factor"])
    assert answer["two_factor"] == {"always": [], "of": ["inherence", "knowledge", "possession"], "count": 2}
    seen = told(capsys, "--act", "cash_desk", "--client", "LEGAL_ENTITY", "--on", "2026-01-01")
    assert (seen["always"], seen["asked"]) == (["power_of_attorney"], None)
    own = told(capsys, "--act", "contract", "--client", "entrepreneur", "--on", "2026-01-01", "--business")
    assert (own["act"], own["always"]) == ("business_contract", ["biometry"])


def test_before_the_first_edition_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["identification", "--act", "leak", "--client", "individual", "--on", "2021-05-10"]) == 2
    assert "no edition of the Rules on 2021-05-10" in capsys.readouterr().err
