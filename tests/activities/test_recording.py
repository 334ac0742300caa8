"""The session's video at the archive's rate: how many bits, whose frames, and what a child does with hostile input."""

from __future__ import annotations

import itertools
import struct
from datetime import date

import cv2
import numpy as np
import pytest
from clips import encoded, frames_of
from senses import recorder

from rules.errors import BrokenContract
from rules.liveness import recording_rate
from rules.policy import PolicyRow, PolicySet, policy, select
from rules.policy_rows import ROWS


@pytest.fixture(scope="module")
def filmed() -> bytes:
    """Three seconds, 24 frames a second, 480 x 640, moving and noisy: as a phone films."""
    noise = np.random.default_rng(1)
    picture = cv2.resize(noise.integers(0, 255, (40, 30, 3)).astype(np.uint8), (520, 680))
    frames = []
    for at in range(72):
        moved = picture[at % 40 : at % 40 + 640, at // 2 : at // 2 + 480].astype(np.int16)
        frames.append((at * 1000 / 24, np.clip(moved + noise.normal(0, 6, (640, 480, 1)), 0, 255).astype(np.uint8)))
    return encoded(frames, kbit=6000)


def test_the_rate_is_kept_over_the_whole_range(filmed: bytes) -> None:
    for rate in (25, 100, 500, 2500):
        made = recorder().recording(filmed, "video/mp4", rate)
        assert made.sent_kbit is not None
        assert made.kbit is not None
        assert made.sent_kbit > 3000
        assert made.kbit <= rate * 1.02
        assert rate < 100 or made.kbit >= rate * 0.5, "what is allowed is used"


def test_the_frames_keep_their_instants_and_the_same_clip_gives_the_same_bytes(filmed: bytes) -> None:
    made = recorder().recording(filmed, "video/quicktime", 500)
    assert made.media_type == "video/mp4"
    assert recorder().recording(filmed, "video/mp4", 500).content == made.content
    sent, kept = frames_of(filmed), frames_of(made.content)
    instants = [at for at, _ in sent]
    assert all(min(abs(at - one) for one in instants) <= 1 for at, _ in kept), "no frame is put elsewhere"
    assert min(later - earlier for (earlier, _), (later, _) in itertools.pairwise(kept)) >= 60
    assert abs(kept[-1][0] - sent[-1][0]) <= 84
    nearest = [min(sent, key=lambda frame, at=at: abs(frame[0] - at))[1] for at, _ in kept]
    assert all(np.abs(a.astype(float) - b).mean() < 20 for a, b in zip(nearest, (one for _, one in kept), strict=True))


def test_a_clip_at_the_rate_stays_as_it_came(filmed: bytes) -> None:
    made = recorder().recording(filmed, "video/mp4", 2500)
    kept = recorder().recording(made.content, "video/mp4", 2500)
    assert kept.content == made.content
    assert kept.sent_kbit == kept.kbit == made.kbit
    film = encoded(frames_of(made.content)[:30], codec="libvpx", kbit=300)
    assert recorder().recording(film, "video/webm", 2500)[:2] == (film, "video/webm")


def test_a_clip_of_a_phone_held_upright_stays_upright(filmed: bytes) -> None:
    """Phones film lying down and write the angle beside it."""
    lying = [(at, np.ascontiguousarray(np.rot90(one))) for at, one in frames_of(filmed)[:30]]
    clip = bytearray(encoded(lying, kbit=6000))
    matrix = clip.index(b"tkhd") + 44
    clip[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    made = recorder().recording(bytes(clip), "video/mp4", 500)
    upright, first = frames_of(made.content)[0][1], frames_of(filmed)[0][1]
    assert upright.shape == (640, 480, 3)
    assert np.abs(upright.astype(float) - first).mean() < 20


def test_what_cannot_be_read_is_kept_as_it_came(filmed: bytes) -> None:
    """The checks refuse it, with a ground: here nothing is judged."""
    frames = frames_of(filmed)[:24]
    long = encoded([(at * 30, one[::4, ::4]) for at, one in frames], kbit=4000)
    hostile = {
        "cut off": filmed[: len(filmed) // 2],
        "no clip": b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64,
        "empty": b"",
        "a list of other files": b"#EXTM3U\nfile:///etc/passwd\n",
        "too long": long,
        "damaged": filmed[:2000] + bytes(5000) + filmed[7000:],
    }
    for clip in hostile.values():
        made = recorder().recording(clip, "video/mp4", 25)
        assert made.content == clip or made.kbit is not None
    assert recorder().recording(long, "video/mp4", 25).content == long
    assert recorder().recording(filmed, "video/mp4", 500).kbit is not None, "the child lives, or another does"


def _with(rate: str) -> PolicySet:
    rows = [row for row in ROWS if row.name != "recording-kbit-s"]
    mine = next(row for row in ROWS if row.name == "recording-kbit-s")
    changed = PolicyRow(mine.name, type(mine.value)(rate), mine.unit, mine.since, None, "x", mine.certainty, "para 34")  # type: ignore[call-arg,arg-type]
    return select((*rows, changed), date(2026, 1, 15))


def test_only_rates_of_the_procedures_are_archived() -> None:
    assert recording_rate(policy(date(2026, 1, 15))) == 1000
    assert (recording_rate(_with("25")), recording_rate(_with("2500"))) == (25, 2500)
    for rate in ("24", "2501"):
        with pytest.raises(BrokenContract):
            recording_rate(_with(rate))
