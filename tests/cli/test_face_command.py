"""`nesie face compare` and `nesie bench face` on the real models: what they print, and what they refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cli.main import run
from tests.support.senses import PHOTOS, PREPARED


@pytest.fixture(autouse=True)
def prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESIE_STATE", str(PREPARED))


def _compared(capsys: pytest.CaptureFixture[str], one: Path, other: Path) -> dict[str, object]:
    assert run(["face", "compare", str(one), str(other), "--json"]) == 0
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_two_photographs_are_compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    same = _compared(capsys, PHOTOS / "person_a_1.jpg", PHOTOS / "person_a_2.jpg")
    assert set(same) == {"similarity_percent", "cosine", "decision", "threshold", "model_sha256", "ms"}
    assert (same["decision"], same["threshold"]) == ("same", 0.4)
    assert same["similarity_percent"] > 95  # type: ignore[operator]
    portable = tmp_path / "b.pgm"
    cv2.imwrite(str(portable), cv2.imread(str(PHOTOS / "person_b_1.jpg"), cv2.IMREAD_GRAYSCALE))
    assert _compared(capsys, portable, PHOTOS / "person_b_2.jpg")["decision"] == "same"
    assert _compared(capsys, portable, PHOTOS / "person_a_2.jpg")["decision"] == "different"


def test_what_is_no_photograph_of_a_face_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    grey, text, cut = tmp_path / "grey.png", tmp_path / "text.jpg", tmp_path / "cut.jpg"
    cv2.imwrite(str(grey), np.full((300, 300, 3), 120, np.uint8))
    text.write_text("not a picture")
    cut.write_bytes((PHOTOS / "person_b_1.jpg").read_bytes()[:5000])
    for path, word in (
        (tmp_path / "none.jpg", "No such file"),
        (grey, "no face"),
        (text, "neither a JPEG nor a PNG"),
        (cut, "cannot be read"),
    ):
        assert run(["face", "compare", str(PHOTOS / "person_a_1.jpg"), str(path), "--json"]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(f"nesie face: {path}: ")
        assert word in told.err


def test_without_models_the_way_out_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESIE_STATE", str(tmp_path))
    assert run(["face", "compare", "a.jpg", "b.jpg"]) == 1
    assert "make setup" in capsys.readouterr().err


def test_the_benchmark_tells_every_figure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    names = ["person_a_1", "person_a_2", "person_b_1", "person_b_2", "impostor_1"]
    for name in names:
        (tmp_path / f"{name}.jpg").write_bytes((PHOTOS / f"{name}.jpg").read_bytes())
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_a", "file_b", "same", "source"])
        writer.writerows([f"{one}.jpg", f"{other}.jpg", int(one[:8] == other[:8]), "own"]
                         for at, one in enumerate(names) for other in names[at + 1 :])  # fmt: skip
    assert run(["bench", "face", "--pairs", str(tmp_path / "pairs.csv"), "--sample", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pairs"], told["accuracy"], told["far"], told["frr"], told["eer"]) == (10, 1, 0, 0, 0)
    assert told["confidence_95"]["accuracy"] == [0.7225, 1.0]
    assert told["deepface_verify"]["pairs"] == 2
    assert 0 < told["cpu_ms"]["stored_embedding"] < told["cpu_ms"]["two_photos"] < told["deepface_verify"]["cpu_ms"]
    assert told["cpu_ratio"]["two_photos"] < 0.7
    assert told["service_ms"]["p50"] <= told["service_ms"]["p95"]
    burst = told["burst_100"]
    assert (burst["answered"], burst["refused"]) == (100, 0)
    assert 0 < burst["p50_ms"] <= burst["last_ms"]


@pytest.mark.parametrize(
    "content", ["", "file_a,file_b,same\n", "a,b\n1,2\n", "file_a,file_b,same\nx.jpg,y.jpg,maybe\n"]
)
def test_wrong_pairs_are_refused(content: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(content)
    assert run(["bench", "face", "--pairs", str(tmp_path / "pairs.csv"), "--json"]) == 1
    assert "pairs-unreadable" in capsys.readouterr().err
