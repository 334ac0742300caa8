"""What lies behind, over and beside the print: paper, security patterns, shadows, glare."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.float32]
Noise = np.random.Generator


def paper(random: Random, noise: Noise, height: int, width: int) -> Canvas:
    """Coloured paper with any of the patterns that documents carry under their text."""
    base = noise.uniform(120, 255) + noise.uniform(-1, 1, 3) * random.choice((4, 15, 45))
    ground = np.empty((height, width, 3), np.float32)
    ground[:] = base
    if random.random() < 0.7:
        ground += _smooth(noise, height, width, 2, random.randint(2, 8)) * _tint(noise, 2, 40)
    if random.random() < 0.35:
        _waves(random, noise, ground)
    if random.random() < 0.45:
        guilloche(random, noise, ground, random.randint(2, 22), (20, 75))
    if random.random() < 0.35:
        grain = random.choice((1, 2, 4))
        ground += _smooth(noise, height, width, height // grain, width // grain) * _tint(noise, 2, 22)
    if random.random() < 0.2:
        _patches(random, noise, ground, base)
    if random.random() < 0.12:
        _wording(random, noise, ground)
    return ground


def guilloche(random: Random, noise: Noise, ground: Canvas, lines: int, strength: tuple[int, int]) -> None:
    """Thin curved lines, in place."""
    height, width = ground.shape[:2]
    x = np.arange(-5, width + 6, 4)
    for _ in range(lines):
        y = noise.uniform(-0.3, 1.3) * height + x * noise.uniform(-0.3, 0.3)
        y = y + noise.uniform(1, height) * np.sin(x * noise.uniform(0.01, 0.12) + noise.uniform(0, 6))
        colour = ground[height // 2, width // 2] + noise.uniform(-1, 0.5, 3) * noise.uniform(*strength)
        points = [np.stack([x * 8, y * 8], 1).astype(np.int32)]
        thickness = 1 if random.random() < 0.85 else 2
        cv2.polylines(ground, points, False, tuple(map(float, colour)), thickness, cv2.LINE_AA, 3)


def light(random: Random, noise: Noise, photographed: Canvas) -> Canvas:
    """Shadow edges, glare, dim light."""
    picture: NDArray[np.floating[Any]] = photographed
    height, width = picture.shape[:2]
    x = np.arange(width, dtype=np.float32)[None, :, None]
    y = np.arange(height, dtype=np.float32)[:, None, None]
    if random.random() < 0.35:
        across = (x - noise.uniform(0, width) + y * noise.uniform(-2, 2)) / noise.uniform(2, 60)
        picture = picture * (
            1 - noise.uniform(0.08, 0.5) / (1 + np.exp(-np.clip(across * random.choice((-1, 1)), -30, 30)))
        )
    if random.random() < 0.25:
        spot = ((x - noise.uniform(0, width)) / noise.uniform(15, 130)) ** 2
        picture = picture + noise.uniform(20, 150) * np.exp(
            -spot - ((y - noise.uniform(0, height)) / noise.uniform(8, 60)) ** 2
        )
    return np.asarray(picture * noise.uniform(0.45, 1.12), np.float32)


def worn(random: Random, noise: Noise, ink: Canvas) -> Canvas:
    """Ink that is missing in places."""
    if random.random() >= 0.35:
        return ink
    height, width = ink.shape
    spots = np.abs(_smooth(noise, height, width, height // 3, width // 3)[:, :, 0])
    return np.asarray(ink * np.clip(1 - spots * noise.uniform(0, 0.35), 0.25, 1), np.float32)


def _smooth(noise: Noise, height: int, width: int, down: int, along: int) -> Canvas:
    coarse = noise.normal(0, 1, (max(1, down), max(1, along))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)[:, :, None]


def _tint(noise: Noise, least: float, most: float) -> Canvas:
    return np.asarray(noise.uniform(-1, 1, 3) * noise.uniform(least, most), np.float32)


def _waves(random: Random, noise: Noise, ground: Canvas) -> None:
    """Fine lines about as wide as the strokes of the print."""
    y, x = np.mgrid[0 : ground.shape[0], 0 : ground.shape[1]].astype(np.float32)
    for _ in range(random.randint(1, 3)):
        angle, pitch = noise.uniform(0, math.pi), noise.uniform(0.25, 2.2)
        bend = noise.uniform(0, 6) * np.sin(x * noise.uniform(0.01, 0.15) + noise.uniform(0, 6))
        ground += np.sin((x * math.cos(angle) + y * math.sin(angle)) * pitch + bend)[:, :, None] * _tint(noise, 3, 32)


def _patches(random: Random, noise: Noise, ground: Canvas, base: NDArray[np.float64]) -> None:
    """Other print, borders, blots."""
    height, width = ground.shape[:2]
    for _ in range(random.randint(1, 4)):
        colour = tuple(map(float, base + noise.uniform(-70, 60, 3)))
        x, y = random.randint(-20, width), random.randint(-10, height)
        if random.random() < 0.5:
            size = (random.randint(5, 80), random.randint(4, 40))
            cv2.ellipse(ground, (x, y), size, random.uniform(0, 180), 0, 360, colour, random.choice((-1, 1, 2)))
        else:
            cv2.rectangle(ground, (x, y), (x + random.randint(10, 200), y + random.randint(4, 40)), colour, -1)


def _wording(random: Random, noise: Noise, ground: Canvas) -> None:
    """Faint words in the paper: SPECIMEN across the rows, microtext."""
    height, width = ground.shape[:2]
    for _ in range(random.randint(1, 3)):
        text = "".join(random.choice("ABCDEGHIKLMNOPRSTUVZ") for _ in range(random.randint(4, 14)))
        mask = np.zeros((height, width), np.uint8)
        at = (random.randint(-40, width), random.randint(0, height + 10))
        cv2.putText(mask, text, at, random.randint(0, 4), random.uniform(0.25, 2.2), (255,), random.randint(1, 4))
        tint = (noise.uniform(-1, 0.6, 3) * noise.uniform(12, 50)).astype(np.float32)
        ground += mask[:, :, None].astype(np.float32) / 255 * tint
