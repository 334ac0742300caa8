"""The decision on an application: pure, with every ground and every figure it stands on.

Rules: para 8, part 1; para 8, part 8; para 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Literal

from pydantic import Field

from rules.client import ClientKind
from rules.evidence import Frozen
from rules.money import Money
from rules.policy import PolicySet, policy
from rules.products import Product

_FOUR = Decimal("0.0001")


class Result(StrEnum):
    """What a decision comes to. A refusal is a result, not an error."""

    APPROVED = "approved"
    REVIEW = "review"
    REFUSED = "refused"


class DueDiligenceFacts(Frozen):
    """What is known about one application. No personal data: an age, sums, days, marks.

    monthly_payments: of all other debts, unused card limits included. new_payment: the greatest instalment
    of the loan asked for. average_income: official, a month; None where nobody knows it.
    aml: result of the screening. overdue days: the greatest of the debts open today.
    personal_visit, extra_consent: given already.
    """

    kind: ClientKind
    age: int | None
    amount: Money
    term_months: int
    aml: Literal["clear", "doubtful", "hit"]
    voluntary_refusal: bool
    monthly_payments: Money
    new_payment: Money
    average_income: Money | None
    bank_overdue_days: int = 0
    microcredit_overdue_days: int = 0
    max_overdue_days_12_months: int = 0
    first_loan: bool = True
    personal_visit: bool = False
    extra_consent: bool = False
    antifraud_listed: bool = False


class Ground(Frozen):
    """One reason. code: stable kebab-case, its words stand in the API's titles under `explanation`.

    leads_to: what this ground alone makes of the application. policy_row: the number it stands on.
    figures: what was compared, as text.
    """

    code: str
    leads_to: Result
    paragraph: str
    policy_row: str | None = None
    figures: dict[str, str] = Field(default_factory=dict)

    @property
    def explanation(self) -> str:
        """Key of the sentence that tells the client."""
        return f"ground.{self.code}"


class Decision(Frozen):
    """The answer with its grounds; stored with the application as it is."""

    result: Result
    grounds: list[Ground]
    figures: dict[str, str]
    policy_version: str
    review_kind: Literal["AML", "DECISION"] | None = None

    @property
    def codes(self) -> list[str]:
        """The grounds' names."""
        return [ground.code for ground in self.grounds]


@dataclass(frozen=True)
class _Case:
    facts: DueDiligenceFacts
    product: Product
    rules: PolicySet
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def unsecured_consumer(self) -> bool:
        return not self.product.secured and self.facts.kind is ClientKind.INDIVIDUAL

    def ground(
        self, code: str, leads_to: Result, paragraph: str, row: str | None = None, **figures: object
    ) -> Ground:  # fmt: skip
        row_id = self.rules.row_id(row) if row else None
        texts = {name: str(value) for name, value in figures.items()}
        return Ground(code=code, leads_to=leads_to, paragraph=paragraph, policy_row=row_id, figures=texts)


def decide(facts: DueDiligenceFacts, on: date, product: Product, rules: PolicySet | None = None) -> Decision:
    """Approved, refused, or a person looks; all grounds are named, not only the first.

    Rules: para 8, part 1; para 8, part 8; para 10.
    """
    case = _Case(facts, product, rules or policy(on))
    grounds = [ground for check in _CHECKS for ground in check(case)]
    result = next((one for one in (Result.REFUSED, Result.REVIEW) if any(g.leads_to is one for g in grounds)), None)
    aml = any(ground.code == "aml-doubtful" for ground in grounds)
    return Decision(
        result=result or Result.APPROVED,
        grounds=grounds,
        figures=case.figures,
        policy_version=case.rules.version,
        review_kind=("AML" if aml else "DECISION") if result is Result.REVIEW else None,
    )


def _aml(case: _Case) -> Iterator[Ground]:
    """Rules: para 10."""
    if case.facts.aml == "hit":
        yield case.ground("aml-hit", Result.REFUSED, "para 10")
    if case.facts.aml == "doubtful":
        yield case.ground("aml-doubtful", Result.REVIEW, "para 8, part 1")
    if case.facts.antifraud_listed:
        yield case.ground("antifraud-listed", Result.REFUSED, "para 11")


def _voluntary_refusal(case: _Case) -> Iterator[Ground]:
    """Rules: para 10."""
    if case.rules.switch("voluntary-refusal-rule") and case.facts.voluntary_refusal:
        yield case.ground("voluntary-refusal", Result.REFUSED, "para 10", "voluntary-refusal-rule")


def _limits(case: _Case) -> Iterator[Ground]:
    facts, product, rules = case.facts, case.product, case.rules
    lawful = rules.in_tenge("max-amount-mrp")
    case.figures["max_amount"] = str(min(lawful, product.max_amount))
    if facts.kind not in product.kinds:
        yield case.ground("product-not-for-client", Result.REFUSED, "para 8, part 2", product=product.code)
    if facts.amount > lawful:
        yield case.ground("amount-above-law", Result.REFUSED, "law on microfinance, art. 3", "max-amount-mrp")
    if not product.min_amount <= facts.amount <= product.max_amount:
        yield case.ground("amount-outside-product", Result.REFUSED, "para 8, part 2", amount=facts.amount)
    if not product.min_months <= facts.term_months <= product.max_months:
        yield case.ground("term-outside-product", Result.REFUSED, "para 8, part 2", months=facts.term_months)


def _age(case: _Case) -> Iterator[Ground]:
    facts, rules = case.facts, case.rules
    if facts.age is None or facts.kind is ClientKind.LEGAL_ENTITY:
        return
    case.figures["age"] = str(facts.age)
    if facts.age < rules.number("min-age"):
        yield case.ground("age-below-minimum", Result.REFUSED, "civil code, art. 17", "min-age")
    if case.product.max_age is not None and facts.age > case.product.max_age:
        yield case.ground("age-above-product", Result.REFUSED, "para 8, part 2", max_age=case.product.max_age)
    if not rules.switch("extra-consent-rule") or facts.extra_consent or not case.unsecured_consumer:
        return
    if facts.age < rules.number("extra-consent-under-age"):
        yield case.ground("extra-consent-needed", Result.REVIEW, "law 205-VIII", "extra-consent-under-age")
    if facts.age > rules.number("extra-consent-over-age"):
        yield case.ground("extra-consent-needed", Result.REVIEW, "law 205-VIII", "extra-consent-over-age")


def _overdue(case: _Case) -> Iterator[Ground]:
    facts, rules = case.facts, case.rules
    if not rules.switch("unsecured-overdue-rule") or not case.unsecured_consumer:
        return
    for code, row, days in (
        ("bank-debt-overdue", "unsecured-max-bank-overdue-days", facts.bank_overdue_days),
        ("microcredit-overdue", "unsecured-max-microcredit-overdue-days", facts.microcredit_overdue_days),
    ):
        if days > rules.whole(row):
            yield case.ground(code, Result.REFUSED, "debt burden rules", row, days=days)


def _debt_burden(case: _Case) -> Iterator[Ground]:
    """Debt burden (КДН) = (payments of other debts + the new instalment) / average official income."""
    facts, rules = case.facts, case.rules
    if facts.kind is not ClientKind.INDIVIDUAL:
        return
    strict = (
        rules.switch("debt-burden-strict-rule")
        and facts.max_overdue_days_12_months > rules.whole("debt-burden-strict-overdue-days")
    )  # fmt: skip
    row = "debt-burden-cap-after-overdue" if strict else "debt-burden-cap"
    payments = facts.monthly_payments + facts.new_payment
    case.figures.update(
        monthly_payments=str(facts.monthly_payments),
        new_payment=str(facts.new_payment),
        average_income=str(facts.average_income) if facts.average_income else "",
        debt_burden_cap=str(rules.number(row)),
    )
    if facts.average_income is None or facts.average_income <= Money(0):
        yield case.ground("income-unknown", Result.REVIEW, "debt burden rules", row)
        return
    burden = payments.root / facts.average_income.root
    case.figures["debt_burden"] = str(burden.quantize(_FOUR, ROUND_HALF_UP))
    if burden > rules.number(row):  # compared unrounded
        yield case.ground("debt-burden-too-high", Result.REFUSED, "debt burden rules", row)


def _personal_visit(case: _Case) -> Iterator[Ground]:
    facts, rules = case.facts, case.rules
    if not rules.switch("personal-visit-rule") or not case.unsecured_consumer:
        return
    if facts.first_loan and not facts.personal_visit and facts.amount > rules.in_tenge("personal-visit-threshold-mrp"):
        row = "personal-visit-threshold-mrp"
        yield case.ground("personal-visit-needed", Result.REVIEW, "law 205-VIII", row)


_CHECKS: tuple[Callable[[_Case], Iterator[Ground]], ...] = (
    _aml,
    _voluntary_refusal,
    _limits,
    _age,
    _overdue,
    _debt_burden,
    _personal_visit,
)
