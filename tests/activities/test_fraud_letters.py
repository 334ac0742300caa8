"""Letters about a suspension say what the law wants told, in the client's language, with bytes that stay."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from activities import fraud_letters, letters
from activities.fraud_letters import Ending, EndLetter, NamedPaper, SuspensionLetter
from rules.money import Money
from rules.suspension import PaperKind
from tests.activities.test_letters import BORROWER, COMMON, LANGUAGES, text_of

PAPER = NamedPaper(
    kind=PaperKind.VICTIM_RESOLUTION, number="71<26>", day=date(2026, 2, 27), authority="ДП & УП города Алматы"
)
OTHER = NamedPaper(
    kind=PaperKind.INVESTIGATOR_SUBMISSION, number="9-9", day=date(2026, 3, 1), authority="Прокуратура города"
)
CANCELS = NamedPaper(kind=PaperKind.CANCELLATION, number="8-8", day=date(2026, 4, 2), authority="Суд № 2")
WORDS = {  # interest, collection, bureaus
    "kk": ("Сыйақы", "өндіріп алу", "бюроларға"),
    "ru": ("Вознаграждение", "Взыскание", "бюро"),
    "en": ("Interest", "Collection", "bureaus"),
}


def begins(language: str, *, closed: bool = False) -> SuspensionLetter:
    return SuspensionLetter(**COMMON, language=language, paper=PAPER, since=date(2026, 3, 2), closed=closed)


def ends(language: str, ending: Ending = Ending.CANCELLED, **changes: Any) -> EndLetter:
    plain = {
        "by": CANCELS, "resumed_on": date(2026, 4, 3), "total_to_close": Money("140000.10"),
        "next_due": date(2026, 4, 30), "next_payment": Money("23422.78"),
    }  # fmt: skip
    return EndLetter(**COMMON, language=language, paper=PAPER, ending=ending, **{**plain, **changes})


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notice_names_the_paper_the_first_day_and_all_that_stands_still(language: str, tmp_path: Path) -> None:
    made = fraud_letters.suspended(begins(language))
    found = text_of(made.pdf, tmp_path)
    for wanted in (PAPER.number, "27.02.2026", PAPER.authority, "02.03.2026", "MK-2026-000123", BORROWER.full_name):
        assert wanted in found
    assert all(word in found for word in WORDS[language])
    assert (made.pages, made.template_version) == (1, "suspension-1")
    assert made.sha256 == fraud_letters.suspended(begins(language)).sha256
    assert text_of(fraud_letters.suspended(begins(language, closed=True)).pdf, tmp_path) != found


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_end_says_whether_the_days_are_charged_and_what_is_owed(language: str, tmp_path: Path) -> None:
    charged = text_of(fraud_letters.suspension_ended(ends(language, charged=Money("512.34"))).pdf, tmp_path)
    for wanted in ("03.04.2026", "512,34", "140 000,10", "30.04.2026", "23 422,78", "8-8", "02.04.2026", "Суд № 2"):
        assert wanted in charged
    free = text_of(fraud_letters.suspension_ended(ends(language)).pdf, tmp_path)
    assert "512,34" not in free
    repaid = ends(language, total_to_close=Money(0), next_due=None, next_payment=None)
    asks = {"kk": "аударуға", "ru": "переводом", "en": "transfer"}[language]
    assert asks in free
    assert asks not in text_of(fraud_letters.suspension_ended(repaid).pdf, tmp_path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mistake_and_another_paper_have_words_of_their_own(language: str, tmp_path: Path) -> None:
    mistaken = ends(language, Ending.MISTAKEN, by=None, resumed_on=None)
    texts = [
        text_of(fraud_letters.suspension_ended(one).pdf, tmp_path)
        for one in (ends(language), mistaken, ends(language, Ending.CONTINUES, still=OTHER))
    ]
    assert len(set(texts)) == 3
    assert "9-9" in texts[2]
    assert "140 000,10" not in texts[2]  # nothing is asked for while it goes on
    assert "140 000,10" in texts[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_account_says_in_one_line_what_the_letter_is_about(language: str) -> None:
    assert "02.03.2026" in letters.message("suspended", language, number="MK-1", since=date(2026, 3, 2))
    both = {letters.message("suspension_ended", language, number="MK-1", goes_on=one) for one in (True, False)}
    assert len(both) == 2
    assert all("MK-1" in one for one in both)
