"""Real photographs through the real models. Proven: the same person accepted, others refused, flaws named."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from senses import MODELS, faces, photo, shared

from activities.integrations.biometrics import images
from activities.integrations.biometrics.detection import FaceDetector
from activities.integrations.biometrics.faces import DeepFaceEngine, percent
from activities.integrations.biometrics.mesh import FaceMesh
from infra.borrower.head import Head
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
    assert found.unsure_threshold == 0.363
    assert found.model_sha256.startswith("487a139e")  # OpenCV reads the packed weights


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


def test_opencv_and_deepface_make_one_embedding_of_each_face() -> None:
    reference = DeepFaceEngine(MODELS, path="deepface")
    assert (faces().path, reference.path) == ("opencv", "deepface")
    assert reference.model_sha256.startswith("81b1b042")
    assert set(faces().models) == {"face_detection_yunet_2023mar.onnx", "sface_int8bq_clean.onnx"}
    for name in SIX:
        ours, theirs = faces().embedding(photo(name)), reference.embedding(photo(name))
        assert float(np.frombuffer(ours, np.float32) @ np.frombuffer(theirs, np.float32)) >= 0.99999


def test_threads_do_not_disturb_each_other() -> None:
    pairs = [(one, other) for one in SIX for other in SIX]
    alone = [faces().compare(photo(one), photo(other)) for one, other in pairs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: faces().compare(photo(pair[0]), photo(pair[1])), pairs))
    assert together == alone


def test_a_large_photograph_is_compared_by_less_of_it_and_a_small_face_by_all_of_it() -> None:
    face = images.decode(photo("person_b_1"))
    large = cv2.resize(face, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(face, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)  # a face of 160 in 2700 pixels
    far = cv2.copyMakeBorder(small, 1080, 1080, 1100, 1100, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    assert faces().compare(_jpeg(large), photo("person_b_2")).cosine == pytest.approx(
        faces().compare(photo("person_b_1"), photo("person_b_2")).cosine, abs=0.03
    )
    assert faces().compare(_jpeg(far), photo("person_b_1")).cosine > 0.9


def test_the_largest_face_wins() -> None:
    small = cv2.resize(images.decode(photo("person_a_2")), None, fx=0.5, fy=0.5)
    beside = np.full((900, 716 + small.shape[1], 3), 90, np.uint8)
    beside[:, :716], beside[: small.shape[0], 716:] = images.decode(photo("person_b_1")), small
    assert faces().compare(_jpeg(beside), photo("person_b_2")).decision is FaceDecision.SAME
    assert faces().compare(_jpeg(beside), photo("person_a_1")).decision is FaceDecision.DIFFERENT


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


# ---- the photograph for a registration


@pytest.mark.parametrize("name", ["person_a_2", "person_b_1"])
def test_the_selfies_of_the_demo_will_do(name: str) -> None:
    found = faces().portrait(photo(name))
    assert found.problem is None
    assert set(found.measures) > {"yaw", "pitch", "roll", "mouth_gap", "glasses", "cover"}


def _marked(name: str) -> tuple[np.ndarray, np.ndarray, float]:
    """A photograph, the mesh of its face, the distance between its eyes."""
    picture = np.array(images.decode(photo(name)))
    mesh = faces()._mesh.of_face(picture, FaceDetector(MODELS).find(picture)[0])[:, :2]
    return picture, mesh, float(np.linalg.norm(mesh[33] - mesh[263]))


def _eyes(mesh: np.ndarray, between: float) -> list[tuple[int, int]]:
    middles = ((mesh[33] + mesh[133]) / 2, (mesh[263] + mesh[362]) / 2)
    return [(int(middle[0]), int(middle[1] + 0.04 * between)) for middle in middles]


def _spectacles(name: str) -> np.ndarray:
    picture, mesh, between = _marked(name)
    thick = max(2, int(0.03 * between))
    for eye in _eyes(mesh, between):
        cv2.ellipse(picture, eye, (int(0.23 * between), int(0.2 * between)), 0, 0, 360, (30, 30, 30), thick)
    root, half = mesh[168].astype(int), int(0.1 * between)
    cv2.line(picture, (root[0] - half, root[1]), (root[0] + half, root[1]), (30, 30, 30), thick)
    return picture


def _dark_glasses(name: str) -> np.ndarray:
    picture, mesh, between = _marked(name)
    for eye in _eyes(mesh, between):
        cv2.ellipse(picture, eye, (int(0.3 * between), int(0.24 * between)), 0, 0, 360, (20, 20, 20), -1)
    return picture


def _mask(name: str, colour: tuple[int, int, int]) -> np.ndarray:
    picture, mesh, _ = _marked(name)
    edge = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]
    cv2.fillPoly(picture, [mesh[[*edge, 346, 347, 197, 118, 117]].astype(np.int32)], colour)
    return picture


def _turned(name: str, degrees: float) -> np.ndarray:
    picture = images.decode(photo(name))
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _shaded(name: str) -> np.ndarray:
    """Half of the face in the shade."""
    picture = images.decode(photo(name))
    left, _, width, _ = FaceDetector(MODELS).find(picture)[0].box
    light = np.clip((np.arange(picture.shape[1]) - left - width / 2) / 20 + 0.5, 0.2, 1.0)
    return (picture * light[None, :, None]).astype(np.uint8)


@pytest.mark.parametrize("name", ["person_a_2", "person_b_1"])
def test_each_flaw_of_a_portrait_is_told_by_its_name(name: str) -> None:
    good = images.decode(photo(name))
    seen = {
        "far": cv2.resize(good, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA),
        "night": (good * 0.35).astype(np.uint8),
        "shaken": cv2.GaussianBlur(good, (0, 0), 7),
        "tilted": _turned(name, 25),
        "shade": _shaded(name),
        "spectacles": _spectacles(name),
        "dark glasses": _dark_glasses(name),
        "white mask": _mask(name, (235, 225, 215)),
        "black mask": _mask(name, (25, 25, 25)),
    }
    assert {flaw: faces().portrait_problem(_jpeg(picture)) for flaw, picture in seen.items()} == {
        "far": FaceProblem.TOO_SMALL,
        "night": FaceProblem.TOO_DARK,
        "shaken": FaceProblem.BLURRED,
        "tilted": FaceProblem.TILTED,
        "shade": FaceProblem.UNEVEN_LIGHT,
        "spectacles": FaceProblem.GLASSES,
        "dark glasses": FaceProblem.GLASSES,
        "white mask": FaceProblem.COVERED,
        "black mask": FaceProblem.COVERED,
    }


def test_a_turned_head_is_no_portrait() -> None:
    head = Head(images.decode(photo("person_b_1")), FaceMesh(MODELS).of_photo(photo("person_b_1")))
    shown = [head.turned("left", 0), head.turned("left", 1), head.turned("right", 1)]
    seen = [faces().portrait_problem(_jpeg(picture)) for picture in shown]
    assert seen == [None, FaceProblem.TURNED, FaceProblem.TURNED]


def test_a_talking_mouth_is_told_to_close() -> None:
    picture, mesh, between = _marked("person_a_2")
    middle = ((mesh[13] + mesh[14]) / 2).astype(int)
    low = middle[1]
    drop = int(0.25 * between)  # the jaw falls: everything below the lips' line moves down, the gap is dark
    opened = np.vstack([picture[:low], np.repeat(picture[low : low + 1], drop, axis=0), picture[low:-drop]])
    axes = (int(0.2 * between), drop // 2)
    cv2.ellipse(opened, (int(middle[0]), int(low + drop // 2)), axes, 0, 0, 360, (30, 20, 60), -1)
    assert faces().portrait_problem(_jpeg(opened)) is FaceProblem.MOUTH_OPEN


def test_a_broad_grin_is_no_portrait() -> None:
    assert faces().portrait_problem(photo("impostor_1")) is FaceProblem.NOT_NEUTRAL


def _before(name: str, wall: np.ndarray) -> np.ndarray:
    """A photograph with something else to the left and the right of the head."""
    picture = np.array(images.decode(photo(name)))
    left, _, width, _ = FaceDetector(MODELS).find(picture)[0].box
    from_left, to_right = max(0, int(left - 0.4 * width)), int(left + 1.4 * width)
    wall = cv2.resize(wall, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_NEAREST)
    picture[:, :from_left], picture[:, to_right:] = wall[:, :from_left], wall[:, to_right:]
    return picture


_WALLS = {
    "white": np.full((1, 1, 3), 245, np.uint8),
    "grey": np.full((1, 1, 3), 130, np.uint8),
    "lit from one side": np.linspace(110, 230, 64).astype(np.uint8)[None, :, None].repeat(3, 2),
    "night": np.full((1, 1, 3), 40, np.uint8),
    "crowd": (np.indices((16, 16)).sum(0) % 2 * 200 + 20).astype(np.uint8)[:, :, None].repeat(3, 2),
}


def test_a_portrait_is_taken_before_a_light_and_plain_wall() -> None:
    shown = {wall: _jpeg(_before("person_b_1", colours)) for wall, colours in _WALLS.items()}
    assert {wall: faces().portrait_problem(picture) for wall, picture in shown.items()} == {
        "white": None, "grey": None, "lit from one side": None,
        "night": FaceProblem.BACKGROUND, "crowd": FaceProblem.BACKGROUND,
    }  # fmt: skip
    assert [faces().problem(picture) for picture in shown.values()] == [None] * 5, "a comparison asks for no wall"


def test_a_face_that_fills_its_picture_is_not_refused_for_what_is_not_seen() -> None:
    night = _before("person_b_1", _WALLS["night"])
    left, top, width, height = (int(value) for value in FaceDetector(MODELS).find(night)[0].box)
    near = night[: top + 2 * height, max(0, left - width // 2) : left + width + width // 2]
    found = faces().portrait(_jpeg(near))
    assert (found.problem, found.measures["background"]) == (None, 100)


def test_an_old_record_is_judged_by_the_gate_of_its_day() -> None:
    old, night = DeepFaceEngine(MODELS, gate="1"), _jpeg(_before("person_b_1", _WALLS["night"]))
    assert (old.portrait_problem(night), faces().portrait_problem(night)) == (None, FaceProblem.BACKGROUND)
    assert old.portrait_models == faces().portrait_models | {"photo-gate": "1"}
    for name in SIX:  # a look at other pixels, the same face
        assert old.compare_embedding(photo(name), faces().embedding(photo(name))).cosine > 0.85


def test_genuine_portraits_are_not_refused(capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared("faces", "portraits")
    found = {path.name: faces().portrait_problem(path.read_bytes()) for path in sorted((folder / "deepface").iterdir())}
    live = faces().portrait_problem((folder / "spoof" / "image_T1.jpg").read_bytes())
    with capsys.disabled():
        print(f"\n  portraits: {len(found)} of three people")
    assert len(found) == 12
    assert {problem for problem in found.values()} == {None}
    assert live is FaceProblem.TURNED
