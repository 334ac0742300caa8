"""Reports to the regulator, and complaints of clients.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = """
create table report (
    id uuid primary key,
    code varchar not null,
    period varchar not null,
    first_day date not null,
    last_day date not null,
    state varchar not null,
    version integer not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (code, period),
    constraint report_state_check check (state in ('BUILDING', 'FAULTY', 'READY', 'SENT', 'REJECTED', 'ACCEPTED')),
    constraint report_days_check check (first_day <= last_day and version >= 0)
);

create table report_version (
    id uuid primary key,
    report_id uuid not null references report (id),
    n integer not null,
    draft boolean not null,
    layout integer not null,
    taken_at timestamptz not null,
    snapshot_document_id uuid not null references document (id),
    snapshot_sha256 varchar not null,
    facts integer not null,
    state varchar not null,
    figures jsonb,
    faults jsonb,
    upload_id varchar,
    uploaded_at timestamptz,
    asked_at timestamptz,
    answered_at timestamptz,
    accepted_at timestamptz,
    control_errors jsonb,
    receipt_document_id uuid,
    unique (report_id, n),
    constraint report_version_state_check check (state in
        ('TAKEN', 'FAULTY', 'CHECKED', 'READY', 'SENT', 'REJECTED', 'ACCEPTED')),
    constraint report_version_n_check check (n > 0 and length(snapshot_sha256) = 64 and facts >= 0),
    constraint report_version_draft_check check (not draft or state in ('TAKEN', 'FAULTY', 'CHECKED')),
    constraint report_version_sent_check check (state not in ('SENT', 'ACCEPTED') or upload_id is not null),
    constraint report_version_receipt_check check (state <> 'ACCEPTED' or receipt_document_id is not null)
);

create table report_file (
    id uuid primary key,
    version_id uuid not null references report_version (id),
    format varchar not null,
    document_id uuid not null references document (id),
    sha256 varchar not null,
    size integer not null,
    cms_document_id uuid,
    unique (version_id, format),
    constraint report_file_format_check check (format in ('XLSX', 'JSON', 'PDF')),
    constraint report_file_sha256_check check (length(sha256) = 64 and size > 0)
);

create table report_retry (
    id uuid primary key,
    version_id uuid not null references report_version (id),
    reason_code varchar not null,
    staff_id uuid not null references staff (id),
    at timestamptz not null
);
create index ix_report_retry_version_id on report_retry (version_id);

create table complaint (
    id uuid primary key,
    client_id uuid not null references client (id),
    loan_id uuid references loan (id),
    topic varchar not null,
    text bytea not null,
    document_id uuid not null references document (id),
    received_at timestamptz not null,
    answer_due date not null,
    state varchar not null,
    outcome varchar,
    answered_by uuid references staff (id),
    answered_at timestamptz,
    answer_document_id uuid,
    message_id uuid,
    constraint complaint_state_check check (state in ('RECEIVED', 'ANSWERED')),
    constraint complaint_outcome_check check (outcome in ('satisfied', 'partly', 'declined')),
    constraint complaint_answered_check check ((state = 'ANSWERED') = (outcome is not null)
        and (outcome is null) = (answered_by is null) and (outcome is null) = (answered_at is null)
        and (outcome is null) = (answer_document_id is null) and (outcome is null) = (message_id is null))
);
create index ix_complaint_client_id on complaint (client_id);
create index ix_complaint_loan_id on complaint (loan_id);
create index complaint_open on complaint (answer_due) where state = 'RECEIVED';
"""

_RIGHTS = """
grant select, insert, update (state, version, updated_at) on report to nesie_app;
grant select, insert, update (state, figures, faults, upload_id, uploaded_at, asked_at, answered_at, accepted_at,
    control_errors, receipt_document_id) on report_version to nesie_app;
grant select, insert, update (cms_document_id) on report_file to nesie_app;
grant select, insert on report_retry to nesie_app;
grant select, insert, update (state, outcome, answered_by, answered_at, answer_document_id, message_id)
    on complaint to nesie_app;
grant select on report, report_version, report_file, report_retry, complaint to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_TABLES, guards.append_only("report_retry"), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
