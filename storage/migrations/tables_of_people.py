"""Tables of revision 0001: clients, what proves who they are, sessions, staff and reviews."""

from __future__ import annotations

CLIENTS = """
create table client (
    id uuid primary key,
    kind varchar not null,
    status varchar not null,
    language varchar not null,
    edition varchar not null,
    iin_index bytea not null,
    phone_index bytea not null,
    data_key bytea not null,
    personal bytea not null,
    password_hash varchar,
    face_embedding bytea,
    refusal_ground varchar,
    created_at timestamptz not null,
    registered_at timestamptz
);
create unique index client_one_registered_iin on client (iin_index) where status = 'REGISTERED';
create unique index client_one_registered_phone on client (phone_index) where status = 'REGISTERED';
create index ix_client_iin_index on client (iin_index);
create index ix_client_phone_index on client (phone_index);
create index ix_client_status on client (status);

create table document (
    id uuid primary key,
    client_id uuid references client,
    application_id uuid,
    kind varchar not null,
    media_type varchar not null,
    direction varchar not null,
    key varchar not null,
    version_id varchar not null,
    sha256 varchar not null,
    size integer not null,
    sealed_sha256 varchar not null,
    data_key bytea,
    retain_until timestamptz not null,
    created_at timestamptz not null
);
create index ix_document_application_id on document (application_id);
create index ix_document_client_id on document (client_id);
create index ix_document_kind on document (kind);
create index ix_document_sha256 on document (sha256);

create table identification_check (
    id uuid primary key,
    client_id uuid not null references client,
    application_id uuid,
    act varchar not null,
    step varchar not null,
    outcome varchar not null,
    ground varchar,
    policy_version varchar not null,
    evidence jsonb not null,
    at timestamptz not null
);
create index ix_identification_check_application_id on identification_check (application_id);
create index ix_identification_check_client_id on identification_check (client_id);

create table message (
    id uuid primary key,
    client_id uuid not null references client,
    direction varchar not null,
    body bytea not null,
    document_id uuid,
    at timestamptz not null,
    read_at timestamptz
);
create index ix_message_client_id on message (client_id);

create table signature (
    id uuid primary key,
    client_id uuid not null references client,
    document_id uuid not null references document,
    cms_document_id uuid not null,
    ocsp_document_id uuid,
    tsp_document_id uuid,
    algorithm varchar not null,
    certificate_serial varchar not null,
    certificate_sha256 varchar not null,
    signed_at timestamptz not null,
    verified_at timestamptz not null
);
create index ix_signature_client_id on signature (client_id);
create index ix_signature_document_id on signature (document_id);
"""

ACCESS = """
create table staff (
    id uuid primary key,
    login varchar not null unique,
    name varchar not null,
    roles varchar[] not null,
    password_hash varchar not null,
    totp_secret bytea not null,
    totp_last_step integer not null,
    active boolean not null,
    created_at timestamptz not null
);

create table throttle (
    subject bytea primary key,
    failures integer not null,
    last_failure_at timestamptz not null,
    blocked_until timestamptz
);

create table liveness_challenge (
    id uuid primary key,
    client_id uuid not null references client,
    act varchar not null,
    sequence varchar not null,
    session_hash bytea,
    device_id varchar,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    video_sha256 varchar,
    unique (client_id, sequence)
);
create index ix_liveness_challenge_client_id on liveness_challenge (client_id);
create index ix_liveness_challenge_video_sha256 on liveness_challenge (video_sha256);

create table one_time_code (
    id uuid primary key,
    client_id uuid not null references client,
    purpose varchar not null,
    phone_index bytea not null,
    code_hash bytea not null,
    attempts integer not null,
    sent_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
create index ix_one_time_code_client_id on one_time_code (client_id);
create index ix_one_time_code_phone_index on one_time_code (phone_index);

create table review (
    id uuid primary key,
    kind varchar not null,
    workflow_id varchar not null,
    client_id uuid references client,
    application_id uuid,
    ground varchar not null,
    state varchar not null,
    claimed_by uuid references staff,
    claimed_at timestamptz,
    created_at timestamptz not null
);
create index ix_review_application_id on review (application_id);
create index ix_review_claimed_by on review (claimed_by);
create index ix_review_client_id on review (client_id);
create index ix_review_kind on review (kind);
create index ix_review_state on review (state);
create unique index review_one_open on review (workflow_id, kind, ground) where state <> 'decided';

create table session (
    token_hash bytea primary key,
    scope varchar not null,
    client_id uuid references client,
    staff_id uuid references staff,
    device_id varchar,
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    ended_at timestamptz
);
create index ix_session_staff_id on session (staff_id);
create index session_open on session (client_id) where ended_at is null;

create table review_decision (
    id uuid primary key,
    review_id uuid not null references review,
    staff_id uuid not null references staff,
    decision varchar not null,
    reason_code varchar not null,
    final boolean not null,
    at timestamptz not null,
    unique (review_id, staff_id)
);
create index ix_review_decision_review_id on review_decision (review_id);
create index ix_review_decision_staff_id on review_decision (staff_id);
create unique index review_decision_one_final on review_decision (review_id) where final;
"""
