"""Clips through the real models: rendered head turns, attacks, and recorded material where it is there.

Proven: the asked order is accepted, another order, a flat photo, a still, another face and a second person are not.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np
import pytest
from senses import camera, faces, liveness, photo, shared

from activities.integrations.biometrics import images
from activities.integrations.biometrics.fingerprints import same_recording
from activities.integrations.biometrics.movements import MOVEMENTS
from rules.errors import InvalidInput
from rules.evidence import FaceDecision, LivenessResult, LivenessVerdict

SEQUENCES = [list(order) for length in (3, 4) for order in permutations(MOVEMENTS, length)]


def _filmed(
    sequence: list[str], *, who: str = "person_b_1", selfie: str | None = None, **how: object
) -> LivenessResult:
    clip = camera().clip(photo(who), sequence, **{"seed": 7, **how})
    return liveness().check(clip, sequence, photo(selfie or who))


def _joined(*clips: bytes) -> bytes:
    """Clips one after the other, as an attacker would cut them."""
    pictures = [frame.image for clip in clips for frame in images.frames(clip)]
    return _clip(pictures, 7.5)


def _clip(pictures: list[np.ndarray], rate: float) -> bytes:
    height, width = pictures[0].shape[:2]
    path = str(Path(tempfile.mkdtemp(prefix="nesie-test-")) / "clip.mp4")
    writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    for picture in pictures:
        writer.write(picture)
    writer.release()
    content = Path(path).read_bytes()
    shutil.rmtree(Path(path).parent)
    return content


@pytest.mark.parametrize("who", ["person_a_2", "person_b_1"])
def test_random_sequences_made_by_a_head_are_live(who: str) -> None:
    for seed, sequence in enumerate(random.Random(who).sample(SEQUENCES, 4)):
        found = _filmed(sequence, who=who, seed=seed)
        assert (found.verdict, [step.seen for step in found.steps]) == (LivenessVerdict.LIVE, sequence)
        assert found.face_match is not None
        assert found.face_match.decision is FaceDecision.SAME
        assert [step.at_ms for step in found.steps] == sorted(step.at_ms or 0 for step in found.steps)


def test_what_is_kept_of_a_clip() -> None:
    found = _filmed(["left", "up", "closer"])
    assert found.passive == "not configured"
    assert len(found.video_sha256) == 64
    assert len(found.frame_fingerprints) == 12
    assert found.best_frame_ms is not None
    assert found.frames >= 20
    assert 3000 < found.duration_ms < 8000


@pytest.mark.parametrize(
    "sequence", [["left", "right", "up"], ["down", "closer", "left", "up"], ["closer", "up", "down"]]
)
def test_a_tilted_photograph_is_flat(sequence: list[str]) -> None:
    for seed in (1, 2):
        assert _filmed(sequence, flat=True, seed=seed).verdict is LivenessVerdict.FLAT


@pytest.mark.parametrize("who", ["person_a_2", "person_b_1"])
def test_a_still_picture_is_static(who: str) -> None:
    assert _filmed(["left", "right", "up"], who=who, frozen=True).verdict is LivenessVerdict.STATIC


@pytest.mark.parametrize(
    "made",
    [
        ["right", "left", "up"],
        ["left", "up", "right"],
        ["left", "right"],
        ["left", "right", "up", "closer"],
        ["left", "right", "down"],
    ],
)
def test_another_order_or_number_of_movements_is_refused(made: list[str]) -> None:
    clip = camera().clip(photo("person_b_1"), made, seed=3)
    found = liveness().check(clip, ["left", "right", "up"], photo("person_b_1"))
    assert found.verdict is LivenessVerdict.WRONG_ORDER


def test_a_clip_of_somebody_else_does_not_fit_the_selfie() -> None:
    found = _filmed(["left", "right", "up"], who="person_b_1", selfie="person_a_2")
    assert found.verdict is LivenessVerdict.ANOTHER_FACE
    assert found.face_match is not None
    assert found.face_match.decision is FaceDecision.DIFFERENT


def test_the_borrowers_older_photograph_fits_the_clip() -> None:
    assert _filmed(["right", "down", "left"], who="person_a_2", selfie="person_a_1").verdict is LivenessVerdict.LIVE


def test_two_people_who_share_a_clip_are_refused() -> None:
    clip = _joined(
        camera().clip(photo("person_b_1"), ["left"], seed=1),
        camera().clip(photo("person_a_2"), ["right", "up"], seed=1),
    )
    found = liveness().check(clip, ["left", "right", "up"], photo("person_b_1"))
    assert found.verdict is not LivenessVerdict.LIVE


def test_a_second_person_in_the_picture_is_refused() -> None:
    first = [
        frame.image for frame in images.frames(camera().clip(photo("person_b_1"), ["left", "up", "right"], seed=1))
    ]
    second = cv2.resize(images.decode(photo("person_a_2")), (360, 480))
    found = liveness().check(
        _clip([np.hstack([one, second]) for one in first], 7.5), ["left", "up", "right"], photo("person_b_1")
    )
    assert found.verdict is LivenessVerdict.SEVERAL_FACES


def test_a_clip_without_a_face_is_refused() -> None:
    found = liveness().check(_clip([np.full((480, 360, 3), 120, np.uint8)] * 30, 10), ["left"], photo("person_b_1"))
    assert found.verdict is LivenessVerdict.NO_FACE
    assert found.best_frame_ms is None


def test_too_few_or_too_slow_frames_are_refused() -> None:
    pictures = [
        frame.image for frame in images.frames(camera().clip(photo("person_b_1"), ["left", "up", "right"], seed=1))
    ]
    slow = liveness().check(_clip(pictures[::4], 1.2), ["left", "up", "right"], photo("person_b_1"))
    few = liveness().check(_clip(pictures[:6], 7.5), ["left", "up", "right"], photo("person_b_1"))
    assert (slow.verdict, few.verdict) == (LivenessVerdict.TIMING, LivenessVerdict.TIMING)


def test_an_unknown_movement_is_not_checked() -> None:
    with pytest.raises(InvalidInput):
        liveness().check(b"", ["wink"], photo("person_b_1"))


def test_a_clip_encoded_again_has_the_same_fingerprints_and_another_recording_has_not() -> None:
    sequence = ["left", "right", "up"]
    clip = camera().clip(photo("person_b_1"), sequence, seed=1)
    again = _clip([frame.image for frame in images.frames(clip)], 6.0)
    first, copied, other = (
        liveness().check(one, sequence, photo("person_b_1")).frame_fingerprints
        for one in (clip, again, camera().clip(photo("person_b_1"), sequence, seed=2))
    )
    assert same_recording(first, copied)
    assert not same_recording(first, other)
    assert not same_recording(first, [])


def test_the_further_clips_are_judged_right(capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared("faces/video", "clips")
    expected = {
        ("synth_person_b_3d_left_right_up.mp4", "left,right,up"): "live",
        ("synth_person_b_3d_left_right_up.mp4", "right,left,up"): "wrong_order",
        ("synth_person_b_3d_up_left.mp4", "up,left"): "live",
        ("synth_person_b_3d_up_left.mp4", "left,up"): "wrong_order",
        ("synth_person_b_flat_left_right_up.mp4", "left,right,up"): "flat",
        ("synth_person_b_flat_up_left.mp4", "up,left"): "flat",
        ("examples_short_hamilton_clip.mp4", "left,right,up"): "several_faces",
        ("zalo_1.mp4", "left,up,right"): "wrong_order",
    }
    found = {
        (name, order): liveness()
        .check((folder / name).read_bytes(), order.split(","), photo("person_b_2"))
        .verdict.value
        for name, order in expected
    }
    with capsys.disabled():
        print(f"\n  liveness: {sum(found[case] == expected[case] for case in expected)} of {len(expected)} clips right")
    assert found == expected
    assert faces().model_sha256
