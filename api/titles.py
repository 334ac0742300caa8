"""The words of problem codes and grounds in Kazakh, Russian and English."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

LANGUAGES = ("kk", "ru", "en")


@cache
def table(language: str) -> dict[str, str]:
    """code -> title of one language."""
    return tomllib.loads((files("api") / f"titles.{language}.toml").read_text("utf-8"))


def title(code: str, language: str) -> str:
    """The title of a code; a code without words shows as the general one of its language."""
    words = table(language)
    return words.get(code) or words["unknown-code"]


def best_language(accept: str | None) -> str:
    """The language that the asker wants most, Kazakh where they say nothing we have.

    >>> best_language("en-GB;q=0.5, ru-KZ;q=0.9"), best_language("de"), best_language(None)
    ('ru', 'kk', 'kk')
    """
    best, weight = "kk", 0.0
    for entry in (accept or "")[:200].split(","):
        name, _, quality = entry.partition(";")
        short = name.strip().lower()[:2]
        try:
            q = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            q = 0.0
        if short in LANGUAGES and q > weight:
            best, weight = short, q
    return best
