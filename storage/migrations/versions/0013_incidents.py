"""Incidents, notices to the regulator, and how far the watches have come.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INCIDENTS = """
create table incident (
    id uuid primary key,
    key varchar not null unique,
    kind varchar not null,
    severity varchar not null,
    found_by varchar not null,
    story bytea not null,
    facts jsonb not null,
    occurred_at timestamptz not null,
    detected_at timestamptz not null,
    certain_at timestamptz,
    certain_by uuid references staff (id),
    state varchar not null,
    entered_by uuid references staff (id),
    entered_at timestamptz not null,
    begun_at timestamptz,
    document_id uuid,
    closed_at timestamptz,
    constraint incident_severity_check check (severity in ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
    constraint incident_found_by_check check (found_by in ('STAFF', 'SYSTEM')
        and (found_by = 'STAFF') = (entered_by is not null)),
    constraint incident_detected_check check (occurred_at <= detected_at),
    constraint incident_state_check check (state in ('OPEN', 'CLOSED', 'DISMISSED')
        and (state = 'OPEN') = (closed_at is null))
);
create index incident_open on incident (entered_at) where state = 'OPEN';
create index ix_incident_certain_by on incident (certain_by);
create index ix_incident_entered_by on incident (entered_by);

create table incident_round (
    id uuid primary key,
    incident_id uuid not null references incident (id),
    n integer not null,
    query jsonb,
    detected_at timestamptz not null,
    added_by uuid references staff (id),
    added_at timestamptz not null,
    looked_up_to uuid,
    found_at timestamptz,
    unique (incident_id, n),
    constraint incident_round_n_check check (n >= 1)
);
create index ix_incident_round_incident_id on incident_round (incident_id);
create index ix_incident_round_added_by on incident_round (added_by);

create table incident_client (
    incident_id uuid not null references incident (id),
    client_id uuid not null references client (id),
    round_n integer not null,
    told_at timestamptz,
    message_id uuid,
    texted_at timestamptz,
    sms_id varchar,
    ground varchar,
    primary key (incident_id, client_id),
    foreign key (incident_id, round_n) references incident_round (incident_id, n),
    constraint incident_client_told_check check (message_id is null or told_at is not null),
    constraint incident_client_texted_check check (sms_id is null or texted_at is not null)
);
create index ix_incident_client_client_id on incident_client (client_id);
create index incident_client_to_tell on incident_client (incident_id, round_n, client_id) where told_at is null;
create index incident_client_to_text on incident_client (incident_id, round_n, client_id) where texted_at is null;
"""

_WORK = """
create table incident_text (
    id uuid primary key,
    incident_id uuid not null references incident (id),
    language varchar not null,
    document_id uuid not null references document (id),
    made_at timestamptz not null,
    unique (incident_id, language)
);
create index ix_incident_text_incident_id on incident_text (incident_id);

create table incident_task (
    id uuid primary key,
    incident_id uuid not null references incident (id),
    code varchar not null,
    part varchar not null,
    words bytea,
    owner uuid references staff (id),
    created_at timestamptz not null,
    done_by uuid references staff (id),
    done_at timestamptz,
    evidence bytea,
    constraint incident_task_part_check check (part in ('CAUSE', 'CONSEQUENCE')),
    constraint incident_task_words_check check ((code = 'other') = (words is not null)),
    constraint incident_task_done_check check ((done_at is null) = (done_by is null)
        and (done_at is null) = (evidence is null))
);
create index ix_incident_task_incident_id on incident_task (incident_id);
create index ix_incident_task_owner on incident_task (owner);
create index ix_incident_task_done_by on incident_task (done_by);
create unique index incident_task_once on incident_task (incident_id, code) where code <> 'other';

create table incident_document (
    id uuid primary key,
    incident_id uuid not null references incident (id),
    task_id uuid references incident_task (id),
    document_id uuid not null references document (id),
    kind varchar not null,
    added_by uuid references staff (id),
    added_at timestamptz not null,
    constraint incident_document_kind_check check (kind in ('evidence', 'report'))
);
create index ix_incident_document_incident_id on incident_document (incident_id);
create index ix_incident_document_task_id on incident_document (task_id);
create index ix_incident_document_added_by on incident_document (added_by);

create table incident_closing (
    id uuid primary key,
    incident_id uuid not null references incident (id),
    outcome varchar not null,
    words bytea not null,
    state varchar not null,
    proposed_by uuid not null references staff (id),
    proposed_at timestamptz not null,
    decided_by uuid references staff (id),
    decided_at timestamptz,
    constraint incident_closing_outcome_check check (outcome in ('RESOLVED', 'FALSE_ALARM')),
    constraint incident_closing_state_check check (state in ('PROPOSED', 'CONFIRMED', 'REFUSED')),
    constraint incident_closing_decided_check check ((decided_by is null) = (state = 'PROPOSED')
        and (decided_at is null) = (state = 'PROPOSED')),
    constraint incident_closing_two_people_check check (state <> 'CONFIRMED' or decided_by <> proposed_by)
);
create index ix_incident_closing_incident_id on incident_closing (incident_id);
create index ix_incident_closing_proposed_by on incident_closing (proposed_by);
create index ix_incident_closing_decided_by on incident_closing (decided_by);
create unique index incident_closing_one on incident_closing (incident_id) where state in ('PROPOSED', 'CONFIRMED');

create table regulator_notice (
    id uuid primary key,
    key varchar not null unique,
    kind varchar not null,
    subject varchar not null,
    document_id uuid not null references document (id),
    attachments jsonb not null,
    cms_document_id uuid not null references document (id),
    attempt integer not null,
    state varchar not null,
    ground varchar,
    made_at timestamptz not null,
    sent_at timestamptz,
    registration_number varchar,
    received_at timestamptz,
    receipt_document_id uuid,
    constraint regulator_notice_kind_check check (kind in ('INCIDENT', 'RESOURCE_OPENING', 'CHANGE')),
    constraint regulator_notice_state_check check (state in ('MADE', 'SENT', 'REFUSED')
        and (state = 'REFUSED') = (ground is not null)),
    constraint regulator_notice_receipt_check check ((state = 'SENT') = (sent_at is not null)
        and (state = 'SENT') = (registration_number is not null) and (state = 'SENT') = (received_at is not null)
        and (state = 'SENT') = (receipt_document_id is not null))
);
create index ix_regulator_notice_subject on regulator_notice (subject);

create table watch_position (
    name varchar primary key,
    position jsonb not null,
    at timestamptz not null
);
"""

_APPENDED = ("incident_text", "incident_document")

_RIGHTS = """
grant select, insert, update (certain_at, certain_by, state, begun_at, document_id, closed_at) on incident to nesie_app;
grant select, insert, update (looked_up_to, found_at) on incident_round to nesie_app;
grant select, insert, update (told_at, message_id, texted_at, sms_id, ground) on incident_client to nesie_app;
grant select, insert, update (owner, done_by, done_at, evidence) on incident_task to nesie_app;
grant select, insert, update (state, decided_by, decided_at) on incident_closing to nesie_app;
grant select, insert, update (cms_document_id, attempt, state, ground, sent_at, registration_number, received_at,
    receipt_document_id) on regulator_notice to nesie_app;
grant select, insert, update (position, at) on watch_position to nesie_app;
grant select, insert on incident_text, incident_document to nesie_app;
grant select on incident, incident_round, incident_client, incident_text, incident_task, incident_document,
    incident_closing, regulator_notice, watch_position to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_INCIDENTS, _WORK, *map(guards.append_only, _APPENDED), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
