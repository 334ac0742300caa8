"""Rights of revision 0001: what the application and the readers may do, table by table.

The application deletes nothing but throttle counters. Where a row may change at all, the columns that may
are named: amount, receiver and key of a payment, the IIN of a client and the bytes of a document are not among
them, nor are the wrapped data keys, which only the owner of the schema wraps anew.
"""

from __future__ import annotations

from storage.migrations.guards import APPEND_ONLY_TABLES

_APPLICATION_STATE = (
    "stage, decision, chosen_method, contract_id, loan_id, waiting_until, confirmed_at, updated_at, account,"
    " account_index, policy_version, product_version"
)

_CHANGES = {
    "client": "status, language, phone_index, personal, password_hash, face_embedding, refusal_ground, registered_at",
    "document": "retain_until",
    "message": "document_id, read_at",
    "one_time_code": "attempts, used_at, expires_at",
    "liveness_challenge": "used_at, video_sha256",
    "session": "last_seen_at, ended_at",
    "staff": "name, roles, password_hash, totp_secret, totp_last_step, active",
    "review": "state, claimed_by, claimed_at",
    "throttle": "failures, last_failure_at, blocked_until",
    "application": _APPLICATION_STATE,
    "offer": "rate_percent_per_year, annual_effective_rate_percent, total_to_repay, schedule, created_at",
    "contract": "signature_id, sealed_document_id, signed_at",
    "loan": "status, closed_at",
    "outbound_payment": "state, payout_id, bank_reference, refusal_code, sent_at, answered_at, value_date",
    "statement_line": "matched_key, state",
    "idempotency_record": "state, status_code, answer, started_at, finished_at",
    "outbox_action": "state, argument, attempts, next_attempt_at, finished_at, result",
    "master_key_canary": "retired_at",
}

# Secrets of log-ins and half-made audit rows are nobody's report.
_NOT_FOR_READERS = {"session", "one_time_code", "throttle", "master_key_canary", "staff"}


def application_rights() -> list[str]:
    """Grants to the application: rows appended everywhere, named columns changed."""
    appended = [f"grant select, insert on {table} to nesie_app" for table in APPEND_ONLY_TABLES]
    changed = [
        f"grant select, insert, update ({columns}) on {table} to nesie_app" for table, columns in _CHANGES.items()
    ]
    return [
        *appended,
        *changed,
        "grant delete on throttle to nesie_app",
        "grant select on alembic_version to nesie_app",
    ]


def reader_rights() -> list[str]:
    """Grants to the readers: business tables, and staff without their secrets."""
    tables = [table for table in (*APPEND_ONLY_TABLES, *_CHANGES) if table not in _NOT_FOR_READERS]
    return [
        f"grant select on {', '.join(tables)} to nesie_read",
        "grant select (id, login, name, roles, active, created_at) on staff to nesie_read",
    ]


def audit_rights() -> list[str]:
    """Grants on the audit trail, given by its owner: read it, append by its function, nothing else."""
    return [
        "revoke all on function audit_append(varchar, varchar, varchar, varchar, varchar, jsonb) from public",
        "revoke all on function audit_chain() from public",
        "grant execute on function audit_append(varchar, varchar, varchar, varchar, varchar, jsonb) to nesie_app",
        "grant select on audit_entry to nesie_app, nesie_read",
    ]
