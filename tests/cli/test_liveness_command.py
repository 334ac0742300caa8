"""`nesie liveness check` on the real models: the shape it prints, its exit codes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from tests.support.senses import PHOTOS, PREPARED, camera, photo, shared


@pytest.fixture(autouse=True)
def prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESIE_STATE", str(PREPARED))


def _checked(capsys: pytest.CaptureFixture[str], clip: Path, sequence: str, *more: str) -> dict[str, Any]:
    code = run(["liveness", "check", str(clip), "--sequence", sequence, *more, "--json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if answer["verdict"] == "live" else 1)
    return answer


def test_a_clip_is_judged_with_and_without_a_photograph(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(camera().clip(photo("person_b_1"), ["left", "up"], seed=7))
    answer = _checked(capsys, clip, "left,up", "--photo", str(PHOTOS / "person_b_2.jpg"))
    assert set(answer) == {"verdict", "steps", "best_frame", "passive"}
    assert [(step["asked"], step["seen"]) for step in answer["steps"]] == [("left", "left"), ("up", "up")]
    assert all(isinstance(step["at_ms"], int) for step in answer["steps"])
    assert {"yaw", "noise", "sharpness", "light"} <= set(answer["best_frame"]["scores"])
    assert answer["passive"] == {"configured": False, "policy": "stricter-active"}
    assert _checked(capsys, clip, "left,up", "--photo", str(PHOTOS / "person_a_1.jpg"))["verdict"] == "another_face"
    assert _checked(capsys, clip, "up,left")["verdict"] == "wrong_order"


def test_what_cannot_be_judged_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no clip")
    for clip, sequence, word in (
        (tmp_path / "none.mp4", "left", "No such file"),
        (text, "left", "neither an MP4"),
        (text, "wink", "movements are"),
    ):  # fmt: skip
        assert run(["liveness", "check", str(clip), "--sequence", sequence]) == 2
        assert word in capsys.readouterr().err


def test_the_given_clips(capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared("faces/video", "clips")
    expected = {
        ("synth_person_b_3d_left_right_up.mp4", "left,right,up"): "live",
        ("synth_person_b_3d_up_left.mp4", "up,left"): "live",
        ("synth_person_b_flat_up_left.mp4", "up,left"): "flat",
        ("zalo_1.mp4", "left,right"): "no_face",
    }
    assert {key: _checked(capsys, folder / key[0], key[1])["verdict"] for key in expected} == expected
