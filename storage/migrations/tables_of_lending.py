"""Tables of revision 0001: applications, contracts and loans."""

from __future__ import annotations

LENDING = """
create table application (
    id uuid primary key,
    client_id uuid not null references client,
    stage varchar not null,
    amount numeric(18,2) not null,
    term_months integer not null,
    purpose varchar not null,
    receiving_method varchar not null,
    account bytea not null,
    account_index bytea not null,
    edition varchar not null,
    policy_version varchar not null,
    product_code varchar not null,
    product_version varchar not null,
    decision jsonb,
    chosen_method varchar,
    contract_id uuid,
    loan_id uuid,
    waiting_until timestamptz,
    confirmed_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index application_one_open on application (client_id)
    where stage not in ('ISSUED', 'REFUSED', 'WITHDRAWN', 'EXPIRED');
create index ix_application_account_index on application (account_index);
create index ix_application_client_id on application (client_id);
create index ix_application_stage on application (stage);

create table screening (
    id uuid primary key,
    client_id uuid not null references client,
    application_id uuid,
    result varchar not null,
    matched_by varchar,
    lists jsonb not null,
    at timestamptz not null
);
create index ix_screening_application_id on screening (application_id);
create index ix_screening_client_id on screening (client_id);

create table acknowledgement (
    id uuid primary key,
    application_id uuid not null references application,
    subject varchar not null,
    text_version varchar not null,
    text_sha256 varchar not null,
    at timestamptz not null,
    unique (application_id, subject)
);
create index ix_acknowledgement_application_id on acknowledgement (application_id);

create table bureau_report (
    id uuid primary key,
    client_id uuid not null references client,
    application_id uuid not null references application,
    occasion varchar not null,
    report_id varchar not null,
    document_id uuid not null,
    voluntary_refusal boolean not null,
    at timestamptz not null
);
create index ix_bureau_report_application_id on bureau_report (application_id);
create index ix_bureau_report_client_id on bureau_report (client_id);

create table contract (
    id uuid primary key,
    application_id uuid not null unique references application,
    client_id uuid not null references client,
    number varchar not null unique,
    document_id uuid not null,
    sha256 varchar not null,
    pages integer not null,
    template_version varchar not null,
    terms jsonb not null,
    signature_id uuid,
    sealed_document_id uuid,
    created_at timestamptz not null,
    signed_at timestamptz
);
create index ix_contract_client_id on contract (client_id);

create table loan (
    id uuid primary key,
    application_id uuid not null unique references application,
    client_id uuid not null references client,
    contract_id uuid not null,
    number varchar not null unique,
    status varchar not null,
    terms jsonb not null,
    disbursed_on date not null,
    created_at timestamptz not null,
    closed_at timestamptz
);
create index ix_loan_client_id on loan (client_id);
create index ix_loan_status on loan (status);

create table offer (
    id uuid primary key,
    application_id uuid not null references application,
    method varchar not null,
    rate_percent_per_year numeric not null,
    annual_effective_rate_percent numeric not null,
    total_to_repay numeric(18,2) not null,
    schedule jsonb not null,
    created_at timestamptz not null,
    unique (application_id, method)
);
create index ix_offer_application_id on offer (application_id);

create table loan_event (
    id uuid primary key,
    loan_id uuid not null references loan,
    key varchar not null unique,
    kind varchar not null,
    value_date date not null,
    known_at timestamptz not null,
    payload jsonb not null
);
create index ix_loan_event_loan_id on loan_event (loan_id);
"""
