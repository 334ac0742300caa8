"""Letters about a suspension: that it begins, and how it ends. In the client's language; pure of storage.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from activities import localised
from activities.letters import _OfLoan
from activities.papers import Paper, pdf_of
from rules.evidence import Frozen
from rules.money import Money
from rules.suspension import PaperKind

SUSPENDED_VERSION = "suspension-1"
ENDED_VERSION = "suspension-ended-1"

_KINDS = {
    PaperKind.INVESTIGATOR_SUBMISSION: {
        "kk": "сотқа дейінгі тергеп-тексеруді жүзеге асыратын адамның ұсынуы (ҚПК-нің 200-бабы)",
        "ru": "представление лица, осуществляющего досудебное расследование (статья 200 УПК)",
        "en": "submission of the officer in charge of the investigation (Code of Criminal Procedure, article 200)",
    },
    PaperKind.VICTIM_RESOLUTION: {
        "kk": "жәбірленуші деп тану туралы қаулы (ҚПК-нің 71-бабы)",
        "ru": "постановление о признании потерпевшим (статья 71 УПК)",
        "en": "resolution recognising the borrower as a victim (Code of Criminal Procedure, article 71)",
    },
    PaperKind.CANCELLATION: {
        "kk": "күшін жою туралы қаулы",
        "ru": "постановление об отмене",
        "en": "decision that cancels it",
    },
}


class NamedPaper(Frozen):
    """An official paper as a letter names it."""

    kind: PaperKind
    number: str
    day: date
    authority: str


class SuspensionLetter(_OfLoan):
    """That interest, collection and reporting stand still. since: the first day without interest."""

    language: str
    paper: NamedPaper
    since: date
    closed: bool


class Ending(StrEnum):
    """CANCELLED: by another paper. MISTAKEN: nobody confirmed it. CONTINUES: another paper still holds the loan."""

    CANCELLED = "CANCELLED"
    MISTAKEN = "MISTAKEN"
    CONTINUES = "CONTINUES"


class EndLetter(_OfLoan):
    """How a suspension ends. by: the paper that cancels it. still: the one that goes on to hold the loan.

    charged: interest of the suspended days that is charged after all; None where it is not.
    """

    language: str
    paper: NamedPaper
    ending: Ending
    by: NamedPaper | None = None
    still: NamedPaper | None = None
    resumed_on: date | None = None
    charged: Money | None = None
    total_to_close: Money
    next_due: date | None
    next_payment: Money | None


def suspended(letter: SuspensionLetter) -> Paper:
    """The written notice of a suspension. Rules: para 13, part 2."""
    return _pdf("suspension", letter, SUSPENDED_VERSION)


def suspension_ended(letter: EndLetter) -> Paper:
    """The written notice of its end. Rules: para 13, part 3."""
    return _pdf("suspension_ended", letter, ENDED_VERSION)


def _pdf(name: str, letter: SuspensionLetter | EndLetter, version: str) -> Paper:
    kinds = {str(kind): words[letter.language] for kind, words in _KINDS.items()}
    values = letter._values(version) | {"kinds": kinds}
    return pdf_of(localised.render(f"{name}.{letter.language}.html", **values), version)
