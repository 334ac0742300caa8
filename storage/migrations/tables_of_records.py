"""Tables of revision 0001: payments, ledger, audit, idempotency, outbox."""

from __future__ import annotations

RECORDS = """
create table idempotency_record (
    scope varchar not null,
    key varchar not null,
    request_hash varchar not null,
    state varchar not null,
    status_code integer,
    answer bytea,
    started_at timestamptz not null,
    finished_at timestamptz,
    primary key (scope, key)
);

create table ledger_posting (
    id uuid primary key,
    key varchar not null unique,
    description varchar not null,
    value_date date not null,
    posted_at timestamptz not null
);

create table master_key_canary (
    key_id varchar primary key,
    sealed bytea not null,
    created_at timestamptz not null,
    retired_at timestamptz
);

create table outbound_payment (
    key varchar primary key,
    application_id uuid,
    purpose varchar not null,
    request_hash varchar not null,
    amount numeric(18,2) not null,
    account bytea not null,
    state varchar not null,
    payout_id varchar,
    bank_reference varchar,
    refusal_code varchar,
    sent_at timestamptz not null,
    answered_at timestamptz,
    value_date date
);
create index ix_outbound_payment_application_id on outbound_payment (application_id);
create index ix_outbound_payment_payout_id on outbound_payment (payout_id);
create index ix_outbound_payment_state on outbound_payment (state);

create table outbox_action (
    id varchar primary key,
    workflow_id varchar not null,
    workflow varchar not null,
    operation varchar not null,
    name varchar not null,
    argument bytea not null,
    state varchar not null,
    attempts integer not null,
    created_at timestamptz not null,
    next_attempt_at timestamptz not null,
    finished_at timestamptz,
    result bytea
);
create index ix_outbox_action_state on outbox_action (state);
create index ix_outbox_action_workflow_id on outbox_action (workflow_id);
create index outbox_action_due on outbox_action (next_attempt_at) where state = 'waiting';

create table statement_line (
    bank_reference varchar primary key,
    statement_date date not null,
    order_id varchar,
    side varchar not null,
    amount numeric(18,2) not null,
    matched_key varchar,
    state varchar not null,
    seen_at timestamptz not null
);
create index ix_statement_line_matched_key on statement_line (matched_key);
create index ix_statement_line_statement_date on statement_line (statement_date);

create table ledger_entry (
    id uuid primary key,
    posting_id uuid not null references ledger_posting,
    account varchar not null,
    side varchar not null,
    amount numeric(18,2) not null
);
create index ix_ledger_entry_account on ledger_entry (account);
create index ix_ledger_entry_posting_id on ledger_entry (posting_id);
"""

AUDIT = """
create table audit_entry (
    n bigint primary key,
    at timestamptz not null,
    actor varchar not null,
    action varchar not null,
    subject varchar not null,
    reason varchar,
    paragraph varchar,
    detail jsonb not null,
    previous varchar not null,
    hash varchar not null
);
create index ix_audit_entry_subject on audit_entry (subject);

create table audit_pending (
    id uuid primary key,
    actor varchar not null,
    action varchar not null,
    subject varchar not null,
    reason varchar,
    paragraph varchar,
    detail jsonb not null
);
"""
