"""Is a person on a list, and are two spellings one name: matching across Kazakh, Russian and Latin letters.

The IIN decides first. Names are folded to one spelling and compared part by part: a shared surname alone fools
every measure over the whole line. Rules: para 8, part 1; para 10.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from rapidfuzz import fuzz

from activities.ports import ListedName
from rules.client import Person

# thresholds of similarity, 0..100: 90 finds 9 of 10 spellings of one name in the measured pairs and no other person;
# 85 finds the tenth, so what lies between is for a person to look at
SAME = 90.0
ALIKE = 85.0

_KAZAKH = str.maketrans("әғқңөұүһіёйыэ", "агкноуухиеиие", "ъь")
_LATIN = str.maketrans(
    {
        **dict(zip("абвгдезиклмнопрстуф", "abvgdeziklmnoprstuf", strict=True)),
        "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sh", "ю": "yu", "я": "ya",
        "ı": "i", "ə": "a", "ø": "o", "ł": "l",
    }
)  # fmt: skip
# what transliterations disagree about, each way of writing one sound -> one letter; the order matters
_SOUNDS = [
    (re.compile(pattern), letter)
    for pattern, letter in (
        (r"shch", "sh"),
        (r"kh", "h"),
        (r"gh", "g"),
        (r"dzh|zh|j(?=[aeiouy])", "j"),
        (r"ya|ia", "a"),
        (r"yu|iu|u", "u"),
        (r"ye|yo", "e"),
        (r"y|i", "i"),
        (r"q|ck|k", "k"),
        (r"x", "ks"),
        (r"w", "v"),
        (r"(.)\1+", r"\1"),
    )
]


@lru_cache(maxsize=100_000)
def fold(name: str) -> str:
    """A name in the one spelling in which names are compared.

    >>> fold("Жұмабаев"), fold("Zhumabayev"), fold("ДЖУМАБАЕВ")
    ('jumabaev', 'jumabaev', 'jumabaev')
    """
    text = unicodedata.normalize("NFKC", name).lower().translate(_KAZAKH).translate(_LATIN)
    text = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    text = re.sub(r"[^a-z]+", " ", re.sub(r"['’ʼ`]", "", text))
    for pattern, letter in _SOUNDS:
        text = pattern.sub(letter, text)
    return text.strip()


def similarity(name: str, other: str) -> float:
    """0..100; 0 where a name is missing or has no letter we know."""
    one, two = fold(name), fold(other)
    return fuzz.ratio(one, two) if one and two else 0.0


def same_name(name: str, other: str) -> bool:
    """Whether two spellings are one name, in whatever letters.

    >>> same_name("Қайрат", "KAIRAT"), same_name("Ерлан", "Ермек")
    (True, False)
    """
    return similarity(name, other) >= SAME


def screen(person: Person, birth_date: date, names: Iterable[ListedName]) -> tuple[str, str | None]:
    """Look for a person in lists.

    Returns:
        (`hit`, `iin`), (`hit`, `name-and-birth-date`), (`doubtful`, `name`: the names are alike but no equal birth
        date settles it) or (`clear`, None). The strongest finding wins.
    """
    doubtful = False
    found: str | None = None
    for listed in names:
        if listed.iin and listed.iin in (person.iin, person.bin):  # the signatory, or the organisation
            return "hit", "iin"
        likeness = _likeness(person, listed)
        if likeness >= SAME and listed.birth_date == birth_date:
            found = "name-and-birth-date"
        elif likeness >= ALIKE:
            doubtful = True
    if found:
        return "hit", found
    return ("doubtful", "name") if doubtful else ("clear", None)


def _likeness(person: Person, listed: ListedName) -> float:
    """The weaker of surname and given name, in either order: lists of other countries turn names round."""
    straight = _weaker(person.surname, listed.surname, person.given_name, listed.given_name)
    if straight >= SAME:
        return straight
    return max(straight, _weaker(person.surname, listed.given_name, person.given_name, listed.surname))


def _weaker(surname: str, other_surname: str, given_name: str, other_given_name: str) -> float:
    # the second comparison is made only where the first leaves a chance: lists have tens of thousands of rows
    first = similarity(surname, other_surname)
    return min(first, similarity(given_name, other_given_name)) if first >= ALIKE else 0.0
