"""Whether a photograph will do: for a comparison, and more strictly for a registration. Rules: para 6, part 1.

A refusal names one thing that its taker can mend at once; a genuine photograph refused costs a client, so each limit
lies well beyond what photographs of real people measured. What cannot be told surely is not refused: frames of glasses
that are hardly drawn, hair or a cap on the forehead, closed eyes (the mesh's lids are apart by 0.16 of an eye's width
where they are half shut, and by 0.17 where wide open), a slight smile.
Measured on 88 photographs in colour and 100 small grey ones (docs/figures.md).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import Face
from activities.integrations.biometrics.mesh import Points, pose
from rules.evidence import FaceProblem

VERSION = "2"
"""Of the limits below and of the look in faces.py; evidence keeps it. Who changes one counts on: old photographs are
judged as on their day."""

# For any comparison. Low resolution raises false accepts, so small faces are refused.
_MIN_FACE_PIXELS = 72
_OTHER_FACE_SHARE = 0.2  # a second face of this share of the largest one's area is another person in the picture
_OTHER_FACE_SCORE = 0.75
_MIN_SHARPNESS = 18.0  # variance of the Laplacian on a 160 x 160 face; real photographs have 100 and more
_LUMA = (45.0, 225.0)

# For a registration; in brackets what faces that nobody would object to measured.
_PORTRAIT_PIXELS = 100  # the net looks at 112: less would be enlarged (105 and more)
_PORTRAIT_SHARPNESS = 40.0  # (90 and more)
_PORTRAIT_LUMA = (60.0, 215.0)  # (96 to 185)
_CLIPPED = 0.2  # share of the face that is pure white (0.03 at most)
_SHADE = 0.8  # the halves' difference as a share of their mean: one is 2.3 times the other (0.66 at most)
_YAW = 15.0  # degrees of the mesh, about 0.6 of the true ones (13.6 at most)
_PITCH = (-14.0, 24.0)  # up and down; a face looking straight ahead reads about 8 (-8.5 to 19)
_ROLL = 14.0  # (10.2 at most)
_MOUTH_GAP = 0.17  # between the lips, as a share of the eyes' distance (closed 0.05, smiles with teeth to 0.16)
_MOUTH_WIDTH = 0.75  # of the mouth, likewise (calm 0.51 to 0.67, broad grins 0.76 to 0.81)
_GLASSES = 1.0  # see _glasses (0.75 at most without, 0.89 to 3.3 with strong frames, 0.54 with thin ones)
_LENSES = 0.33  # how bright the eyes are beside the cheeks (0.45 and more; dark lenses below 0.3)
_COVER = 1.0  # see _cover (0.57 at most without, from 1.2 behind a mask)
_BACKGROUND = 40.0  # median of L, 0 to 100 (72 and more before a light wall; grey and blue ones from 43)
_BACKGROUND_SPREAD = 50.0  # of L between the 20th and the 80th percentile (walls at most 20, flags and boards 38)

_BESIDE, _ABOVE = 1.15, 0.75  # of the face's width from its middle; of its height from its top
_BESIDE_SEEN = 0.25  # of the face's area: less of it is not judged
_BAR, _RIM = 0.42, 0.54  # gradients of the bar over the nose and of the rims below the eyes, as shares of the skin
_COVER_COLOUR, _COVER_LIGHT = 15.0, 60.0  # steps of Lab between the root of the nose and its tip or the chin

# The face turned upright: outer eye corners and mouth stand at these places of a 160 x 180 picture.
_SIZE = (160, 180)
_PLACES = np.array([[40, 60], [120, 60], [80, 130]], np.float32)
_RIGHT_EYE, _LEFT_EYE, _RIGHT_MOUTH, _LEFT_MOUTH, _UPPER_LIP, _LOWER_LIP = 33, 263, 61, 291, 13, 14
_NOSE_ROOT, _NOSE_TIP, _LOWER_FACE = 168, 4, (199, 214, 434)


class Portrait(NamedTuple):
    """A photograph for a registration: the first problem, and what was measured (none of it personal)."""

    problem: FaceProblem | None
    measures: dict[str, float]


def others(faces: list[Face]) -> list[Face]:
    """Faces beside the largest one that are big and sure enough to be another person in the picture."""
    limit = _OTHER_FACE_SHARE * faces[0].area if faces else 0.0
    return [face for face in faces[1:] if face.area >= limit and face.score >= _OTHER_FACE_SCORE]


def face_crop(image: Image, face: Face) -> Image:
    """The face in grey, 160 x 160."""
    x, y, width, height = (max(0, int(value)) for value in face.box)
    grey = cv2.cvtColor(image[y : y + max(1, height), x : x + max(1, width)], cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (160, 160), interpolation=cv2.INTER_AREA), np.uint8)


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of a grey 160 x 160 face; higher is sharper."""
    return float(cv2.Laplacian(crop, cv2.CV_64F).var())


def problem_of(picture: Image, faces: list[Face], enlarged: int) -> FaceProblem | None:
    """What forbids a comparison.

    Args:
        faces: all of the picture's, largest first.
        enlarged: how many times the picture is larger than the photograph.
    """
    if not faces:
        return FaceProblem.NO_FACE
    if others(faces):
        return FaceProblem.SEVERAL_FACES
    if faces[0].box[2] / enlarged < _MIN_FACE_PIXELS:
        return FaceProblem.TOO_SMALL
    crop = face_crop(picture, faces[0])
    luma = float(crop.mean())
    if luma < _LUMA[0]:
        return FaceProblem.TOO_DARK
    if luma > _LUMA[1]:
        return FaceProblem.TOO_BRIGHT
    return FaceProblem.BLURRED if sharpness(crop) < _MIN_SHARPNESS else None


def portrait_of(picture: Image, face: Face, points: Points, enlarged: int, gate: str = VERSION) -> Portrait:
    """What forbids a registration, of a face that may be compared. points: its mesh; gate: the version that judges."""
    found = measures(picture, face, points, enlarged)
    refusals = [(problem, wrong) for problem, wrong in _refusals(found) if gate >= _SINCE.get(problem, gate)]
    problem = next((problem for problem, wrong in refusals if wrong), None)
    return Portrait(problem, {name: round(value, 3) for name, value in found.items()})


def measures(picture: Image, face: Face, points: Points, enlarged: int) -> dict[str, float]:
    """Everything that is judged, by name."""
    crop, head = face_crop(picture, face), pose(points)
    upright, places = _upright(picture, points)
    eyes = points[_LEFT_EYE, :2] - points[_RIGHT_EYE, :2]
    between = float(np.linalg.norm(eyes))
    left, right = float(crop[40:140, 20:80].mean()), float(crop[40:140, 80:140].mean())
    return {
        "width": face.box[2] / enlarged,
        "luma": float(crop.mean()),
        "clipped": float((crop >= 250).mean()),
        "shade": abs(left - right) / max(1.0, (left + right) / 2),
        "sharpness": sharpness(crop),
        "yaw": head.yaw,
        "pitch": head.pitch,
        "roll": float(np.degrees(np.arctan2(eyes[1], eyes[0]))),
        "mouth_gap": _apart(points, _UPPER_LIP, _LOWER_LIP) / between,
        "mouth_width": _apart(points, _RIGHT_MOUTH, _LEFT_MOUTH) / between,
        "glasses": _glasses(upright),
        "lenses": _lenses(upright),
        "cover": _cover(upright, places),
        **_background(picture, face),
    }


def cover(picture: Image, points: Points) -> float:
    """How surely a mask or a scarf covers the lower face, by the mesh of it; 1 and more is one."""
    return _cover(*_upright(picture, points))


def _refusals(found: dict[str, float]) -> list[tuple[FaceProblem, bool]]:
    """In the order in which they are told: light first, for in bad light the rest is not seen well."""
    return [
        (FaceProblem.TOO_SMALL, found["width"] < _PORTRAIT_PIXELS),
        (FaceProblem.TOO_DARK, found["luma"] < _PORTRAIT_LUMA[0]),
        (FaceProblem.TOO_BRIGHT, found["luma"] > _PORTRAIT_LUMA[1] or found["clipped"] > _CLIPPED),
        (FaceProblem.BLURRED, found["sharpness"] < _PORTRAIT_SHARPNESS),
        (FaceProblem.TURNED, abs(found["yaw"]) > _YAW or not _PITCH[0] <= found["pitch"] <= _PITCH[1]),
        (FaceProblem.TILTED, abs(found["roll"]) > _ROLL),
        (FaceProblem.UNEVEN_LIGHT, found["shade"] > _SHADE),
        (FaceProblem.GLASSES, found["glasses"] >= _GLASSES or found["lenses"] < _LENSES),
        (FaceProblem.COVERED, found["cover"] >= _COVER),
        (FaceProblem.MOUTH_OPEN, found["mouth_gap"] > _MOUTH_GAP),
        (FaceProblem.NOT_NEUTRAL, found["mouth_width"] > _MOUTH_WIDTH),
        (
            FaceProblem.BACKGROUND,
            found["background"] < _BACKGROUND or found["background_spread"] > _BACKGROUND_SPREAD,
        ),
    ]


_SINCE = {FaceProblem.BACKGROUND: "2"}  # asked for since this version of the gate; the others always


def _background(picture: Image, face: Face) -> dict[str, float]:
    """How light what lies beside the head is and how far that differs; 100 and 0 where too little of it is seen.

    Beside: beyond hair and ears, above the shoulders.
    """
    left, top, width, height = face.box
    above = picture[: max(0, int(top + _ABOVE * height))]
    right = max(0, int(left + width / 2 + _BESIDE * width))
    sides = [above[:, : max(0, int(left + width / 2 - _BESIDE * width))], above[:, right:]]
    if sum(side.shape[0] * side.shape[1] for side in sides) < _BESIDE_SEEN * face.area:
        return {"background": 100.0, "background_spread": 0.0}
    lights = [cv2.cvtColor(side, cv2.COLOR_BGR2LAB)[:, :, 0].ravel() for side in sides if side.size]
    dark, middle, light = np.percentile(np.concatenate(lights), [20, 50, 80]) / 2.55
    return {"background": float(middle), "background_spread": float(light - dark)}


def _apart(points: Points, one: int, other: int) -> float:
    return float(np.linalg.norm(points[one, :2] - points[other, :2]))


def _upright(picture: Image, points: Points) -> tuple[Image, NDArray[np.float64]]:
    """The face turned upright, and where the mesh's points are in it."""
    mouth = (points[_RIGHT_MOUTH, :2] + points[_LEFT_MOUTH, :2]) / 2
    there = np.array([points[_RIGHT_EYE, :2], points[_LEFT_EYE, :2], mouth], np.float32)
    warp = cv2.getAffineTransform(there, _PLACES)
    upright = cv2.warpAffine(picture, warp, _SIZE, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(upright, np.uint8), np.asarray(points[:, :2] @ warp[:, :2].T + warp[:, 2], np.float64)


def _glasses(upright: Image) -> float:
    """How surely a line runs over the nose and one below each eye; 1 and more is a frame.

    A line has both edges, going darker and going lighter; a shadow or a fold has one that is strong.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(upright, cv2.COLOR_BGR2GRAY).astype(np.float32), (3, 3), 0)
    edges = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3) / max(1.0, float(grey[62:110, 45:115].mean()))
    bar = _line(edges[44:80, 70:91], 20)
    return min(bar / _BAR, _line(edges[72:100, 42:68], 30) / _RIM, _line(edges[72:100, 92:118], 30) / _RIM)


def _line(edges: NDArray[np.float32], percentile: int) -> float:
    return float(np.percentile(np.minimum(edges.max(0), (-edges).max(0)), percentile))


def _lenses(upright: Image) -> float:
    """How bright the eyes are beside the cheeks below them, the brighter eye of the two."""
    grey = cv2.cvtColor(upright, cv2.COLOR_BGR2GRAY)
    right = np.median(grey[50:74, 32:66]) / max(1.0, float(np.median(grey[85:110, 40:60])))
    left = np.median(grey[50:74, 94:128]) / max(1.0, float(np.median(grey[85:110, 100:120])))
    return float(max(right, left))


def _cover(upright: Image, places: NDArray[np.float64]) -> float:
    """How far both the nose's tip and the chin are from the skin between the eyes, 1 and more is a mask.

    A beard changes the chin alone, glare the tip alone.
    """
    lab = cv2.cvtColor(upright, cv2.COLOR_BGR2LAB).astype(np.float32)

    def colour(point: int) -> NDArray[np.float32]:
        x, y = (int(np.clip(value, 4, side - 5)) for value, side in zip(places[point], _SIZE, strict=True))
        return np.asarray(np.median(lab[y - 4 : y + 4, x - 4 : x + 4].reshape(-1, 3), axis=0), np.float32)

    root = colour(_NOSE_ROOT)
    tip = colour(_NOSE_TIP) - root
    chin = np.mean([colour(point) for point in _LOWER_FACE], axis=0) - root
    hue = min(float(np.hypot(*tip[1:])), float(np.hypot(*chin[1:])))
    light = min(abs(float(tip[0])), abs(float(chin[0]))) if tip[0] * chin[0] > 0 else 0.0
    return max(hue / _COVER_COLOUR, light / _COVER_LIGHT)
