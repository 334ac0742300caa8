"""The outline of a document in a photograph: measured against the generator's corners, and never needed for the MRZ."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from senses import PHOTOS, reader, shared

from activities.integrations.biometrics import card_corners, images
from activities.integrations.biometrics.card_corners import LEAST_SURE, Points, find, flat, ordered
from activities.integrations.biometrics.card_front import outline_of
from activities.integrations.biometrics.decoder import Image
from infra.borrower import card
from infra.borrower.person import make_persona
from rules.evidence import DocumentOutcome


def _overlap(truth: Points, found: Points) -> float:
    """Area in both over area in either."""
    both, _ = cv2.intersectConvexConvex(ordered(truth), ordered(found))
    return float(both / (cv2.contourArea(truth) + cv2.contourArea(found) - both))


def _given() -> Iterator[tuple[str, Image, Points]]:
    folder = shared("mrz/synthetic", "outlines")
    with (folder / "truth.csv").open(newline="", encoding="utf8") as file:
        for row in list(csv.DictReader(file))[1::3]:
            truth = np.array([float(value) for value in row["corners"].split()], np.float32).reshape(4, 2)
            yield row["level"], np.asarray(cv2.imread(str(folder / row["file"])), np.uint8), truth


def _on_a_desk(height: int = 720, width: int = 1280, seed: int = 4) -> Image:
    draw = np.random.default_rng(seed)
    return np.clip(draw.normal((70, 90, 110), 3, (height, width, 3)), 0, 255).astype(np.uint8)


def test_outlines_of_generated_photographs(capsys: pytest.CaptureFixture[str]) -> None:
    overlaps: dict[str, list[float]] = {}
    for level, picture, truth in _given():
        outline = find(picture)
        overlaps.setdefault(level, []).append(_overlap(truth, outline.corners) if outline else 0.0)
    good = {level: sum(value > 0.9 for value in values) for level, values in overlaps.items()}
    pictures = sum(len(values) for values in overlaps.values())
    with capsys.disabled():
        print(f"\n  outlines: overlap above 0.9 in {good} of {pictures} pictures")
    assert pictures >= 30
    assert sum(good.values()) >= pictures - 1


@pytest.mark.parametrize("inside", [0.02, 0.2])
@pytest.mark.parametrize("upright", [False, True])
def test_a_card_up_to_a_fifth_inside_the_picture(inside: float, upright: bool) -> None:
    size = (720, 1280) if not upright else (1280, 720)
    picture = _on_a_desk(*size)
    side = (1 - 2 * inside) * max(size)
    other = min(side / card_corners.CARD, (1 - 2 * inside) * min(size))
    side = other * card_corners.CARD
    half = np.array((other, side) if upright else (side, other)) / 2
    middle = np.array(size[::-1]) / 2
    truth = np.array([middle + half * corner for corner in ((-1, -1), (1, -1), (1, 1), (-1, 1))], np.float32)
    truth += np.array(((3, 9), (-6, 0), (4, -8), (0, 5)), np.float32)
    cv2.fillConvexPoly(picture, truth.astype(np.int32), (222, 228, 214), cv2.LINE_AA)
    outline = find(picture)
    assert outline is not None
    assert _overlap(truth, outline.corners) > 0.97
    assert outline.sure > LEAST_SURE


def test_a_bare_desk_has_no_outline() -> None:
    assert outline_of(_on_a_desk()) is None
    assert outline_of(np.full((720, 1280, 3), 128, np.uint8)) is None


def test_a_card_is_laid_flat_without_moving_its_print() -> None:
    picture = images.decode(card.back(make_persona(3, PHOTOS, "a")))
    outline = find(picture)
    assert outline is not None
    laid = flat(picture, outline.corners, 1200)
    found = find(
        np.asarray(cv2.copyMakeBorder(laid, 80, 80, 80, 80, cv2.BORDER_CONSTANT, value=(60, 60, 60)), np.uint8)
    )
    assert found is not None
    whole = np.array(((80, 80), (1280, 80), (1280, 80 + laid.shape[0]), (80, 80 + laid.shape[0])), np.float32)
    assert _overlap(whole, found.corners) > 0.98


def test_an_mrz_is_read_where_no_outline_can_be_found() -> None:
    picture = images.decode(card.back(make_persona(4, PHOTOS, "b")))
    outline = find(picture)
    assert outline is not None
    left, top = outline.corners.min(0) + 30
    right, bottom = outline.corners.max(0) - 30
    only_print = picture[round(float(top)) : round(float(bottom)), round(float(left)) : round(float(right))]
    assert outline_of(only_print) is None or _overlap_of_whole(only_print) < 0.98
    found = reader().read_back(bytes(cv2.imencode(".jpg", only_print)[1]))
    assert found.outcome is DocumentOutcome.READ


def _overlap_of_whole(picture: Image) -> float:
    height, width = picture.shape[:2]
    outline = outline_of(picture)
    whole = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    return _overlap(whole, outline.corners) if outline else 0.0
