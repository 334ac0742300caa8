"""Papers of a loan: arrears notice, answer about other terms, addendum, certificate of no debt, money to give back,
the order and the notice of a write-off.

Letters are written in the client's language, what both sides rely on stands in Kazakh and Russian. Pure of storage.

Rules: para 7, part 7; para 9.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from activities import localised
from activities.papers import Paper, pdf_of
from rules.client import Person
from rules.evidence import Frozen
from rules.lender import Lender
from rules.money import Money
from rules.policy import policy
from rules.restructuring import NewTerms, Refusal
from rules.schedule import Installment
from rules.write_off import Loss

ARREARS_VERSION = "arrears-notice-1"
ANSWER_VERSION = "restructuring-answer-1"
ADDENDUM_VERSION = "addendum-1"
CERTIFICATE_VERSION = "no-debt-certificate-2"
REFUND_ACCOUNT_VERSION = "refund-account-1"
WRITE_OFF_ORDER_VERSION = "write-off-order-1"
WRITE_OFF_NOTICE_VERSION = "write-off-notice-1"

_REFUSALS = {
    Refusal.NO_EVIDENCE: {
        "kk": "қиындық расталмаған",
        "ru": "трудности не подтверждены",
        "en": "the hardship was not shown",
    },
    Refusal.ABLE: {
        "kk": "табысыңыз шарт бойынша төлеуге жетеді",
        "ru": "доход позволяет платить по договору",
        "en": "your income suffices to pay under the contract",
    },
    Refusal.CHANGED_BEFORE: {
        "kk": "шарттың талаптары бұған дейін өзгертілген",
        "ru": "условия договора уже изменялись",
        "en": "the terms were changed before",
    },
    Refusal.NOT_BEARABLE: {
        "kk": "жаңа талаптарды да орындау мүмкін болмайды",
        "ru": "новые условия тоже не могут быть исполнены",
        "en": "new terms could not be kept either",
    },
}
_REFUSED_OTHERWISE = {
    "kk": "өтініш мәлімет бойынша қанағаттандырылмайды",
    "ru": "по представленным сведениям заявление не может быть удовлетворено",
    "en": "the request cannot be granted on what was shown",
}


class _OfLoan(Frozen):
    """on: day of the paper in Almaty; the policy rows of that day give its numbers."""

    number: str
    on: date
    lender: Lender
    borrower: Person

    def _values(self, version: str) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return named | {"rules": policy(self.on), "template_version": version}


class ArrearsLetter(_OfLoan):
    """The notice of arrears. since: their first day. to_pay: what ends them; apply_until: see art. 9-2 of the law."""

    language: str
    since: date
    overdue_days: int
    overdue_principal: Money
    overdue_interest: Money
    penalty: Money
    total_to_close: Money
    apply_until: date

    @property
    def to_pay(self) -> Money:
        """Overdue principal and interest, and the penalty."""
        return self.overdue_principal + self.overdue_interest + self.penalty


class AnswerLetter(_OfLoan):
    """The answer to a request for other terms: terms with their first payment, or a reason."""

    language: str
    received: date
    terms: NewTerms | None = None
    effective: date | None = None
    accept_until: date | None = None
    first_payment: Money | None = None
    reason_code: str | None = None


class RefundLetter(_OfLoan):
    """That money is owed to the client. account_failed: the bank did not show the account we know to be theirs.

    disputed: by the verdict the microcredit did not go to the client, so the account it went to is not used.
    """

    language: str
    amount: Money
    account_failed: bool
    disputed: bool = False


class AddendumPaper(_OfLoan):
    """The new terms as they are signed. principal, interest_before, penalty: at the end of the first day."""

    n: int
    terms: NewTerms
    effective: date
    accept_until: date
    principal: Money
    interest_before: Money
    penalty: Money
    rows: tuple[Installment, ...]


class CertificatePaper(_OfLoan):
    """That nothing is owed. ended: the day on which the debt ended, or was written off.

    claim_kept: the lender may still demand compensation of a guilty client. Rules: para 13, part 5.
    """

    principal: Money
    disbursed: date
    ended: date
    written_off: bool = False
    claim_kept: bool = False


class WriteOffOrder(_OfLoan):
    """The lender's own decision to write a debt off. ground, returns, guilty: see rules.write_off; n: of the case.

    paper_number, paper_day, authority: of the paper that demands it, received on that day.
    """

    n: int
    ground: str
    paper_number: str
    paper_day: date
    authority: str
    received: date
    in_force_on: date | None
    loss: Loss
    returns: bool
    guilty: bool


class WriteOffLetter(_OfLoan):
    """What the client is told of a write-off. decided: its day. claim: what a guilty client may be asked for."""

    language: str
    ground: str
    paper_number: str
    paper_day: date
    decided: date
    debt: Money
    to_pay_back: Money
    returns: bool
    guilty: bool
    claim: Money


def arrears_notice(letter: ArrearsLetter) -> Paper:
    """Sum, days, rights and consequences: what the law wants told (law on microfinance, art. 9-2)."""
    values = letter._values(ARREARS_VERSION) | {"to_pay": letter.to_pay}
    return pdf_of(localised.render(f"arrears_notice.{letter.language}.html", **values), ARREARS_VERSION)


def restructuring_answer(letter: AnswerLetter) -> Paper:
    """The written answer, with the borrower's further ways."""
    reason = {str(code): words for code, words in _REFUSALS.items()}.get(letter.reason_code or "", _REFUSED_OTHERWISE)
    values = letter._values(ANSWER_VERSION) | {"reason": reason[letter.language]}
    return pdf_of(localised.render(f"restructuring_answer.{letter.language}.html", **values), ANSWER_VERSION)


def refund_account(letter: RefundLetter) -> Paper:
    """What is owed to the client, and how they name an account of their own for it. Rules: para 9, part 2."""
    values = letter._values(REFUND_ACCOUNT_VERSION)
    return pdf_of(localised.render(f"refund_account.{letter.language}.html", **values), REFUND_ACCOUNT_VERSION)


def addendum(paper: AddendumPaper) -> Paper:
    """The addendum that changes a contract: signed like the contract itself. Rules: para 9."""
    values = paper._values(ADDENDUM_VERSION)
    named = {name: values[name] for name in ("effective", "accept_until", "terms")}
    clauses = localised.clauses("addendum", **named)
    total = Money.total(row.payment for row in paper.rows)
    return pdf_of(localised.render("addendum.html", **values, clauses=clauses, total=total), ADDENDUM_VERSION)


def certificate(paper: CertificatePaper) -> Paper:
    """The certificate of no debt, before the lender's seal."""
    values = paper._values(CERTIFICATE_VERSION)
    named = {name: values[name] for name in ("on", "ended", "written_off", "claim_kept")}
    clauses = localised.clauses("no_debt_certificate", **named)
    return pdf_of(localised.render("no_debt_certificate.html", **values, clauses=clauses), CERTIFICATE_VERSION)


def write_off_order(order: WriteOffOrder) -> Paper:
    """The order of the lender, before its seal. Rules: para 13, part 4."""
    values = order._values(WRITE_OFF_ORDER_VERSION)
    named = {name: values[name] for name in ("on", "ground", "returns", "guilty", "loss")}
    clauses = localised.clauses("write_off_order", **named)
    return pdf_of(localised.render("write_off_order.html", **values, clauses=clauses), WRITE_OFF_ORDER_VERSION)


def write_off_notice(letter: WriteOffLetter) -> Paper:
    """That the debt is written off, what the bureau hears and what comes back. Rules: para 13, part 4."""
    values = letter._values(WRITE_OFF_NOTICE_VERSION)
    return pdf_of(localised.render(f"write_off_notice.{letter.language}.html", **values), WRITE_OFF_NOTICE_VERSION)


def message(name: str, language: str, **values: object) -> str:
    """A short text for the personal account: `arrears`, `restructuring_refused`, `restructuring_proposed`, `closed`,
    `refund_account`, `written_off`.
    """
    return localised.render(f"message_{name}.{language}.txt", **values).strip()


def sms_notice(language: str) -> str:
    """That a letter waits, one SMS long: no sum, no contract, nothing else of the loan."""
    return localised.render(f"sms_notice.{language}.txt").strip()
