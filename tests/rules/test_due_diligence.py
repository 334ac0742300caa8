"""Decisions: each ground alone, its row, and what it leads to."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from rules.client import ClientKind
from rules.due_diligence import DueDiligenceFacts, Result, decide
from rules.money import Money
from rules.products import product

TODAY = date(2026, 2, 2)
PERSONAL = product("personal", TODAY)
UNSECURED = "unsecured-max-"
OVERDUE = "overdue-days@2025-11-24"
BURDEN = "debt-burden-cap@2021-05-11"


def facts(**changes: object) -> DueDiligenceFacts:
    plain: dict[str, object] = {
        "kind": ClientKind.INDIVIDUAL,
        "age": 35,
        "amount": Money(150_000),
        "term_months": 12,
        "aml": "clear",
        "voluntary_refusal": False,
        "monthly_payments": Money(50_000),
        "new_payment": Money(15_000),
        "average_income": Money(300_000),
    }
    return DueDiligenceFacts.model_validate(plain | changes)


def test_a_sound_application_is_approved_with_its_figures() -> None:
    decision = decide(facts(), TODAY, PERSONAL)
    assert (decision.result, decision.grounds) == (Result.APPROVED, [])
    assert decision.figures["debt_burden"] == "0.2167"
    assert decision.figures["debt_burden_cap"] == "0.5"
    assert decision.policy_version


@pytest.mark.parametrize(
    ("changes", "code", "result", "row"),
    [
        ({"aml": "hit"}, "aml-hit", Result.REFUSED, None),
        ({"aml": "doubtful"}, "aml-doubtful", Result.REVIEW, None),
        ({"antifraud_listed": True}, "antifraud-listed", Result.REFUSED, None),
        ({"voluntary_refusal": True}, "voluntary-refusal", Result.REFUSED, "voluntary-refusal-rule@2024-04-20"),
        ({"age": 17, "extra_consent": True}, "age-below-minimum", Result.REFUSED, "min-age@2021-05-11"),
        ({"age": 76, "extra_consent": True}, "age-above-product", Result.REFUSED, None),
        ({"age": 20}, "extra-consent-needed", Result.REVIEW, "extra-consent-under-age@2025-09-30"),
        ({"age": 56}, "extra-consent-needed", Result.REVIEW, "extra-consent-over-age@2025-09-30"),
        ({"microcredit_overdue_days": 2}, "microcredit-overdue", Result.REFUSED, f"{UNSECURED}microcredit-{OVERDUE}"),
        ({"bank_overdue_days": 31}, "bank-debt-overdue", Result.REFUSED, f"{UNSECURED}bank-{OVERDUE}"),
        ({"monthly_payments": Money("135000.01")}, "debt-burden-too-high", Result.REFUSED, BURDEN),
        (
            {"max_overdue_days_12_months": 91, "monthly_payments": Money(60_001)},
            "debt-burden-too-high", Result.REFUSED, "debt-burden-cap-after-overdue@2025-11-24",
        ),
        ({"average_income": None}, "income-unknown", Result.REVIEW, "debt-burden-cap@2021-05-11"),
        ({"term_months": 25}, "term-outside-product", Result.REFUSED, None),
        ({"amount": Money(9_999)}, "amount-outside-product", Result.REFUSED, None),
        ({"kind": ClientKind.ENTREPRENEUR}, "product-not-for-client", Result.REFUSED, None),
        ({"amount": Money(324_376)}, "personal-visit-needed", Result.REVIEW, "personal-visit-threshold-mrp@2025-09-30"),
    ],
)  # fmt: skip
def test_each_ground_leads_where_it_must_and_cites_its_row(
    changes: dict[str, object], code: str, result: Result, row: str | None
) -> None:
    decision = decide(facts(**changes), TODAY, PERSONAL)
    assert (decision.codes, decision.result) == ([code], result)
    ground = decision.grounds[0]
    assert ground.policy_row == row
    assert ground.paragraph
    assert ground.explanation == f"ground.{code}"


@pytest.mark.parametrize(
    "changes",
    [
        {"age": 21},
        {"age": 55},
        {"microcredit_overdue_days": 1},
        {"bank_overdue_days": 30},
        {"monthly_payments": Money(135_000)},
        {"max_overdue_days_12_months": 90, "monthly_payments": Money(60_001)},
        {"amount": Money(324_375)},
        {"amount": Money(324_376), "first_loan": False},
        {"amount": Money(324_376), "personal_visit": True},
        {"age": 20, "extra_consent": True},
    ],
)
def test_the_border_itself_is_allowed(changes: dict[str, object]) -> None:
    assert decide(facts(**changes), TODAY, PERSONAL).result is Result.APPROVED


def test_a_refusal_wins_over_a_review_and_all_grounds_are_named() -> None:
    decision = decide(facts(aml="doubtful", voluntary_refusal=True), TODAY, PERSONAL)
    assert decision.result is Result.REFUSED
    assert set(decision.codes) == {"aml-doubtful", "voluntary-refusal"}
    assert decision.review_kind is None
    assert decide(facts(aml="doubtful"), TODAY, PERSONAL).review_kind == "AML"


def test_the_rules_of_autumn_2025_do_not_judge_an_earlier_day() -> None:
    decision = decide(facts(age=20, amount=Money(400_000), microcredit_overdue_days=9), date(2025, 9, 29), PERSONAL)
    assert decision.result is Result.APPROVED


def test_the_burden_is_not_asked_of_a_business() -> None:
    business = product("business", TODAY)
    decision = decide(
        facts(kind=ClientKind.LEGAL_ENTITY, age=None, amount=Money(500_000), average_income=None), TODAY, business
    )
    assert decision.result is Result.APPROVED
    assert Decimal(decision.figures["max_amount"]) == 10_000_000
