"""Documents as the client sees and signs them: HTML templates become PDF/A with bytes that never vary.

The same paper gives the same bytes in any process, so the hash may be known before anybody signs. Nothing
is fetched while rendering. Pure of storage: callers archive what comes out.

Rules: para 8, part 2; para 8, part 3; para 8, part 5; para 9.
"""

from __future__ import annotations

import hashlib
import threading
from datetime import date
from functools import lru_cache
from typing import Any, Literal

from weasyprint import CSS, HTML, Document
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from activities import localised
from activities.receiving_words import receiving_words
from rules.client import Person
from rules.evidence import Frozen
from rules.lender import Lender
from rules.policy import policy
from rules.receiving import CASH, Receiving
from rules.schedule import RepaymentSchedule

CONTRACT_VERSION = "contract-3"
STATEMENT_VERSION = "registration-statement-2"
DETAILS_VERSION = "details-statement-2"
ACCOUNT_VERSION = "account-statement-1"
TERMS_VERSION = "3"
VARIANT = "pdf/a-2b"
_RENDERING = threading.Lock()  # Pango's font map is not made for several threads

Subject = Literal["lending_rules", "payments_information", "rights_and_duties"]


class Paper(Frozen):
    """A rendered document. sha256 is of the PDF, hexadecimal."""

    pdf: bytes
    sha256: str
    pages: int
    template_version: str


class ContractPaper(Frozen):
    """Everything a contract says. waiting_hours: None where there is none.

    account: how the borrower gets the money, as it was sealed (rules.receiving).

    on: day of the contract in Almaty; the policy rows of that day give penalty, notices and retention.
    """

    number: str
    on: date
    lender: Lender
    borrower: Person
    account: str
    purpose: str
    schedule: RepaymentSchedule
    waiting_hours: int | None = None


class StatementPaper(Frozen):
    """The statement of a client at registration. lender: its name. signed: an entrepreneur's is not, the face stands
    for it.
    """

    person: Person
    client_id: str
    lender: str
    on: date
    edition: str
    signed: bool = True


class DetailsPaper(StatementPaper):
    """The statement that a client signs to have another phone number. person: as known until now."""

    new_phone: str


class AccountPaper(StatementPaper):
    """The statement that a client signs to have other bank details with us. old_account: masked, None for the first.

    new_account: IBAN, or the masked token of a card.
    """

    old_account: str | None
    new_account: str


class TermsText(Frozen):
    """A text that is read and marked before issue. sha256 is of the UTF-8 text."""

    subject: str
    language: str
    text_version: str
    text: str
    text_sha256: str


def contract_pdf(contract: ContractPaper) -> Paper:
    """The contract in Kazakh and Russian; rates, cost and schedule stand on page one. Rules: para 9.

    What is particular stands on the first page(s); the clauses behind it are common to all contracts of a day,
    so that they are laid out once a process.
    """
    rules, terms = policy(contract.on), contract.schedule.terms
    how = Receiving.read(contract.account)
    words = receiving_words(how)
    front = localised.render(
        "contract.html",
        **{name: getattr(contract, name) for name in ContractPaper.model_fields},
        terms=terms,
        rules=rules,
        method=localised.method(terms),
        purpose_names=localised.purpose(contract.purpose),
        receiving=words,
        template_version=CONTRACT_VERSION,
    )
    common = {
        "receiving": words.clause,
        "collection_hours": rules.whole("cash-order-hours") if how.method in CASH else None,
        "waiting_hours": contract.waiting_hours,
        "confirmation_hours": rules.whole("confirmation-window-hours") if contract.waiting_hours else None,
        "year_days": localised.year_days(terms.day_count),
        "day_count": localised.day_count(terms.day_count),
        "rounding": terms.rounding.value,
        "rounding_words": localised.rounding(terms),
        "day_off": localised.payment_day_off(terms.off_days),
        "allocation": localised.allocation(rules.text("allocation-order")),
        "penalty_first": rules.number("penalty-daily-percent"),
        "penalty_days": rules.whole("penalty-first-days"),
        "penalty_later": rules.number("penalty-later-daily-percent"),
        "penalty_cap": rules.number("penalty-year-cap-percent"),
        "arrears_days": rules.whole("arrears-notice-days"),
        "request_days": rules.whole("restructuring-request-days"),
        "answer_days": rules.whole("restructuring-answer-days"),
        "retention_years": rules.whole("retention-years"),
        "lender": contract.lender,
    }
    with _RENDERING:
        first = _layout(front)
        behind = localised.render(
            "contract_clauses.html",
            clauses=localised.clauses("contract", **common),
            first_page=len(first.pages) + 1,
            lender=contract.lender,
            rules=rules,
            template_version=CONTRACT_VERSION,
        )
        return _paper(first.copy([*first.pages, *_common_layout(behind).pages]), CONTRACT_VERSION)


def registration_statement(statement: StatementPaper) -> Paper:
    """What a client declares, consents to and signs at registration. Rules: para 6, part 4."""
    values: dict[str, Any] = {name: getattr(statement, name) for name in StatementPaper.model_fields}
    pairs = localised.clauses("registration_statement", **values)
    html = localised.render("registration_statement.html", **values, clauses=pairs, template_version=STATEMENT_VERSION)
    return pdf_of(html, STATEMENT_VERSION)


def details_statement(statement: DetailsPaper) -> Paper:
    """Which number becomes which, as the client signs it. Rules: para 6, part 5."""
    values: dict[str, Any] = {name: getattr(statement, name) for name in DetailsPaper.model_fields}
    pairs = localised.clauses("details_statement", **values)
    html = localised.render("details_statement.html", **values, clauses=pairs, template_version=DETAILS_VERSION)
    return pdf_of(html, DETAILS_VERSION)


def account_statement(statement: AccountPaper) -> Paper:
    """Which bank details become which, as the client signs it. Rules: para 6, part 5."""
    values: dict[str, Any] = {name: getattr(statement, name) for name in AccountPaper.model_fields}
    pairs = localised.clauses("account_statement", **values)
    html = localised.render("account_statement.html", **values, clauses=pairs, template_version=ACCOUNT_VERSION)
    return pdf_of(html, ACCOUNT_VERSION)


def pdf_of(html: str, version: str) -> Paper:
    """A page of HTML as a PDF/A whose bytes never vary. version: of its template."""
    with _RENDERING:
        return _paper(_layout(html), version)


def sms_code(language: str, code: str, seconds: int) -> str:
    """The text of a one-time code: one SMS long."""
    return localised.render(f"sms_code.{language}.txt", code=code, seconds=seconds).strip()


def sms_phone_changed(language: str) -> str:
    """That the number of the account was changed, to the old and to the new one: no number in it, one SMS long."""
    return localised.render(f"sms_phone_changed.{language}.txt").strip()


def sms_account_changed(language: str) -> str:
    """That the bank details were changed: no number in it, one SMS long."""
    return localised.render(f"sms_account_changed.{language}.txt").strip()


def terms_text(subject: Subject, language: str, on: date, lender: Lender) -> TermsText:
    """A text that the client reads and marks before issue, with the numbers of the day.

    Rules: para 8, part 2; para 8, part 3; para 8, part 5.
    """
    rules = policy(on)
    text = localised.render(f"{subject}.{language}.txt", lender=lender, rules=rules, rate=localised.rate).strip()
    return TermsText(
        subject=subject,
        language=language,
        text_version=f"{subject}-{TERMS_VERSION}/{rules.version}",
        text=text,
        text_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _layout(html: str) -> Document:
    fonts, css = _style()
    source = HTML(string=html, url_fetcher=URLFetcher(allowed_protocols={"data"}))
    return source.render(stylesheets=[css], font_config=fonts, pdf_variant=VARIANT)


@lru_cache(maxsize=32)
def _common_layout(html: str) -> Document:
    return _layout(html)


def _paper(document: Document, version: str) -> Paper:
    pdf = document.write_pdf(pdf_variant=VARIANT)
    digest = hashlib.sha256(pdf).hexdigest()
    return Paper(pdf=pdf, sha256=digest, pages=len(document.pages), template_version=version)


@lru_cache(maxsize=1)
def _style() -> tuple[FontConfiguration, CSS]:
    fonts = FontConfiguration()
    return fonts, CSS(string=(localised.TEMPLATES / "paper.css").read_text(), font_config=fonts)
