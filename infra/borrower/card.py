"""The identity card of a simulated person, both sides, photographed on a desk.

The look is invented (no real card may be copied); what readers need is real: TD1 in OCR-B, check digits, portrait.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from infra.borrower.person import Persona, transliterated

_OCR_B = "/usr/share/fonts/opentype/ocr-b/OCRB.otf"
_PLAIN = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
_BOLD = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"
_MM = 14.0  # pixels
_CARD = (85.6, 53.98)
_PORTRAIT = (4.0, 11.0, 25.0, 33.0)  # left, top, width, height
_PITCH, _CAPITAL, _LINE = 2.54, 2.45, 6.0  # OCR-B: width of a symbol, height of a capital, distance of lines
_SCENE = (1280, 720)
_INK = (35, 35, 45)
_VALUES = {symbol: value for value, symbol in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}


def front(persona: Persona, layout: str = "above") -> bytes:
    """The front: portrait, names, birth date, IIN. JPEG, 1280 x 720.

    Args:
        layout: `above` (labels over the values), `aside` (before them) or `ghost` (other places, a second small
            portrait, the sex): several circulate, and readers must not rely on one.
    """
    picture = _blank((226, 232, 208), persona)
    draw = ImageDraw.Draw(picture)
    _text(draw, 4, 2.5, "ҚАЗАҚСТАН РЕСПУБЛИКАСЫ   РЕСПУБЛИКА КАЗАХСТАН", 2.3, bold=True)
    _text(draw, 4, 6, "ЖЕКЕ КУӘЛІК   УДОСТОВЕРЕНИЕ ЛИЧНОСТИ", 2.3, bold=True)
    _paste_portrait(picture, persona, _PORTRAIT)
    rows = [(label, value) for label, value in _labelled(persona) if value]
    if layout == "ghost":
        _paste_portrait(picture, persona, (68.0, 32.0, 12.0, 15.8))
        rows.insert(3, ("ЖЫНЫСЫ / ПОЛ", "Ж" if persona.sex == "F" else "М"))
    {"above": _above, "aside": _aside, "ghost": _ghost}[layout](draw, rows)
    return _photographed(picture, persona, side=0)


def _labelled(persona: Persona) -> list[tuple[str, str]]:
    return [
        ("ТЕГІ / ФАМИЛИЯ", persona.surname),
        ("АТЫ / ИМЯ", persona.given_name),
        ("ӘКЕСІНІҢ АТЫ / ОТЧЕСТВО", persona.patronymic),
        ("ТУҒАН КҮНІ / ДАТА РОЖДЕНИЯ", f"{persona.birth_date:%d.%m.%Y}"),
        ("ЖСН / ИИН", persona.iin),
    ]


def _above(draw: ImageDraw.ImageDraw, rows: Sequence[tuple[str, str]]) -> None:
    for at, (label, value) in enumerate(rows[:-1]):
        _text(draw, 32, 11 + at * 7.4, label, 1.6)
        _text(draw, 32, 13.2 + at * 7.4, value, 2.9, bold=True)
    _text(draw, 32, 42.5, rows[-1][0], 1.6)
    _text(draw, 32, 44.7, rows[-1][1], 3.6, bold=True)


def _aside(draw: ImageDraw.ImageDraw, rows: Sequence[tuple[str, str]]) -> None:
    for at, (label, value) in enumerate(rows):
        _text(draw, 31, 14.1 + at * 6.6, label.split(" / ")[1], 1.7)
        _text(draw, 50, 13.2 + at * 6.6, value, 2.7, bold=True)


def _ghost(draw: ImageDraw.ImageDraw, rows: Sequence[tuple[str, str]]) -> None:
    for at, (label, value) in enumerate(rows[:-1]):
        _text(draw, 33.5, 10.4 + at * 6.3, label, 1.5)
        _text(draw, 33.5, 12.4 + at * 6.3, value, 2.7, bold=True)
    _text(draw, 4, 47.3, rows[-1][0], 1.7)
    _text(draw, 18, 46.4, rows[-1][1], 3.2, bold=True)


def back(persona: Persona, *, break_check_digit: bool = False) -> bytes:
    """The back: number, dates, the MRZ. JPEG, 1280 x 720.

    Args:
        break_check_digit: print a wrong check digit of the birth date; the composite is made to agree with it.
    """
    picture = _blank((214, 226, 236), persona)
    draw = ImageDraw.Draw(picture)
    _text(draw, 60, 3, f"№ {persona.document_number}", 3, bold=True)
    rows = [
        ("ТУҒАН ЖЕРІ / МЕСТО РОЖДЕНИЯ", "АЛМАТЫ ОБЛЫСЫ"),
        ("БЕРГЕН ОРГАН / ОРГАН ВЫДАЧИ", "ҚР ІШКІ ІСТЕР МИНИСТРЛІГІ"),
        (
            "БЕРІЛГЕН КҮНІ - ҚОЛДАНЫЛУ МЕРЗІМІ / ДАТА ВЫДАЧИ - СРОК ДЕЙСТВИЯ",
            f"{persona.issued:%d.%m.%Y} - {persona.expires:%d.%m.%Y}",
        ),
    ]
    for at, (label, value) in enumerate(rows):
        _text(draw, 4, 6 + at * 7.5, label, 1.6)
        _text(draw, 4, 8.3 + at * 7.5, value, 2.6, bold=True)
    draw.rectangle((0, 30.5 * _MM, picture.width, picture.height), fill=(244, 244, 240))
    _print_mrz(draw, mrz(persona, break_check_digit=break_check_digit))
    return _photographed(picture, persona, side=1)


def mrz(persona: Persona, *, break_check_digit: bool = False) -> list[str]:
    """The three lines of TD1. The patronymic does not stand in an MRZ."""
    number = persona.document_number + check_digit(persona.document_number)
    born = f"{persona.birth_date:%y%m%d}"
    printed = check_digit(born)
    if break_check_digit:
        printed = str((int(printed) + 3) % 10)
    until = f"{persona.expires:%y%m%d}"
    until += check_digit(until)
    first = f"IDKAZ{number}{persona.iin}<<<"
    composite = check_digit(first[5:] + born + printed + until + "<" * 11)
    names = f"{transliterated(persona.surname)}<<{transliterated(persona.given_name)}"
    return [first, f"{born}{printed}{persona.sex}{until}KAZ{'<' * 11}{composite}", names[:30].ljust(30, "<")]


def check_digit(symbols: str) -> str:
    """Weights 7, 3, 1, modulo 10 (ICAO Doc 9303)."""
    return str(sum(_VALUES[symbol] * (7, 3, 1)[at % 3] for at, symbol in enumerate(symbols)) % 10)


@lru_cache(maxsize=32)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _text(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, height: float, *, bold: bool = False) -> None:
    font = _font(_BOLD if bold else _PLAIN, round(height * _MM))
    draw.text((x * _MM, y * _MM), text, font=font, fill=_INK)


def _print_mrz(draw: ImageDraw.ImageDraw, lines: Sequence[str]) -> None:
    """Each symbol in the middle of its cell, as machines print it."""
    probe = _font(_OCR_B, 100).getbbox("H")
    font = _font(_OCR_B, round(100 * _CAPITAL * _MM / (probe[3] - probe[1])))
    top = font.getbbox("H")[1]
    left = (_CARD[0] - _PITCH * 30) / 2
    for row, line in enumerate(lines):
        for at, symbol in enumerate(line):
            box = font.getbbox(symbol)
            x = (left + (at + 0.5) * _PITCH) * _MM - (box[0] + box[2]) / 2
            draw.text((x, (34 + row * _LINE) * _MM - top), symbol, font=font, fill=_INK)


def _paste_portrait(picture: Image.Image, persona: Persona, place: tuple[float, float, float, float]) -> None:
    left, top, width, height = (round(value * _MM) for value in place)
    picture.paste(_portrait(persona.photo_card, width, height), (left, top))


def _portrait(photo: bytes, width: int, height: int) -> Image.Image:
    """Head and shoulders: the upper middle of the photograph."""
    image = Image.open(io.BytesIO(photo)).convert("RGB")
    tall = image.height * 0.85
    wide = min(image.width, tall * width / height)
    left = (image.width - wide) / 2
    return image.resize((width, height), Image.Resampling.LANCZOS, box=(left, 0, left + wide, wide * height / width))


def _blank(tint: tuple[int, int, int], persona: Persona) -> Image.Image:
    """The card without its print: a tint and a pattern of fine waves."""
    width, height = (round(side * _MM) for side in _CARD)
    card: NDArray[np.uint8] = np.full((height, width, 3), tint, np.uint8)
    draw = np.random.default_rng(int(persona.iin))
    along = np.arange(0, width, 6)
    for _ in range(24):
        swing, wave, phase, level = draw.uniform((6, 0.003, 0, 0), (height * 0.12, 0.02, 6.3, height))
        line = np.stack([along, level + swing * np.sin(along * wave + phase)], 1).astype(np.int32)
        colour = [float(value) for value in draw.uniform(170, 225, 3)]
        cv2.polylines(card, [line], False, colour, 1, cv2.LINE_AA)
    return Image.fromarray(card)


def _photographed(picture: Image.Image, persona: Persona, side: int) -> bytes:
    """The card on a desk, a little askew, softly lit, with the noise of a sensor."""
    draw = np.random.default_rng([int(persona.iin), side])
    card = np.asarray(picture)[:, :, ::-1]
    height, width = card.shape[:2]
    scale = min(_SCENE[0] / width, _SCENE[1] / height) * draw.uniform(0.84, 0.92)
    half = np.array((width, height)) * scale / 2
    corners = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * half
    angle = np.radians(draw.uniform(-3, 3))
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    corners = corners @ turn.T + draw.uniform(-0.02, 0.02, (4, 2)) * half + np.array(_SCENE) / 2
    source = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    there = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    desk = np.full((_SCENE[1], _SCENE[0], 3), draw.uniform(60, 120, 3), np.float32)
    covered = cv2.warpPerspective(np.full((height, width), 255, np.uint8), there, _SCENE)[:, :, None] / 255.0
    laid = cv2.warpPerspective(cv2.GaussianBlur(card, (0, 0), 0.5), there, _SCENE, flags=cv2.INTER_AREA)
    scene = desk * (1 - covered) + laid * covered
    scene *= np.linspace(draw.uniform(0.92, 1), draw.uniform(0.92, 1), _SCENE[0])[None, :, None]
    scene += draw.normal(0, 2.0, (*scene.shape[:2], 1))
    pixels = np.clip(scene, 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])
