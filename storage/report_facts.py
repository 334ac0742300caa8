"""What reports are made of, read in one transaction that sees one state of the database; no personal data.

Each reader gives the values of its facts in the order of rules.report_facts.COLUMNS, and the facts in one order, so
that the same state gives the same snapshot. Amounts are tiyn, instants are ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.policy import policy
from rules.pricing import rate_cap
from rules.report_facts import UNKNOWN
from rules.reports import Span
from rules.reports_cases import CLOCKS_OF, WITHOUT_GROUND
from rules.terms import LoanTerms
from storage import audit
from storage.database import run

Values = list[Any]
Facts = AsyncIterator[Values]
Reader = Callable[[AsyncSession, Span], Facts]

_AT_ONCE = 5_000
_ISSUED = """
    select loan.id, loan.number, coalesce(product_code, :unknown) as product, loan.lent, loan.terms, client.kind,
        decision, annual_effective_rate_percent as rate
    from loan left join application on application.id = loan.application_id
        left join offer on offer.application_id = application.id and offer.method = application.chosen_method
        left join client on client.id = loan.client_id
    where disbursed_on between :first and :last order by loan.no
"""
_REFUSED = """
    select id, product_code, amount, decision from application
    where stage = 'REFUSED' and updated_at >= :since and updated_at < :until order by updated_at, id
"""
_PAPERS = """
    select id, loan_id, kind, state, received_at from official_paper
    where received_at >= :since and received_at < :until order by received_at, id
"""
_CLOCKS = """
    select id, rule, subject, loan_id, received_at, due_at, ended_at, state from statutory_clock
    where rule = any(:rules) and received_at >= :since and received_at < :until order by received_at, id
"""
_INCIDENTS = """
    select incident.id, kind, severity, detected_at, state, closed_at, count(client_id) as clients,
        count(told_at) as told
    from incident left join incident_client on incident_id = incident.id
    where detected_at >= :since and detected_at < :until group by incident.id order by detected_at, incident.id
"""
_COMPLAINTS = """
    select complaint.id, complaint.loan_id, topic, complaint.received_at, answered_at, outcome,
        coalesce(last_day, answer_due) as answer_due
    from complaint left join statutory_clock on key = 'complaint:' || complaint.id
    where complaint.received_at < :until and (answered_at is null or answered_at >= :since)
    order by complaint.received_at, complaint.id
"""
_WAITED = """
    select id, loan_id, product_code, amount, stage, decision, waiting_until, confirmed_at, updated_at from application
    where waiting_until is not null and (confirmed_at >= :since and confirmed_at < :until
        or confirmed_at is null and stage in ('WITHDRAWN', 'EXPIRED', 'REFUSED', 'PARKED')
            and updated_at >= :since and updated_at < :until)
    order by coalesce(confirmed_at, updated_at), id
"""
_HEAD = """
    select n, hash, at, (select count(*) from audit_entry where at >= :since and at < :until) as written
    from audit_entry where at < :until order by n desc limit 1
"""


async def streamed(session: AsyncSession, query: str, **values: Any) -> AsyncIterator[Any]:
    """Rows of a query, a part at a time."""
    connection = await session.connection()
    async with connection.stream(text(query).execution_options(yield_per=_AT_ONCE), values) as rows:
        async for row in rows:
            yield row


def instant(at: datetime | None) -> str | None:
    """One spelling of an instant."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def _tiyn(amount: Decimal) -> int:
    return int(amount * 100)


def _window(period: Span) -> dict[str, Any]:
    since, until = period.window
    return {"since": since, "until": until}


def _days(period: Span) -> dict[str, date]:
    return {"first": period.first, "last": period.last}


async def issues(session: AsyncSession, period: Span) -> Facts:
    """Microcredits issued in the period with their effective rate and the cap of the contract's day, per cent."""
    async for row in streamed(session, _ISSUED, unknown=UNKNOWN, **_days(period)):
        terms = LoanTerms.model_validate(row.terms)
        cap = rate_cap(terms, policy(terms.disbursed)).effective_percent
        rate = None if row.rate is None else f"{row.rate:.2f}"
        yield [str(row.id), row.number, row.product, row.lent, rate, str(cap)]


async def burdens(session: AsyncSession, period: Span) -> Facts:
    """Microcredits issued in the period with the debt burden that the decision stood on, and its cap."""
    async for row in streamed(session, _ISSUED, unknown=UNKNOWN, **_days(period)):
        figures = _decided(row.decision).get("figures", {})
        burden, cap = figures.get("debt_burden") or None, figures.get("debt_burden_cap") or None
        yield [str(row.id), row.number, row.product, row.lent, row.kind, burden, cap]


def _decided(decision: dict[str, Any] | None) -> dict[str, Any]:
    """The decision itself, where the end of the case was written over it."""
    found = decision or {}
    while "figures" not in found and found.get("before"):
        found = found["before"]
    return found


async def refusals(session: AsyncSession, period: Span) -> Facts:
    """Applications refused in the period with their grounds."""
    async for row in streamed(session, _REFUSED, **_window(period)):
        yield [str(row.id), row.product_code, _tiyn(row.amount), _grounds(row.decision) or [WITHOUT_GROUND]]


def _grounds(decision: dict[str, Any] | None) -> list[str]:
    return list(dict.fromkeys(one["code"] for one in (decision or {}).get("grounds", [])))


async def papers(session: AsyncSession, period: Span) -> Facts:
    """Papers about fraud received in the period. Rules: para 13, part 2; para 13, part 4."""
    async for row in streamed(session, _PAPERS, **_window(period)):
        yield [str(row.id), str(row.loan_id), row.kind, row.state, instant(row.received_at)]


def clocks_of(kind: str) -> Reader:
    """Reads the clocks of some rules that began in the period."""

    async def read(session: AsyncSession, period: Span) -> Facts:
        async for row in streamed(session, _CLOCKS, rules=list(CLOCKS_OF[kind]), **_window(period)):
            loan = None if row.loan_id is None else str(row.loan_id)
            times = [instant(row.received_at), instant(row.due_at), instant(row.ended_at)]
            yield [str(row.id), row.rule, row.subject, loan, *times, row.state]

    return read


async def incidents(session: AsyncSession, period: Span) -> Facts:
    """Incidents detected in the period. Rules: para 13, part 1."""
    async for row in streamed(session, _INCIDENTS, **_window(period)):
        times = [instant(row.detected_at), row.state, instant(row.closed_at)]
        yield [str(row.id), row.kind, row.severity, *times, row.clients, row.told]


async def complaints(session: AsyncSession, period: Span) -> Facts:
    """Complaints that were received in the period or still open in it."""
    async for row in streamed(session, _COMPLAINTS, **_window(period)):
        loan = None if row.loan_id is None else str(row.loan_id)
        times = [instant(row.received_at), row.answer_due.isoformat(), instant(row.answered_at)]
        yield [str(row.id), loan, row.topic, *times, row.outcome]


async def waited(session: AsyncSession, period: Span) -> Facts:
    """Contracts whose waiting time ended in the period, and how. Rules: law 205-VIII."""
    async for row in streamed(session, _WAITED, **_window(period)):
        at = row.confirmed_at or row.updated_at
        loan = None if row.loan_id is None else str(row.loan_id)
        outcome = "confirmed" if row.confirmed_at is not None else _ended(row.stage, _grounds(row.decision))
        early = at < row.waiting_until
        yield [str(row.id), loan, row.product_code, _tiyn(row.amount), outcome, early, instant(at)]


def _ended(stage: str, grounds: Sequence[str]) -> str:
    if "declined-after-waiting" in grounds:
        return "declined"
    return {"EXPIRED": "silent", "WITHDRAWN": "withdrawn"}.get(stage, "refused")


async def head(session: AsyncSession, period: Span) -> Facts:
    """The last row of the audit trail in the period, and whether the whole chain fits. Rules: para 32."""
    row = (await run(session, _HEAD, **_window(period))).one_or_none()
    found = await audit.verify(session)
    if row is None:
        yield ["head", 0, audit.START, 0, None, found.verified, found.problem]
    else:
        yield ["head", row.n, row.hash, row.written, instant(row.at), found.verified, found.problem]


READERS: dict[str, Reader] = {
    "issue": issues,
    "burden": burdens,
    "refusal": refusals,
    "paper": papers,
    "clock-fraud": clocks_of("clock-fraud"),
    "clock-incident": clocks_of("clock-incident"),
    "clock-complaint": clocks_of("clock-complaint"),
    "incident": incidents,
    "complaint": complaints,
    "waiting": waited,
    "head": head,
}
