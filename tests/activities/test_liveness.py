"""Clips through the real models: rendered head turns, and recorded material where it is there.

Proven: the asked order is accepted, another order, another face, a second person and an implausible clock are not. The
attacks have a file of their own, test_liveness_attacks.py.
"""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any

import cv2
import numpy as np
import pytest
from clips import at_rate, encoded, frames_of
from senses import MODELS, NUMBERS, camera, faces, judged, liveness, photo, recorder, shared

from activities import passive_weights
from activities.integrations.biometrics import images, movements
from activities.integrations.biometrics.liveness import HeadMovements
from activities.integrations.biometrics.movements import Motion, Movement
from activities.integrations.biometrics.passive import passive_of
from rules.errors import BrokenContract, InvalidInput
from rules.evidence import FaceDecision, LivenessResult, LivenessVerdict
from rules.liveness import MOVEMENTS

SEQUENCES = [list(order) for length in (3, 4) for order in permutations(MOVEMENTS, length)]
TURNS = ["left", "right", "up"]


def _filmed(sequence: list[str], *, who: str = "person_b_1", selfie: str | None = None, **how: Any) -> LivenessResult:
    return judged(camera().clip(photo(who), sequence, **{"seed": 7, **how}), sequence, photo(selfie or who))


@pytest.mark.parametrize("who", ["person_a_2", "person_b_1"])
def test_random_sequences_made_by_a_head_are_live(who: str) -> None:
    for seed, sequence in enumerate(random.Random(who).sample(SEQUENCES, 4)):
        found = _filmed(sequence, who=who, seed=seed)
        assert (found.verdict, found.ground, [step.seen for step in found.steps]) == (
            LivenessVerdict.LIVE, None, sequence,
        )  # fmt: skip
        assert found.face_match is not None
        assert found.face_match.decision is FaceDecision.SAME
        assert [step.at_ms for step in found.steps] == sorted(step.at_ms or 0 for step in found.steps)


def test_what_is_kept_of_a_clip() -> None:
    found = _filmed(["left", "up", "closer"])
    assert (found.passive.configured, found.passive.policy) == (False, "stricter-active")
    assert len(found.video_sha256) == 64
    assert {len(one) for one in found.moving_prints} == {128}
    assert found.frames >= 20
    assert 3000 < found.duration_ms < 8000
    assert found.joins == []
    assert set(liveness().models) >= {"face_landmark.tflite", "face_detection_yunet_2023mar.onnx"}


def test_the_best_frame_is_straight_and_sharp_and_is_the_person() -> None:
    clip = camera().clip(photo("person_b_1"), TURNS, seed=7)
    found = judged(clip, TURNS, photo("person_b_1"))
    best = found.best_frame
    assert best is not None
    assert abs(best.scores["yaw"]) < 6
    assert (found.best_match or 0) >= 0.5
    pictures = [(at, cv2.GaussianBlur(one, (0, 0), 4) if at < best.at_ms + 700 else one) for at, one in frames_of(clip)]
    other = judged(encoded(pictures), TURNS, photo("person_b_1")).best_frame
    assert other is not None
    assert other.at_ms > best.at_ms + 600, "a blurred frame is not the best one"


@pytest.mark.parametrize(
    "made", [["right", "left", "up"], ["left", "right"], ["left", "right", "up", "closer"], ["left", "right", "down"]]
)
def test_another_order_or_number_of_movements_is_refused(made: list[str]) -> None:
    clip = camera().clip(photo("person_b_1"), made, seed=3)
    assert judged(clip, TURNS, photo("person_b_1")).verdict is LivenessVerdict.WRONG_ORDER


def test_a_clip_of_somebody_else_does_not_fit_the_selfie() -> None:
    found = _filmed(TURNS, who="person_b_1", selfie="person_a_2")
    assert found.verdict is LivenessVerdict.ANOTHER_FACE
    assert found.face_match is not None
    assert found.face_match.decision is FaceDecision.DIFFERENT


def test_the_borrowers_older_photograph_fits_the_clip() -> None:
    assert _filmed(["right", "down", "left"], who="person_a_2", selfie="person_a_1").verdict is LivenessVerdict.LIVE


def test_a_second_person_in_the_picture_is_refused() -> None:
    second = cv2.resize(images.decode(photo("person_a_2")), (360, 480))
    pictures = [np.hstack([one, second]) for _, one in frames_of(camera().clip(photo("person_b_1"), TURNS, seed=1))]
    found = judged(encoded(at_rate(pictures, 12)), TURNS, photo("person_b_1"))
    assert found.verdict is LivenessVerdict.SEVERAL_FACES


def test_a_clip_without_a_face_is_refused() -> None:
    clip = encoded(at_rate([np.full((480, 360, 3), 120, np.uint8)] * 30, 10))
    found = judged(clip, ["left"], photo("person_b_1"))
    assert found.verdict is LivenessVerdict.NO_FACE
    assert found.best_frame is None


def test_each_step_has_a_deadline_of_its_own() -> None:
    clip = camera().clip(photo("person_b_1"), TURNS, seed=1)
    found = judged(clip, TURNS, photo("person_b_1"))
    peaks = [step.at_ms or 0 for step in found.steps]
    took = [peaks[0], peaks[1] - peaks[0], peaks[2] - peaks[1]]
    assert max(took) < 2500
    enough = [ms / 1000 + 0.1 for ms in took]
    assert judged(clip, TURNS, photo("person_b_1"), seconds=enough).verdict is LivenessVerdict.LIVE
    for late in (0, 2):
        short = [one - 0.3 if at == late else one for at, one in enumerate(enough)]
        assert judged(clip, TURNS, photo("person_b_1"), seconds=short).verdict is LivenessVerdict.TIMING
    slow = encoded([(at * 3.6, one) for at, one in frames_of(clip)])
    assert judged(slow, TURNS, photo("person_b_1")).verdict is LivenessVerdict.TIMING, "five seconds by policy"


def test_clips_with_a_hole_or_too_few_frames_are_refused() -> None:
    frames = frames_of(camera().clip(photo("person_b_1"), TURNS, seed=1))
    hole = [(at + (900 if number > 8 else 0), one) for number, (at, one) in enumerate(frames)]
    for clip in (hole, frames[:9], [(at / 4, one) for at, one in frames]):
        assert judged(encoded(clip), TURNS, photo("person_b_1")).verdict is LivenessVerdict.TIMING


def test_an_unknown_movement_is_not_checked() -> None:
    with pytest.raises(InvalidInput):
        judged(b"", ["wink"], photo("person_b_1"))


def test_it_is_live_at_the_rates_of_the_archive_and_in_another_encoding() -> None:
    sequence = ["left", "up", "closer", "right"]
    noise = np.random.default_rng(1)
    frames = [
        (at, np.clip(cv2.resize(one, (540, 720)) + noise.normal(0, 4, (720, 540, 1)), 0, 255).astype(np.uint8))
        for at, one in frames_of(camera().clip(photo("person_b_1"), sequence, seed=7))
    ]
    phone = encoded(frames, kbit=4000)
    assert judged(encoded(frames, codec="libvpx", kbit=800), sequence, photo("person_b_1")).ground is None
    for rate in (1000, 100):
        kept = recorder().recording(phone, "video/mp4", rate)
        assert (kept.kbit or 0) <= rate < (kept.sent_kbit or 0)
        assert judged(kept.content, sequence, photo("person_b_1")).ground is None


def test_without_a_passive_model_a_turn_needs_more_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn between the two thresholds, which no photograph of ours makes."""
    between = (NUMBERS.depth_yaw * (1 + NUMBERS.depth_without_passive)) / 2
    motion = Motion([Movement("left", 5, [4, 5, 6], between, True)])
    assert not motion.flat(NUMBERS.depth_yaw, NUMBERS.depth_pitch)
    stricter = NUMBERS.depth_without_passive
    assert motion.flat(NUMBERS.depth_yaw * stricter, NUMBERS.depth_pitch * stricter)
    clip = camera().clip(photo("person_b_1"), ["left"], seed=7)
    monkeypatch.setattr(movements, "plane_residual", lambda before, after: between)
    assert judged(clip, ["left"], None).verdict is LivenessVerdict.FLAT


def test_policy_may_send_every_clip_without_a_passive_model_to_a_person() -> None:
    clip = camera().clip(photo("person_b_1"), ["left"], seed=7)
    found = liveness().check(clip, ["left"], None, NUMBERS.model_copy(update={"passive_absent": "review"}))
    assert (found.verdict, found.ground) == (LivenessVerdict.LIVE, "liveness-no-passive")


def _net(real: float) -> bytes:
    """A net of MiniFASNet's shape, of no knowledge: whatever it sees is real with this probability."""
    from onnx import TensorProto, helper

    mean = helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2], keepdims=0)  # n x 3
    zero = helper.make_node("Mul", ["mean", "nothing"], ["zero"])
    output = helper.make_node("Add", ["zero", "said"], ["output"])
    constants = [
        helper.make_tensor("nothing", TensorProto.FLOAT, [1], [0.0]),
        helper.make_tensor("said", TensorProto.FLOAT, [1, 3], [(1 - real) / 2, real, (1 - real) / 2]),
    ]
    graph = helper.make_graph(
        [mean, zero, output],
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 80, 80, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 3])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def test_supplied_weights_are_used_and_recorded(tmp_path: Any) -> None:
    """The wiring alone: real weights are in no package."""
    pytest.importorskip("onnx", reason="no onnx here to make a net with")
    folder = tmp_path / passive_weights.FOLDER
    folder.mkdir(parents=True)
    clip = camera().clip(photo("person_b_1"), ["left"], seed=7)
    assert passive_of(tmp_path) is None
    (folder / passive_weights.WEIGHTS[0]).write_bytes(_net(0.9))
    with pytest.raises(BrokenContract, match="both files"):
        passive_of(tmp_path)
    for second, score, verdict in ((0.7, 0.8, LivenessVerdict.LIVE), (0.05, 0.475, LivenessVerdict.FLAT)):
        (folder / passive_weights.WEIGHTS[1]).write_bytes(_net(second))
        passive = passive_of(tmp_path)
        assert passive is not None
        found = HeadMovements(MODELS, faces(), passive).check(clip, ["left"], None, NUMBERS)
        assert found.verdict is verdict
        assert (found.passive.configured, found.passive.score, found.passive.policy) == (True, score, None)
        assert found.passive.frames >= 5
        assert set(found.passive.models) == set(passive_weights.WEIGHTS)


def test_the_further_clips_are_judged_right(capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared("faces/video", "clips")
    expected = {
        ("synth_person_b_3d_left_right_up.mp4", "left,right,up"): None,
        ("synth_person_b_3d_left_right_up.mp4", "right,left,up"): "liveness-wrong-order",
        ("synth_person_b_3d_up_left.mp4", "up,left"): None,
        ("synth_person_b_flat_left_right_up.mp4", "left,right,up"): "liveness-flat",
        ("synth_person_b_flat_up_left.mp4", "up,left"): "liveness-flat",
        ("examples_short_hamilton_clip.mp4", "left,right,up"): "liveness-several-faces",
        ("zalo_1.mp4", "left,right"): "face-covered",
    }
    found = {
        (name, order): judged((folder / name).read_bytes(), order.split(","), photo("person_b_2")).ground
        for name, order in expected
    }
    with capsys.disabled():
        print(f"\n  liveness: {sum(found[case] == expected[case] for case in expected)} of {len(expected)} clips right")
    assert found == expected
