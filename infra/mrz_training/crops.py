"""Pictures of MRZ rows as the reader cuts them out: printed, photographed, cut a little wrong.

One seed gives one picture, on every machine with the same fonts and library versions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from infra.mrz_training import grounds, strings

HEIGHT, WIDTH = 32, 416
_CUT = 48  # the reader cuts at this height and then halves to HEIGHT
_CAPITAL = 36  # height of a capital on the canvas
_CELL = (56, 64)
_OCR_B = "/usr/share/fonts/opentype/ocr-b/"
_DEJAVU = "/usr/share/fonts/truetype/dejavu/"
_FACES = {
    "OCRB": (_OCR_B + "OCRB.otf", 55),
    "OCRBS": (_OCR_B + "OCRBS.otf", 26),
    "OCRBL": (_OCR_B + "OCRBL.otf", 6),
    "OCRBF": (_OCR_B + "OCRBF.otf", 10),
    "MONO": (_DEJAVU + "DejaVuSansMono.ttf", 3),
}
_STROKES, _STROKE_WEIGHTS = (-2, -1, 0, 1, 2, 3, 4), (13, 18, 29, 20, 13, 6, 3)
_PLAIN = _DEJAVU + "DejaVuSans.ttf"

Picture = NDArray[np.uint8]
_glyphs: dict[tuple[str, int, str], Picture] = {}


@dataclass
class Sample:
    """picture: (32, 416, 3) BGR. symbols: indices into the alphabet. centres: where each stands, in pixels."""

    picture: Picture
    symbols: list[int]
    centres: NDArray[np.float32]


@dataclass
class _Setting:
    """How a row is set. pitch: in capitals. capital: share of the cut's height. stretch: of the width."""

    pitch: float
    stretch: float
    capital: float
    face: str
    stroke: int
    left: float
    right: float


def prepare() -> None:
    """Draw all glyphs; once in each process."""
    cv2.setNumThreads(1)
    for face, (file, _) in _FACES.items():
        font = ImageFont.truetype(file, 100)
        box = font.getbbox("H")
        font = ImageFont.truetype(file, round(100 * _CAPITAL / (box[3] - box[1] - 3)))
        for symbol in strings.ALPHABET:
            drawn = _glyph(font, symbol)
            if face == "OCRBF":  # outlines: filled, they are a bolder cut of their own
                drawn = np.where(drawn > 60, 255, drawn).astype(np.uint8)
                drawn = np.asarray(cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8)
            for stroke in _STROKES:
                _glyphs[face, stroke, symbol] = _stroked(drawn, stroke)


def sample(seed: int) -> Sample:
    """The picture with this seed."""
    random, noise = Random(seed), np.random.default_rng(seed)  # noqa: S311 - has to repeat
    setting = _setting(random, noise)
    text = _text(random, setting)
    canvas, centres = _print(random, noise, setting, text)
    _neighbours(random, noise, setting, canvas, len(text))
    ink, at = _photograph(random, noise, setting, canvas, centres, len(text))
    picture = _developed(random, noise, _inked(random, noise, ink), setting)
    picture = cv2.resize(picture, (WIDTH * _CUT // HEIGHT, _CUT), interpolation=cv2.INTER_CUBIC)
    picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return Sample(np.asarray(picture, np.uint8), [strings.INDEX[symbol] for symbol in text], at)


def _glyph(font: ImageFont.FreeTypeFont, symbol: str) -> Picture:
    cell = Image.new("L", _CELL)
    box = font.getbbox(symbol)
    place = (_CELL[0] / 2 - (box[0] + box[2]) / 2, 14 - font.getbbox("H")[1])
    ImageDraw.Draw(cell).text(place, symbol, font=font, fill=255)
    return np.array(cell)


def _stroked(drawn: Picture, stroke: int) -> Picture:
    """Bolder or lighter; the lightest keeps a trace where erosion would break a stroke."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (abs(stroke) + 1, abs(stroke) + 1))
    if stroke > 0:
        return np.asarray(cv2.dilate(drawn, kernel), np.uint8)
    if stroke == 0:
        return drawn
    lighter = np.asarray(cv2.erode(drawn, kernel), np.uint8)
    if stroke == min(_STROKES):
        trace = np.asarray(cv2.erode(drawn, np.ones((2, 2), np.uint8)), np.uint8) // 2
        lighter = np.maximum(lighter, trace)
    return lighter


def _setting(random: Random, noise: grounds.Noise) -> _Setting:
    pitch = noise.uniform(0.98, 1.14) if random.random() < 0.85 else noise.uniform(0.9, 1.22)
    capital = noise.uniform(0.5, 0.66) if random.random() < 0.85 else noise.uniform(0.4, 0.76)
    face = random.choices(list(_FACES), [weight for _, weight in _FACES.values()])[0]
    stroke = random.choices(_STROKES, _STROKE_WEIGHTS)[0]
    left, right = noise.uniform(0.1, 2.2, 2) * capital * HEIGHT
    return _Setting(pitch, noise.uniform(0.82, 1.18), capital, face, stroke, left, right)


def _text(random: Random, setting: _Setting) -> str:
    """As many symbols as fit, from the beginning, the end or the middle of a row."""
    step = setting.capital * HEIGHT * setting.pitch * setting.stretch
    fitting = max(4, min(24, int((WIDTH - setting.left - setting.right) / step)))
    row = strings.row(random)
    start = random.choice((0, len(row) - fitting, random.randint(0, max(0, len(row) - fitting))))
    return row[max(0, start) :][:fitting]


_TOP = 82


def _print(
    random: Random, noise: grounds.Noise, setting: _Setting, text: str
) -> tuple[Picture, list[tuple[float, float]]]:
    """The row as ink (255) on an empty canvas, and the centre of each symbol."""
    pitch = _CAPITAL * setting.pitch
    canvas, centres = np.zeros((200, int(pitch * (len(text) + 6))), np.uint8), []
    shake_x = noise.uniform(0, 0.05) * _CAPITAL * (random.random() < 0.5)
    shake_y = noise.uniform(0, 0.03) * _CAPITAL * (random.random() < 0.5)
    bow = noise.uniform(0, 0.06) * _CAPITAL * (random.random() < 0.4)
    turn, phase = noise.uniform(0.05, 0.3), noise.uniform(0, 6)
    width = round(_CELL[0] * noise.uniform(0.86, 1.1)) if random.random() < 0.3 else _CELL[0]
    for at, symbol in enumerate(text):
        x = (at + 3.5) * pitch + noise.normal(0, shake_x)
        y = _TOP + noise.normal(0, shake_y) + bow * math.sin(at * turn + phase)
        glyph = _glyphs[setting.face, setting.stroke, symbol]
        if width != _CELL[0]:
            glyph = np.asarray(cv2.resize(glyph, (width, _CELL[1]), interpolation=cv2.INTER_LINEAR), np.uint8)
        _put(canvas, glyph, x - width / 2, y - 14)
        centres.append((x, y + _CAPITAL / 2))
    return canvas, centres


def _put(canvas: Picture, glyph: Picture, x: float, y: float) -> None:
    left, top = round(x), round(y)
    height, width = glyph.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    if x1 > x0 and y1 > y0:
        target = canvas[y0:y1, x0:x1]
        np.maximum(target, glyph[y0 - top : y1 - top, x0 - left : x1 - left], out=target)


def _neighbours(random: Random, noise: grounds.Noise, setting: _Setting, canvas: Picture, symbols: int) -> None:
    """The rows above and below, other print, an edge beside the row."""
    pitch, width = _CAPITAL * setting.pitch, canvas.shape[1]
    for side in (-1, 1):
        if random.random() >= 0.4:
            continue
        top = _TOP + noise.uniform(1.45, 2.7) * _CAPITAL * side
        if random.random() < 0.75:
            text, start = strings.row(random), random.randint(0, 5)
            for at in range(symbols + 2):
                glyph = _glyphs[setting.face, setting.stroke, text[(at + start) % len(text)]]
                _put(canvas, glyph, (at + 2.5) * pitch - 28, top - 14)
        else:
            words = Image.new("L", (width, 48))
            font = ImageFont.truetype(_PLAIN, random.randint(18, 38))
            line = " ".join(strings.word(random).title() for _ in range(9))
            ImageDraw.Draw(words).text((random.randint(0, 60), 2), line, font=font, fill=255)
            _put(canvas, np.array(words), 0, top)
    if random.random() < 0.12:
        x = random.choice((random.randint(0, int(2.2 * pitch)), width - random.randint(1, int(2.2 * pitch))))
        if random.random() < 0.6:
            lower = (x + random.randint(-12, 12), 200)
            cv2.line(canvas, (x, 0), lower, random.randint(90, 255), random.randint(1, 12))
        else:
            cv2.rectangle(canvas, (0 if x < width / 2 else width, 0), (x, 200), random.randint(60, 230), -1)


def _photograph(
    random: Random,
    noise: grounds.Noise,
    setting: _Setting,
    canvas: Picture,
    centres: list[tuple[float, float]],
    symbols: int,
) -> tuple[grounds.Canvas, NDArray[np.float32]]:
    """The cut at the camera's resolution, slightly off in height, slope, shear and scale. Ink is 0 to 1."""
    size = random.random()  # pixels of a capital in the photograph
    capital = noise.uniform(5.5, 10) if size < 0.25 else noise.uniform(9, 15) if size < 0.6 else noise.uniform(13, 32)
    scale = capital / setting.capital / HEIGHT
    width, height = max(24, round(WIDTH * scale)), max(9, round(HEIGHT * scale))
    slope = noise.normal(0, 0.008) + noise.normal(0, 0.02) * (random.random() < 0.1)
    shear = noise.uniform(-0.16, 0.16) * (random.random() < 0.5)
    off = noise.normal(0, 0.045 if random.random() < 0.85 else 0.09) * height
    taper = noise.uniform(-0.1, 0.1) * (random.random() < 0.5)
    x_scale, y_scale = capital / _CAPITAL * setting.stretch, capital / _CAPITAL
    long = symbols * _CAPITAL * setting.pitch
    x = np.array([0, long, long, 0])
    y = np.array([-0.5, -0.5, 0.5, 0.5]) * _CAPITAL
    u = x * x_scale + setting.left * scale
    v = height / 2 + off + y * y_scale * (1 + taper * (x / long - 0.5)) + (u - width / 2) * slope
    source = np.stack([x + 3 * _CAPITAL * setting.pitch, y + _TOP + _CAPITAL / 2], 1).astype(np.float32)
    target = np.stack([u - y * y_scale * shear, v], 1).astype(np.float32)
    there = cv2.getPerspectiveTransform(source, target)
    at = cv2.perspectiveTransform(np.array([centres], np.float32), there)[0, :, 0] / scale
    soft = cv2.GaussianBlur(canvas, (0, 0), max(0.4, 0.42 / max(0.1, y_scale)))
    ink = cv2.warpPerspective(soft, there, (width, height)).astype(np.float32) / 255
    return ink, np.asarray(at, np.float32)


def _inked(random: Random, noise: grounds.Noise, ink: grounds.Canvas) -> grounds.Canvas:
    """Ink on paper."""
    cover = grounds.worn(random, noise, ink)
    ground = grounds.paper(random, noise, *ink.shape)
    dark = noise.uniform(0, 100) + noise.uniform(-25, 25, 3)
    dark = np.minimum(dark, ground.mean() - random.choice((28, 45, 45, 70)))
    cover = (cover * (noise.uniform(0.55, 1) if random.random() < 0.5 else 1))[:, :, None]
    picture = ground * (1 - cover) + dark.clip(0).astype(np.float32) * cover
    if random.random() < 0.15:
        grounds.guilloche(random, noise, picture, random.randint(1, 5), (15, 60))
    return np.asarray(picture, np.float32)


def _developed(random: Random, noise: grounds.Noise, picture: grounds.Canvas, setting: _Setting) -> Picture:
    """Light, blur, noise, JPEG; some small ones were enlarged by somebody and saved again."""
    picture = grounds.light(random, noise, picture)
    height, width = picture.shape[:2]
    capital = height * setting.capital
    blur = noise.uniform(0, 1) ** 1.3 * min(1.7, 0.085 * capital + 0.25)
    if blur > 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    if random.random() < 0.22:
        picture = _shaken(random, picture, random.choice((3, 3, 5, 5, 7)) if capital > 14 else 3)
    if random.random() < 0.15:
        picture = picture + (picture - cv2.GaussianBlur(picture, (0, 0), 1.2)) * noise.uniform(0.3, 1.5)
    grain = noise.normal(0, 1, (height, width, 1)) * noise.uniform(0, 5)
    if random.random() < 0.5:
        grain = grain + noise.normal(0, 1, (height, width, 3)) * noise.uniform(0, 9)
    flat = np.clip(picture + grain, 0, 255).astype(np.uint8)
    if random.random() < 0.85:
        flat = _jpeg(flat, random.randint(30 if capital > 9 else 55, 95))
    if capital < 13 and random.random() < 0.35:
        way = random.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST))
        larger = noise.uniform(1.3, 3)
        flat = _jpeg(cv2.resize(flat, None, fx=larger, fy=larger, interpolation=way), random.randint(50, 95))
    if random.random() < 0.1:
        flat = cv2.cvtColor(cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return flat


def _shaken(random: Random, picture: grounds.Canvas, size: int) -> grounds.Canvas:
    """Blur along one direction."""
    kernel = np.zeros((size, size), np.float32)
    kernel[size // 2] = 1
    turn = cv2.getRotationMatrix2D((size // 2, size // 2), random.uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, turn, (size, size))
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)


def _jpeg(picture: Picture, quality: int) -> Picture:
    code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
