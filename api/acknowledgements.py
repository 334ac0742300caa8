"""The texts that a client reads and marks before the contract. A mark names version and hash of what was read.

Rules: para 8, part 2; para 8, part 3; para 8, part 5.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from api.schemas_lending import Subject
from rules.errors import Conflict


@dataclass(frozen=True)
class Text:
    """One text in one language. sha256: of its UTF-8 bytes."""

    subject: Subject
    version: str
    language: str
    text: str

    @property
    def sha256(self) -> str:
        """What a mark names."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def texts(language: str) -> dict[Subject, Text]:
    """The texts in force in a language."""
    table = tomllib.loads((files("api") / f"acknowledgements.{language}.toml").read_text("utf-8"))
    return {
        subject: Text(subject, str(table["version"]), language, table[subject.value].strip()) for subject in Subject
    }


def known(subject: Subject, version: str, sha256: str) -> Text:
    """The text that a mark names, in whatever language it was read.

    Raises:
        Conflict: `text-changed`: not a text in force; the client has to read the new one.
    """
    for language in ("kk", "ru", "en"):
        text = texts(language)[subject]
        if (text.version, text.sha256) == (version, sha256):
            return text
    raise Conflict("text-changed")
