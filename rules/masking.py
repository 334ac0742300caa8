"""The last wall before a log line or an error text leaves the process: numbers of persons are masked.

Nothing should get here: messages are neutral by the rule of rules.errors. What slips through, for
example in the text of a library's exception, loses its IINs, phone numbers and account numbers.
Identifiers of our own (UUIDs, digests) are left alone, so that lines stay searchable.

>>> mask("client 880412401006 of application 0d6f3f6e-4f4e-4d57-9d2f-123456789012")
'client •••• of application 0d6f3f6e-4f4e-4d57-9d2f-123456789012'
>>> mask("to +7 (707) 123-45-67, 87071234567 or KZ86125KZT5004100100")
'to ••••, •••• or ••••'
"""

from __future__ import annotations

import re

MASK = "••••"

# The first two alternatives eat what only looks like a number of a person: a UUID's last group and a digest
# may be digits alone. An account number may stand in groups of four, a phone in any of the usual ways.
_NUMBERS = re.compile(
    r"(?P<own>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{32,}\b)"
    r"|(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){4}(?![A-Za-z0-9])"
    r"|(?<![0-9])(?:\+?7|8)[ (-]{0,2}7[0-9]{2}[ )-]{0,2}[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{2}(?![0-9])"
    r"|(?<![0-9])[0-9]{6}[ -]?[0-9]{6}(?![0-9])",
)


def mask(text: str) -> str:
    """The text with twelve-digit numbers, Kazakhstan phone numbers and account numbers replaced."""
    return _NUMBERS.sub(lambda found: found.group() if found.group("own") else MASK, text)
