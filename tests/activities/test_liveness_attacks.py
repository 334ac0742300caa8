"""What was filmed before, cut, glued, tilted or held still must not pass; a new recording must not look like an old."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from clips import at_rate, brighter, encoded, frames_of, glued
from senses import camera, judged, liveness, photo, recorder

from activities.integrations.biometrics import continuity, fingerprints
from rules.evidence import LivenessVerdict

TURNS = ["left", "right", "up"]
REPLAYED = 0.4  # as policy has it


@pytest.mark.parametrize(
    "sequence", [["left", "right", "up"], ["down", "closer", "left", "up"], ["closer", "up", "down"]]
)
def test_a_tilted_photograph_is_flat(sequence: list[str]) -> None:
    for seed in (1, 2):
        clip = camera().clip(photo("person_b_1"), sequence, flat=True, seed=seed)
        assert judged(clip, sequence, photo("person_b_1")).verdict is LivenessVerdict.FLAT


@pytest.mark.parametrize("who", ["person_a_2", "person_b_1"])
def test_a_still_picture_is_static(who: str) -> None:
    assert judged(camera().clip(photo(who), TURNS, frozen=True, seed=7), TURNS, photo(who)).verdict is (
        LivenessVerdict.STATIC
    )


def test_frames_that_stand_still_in_a_living_clip_are_static() -> None:
    """Held back until the next movement is ready, as a made-up camera does."""
    frames = frames_of(camera().clip(photo("person_b_1"), TURNS, seed=1))
    held = glued(frames[:30], [frames[29]] * 20, frames[30:])
    assert judged(encoded(held), TURNS, photo("person_b_1")).verdict is LivenessVerdict.STATIC


def _part(sequence: list[str], seed: int, who: str = "person_b_1") -> list[tuple[float, np.ndarray]]:
    return frames_of(camera().clip(photo(who), sequence, seed=seed))


@pytest.mark.parametrize("seed", range(4))
def test_two_recordings_of_one_person_glued_together_are_seen(seed: int) -> None:
    clip = encoded(glued(_part(["left"], 10 + seed), _part(["right", "up"], 20 + seed)))
    found = judged(clip, TURNS, photo("person_b_1"))
    assert (found.verdict, found.ground) == (LivenessVerdict.TIMING, "liveness-joined")
    kept = recorder().recording(clip, "video/mp4", 300)
    assert judged(kept.content, TURNS, photo("person_b_1")).ground == "liveness-joined", "after the archive's encoding"


def test_two_people_glued_together_are_refused() -> None:
    clip = encoded(glued(_part(["left"], 1), _part(["right", "up"], 1, "person_a_2")))
    assert judged(clip, TURNS, photo("person_b_1")).verdict is not LivenessVerdict.LIVE
    assert judged(clip, TURNS, photo("person_a_2")).verdict is not LivenessVerdict.LIVE


def test_another_person_in_one_movement_alone_is_refused() -> None:
    """Cut at the same framing, so that only the face tells."""
    mine, other = _part(TURNS, 1), _part(TURNS, 1, "person_a_2")
    there = range(28, 40)
    swapped = [other[at] if at in there else one for at, one in enumerate(mine)]
    found = judged(encoded(swapped), TURNS, photo("person_b_1"))
    assert found.verdict is not LivenessVerdict.LIVE


def _looks(seen: list[bool]) -> list[continuity.Look]:
    """A face that comes near, so that its surroundings change from frame to frame; seen: where any of them are left."""
    draw = np.random.default_rng(5)
    looks = []
    for at, some in enumerate(seen):
        small = draw.uniform(0, 60, (64, 48)).astype(np.float32)
        outside = np.zeros((64, 48), bool)
        outside[:4] = some
        looks.append(continuity.Look(at * 80.0, small, outside, np.zeros(2), 100.0, 0.0, 0.0))
    return looks


def test_a_face_so_near_that_nothing_else_is_seen_is_no_cut() -> None:
    hidden = [False] * 4
    assert continuity.joins(_looks([*hidden, True, True, *hidden])) == []
    calm = _looks([True] * 10)
    for at, look in enumerate(calm):
        look.small[:] = 0.5 * (at % 2) + 30 * (at >= 5)
    assert continuity.joins(calm) == [400], "and a cut before a calm wall is one"


def test_live_clips_are_not_taken_for_glued_ones() -> None:
    for seed in range(6):
        sequence = [["closer", "left", "down"], ["up", "closer", "right"]][seed % 2]
        who = ["person_a_2", "person_b_1"][seed // 2 % 2]
        found = judged(camera().clip(photo(who), sequence, seed=100 + seed), sequence, photo(who))
        assert (found.joins, found.ground) == ([], None)


def _prints(clip: bytes) -> list[str]:
    return judged(clip, TURNS, None).moving_prints


@pytest.fixture(scope="module")
def recording() -> tuple[list[tuple[float, np.ndarray]], list[str]]:
    clip = camera().clip(photo("person_b_1"), TURNS, seed=1)
    return frames_of(clip), _prints(clip)


@pytest.mark.parametrize(
    "again", ["rate 100", "rate 500", "vp8", "one frame later", "smaller, lighter, cut", "another order", "faster"]
)
def test_the_same_frames_are_known_however_they_come_again(recording, again: str) -> None:
    frames, prints = recording
    peaks = [step.at_ms or 0 for step in judged(encoded(frames), TURNS, None).steps]
    pause = sum(at < (peaks[0] + peaks[1]) / 2 for at, _ in frames)
    clip = {
        "rate 100": lambda: encoded(frames, kbit=100),
        "rate 500": lambda: encoded(frames, kbit=500),
        "vp8": lambda: encoded(frames, codec="libvpx", kbit=500),
        "one frame later": lambda: encoded([(at - frames[1][0], one) for at, one in frames[1:]]),
        "smaller, lighter, cut": lambda: encoded(brighter(frames, 1.04, 3)),
        "another order": lambda: encoded(glued(frames[pause:], frames[:pause])),
        "faster": lambda: encoded([(at * 0.8, one) for at, one in frames]),
    }[again]()
    found = _prints(clip)
    stored = b"".join(bytes.fromhex(one) for one in prints)
    share, _ = liveness().seen_before(found, [stored])
    assert share >= REPLAYED + 0.1
    shared = set(liveness().bands(found)) & set(liveness().bands(prints))
    assert len(shared) >= 10, "an index finds it"


def test_a_mirrored_replay_is_known_by_its_mirrored_frames(recording) -> None:
    """It shows the other side: it would answer a challenge of right, left, up."""
    frames, prints = recording
    turned = encoded([(at, np.ascontiguousarray(one[:, ::-1])) for at, one in frames])
    found = judged(turned, ["right", "left", "up"], photo("person_b_1"))
    assert found.verdict is LivenessVerdict.LIVE, "only its frames tell"
    stored = b"".join(bytes.fromhex(one) for one in prints)
    assert liveness().seen_before(found.moving_prints, [stored])[0] <= 0.05
    assert liveness().seen_before(found.mirrored_prints, [stored])[0] >= REPLAYED + 0.1
    assert len(set(liveness().bands(found.mirrored_prints)) & set(liveness().bands(prints))) >= 10


def test_pieces_of_several_old_clips_are_known_together() -> None:
    old = [frames_of(camera().clip(photo("person_b_1"), [one], seed=30 + at)) for at, one in enumerate(TURNS)]
    stored = [b"".join(bytes.fromhex(one) for one in judged(encoded(part), TURNS, None).moving_prints) for part in old]
    found = judged(encoded(glued(*old), kbit=700), TURNS, None).moving_prints
    together, each = liveness().seen_before(found, stored)
    assert together >= 0.8
    assert max(each) < 0.6


def test_new_recordings_are_not_known(recording) -> None:
    """Of the same person, the same movements, even the same framing: other frames."""
    _, prints = recording
    stored = b"".join(bytes.fromhex(one) for one in prints)
    for seed, sequence, who in ((2, TURNS, "person_b_1"), (3, ["up", "right"], "person_b_1"), (1, TURNS, "person_a_2")):
        found = judged(camera().clip(photo(who), sequence, seed=seed), sequence, None).moving_prints
        assert liveness().seen_before(found, [stored])[0] <= 0.05


def test_the_pieces_that_everybody_shares_find_nobody() -> None:
    plain = np.zeros((3, 64), np.uint8)
    assert fingerprints.bands(plain) == fingerprints.bands(~plain) == []
    assert liveness().seen_before([], [bytes(64)]) == (0.0, [0.0])
    assert len(fingerprints.spread([bytes([at]) * 64 for at in range(200)])) == 96
    assert all(-(2**31) <= one < 2**31 for one in chain(fingerprints.bands(np.full((1, 64), 0x53, np.uint8))))
    assert at_rate([], 12) == []
