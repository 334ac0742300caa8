"""The texts that a client reads and marks before the contract. A mark names version and hash of what was read.

Rules: para 8, part 2; para 8, part 3; para 8, part 5.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from activities.papers import TermsText, terms_text
from api.schemas_lending import Subject
from api.titles import LANGUAGES
from rules.errors import Conflict
from rules.lender import Lender


def texts(language: str, on: date, lender: Lender) -> list[TermsText]:
    """The texts of a day in a language."""
    return [_text(subject, language, on, lender.model_dump_json()) for subject in Subject]


@lru_cache(maxsize=64)
def _text(subject: Subject, language: str, on: date, lender: str) -> TermsText:
    return terms_text(subject.value, language, on, Lender.model_validate_json(lender))


def known(subject: Subject, version: str, sha256: str, on: date, lender: Lender) -> TermsText:
    """The text that a mark names, in whatever language it was read.

    Raises:
        Conflict: `text-changed`: not a text of the day; the client has to read the new one.
    """
    for language in LANGUAGES:
        text = _text(subject, language, on, lender.model_dump_json())
        if (text.text_version, text.text_sha256) == (version, sha256):
            return text
    raise Conflict("text-changed")
