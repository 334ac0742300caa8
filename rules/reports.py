"""The registry of reports to the regulator, as data: what is told, for which time, by when, to whom, in which form.

The forms and terms of the National Bank's rules of 24.11.2025 were not read: content follows letters and press, the
term is a policy row with its certainty. A changed form is a new `layout`: snapshots of an older one are not rendered.

>>> span("month", "2026-10").last, span("quarter", "2026-Q3").first
(datetime.date(2026, 10, 31), datetime.date(2026, 7, 1))
>>> received_at(span("month", "2026-10")).isoformat()
'2026-10-31T18:59:59+00:00'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from rules import reports_cases as cases
from rules import reports_lending as lending
from rules.calendar import add_months, end_of_day
from rules.errors import InvalidInput, NotFound
from rules.report_checks import Check
from rules.report_forms import Form, Words, words

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_PERIOD = re.compile(r"(20[0-9]{2})-(?:(0[1-9]|1[0-2])|Q([1-4]))", re.ASCII)


class Every(StrEnum):
    """How often a report is made. The value names the length of a period."""

    MONTH = "month"
    QUARTER = "quarter"


_MONTHS = {Every.MONTH: 1, Every.QUARTER: 3}


@dataclass(frozen=True)
class Span:
    """One period. code: `2026-10`, `2026-Q3`."""

    code: str
    first: date
    last: date

    @property
    def window(self) -> tuple[datetime, datetime]:
        """Its first instant, and the first one after it."""
        return end_of_day(self.first - _DAY), end_of_day(self.last)


@dataclass(frozen=True)
class Recipient:
    """Whose inbox a report goes to. branch: which office of it."""

    code: str
    branch: str
    names: Words


NATIONAL_BANK = Recipient(
    "NBK",
    "ALMATY",
    words(
        "Қазақстан Республикасының Ұлттық Банкі", "Национальный Банк Республики Казахстан",
        "National Bank of the Republic of Kazakhstan",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """One report.

    clock: the rule of rules.clocks by which it is due, counted from the last day of its period. format: which of its
    files is delivered. signer: who answers for it; the lender's key signs. since: the first day of its first period.
    """

    code: str
    names: Words
    forms: tuple[Form, ...]
    checks: tuple[Check, ...]
    every: Every = Every.MONTH
    clock: str = "report"
    recipient: Recipient = NATIONAL_BANK
    format: str = "XLSX"
    signer: str = "head"
    layout: int = 1
    since: date = date(2024, 1, 1)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of facts that its forms are made of."""
        return tuple(dict.fromkeys(form.facts for form in self.forms))

    @property
    def form_codes(self) -> Mapping[str, Form]:
        """Its forms by their codes."""
        return {form.code: form for form in self.forms}


_ALL = (
    Report(
        "loan-portfolio",
        words("Микрокредиттер портфелі", "Портфель микрокредитов", "Portfolio of microcredits"),
        lending.PORTFOLIO,
        lending.PORTFOLIO_CHECKS,
    ),
    Report(
        "issued-repaid",
        words("Берілген және өтелген микрокредиттер", "Выданные и погашенные микрокредиты", "Issued and repaid"),
        lending.MOVEMENT,
        lending.MOVEMENT_CHECKS,
    ),
    Report(
        "effective-rates",
        words("Жылдық тиімді сыйақы мөлшерлемелері", "Годовые эффективные ставки", "Annual effective rates"),
        lending.RATES,
        lending.RATES_CHECKS,
    ),
    Report(
        "debt-burden",
        words("Қарыз алушылардың борыштық жүктемесі", "Долговая нагрузка заёмщиков", "Debt burden of borrowers"),
        lending.BURDEN,
        lending.BURDEN_CHECKS,
    ),
    Report(
        "refusals",
        words("Микрокредит беруден бас тарту", "Отказы в предоставлении", "Refusals"),
        cases.REFUSALS,
        cases.REFUSALS_CHECKS,
    ),
    Report(
        "fraud-cases",
        words("Алаяқтық істері және мерзімдер", "Дела о мошенничестве и сроки", "Fraud cases and their terms"),
        cases.FRAUD,
        cases.FRAUD_CHECKS,
    ),
    Report(
        "incidents",
        words("Оқыс оқиғалар", "Инциденты", "Incidents"),
        cases.INCIDENTS,
        cases.INCIDENTS_CHECKS,
    ),
    Report(
        "complaints",
        words("Клиенттердің шағымдары", "Жалобы клиентов", "Clients' complaints"),
        cases.COMPLAINTS,
        cases.COMPLAINTS_CHECKS,
        layout=2,
    ),
    Report(
        "waiting-cancellations",
        words("Күту мерзіміндегі бас тартулар", "Отказы в период ожидания", "Cancellations in the waiting time"),
        cases.WAITING,
        cases.WAITING_CHECKS,
    ),
    Report(
        "audit-head",
        words("Аудит журналының тұтастығы", "Целостность журнала аудита", "Integrity of the audit trail"),
        cases.AUDIT,
        cases.AUDIT_CHECKS,
    ),
)  # fmt: skip
REPORTS: Mapping[str, Report] = {one.code: one for one in _ALL}


def report(code: str) -> Report:
    """A report of the registry.

    Raises:
        NotFound: `report-unknown`.
    """
    if code not in REPORTS:
        raise NotFound("report-unknown", field="/code")
    return REPORTS[code]


def span(every: Every | str, code: str) -> Span:
    """A period by its code.

    Raises:
        InvalidInput: `report-period-wrong`: no period of this length.
    """
    found = _PERIOD.fullmatch(code)
    quarterly = Every(every) is Every.QUARTER
    if found is None or quarterly is not (found[3] is not None):
        raise InvalidInput("report-period-wrong", field="/period")
    month = 3 * int(found[3]) - 2 if quarterly else int(found[2])
    return _span(Every(every), date(int(found[1]), month, 1))


def _span(every: Every, first: date) -> Span:
    quarterly = every is Every.QUARTER
    code = f"{first.year}-Q{(first.month + 2) // 3}" if quarterly else f"{first:%Y-%m}"
    return Span(code, first, add_months(first, _MONTHS[every]) - _DAY)


def over_by(every: Every, day: date) -> Span:
    """The newest period that is over on a day.

    >>> over_by(Every.MONTH, date(2026, 11, 1)).code, over_by(Every.QUARTER, date(2026, 12, 31)).code
    ('2026-10', '2026-Q3')
    """
    months = _MONTHS[every]
    running = date(day.year, day.month - (day.month - 1) % months, 1)
    return _span(every, add_months(running, -months))


def spans(every: Every, first: Span, last: Span) -> Iterator[Span]:
    """All periods from one to another."""
    at = first.first
    while at <= last.first:
        yield _span(every, at)
        at = add_months(at, _MONTHS[every])


def received_at(period: Span) -> datetime:
    """What its clock begins with: the last second of the period, so that the day after it is the first that counts."""
    return period.window[1] - _SECOND
