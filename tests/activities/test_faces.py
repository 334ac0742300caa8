"""Real photographs through the real models. Proven: the same person accepted, others refused, flaws named."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
from senses import faces, photo, shared

from activities.integrations.biometrics import images
from activities.integrations.biometrics.faces import percent
from rules.errors import BrokenContract, InvalidInput
from rules.evidence import FaceDecision, FaceProblem

SIX = ("person_a_1", "person_a_2", "person_b_1", "person_b_2", "impostor_1", "impostor_2")


@pytest.mark.parametrize("who", ["person_a", "person_b"])
def test_two_photographs_of_one_person_are_accepted(who: str) -> None:
    found = faces().compare(photo(f"{who}_1"), photo(f"{who}_2"))
    assert found.decision is FaceDecision.SAME
    assert found.cosine > 0.5
    assert found.similarity_percent >= 95
    assert found.threshold == 0.40
    assert found.model_sha256.startswith("81b1b042")


def test_no_photograph_passes_for_another_persons() -> None:
    pairs = [(one, other) for at, one in enumerate(SIX) for other in SIX[at + 1 :] if one[:8] != other[:8]]
    pairs.append(("impostor_1", "impostor_2"))
    found = [faces().compare(photo(one), photo(other)) for one, other in pairs]
    assert len(found) == 13
    assert {comparison.decision for comparison in found} == {FaceDecision.DIFFERENT}
    assert max(comparison.cosine for comparison in found) < 0.3


def test_a_stored_embedding_gives_the_same_answer() -> None:
    stored = faces().embedding(photo("person_a_2"))
    assert len(stored) == 128 * 4
    kept, fresh = (
        faces().compare_embedding(photo("person_a_1"), stored),
        faces().compare(photo("person_a_1"), photo("person_a_2")),
    )
    assert kept == fresh


def test_a_damaged_embedding_is_no_face() -> None:
    with pytest.raises(BrokenContract):
        faces().compare_embedding(photo("person_a_1"), b"\0" * 100)


@pytest.mark.parametrize(
    ("cosine", "decision"),
    [(0.3629, "different"), (0.363, "unsure"), (0.3999, "unsure"), (0.40, "same"), (1.0, "same"), (-0.1, "different")],
)
def test_between_the_two_thresholds_a_person_looks(cosine: float, decision: str) -> None:
    assert faces().judge(cosine).decision == decision


def test_per_cent_rises_with_the_cosine_and_is_95_at_the_threshold() -> None:
    values = [percent(cosine / 100, 0.40) for cosine in range(-100, 101)]
    assert values == sorted(values)
    assert (percent(0.40, 0.40), percent(1, 0.40)) == (95, 100)


def _jpeg(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", picture)[1])


def test_an_unusable_photograph_is_named() -> None:
    good = images.decode(photo("person_b_1"))
    beside = np.hstack([good, cv2.resize(images.decode(photo("person_a_2")), (good.shape[1], good.shape[0]))])
    seen = {
        "nobody": faces().problem(_jpeg(np.full((480, 480, 3), 120, np.uint8))),
        "two": faces().problem(_jpeg(beside)),
        "small": faces().problem(_jpeg(cv2.copyMakeBorder(cv2.resize(good, (120, 150)), 200, 200, 200, 200, 0))),
        "blurred": faces().problem(_jpeg(cv2.GaussianBlur(good, (0, 0), 9))),
        "dark": faces().problem(_jpeg((good * 0.2).astype(np.uint8))),
        "bright": faces().problem(_jpeg(cv2.addWeighted(good, 0.35, good, 0, 190))),
    }
    assert seen == {
        "nobody": FaceProblem.NO_FACE,
        "two": FaceProblem.SEVERAL_FACES,
        "small": FaceProblem.TOO_SMALL,
        "blurred": FaceProblem.BLURRED,
        "dark": FaceProblem.TOO_DARK,
        "bright": FaceProblem.TOO_BRIGHT,
    }


@pytest.mark.parametrize("name", SIX)
def test_the_six_photographs_are_usable(name: str) -> None:
    assert faces().problem(photo(name)) is None


def test_a_picture_without_a_face_has_no_embedding() -> None:
    with pytest.raises(InvalidInput) as refused:
        faces().embedding(_jpeg(np.full((480, 480, 3), 120, np.uint8)))
    assert refused.value.code == "no-face"


def test_all_pairs_of_the_further_material_are_judged_right(capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared("faces", "pairs")
    with (folder / "pairs.csv").open(newline="") as file:
        pairs = list(csv.DictReader(file))
    names = {row[column] for row in pairs for column in ("file_a", "file_b")}
    known = {name: faces().of_picture(cv2.imread(str(folder / name))) for name in names}
    wrong = [
        row for row in pairs if (float(known[row["file_a"]] @ known[row["file_b"]]) >= 0.40) != (row["same"] == "1")
    ]
    with capsys.disabled():
        print(f"\n  faces: {len(pairs) - len(wrong)} of {len(pairs)} pairs right")
    assert len(pairs) > 300
    assert wrong == []
