"""Everything our records hold about one loan, as plain values: rows without personal data.

Rules: para 11; para 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import run

# name of a part -> the rows of it. :loan, :application, :client and :contract are ids of the loan's own
_PARTS = {
    "documents": "select id, kind, media_type, direction, key, version_id, sha256, size, sealed_sha256, retain_until,"
    " created_at from document where client_id = :client and (application_id is null or application_id = :application)"
    " order by created_at, id",
    "signatures": "select s.*, d.sha256 as signed_sha256, c.sha256 as cms_sha256, o.sha256 as ocsp_sha256,"
    " t.sha256 as tsp_sha256 from signature s join document d on d.id = s.document_id"
    " join document c on c.id = s.cms_document_id left join document o on o.id = s.ocsp_document_id"
    " left join document t on t.id = s.tsp_document_id where s.client_id = :client order by s.verified_at",
    "checks": "select * from identification_check where client_id = :client"
    " and (application_id is null or application_id = :application) order by at, id",
    "identifications": "select id, application_id, act, n, edition, outcome, ground, document_id, sha256, began_at,"
    " ended_at from identification where client_id = :client"
    " and (application_id is null or application_id = :application) order by ended_at, id",
    "screenings": "select id, application_id, result, matched_by, lists, at from screening where client_id = :client"
    " and (application_id is null or application_id = :application) order by at, id",
    "bureau_reports": "select r.id, r.occasion, r.report_id, r.document_id, r.voluntary_refusal, r.at, d.sha256"
    " from bureau_report r join document d on d.id = r.document_id where r.application_id = :application order by r.at",
    "acknowledgements": "select * from acknowledgement where application_id = :application order by at, subject",
    "offers": "select id, method, rate_percent_per_year, annual_effective_rate_percent, total_to_repay, schedule,"
    " created_at from offer where application_id = :application order by method",
    "reviews": "select r.kind, r.workflow_id, r.ground, r.created_at, d.decision, d.reason_code, d.staff_id, d.final,"
    " d.at from review r join review_decision d on d.review_id = r.id where r.application_id = :application"
    " or (r.client_id = :client and r.application_id is null) order by d.at, d.id",
    "outgoing_payments": "select key, order_id, purpose, channel, amount, state, bank_reference, refusal_code, made_at,"
    " first_sent_at, sent_at, answered_at, value_date from outbound_payment where application_id = :application"
    " or loan_id = :loan order by made_at, key",
    "clocks": "select * from statutory_clock where loan_id = :loan or subject = 'loan:' || :loan_text"
    " order by received_at, id",
    "clock_events": "select e.* from clock_event e join statutory_clock c on c.id = e.clock_id"
    " where c.loan_id = :loan or c.subject = 'loan:' || :loan_text order by e.at, e.id",
    "official_papers": "select p.*, d.sha256 as document_sha256 from official_paper p"
    " join document d on d.id = p.document_id where p.loan_id = :loan order by p.n",
    "duties": "select d.* from fraud_duty d join official_paper p on p.id = d.paper_id where p.loan_id = :loan"
    " order by d.done_at, d.id",
    "bureau_records": "select id, place, op, as_of, body, record_hash, state, rejection_code, created_at, answered_at"
    " from furnishing_record where loan_id = :loan order by place, created_at",
    "notices": "select id, key, kind, language, due_on, document_id, figures, sent_at, sms_at from loan_notice"
    " where loan_id = :loan order by sent_at, id",
    "postings": "select id, key, description, value_date, posted_at from ledger_posting where loan_id = :loan"
    " order by posted_at, id",
    "entries": "select e.posting_id, e.account, e.side, e.amount from ledger_entry e join ledger_posting p"
    " on p.id = e.posting_id where p.loan_id = :loan order by p.posted_at, p.id, e.account, e.side, e.id",
}  # fmt: skip


async def parts(
    session: AsyncSession, *, loan_id: UUID, application_id: UUID, client_id: UUID
) -> dict[str, list[dict[str, Any]]]:
    """All parts by name, in a fixed order of rows."""
    ids = {"loan": loan_id, "loan_text": str(loan_id), "application": application_id, "client": client_id}
    found = {}
    for name, query in _PARTS.items():
        wanted = {key: value for key, value in ids.items() if f":{key}" in _words(query)}
        rows = await run(session, query, **wanted)
        found[name] = [{key: plain(value) for key, value in row.items()} for row in rows.mappings()]
    return found


def _words(query: str) -> set[str]:
    return {word.strip("(),") for word in query.split()}


def subjects(loan_id: UUID, application_id: UUID, client_id: UUID, documents: Sequence[str]) -> list[str]:
    """Whose entries of the audit trail belong to a loan."""
    own = [f"loan:{loan_id}", f"application:{application_id}", f"client:{client_id}"]
    return own + [f"document:{one}" for one in documents]


def plain(value: Any) -> Any:
    """A database value as JSON has it: amounts as text, instants in UTC."""
    if isinstance(value, UUID | Decimal | date) and not isinstance(value, datetime):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        raise TypeError("sealed bytes do not belong into a bundle")
    return value
