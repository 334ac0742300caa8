"""Order and notice of a write-off, and the certificate after it: what must stand in them, with bytes that stay."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from activities import letters
from activities.letters import CertificatePaper, RefundLetter, WriteOffLetter, WriteOffOrder
from rules.money import Money
from rules.write_off import Loss
from tests.activities.test_letters import BORROWER, COMMON, LANGUAGES, shown, text_of

LOSS = Loss(
    principal=Money("110000.10"), interest=Money("4180.20"), penalty=Money("654.00"), returned=Money("13720.00"),
    overpaid=Money("500.00"),
)  # fmt: skip
PAPER: dict[str, Any] = {"paper_number": "1-77/2026", "paper_day": date(2026, 2, 10)}


def order(**changes: Any) -> WriteOffOrder:
    plain: dict[str, Any] = {
        "n": 2, "ground": "court_verdict", "authority": "суд № 2 города Алматы", "received": date(2026, 2, 27),
        "in_force_on": date(2026, 2, 26), "loss": LOSS, "returns": True, "guilty": False,
    }  # fmt: skip
    return WriteOffOrder(**COMMON, **PAPER, **(plain | changes))


def notice(language: str, **changes: Any) -> WriteOffLetter:
    plain: dict[str, Any] = {
        "language": language, "ground": "court_verdict", "decided": date(2026, 3, 2), "debt": LOSS.debt,
        "to_pay_back": LOSS.to_pay_back, "returns": True, "guilty": False, "claim": LOSS.total,
    }  # fmt: skip
    return WriteOffLetter(**COMMON, **PAPER, **(plain | changes))


def test_an_order_names_paper_figures_and_what_is_to_be_done(tmp_path: Path) -> None:
    made = letters.write_off_order(order())
    found = text_of(made.pdf, tmp_path)
    for amount in (LOSS.principal, LOSS.interest, LOSS.penalty, LOSS.debt, LOSS.to_pay_back):
        assert shown(amount) in found
    for words in ("1-77/2026", "10.02.2026", "26.02.2026", "27.02.2026", BORROWER.iin, "суд № 2", "бюро", "бұйрық"):
        assert words in found
    assert shown(LOSS.total) not in found  # nothing is demanded of a client who is not guilty
    assert made.pages == 1
    assert letters.write_off_order(order()).sha256 == made.sha256


def test_an_order_against_a_guilty_client_keeps_the_claim(tmp_path: Path) -> None:
    found = text_of(letters.write_off_order(order(guilty=True)).pdf, tmp_path)
    assert found.count(shown(LOSS.total)) == 2  # in either language


@pytest.mark.parametrize("ground", ["court_verdict", "lender_breach", "ombudsman"])
def test_each_ground_has_its_own_order_and_notice(ground: str, tmp_path: Path) -> None:
    others = {"court_verdict", "lender_breach", "ombudsman"} - {ground}
    said = {one: text_of(letters.write_off_order(order(ground=one, in_force_on=None)).pdf, tmp_path) for one in others}
    assert text_of(letters.write_off_order(order(ground=ground, in_force_on=None)).pdf, tmp_path) not in said.values()
    for language in LANGUAGES:
        words = text_of(letters.write_off_notice(notice(language, ground=ground)).pdf, tmp_path)
        assert words not in {
            text_of(letters.write_off_notice(notice(language, ground=one)).pdf, tmp_path) for one in others
        }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_notice_tells_what_is_gone_what_comes_back_and_what_may_be_done(language: str, tmp_path: Path) -> None:
    made = letters.write_off_notice(notice(language))
    found = text_of(made.pdf, tmp_path)
    for words in (shown(LOSS.debt), shown(LOSS.to_pay_back), "1-77/2026", "02.03.2026", "MK-2026-000123"):
        assert words in found
    assert {"kk": "омбудсман", "ru": "омбудсман", "en": "ombudsman"}[language] in found
    assert shown(LOSS.total) not in found
    guilty = text_of(letters.write_off_notice(notice(language, guilty=True)).pdf, tmp_path)
    assert shown(LOSS.total) in guilty
    nothing = letters.message("written_off", language, number="MK-1", to_pay_back=Money(0))
    something = letters.message("written_off", language, number="MK-1", to_pay_back=Money(5))
    assert ("₸" in nothing, "5,00" in something) == (False, True)


def test_a_certificate_leaves_an_open_claim_open(tmp_path: Path) -> None:
    plain = {**COMMON, "principal": Money(150_000), "disbursed": date(2025, 3, 1), "ended": date(2026, 3, 2)}
    kept, none = (
        text_of(letters.certificate(CertificatePaper(**plain, written_off=True, claim_kept=claim)).pdf, tmp_path)
        for claim in (True, False)
    )
    assert ("Требований к Заёмщику" in kept, "Требований к Заёмщику" in none) == (False, True)
    assert "Право требовать возмещения" in kept
    assert "дней просрочки" in none


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_client_whom_a_court_believed_is_asked_for_an_account_without_blame(language: str, tmp_path: Path) -> None:
    plain = {**COMMON, "language": language, "amount": Money(5)}
    texts = {
        text_of(letters.refund_account(RefundLetter(**plain, **why)).pdf, tmp_path)
        for why in (
            {"account_failed": False}, {"account_failed": True}, {"account_failed": False, "disputed": True},
        )
    }  # fmt: skip
    assert len(texts) == 3
