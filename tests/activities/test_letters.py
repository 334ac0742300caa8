"""Papers of a running loan: what the law wants told stands in them, in the client's language, with bytes that stay."""

from __future__ import annotations

import re
import subprocess
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from activities import letters, localised
from activities.letters import AddendumPaper, AnswerLetter, ArrearsLetter, CertificatePaper, RefundLetter
from rules.client import IdentityDocument, Person
from rules.lender import EXAMPLE
from rules.money import Money
from rules.restructuring import NewTerms, Refusal
from rules.schedule import LoanTerms, Method, instalments

ON = date(2026, 3, 3)
LANGUAGES = ("kk", "ru", "en")
BORROWER = Person(
    surname="ӘҒҚҢӨҰҮҺІ",
    given_name="әғқңөұүһі",
    iin="880412401006",
    document=IdentityDocument(number="012345678", expires=date(2031, 5, 1)),
    phone="+77012345678",
)
COMMON: dict[str, Any] = {"number": "MK-2026-000123", "on": ON, "lender": EXAMPLE, "borrower": BORROWER}
TERMS = NewTerms(rate_percent_per_year=Decimal("24.5"), periods=4, first_due=date(2026, 4, 15))
ROWS = tuple(
    instalments(
        LoanTerms(
            principal=Money(90_000), rate_percent_per_year=Decimal("24.5"), periods=4, method=Method.ANNUITY,
            disbursed=ON, first_due=TERMS.first_due,
        )
    )
)  # fmt: skip


def text_of(pdf: bytes, folder: Path) -> str:
    (folder / "letter.pdf").write_bytes(pdf)
    found = subprocess.run(["pdftotext", str(folder / "letter.pdf"), "-"], capture_output=True, text=True, check=True)
    return re.sub(r"\s+", " ", found.stdout.replace("\u00a0", " "))


def shown(amount: Money) -> str:
    return localised.money(amount).replace("\u00a0", " ")


def arrears(language: str) -> ArrearsLetter:
    return ArrearsLetter(
        **COMMON,
        language=language,
        since=date(2026, 3, 1),
        overdue_days=3,
        overdue_principal=Money("21000.10"),
        overdue_interest=Money("4500.20"),
        penalty=Money("127.55"),
        total_to_close=Money("140000.00"),
        apply_until=date(2026, 3, 31),
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_money_to_return_names_the_sum_the_contract_and_why_an_account_is_wanted(language: str, tmp_path: Path) -> None:
    found = {}
    for failed in (False, True):
        letter = RefundLetter(**COMMON, language=language, amount=Money("1500.25"), account_failed=failed)
        made = letters.refund_account(letter)
        found[failed] = text_of(made.pdf, tmp_path)
        for said in (shown(letter.amount), "03.03.2026", "MK-2026-000123", BORROWER.full_name, "IBAN"):
            assert said in found[failed]
        assert made.template_version == "refund-account-1"
    assert found[False] != found[True]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_notice_names_sum_days_rights_and_last_day(language: str, tmp_path: Path) -> None:
    letter = arrears(language)
    made = letters.arrears_notice(letter)
    found = text_of(made.pdf, tmp_path)
    for amount in (letter.overdue_principal, letter.overdue_interest, letter.penalty, letter.to_pay):
        assert shown(amount) in found
    assert letter.to_pay == Money("25627.85")
    assert {"01.03.2026", "31.03.2026", "MK-2026-000123", BORROWER.full_name} <= {
        one for one in ("01.03.2026", "31.03.2026", "MK-2026-000123", BORROWER.full_name) if one in found
    }
    assert re.search(r"\b30\b", found)  # days to ask
    assert re.search(r"\b15\b", found)  # days to answer
    ombudsman = {"kk": "омбудсман", "ru": "омбудсман", "en": "ombudsman"}
    assert ombudsman[language] in found
    assert made.pages == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_letter_has_the_same_bytes(language: str) -> None:
    assert letters.arrears_notice(arrears(language)).sha256 == letters.arrears_notice(arrears(language)).sha256


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_proposes_terms_or_names_a_reason(language: str, tmp_path: Path) -> None:
    plain = {**COMMON, "language": language, "received": date(2026, 2, 25)}
    proposed = AnswerLetter(
        **plain, terms=TERMS, effective=ON, accept_until=ON + timedelta(days=10), first_payment=Money("23450.67")
    )
    found = text_of(letters.restructuring_answer(proposed).pdf, tmp_path)
    assert {one for one in ("24,50 %", "15.04.2026", "13.03.2026", "23 450,67") if one not in found} == set()
    texts = {
        text_of(letters.restructuring_answer(AnswerLetter(**plain, reason_code=code)).pdf, tmp_path)
        for code in (*Refusal, "something-else")
    }
    assert len(texts) == len(Refusal) + 1
    assert not any("24,50" in one for one in texts)


def test_an_addendum_holds_the_whole_new_schedule_in_both_languages(tmp_path: Path) -> None:
    paper = AddendumPaper(
        **COMMON, n=2, terms=TERMS, effective=ON, accept_until=date(2026, 3, 13), principal=Money(90_000),
        interest_before=Money("512.34"), penalty=Money("77.00"), rows=ROWS,
    )  # fmt: skip
    found = text_of(letters.addendum(paper).pdf, tmp_path)
    for row in ROWS:
        assert localised.day(row.due) in found
        assert shown(row.payment) in found
    assert {one for one in ("512,34", "77,00", "24,50 %", "13.03.2026", BORROWER.iin) if one not in found} == set()
    assert "Дополнительное соглашение 2" in found
    assert "2-қосымша келісім" in found


@pytest.mark.parametrize(("written_off", "word"), [(False, "исполнены полностью"), (True, "списан")])
def test_a_certificate_says_how_the_debt_ended(written_off: bool, word: str, tmp_path: Path) -> None:
    paper = CertificatePaper(
        **COMMON, principal=Money(150_000), disbursed=date(2025, 3, 1), ended=date(2026, 3, 2), written_off=written_off
    )
    made = letters.certificate(paper)
    found = text_of(made.pdf, tmp_path)
    assert word in found
    assert "02.03.2026" in found
    assert BORROWER.full_name in found
    assert made.pages == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_sms_is_one_message_without_a_figure(language: str) -> None:
    text = letters.sms_notice(language)
    assert len(text) <= 70  # one UCS-2 message
    assert not re.search(r"[0-9₸]", text)


def test_every_reason_to_refuse_has_its_words() -> None:
    assert set(letters._REFUSALS) == set(Refusal)
    assert all(set(words) == set(LANGUAGES) for words in letters._REFUSALS.values())
