"""Which loan a payment is for: by the contract's number in what the payer wrote, else by the payer's own account.

People write the number in their own way: with Cyrillic letters that look Latin, in lower case, with spaces, dashes
or slashes anywhere, with the letter O for a zero; banks break it over lines. What is found is a candidate: only a
number that a contract really has places a payment. Whatever is not certain is left to people, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from enum import StrEnum
from uuid import UUID

from rules.evidence import Frozen

# Cyrillic letters by the Latin ones they are mistaken for. The tail of a number holds A-F and digits alone, so a
# letter O, I, L or З in it can only be 0, 1, 1 or 3.
_LOOKALIKES = str.maketrans("АВСЕҒДКМОІ", "ABCEFDKMOI")
_DIGITS_MEANT = str.maketrans("OILЗ", "0113")
_BETWEEN = r"[\s\-‐-―−_./\\:#*]{0,3}"
_YEAR = _BETWEEN.join(("2", "0", "[0-9OIL]", "[0-9OIL]"))
_TAIL = _BETWEEN.join(["[0-9A-FOILЗ]"] * 10)
_WITH_PREFIX = re.compile(rf"(?<![0-9A-Z])M{_BETWEEN}K{_BETWEEN}({_YEAR}){_BETWEEN}({_TAIL})(?![0-9])")
_BARE = re.compile(rf"(?<![0-9A-Z])({_YEAR}){_BETWEEN}({_TAIL})(?![0-9A-Z])")
_LONGEST_TEXT = 2000  # a bank's purpose is a few hundred characters; more is not read


class MatchedBy(StrEnum):
    """How a payment found its place. people: two members of staff said so. operator: no loan's, but the settlement of
    the terminals' operator.
    """

    REFERENCE = "reference"
    ACCOUNT = "account"
    PEOPLE = "people"
    OPERATOR = "operator"


class Candidate(Frozen):
    """A loan that a payment may be for. is_open: something may still be owed on it."""

    loan_id: UUID
    client_id: UUID
    is_open: bool


class Match(Frozen):
    """The loan a payment is for; without one, why people have to look.

    why: reference-missing | several-contracts | account-of-several-clients | several-loans | no-open-loan.
    """

    loan_id: UUID | None = None
    by: MatchedBy | None = None
    why: str | None = None


def numbers_in(text: str) -> tuple[str, ...]:
    """Contract numbers that a text may name, in the contracts' own spelling; each once, in the order of the text.

    A number without its letters counts only where none with them stands.

    >>> numbers_in("Погашение по договору № мк 2026/0a1b2с3d4e, спасибо")
    ('MK-2026-0A1B2C3D4E',)
    >>> numbers_in("за кредит")
    ()
    """
    whole = text[:_LONGEST_TEXT].replace("№", " ")  # which normalising would turn into two letters
    plain = unicodedata.normalize("NFKC", whole).upper().translate(_LOOKALIKES)
    found = _WITH_PREFIX.findall(plain) or _BARE.findall(plain)
    return tuple(dict.fromkeys(f"MK-{_meant(year)}-{_meant(tail)}" for year, tail in found))


def _meant(part: str) -> str:
    return re.sub(r"[^0-9A-ZЗ]", "", part).translate(_DIGITS_MEANT)


def match(named: Collection[Candidate], of_account: Collection[Candidate], *, several_owners: bool = False) -> Match:
    """The loan that a payment is for, where it is certain.

    A contract that is named wins, also one that is closed: the money is the client's and is given back from there.
    Without a name only the account speaks, and only where it leads to one client with one open loan.

    Args:
        named: loans whose number the payment names.
        of_account: loans of the clients who were shown to own the payer's account.
        several_owners: the account was shown to be more than one client's.
    """
    loans = {one.loan_id for one in named}
    if len(loans) == 1:
        return Match(loan_id=loans.pop(), by=MatchedBy.REFERENCE)
    if loans:
        return Match(why="several-contracts")
    if several_owners or len({one.client_id for one in of_account}) > 1:
        return Match(why="account-of-several-clients")
    still_open = {one.loan_id for one in of_account if one.is_open}
    if len(still_open) == 1:
        return Match(loan_id=still_open.pop(), by=MatchedBy.ACCOUNT)
    if still_open:
        return Match(why="several-loans")
    return Match(why="no-open-loan" if of_account else "reference-missing")
